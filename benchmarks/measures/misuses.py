"""Make claims of sentences by rule: some that the sentence carries, some that it does not, each with its reason."""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from kapelle.language.sentences import sentences
from kapelle.language.stopwords import STOP_WORDS

MONTHS = (
    "January", "February", "March", "April", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
OPPOSITES = {
    "increased": "decreased", "decreased": "increased", "larger": "smaller", "smaller": "larger", "higher": "lower",
    "lower": "higher", "allowed": "forbidden", "won": "lost", "lost": "won", "began": "ended", "more": "fewer",
    "northern": "southern", "southern": "northern", "eastern": "western", "western": "eastern", "before": "after",
    "after": "before", "accepted": "rejected", "rejected": "accepted", "positive": "negative", "negative": "positive",
    "rich": "poor", "poor": "rich", "with": "without", "without": "with", "include": "exclude", "easy": "hard",
}  # fmt: skip
SYNONYMS = {
    "began": "started", "approximately": "about", "about": "approximately", "over": "more than", "large": "big",
    "many": "a lot of", "also": "",
    "however": "", "typically": "usually", "usually": "typically", "often": "frequently",
    "used": "employed", "founded": "established", "established": "founded", "located": "situated", "called": "named",
    "named": "called", "main": "chief", "because": "since", "almost": "nearly", "nearly": "almost", "such as": "like",
    "in addition": "moreover", "cannot": "can not", "is not": "isn't", "are not": "aren't", "was not": "wasn't",
    "did not": "didn't", "do not": "don't", "does not": "doesn't", "for example": "for instance", "until": "till",
    "within": "inside", "whole": "entire", "entire": "whole", "show": "demonstrate", "shows": "demonstrates",
}  # fmt: skip
SMALL = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_FULL = re.compile(r"[A-Z\"“].*[a-z].*[.]$", re.DOTALL)
_NAME = re.compile(r"(?<=[a-z,] )(?:[A-Z][a-zà-ÿ]+)(?: [A-Z][a-zà-ÿ]+)*\b")
_SUBJECT = re.compile(r"^(?:[A-Z][a-zà-ÿ]+ [A-Z][a-zà-ÿ]+)(?= (?:was|were|is|has|had|[a-z]+ed)\b)")
_YEAR = re.compile(r"\b(1[0-9]|20)\d\d\b(?!s)")
_NUMBER = re.compile(r"(?<![\w.,-])(?:\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?)(?![\w-]|[.,]\d)")
_AUXILIARY = re.compile(
    r"\b(is|are|was|were|can|could|will|would|may|must|should|has been|have been|had been) (?!not\b|only\b)"
)
_PAST = re.compile(r"\b([A-Z]\w+) ([a-z]{3,}ed)\b(?! by)")
_NOT = re.compile(r"\b(?:not|never|no longer) ")
_OPENING = re.compile(r"^((?:In|On|During|By|At|After|Since) [^,;]{3,40}), ([^,;]+)\.$")
_RELATIVE = re.compile(r", (?:which|who|where|while|although|whereas) [^;]*\.$")
_ASIDE = re.compile(r" \([^()]*\)")
_PASSIVE = re.compile(
    r"^((?:The |A )?[\w ]{3,40}?) (?:was|were) (\w+ed) by ((?:the )?[A-Z][\w ]{2,40}?)((?: in \d{4})?)\.$"
)
_CENTURY = re.compile(r"\b(\d\d)th(?= centur)")
_DECADE = re.compile(r"\b(1\d|20)(\d)0s\b")


@dataclass(frozen=True, slots=True)
class Misuse:
    """A claim beside a verbatim quote, and whether the quote carries it."""

    kind: str
    """`negated`, `entity`, `period`, `number`, `roles`; `same` and `reworded` are carried."""
    quote: str
    claim: str

    @property
    def holds(self) -> bool:
        """Whether the quote carries the claim."""
        return self.kind in ("same", "reworded")


def misuses(texts: Sequence[str], *, most: int = 200, seed: int = 7) -> list[Misuse]:
    """Make up to `most` claims of each kind from the sentences of some texts; the same texts give the same claims.

    Every second quote is the sentence with the one behind it, as answers quote too.
    """
    chance = random.Random(seed)
    said = [pair for text in texts for pair in _quotes(text)]
    chance.shuffle(said)
    names = sorted({name for sentence, _ in said for name in _NAME.findall(sentence)})
    makers: dict[str, Callable[[str, str], str | None]] = {
        "negated": lambda sentence, _: _negated(sentence, chance),
        "entity": lambda sentence, quote: _of_another(sentence, quote, names, chance),
        "period": lambda sentence, quote: _shifted(sentence, quote, chance),
        "number": lambda sentence, quote: _counted_otherwise(sentence, quote, chance),
        "roles": lambda sentence, _: _swapped(sentence),
        "same": lambda sentence, _: sentence,
        "reworded": lambda sentence, _: _reworded(sentence, chance),
    }
    made: list[Misuse] = []
    for kind, maker in makers.items():
        found = _each(kind, maker, said)
        made.extend(one for one, _ in zip(found, range(most), strict=False))
    return made


def _each(kind: str, maker: Callable[[str, str], str | None], said: Sequence[tuple[str, str]]) -> Iterator[Misuse]:
    for sentence, quote in said:
        claim = maker(sentence, quote)
        if claim is not None and (kind == "same" or claim != sentence):
            yield Misuse(kind, quote, claim)


def _quotes(text: str) -> Iterator[tuple[str, str]]:
    """Whole sentences of 6 to 45 words, each with what is quoted for it."""
    spans = sentences(text)
    for place, (start, end) in enumerate(spans):
        sentence = text[start:end]
        if 6 <= len(sentence.split()) <= 45 and _FULL.match(sentence) and "\n" not in sentence:
            longer = place % 2 and place + 1 < len(spans)
            yield sentence, text[start : spans[place + 1][1]] if longer else sentence


def _negated(sentence: str, chance: random.Random) -> str | None:
    words = [word for word in OPPOSITES if re.search(rf"\b{word}\b", sentence)]
    ways: list[str] = []
    if _NOT.search(sentence):
        ways.append(_NOT.sub("", sentence, count=1))
    elif _AUXILIARY.search(sentence):
        ways.append(_AUXILIARY.sub(r"\1 not ", sentence, count=1))
    elif _PAST.search(sentence):
        ways.append(_PAST.sub(r"\1 never \2", sentence, count=1))
    if words and chance.random() < 0.4:
        word = chance.choice(words)
        return re.sub(rf"\b{word}\b", OPPOSITES[word], sentence, count=1)
    return ways[0] if ways else None


def _of_another(sentence: str, quote: str, names: Sequence[str], chance: random.Random) -> str | None:
    own = [*_SUBJECT.finditer(sentence), *_NAME.finditer(sentence)]
    own = [match for match in own if not set(match.group().split()) & {*MONTHS, *DAYS, "May"}]
    if not own:
        return None
    old = chance.choice(own)
    for _ in range(20):
        new = chance.choice(names)
        if not any(part in quote for part in new.split()) and not set(new.split()) & {*MONTHS, *DAYS, "May"}:
            return sentence[: old.start()] + new + sentence[old.end() :]
    return None


def _shifted(sentence: str, quote: str, chance: random.Random) -> str | None:
    ways = []
    for match in _YEAR.finditer(sentence):
        ways.append((match, str(int(match.group()) + chance.choice((-10, -2, -1, 1, 3, 7)))))
    for names in (MONTHS, DAYS):
        found = [match for name in names for match in re.finditer(rf"\b{name}\b", sentence)]
        ways.extend((match, chance.choice([name for name in names if name not in quote])) for match in found)
    for match in _CENTURY.finditer(sentence):
        ways.append((match, f"{int(match.group(1)) - 1}th"))
    for match in _DECADE.finditer(sentence):
        ways.append((match, f"{match.group(1)}{(int(match.group(2)) + 3) % 10}0s"))
    ways = [(match, new) for match, new in ways if new not in quote]
    if not ways:
        return None
    match, new = chance.choice(ways)
    return sentence[: match.start()] + new + sentence[match.end() :]


def _counted_otherwise(sentence: str, quote: str, chance: random.Random) -> str | None:
    found = [match for match in _NUMBER.finditer(sentence) if not _YEAR.fullmatch(match.group())]
    words = [match for word in SMALL[2:] for match in re.finditer(rf"\b{word}\b", sentence)]
    if not found and not words:
        return None
    match = chance.choice([*found, *words])
    old = match.group()
    if old in SMALL:
        new = SMALL[2 + (SMALL.index(old) - 2 + chance.randint(1, 10)) % 11]
    else:
        new = old[:-1] + str((int(old[-1]) + chance.randint(1, 9)) % 10)
    if re.search(rf"\b{re.escape(new)}\b", quote):
        return None
    return sentence[: match.start()] + new + sentence[match.end() :]


def _swapped(sentence: str) -> str | None:
    """The two names of a sentence with one verb between them change places."""
    match = re.match(
        r"^((?:[A-Z][a-zà-ÿ]+)(?: [A-Z][a-zà-ÿ]+)*) ((?:[a-z]+ )*?[a-z]+ed (?:[a-z]+ ){0,2}?)"
        r"((?:[A-Z][a-zà-ÿ]+)(?: [A-Z][a-zà-ÿ]+)*)\b(.*)$",
        sentence,
    )
    if (
        match is None
        or match.group(1).lower() in STOP_WORDS
        or " and " in match.group(2)
        or " and " in match.group(4)[:6]
    ):
        return None
    return f"{match.group(3)} {match.group(2)}{match.group(1)}{match.group(4)}"


def _reworded(sentence: str, chance: random.Random) -> str | None:
    """The same in other words: order, voice, synonyms, figures, and what is said by the way left out."""
    said = sentence
    passive = _PASSIVE.match(said)
    opening = _OPENING.match(said)
    if passive:
        agent = passive.group(3)
        subject = passive.group(1)
        said = f"{agent[0].upper()}{agent[1:]} {passive.group(2)} {subject[0].lower()}{subject[1:]}{passive.group(4)}."
    elif opening:
        rest = opening.group(2)
        article = rest.startswith(("The ", "A ", "An ", "It ", "This ", "They ", "He ", "She ", "There "))
        said = f"{rest} {opening.group(1)[0].lower()}{opening.group(1)[1:]}." if article or rest[0].isupper() else said
    elif chance.random() < 0.5:
        said = _RELATIVE.sub(".", _ASIDE.sub("", said))
    known = [word for word in SYNONYMS if re.search(rf"\b{word}\b", said)]
    for word in chance.sample(known, min(2, len(known))):
        said = " ".join(re.sub(rf"\b{word}\b,?", SYNONYMS[word], said, count=1).split())
    numbers = [word for word in SMALL[2:] if re.search(rf"\b{word}\b", said)]
    if numbers and chance.random() < 0.7:
        said = re.sub(rf"\b{numbers[0]}\b", str(SMALL.index(numbers[0])), said, count=1)
    return said if said != sentence else None
