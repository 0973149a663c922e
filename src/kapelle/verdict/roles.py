"""Tell whether what a claim binds together is bound so in its quotes: who does what to whom, which value when."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from kapelle.language.words import base
from kapelle.verdict.amounts import amounts
from kapelle.verdict.names import names
from kapelle.verdict.periods import MONTHS, WEEKDAYS, periods
from kapelle.verdict.words import Sentence, Word

_PASSIVE = re.compile(
    r"\b(?:is|are|was|were|be|been|being|gets?|got)(?: \w+ly| \w+n't| not| never)? \w+(?:ed|en|wn|t|ung|ld|nd|un|de)\b"
)
_BY = re.compile(r"\bby\b")
_TOGETHER = frozenset({"and", "or", "with", "between", "both"})
"""Words of what both sides do: `A merged with B` is `B merged with A`."""
Key = tuple[str, str]
_TIMES = frozenset(base(word) for word in (*MONTHS, *WEEKDAYS))


def role_problems(claim: Sequence[Sentence], quotes: Sequence[Sentence]) -> list[str]:
    """Say where a claim has two sides changed round, or puts a value beside the period or name of another."""
    problems: list[str] = []
    for sentence in claim:
        nearest = _nearest(sentence, quotes)
        if nearest is not None:
            problems.extend(_changed_round(sentence, nearest))
            problems.extend(_crossed(sentence, nearest))
            problems.extend(_at_another_time(sentence, nearest))
    return list(dict.fromkeys(problems))


def _nearest(sentence: Sentence, quotes: Sequence[Sentence]) -> Sentence | None:
    mine = {word.stem for word in sentence.telling}
    return max(quotes, key=lambda one: len(mine & {word.stem for word in one.telling}), default=None)


def _changed_round(claim: Sentence, quote: Sentence) -> Iterator[str]:
    """`A acquired B` for `B acquired A`: names on the other side of the same verb, with the same voice."""
    mine, yours = _stems_of_names(claim), _stems_of_names(quote)
    both = mine & yours
    if len(both) < 2:
        return
    verbs = [word for word in claim.telling if word.stem not in mine and not word.capital]
    for verb in verbs:
        there = [word for word in quote.telling if word.stem == verb.stem]
        if len(there) != 1:
            continue
        before, behind = _around(claim, verb, both)
        left, right = _around(quote, there[0], both)
        crossed = bool(before & right - left and behind & left - right)
        if not crossed and not (before & left - right and behind & right - left):
            continue
        if _TOGETHER & _said_near(claim, verb) or _TOGETHER & _said_near(quote, there[0]):
            continue
        if crossed == (_passive(claim, verb) == _passive(quote, there[0])):
            yield f'the claim changes the sides of `{verb.text}` round: "{quote.text}"'
            return


def _stems_of_names(sentence: Sentence) -> set[str]:
    return {word.stem for name in names(sentence) for word in name.words} | {
        word.stem for word in sentence.words if word.first and word.capital and word.telling
    }


def _around(sentence: Sentence, verb: Word, among: set[str]) -> tuple[set[str], set[str]]:
    before = {word.stem for word in sentence.words if word.end <= verb.start and word.stem in among}
    behind = {word.stem for word in sentence.words if word.start >= verb.end and word.stem in among}
    return before, behind


def _said_near(sentence: Sentence, verb: Word) -> set[str]:
    """The function words directly around a verb."""
    place = sentence.words.index(verb)
    return {word.folded for word in sentence.words[max(0, place - 1) : place + 3]}


def _passive(sentence: Sentence, verb: Word) -> bool:
    """Whether a verb is in the passive voice with who did it: `was acquired by`."""
    voice = any(match.end() == verb.end for match in _PASSIVE.finditer(sentence.text))
    return voice and bool(_BY.search(sentence.text[verb.end :]))


def _crossed(claim: Sentence, quote: Sentence) -> Iterator[str]:
    """`640 mm in 2018` where the quote says `820 mm in 2018 and 640 mm in 2019`."""
    said = {(amount.value, amount.unit) for amount in amounts(claim.text)}
    if len(said) != 1:
        return
    keys = {key for _, key in _keys(claim)}
    unit = next(iter(said))[1]
    values = [(amount.start, amount.value) for amount in amounts(quote.text) if amount.unit == unit]
    for kind in {kind for kind, _ in keys}:
        mine = {key for key in keys if key[0] == kind}
        placed = [(place, key) for place, key in _keys(quote) if key[0] == kind]
        if len(mine) != 1 or len(placed) != len(values) or len(values) < 2:
            continue
        bound = _bound(values, placed)
        key = next(iter(mine))
        value = next(iter(said))[0]
        if bound is not None and key in bound and bound[key] != value and value in bound.values():
            yield f'the quote gives {bound[key]:f} for {key[1]}, not {value:f}: "{quote.text}"'


def _at_another_time(claim: Sentence, quote: Sentence) -> Iterator[str]:
    """`Recovered at 02:10` where the quote says `failed at 02:10 and recovered at 02:25`."""
    mine = {word.stem for word in claim.telling}
    for kind in ("time", "date", "month", "weekday", "year"):
        said = {one.value for one in periods(claim.text) if one.kind == kind}
        placed = [one for one in periods(quote.text) if one.kind == kind]
        if len(said) != 1 or len(placed) < 2 or len({one.value for one in placed}) != len(placed):
            continue
        parts = _parts(quote, [one.start for one in placed])
        for one, part in zip(placed, parts, strict=True):
            others = set().union(*(other for other in parts if other is not part))
            if one.value in said and not part & mine and (others - part) & mine:
                yield f'the quote says of {one.text} something else: "{quote.text}"'


def _parts(sentence: Sentence, places: Sequence[int]) -> list[set[str]]:
    """What is said of each place in time: the words before it, or behind it where the sentence begins with one.

    The subject, which is said once for all, is left out.
    """
    words = [word for word in sentence.telling if not word.text[0].isdigit() and word.stem not in _TIMES]
    leads = not words or places[0] < words[0].start
    cuts = [*places, len(sentence.text)] if leads else [0, *places]
    parts = [{word.stem for word in words if low <= word.start < high} for low, high in pairwise(cuts)]
    subject = {words[0].stem} if words else set()
    return [part - subject for part in parts]


def _keys(sentence: Sentence) -> list[tuple[int, Key]]:
    """What values may belong to: years, months, weekdays and names, by kind, in order."""
    found: list[tuple[int, Key]] = [
        (period.start, (period.kind, period.value))
        for period in periods(sentence.text)
        if period.kind in ("year", "month", "weekday", "quarter")
    ]
    found += [
        (match.start(), ("name", match.group().lower())) for match in re.finditer(r"\b[A-Z]{1,5}\d+\b", sentence.text)
    ]
    return sorted(found)


def _bound(values: Sequence[tuple[int, object]], keys: Sequence[tuple[int, Key]]) -> dict[Key, object] | None:
    """Each key with the value beside it, where they take turns; None where they do not."""
    order = sorted([*((place, "value") for place, _ in values), *((place, "key") for place, _ in keys)])
    if any(one[1] == two[1] for one, two in pairwise(order)):
        return None
    return {key: value for (_, key), (_, value) in zip(keys, values, strict=True)}
