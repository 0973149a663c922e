"""Tell whether a claim says the contrary of its quotes: what is denied in each clause, and which words are opposites.

A sentence is read as statements. `Deploys are allowed except on Fridays` makes two: that deploys are allowed, and, the
other way round, that they are on Fridays. A claim's statement is held against the quotes' statement that shares most of
its words; an odd number of turns between the two (a denial in one of them, a pair of opposites) is a contradiction.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from kapelle.language.opposites import alternatives, opposites
from kapelle.language.related import related
from kapelle.language.stopwords import STOP_WORDS
from kapelle.language.words import base, fold
from kapelle.verdict.words import Sentence, until_is_after

# What sounds like a denial and is none, or is another word for a bound; what is left is read on.
_NO_DENIAL = (
    (re.compile(r"\b(?:no|not) (?:later|longer|more|greater|higher) than\b"), "within"),
    (re.compile(r"\b(?:no|not) (?:less|fewer|earlier|lower|sooner) than\b"), "from"),
    (re.compile(r"\b(?:may|must|shall|should|can|do|does|did|will) not exceed\b"), "stays within"),
    (re.compile(r"\b(?:at (?:least|most)|(?:more|less|fewer) than(?= (?:a |an )?[\d$€£]))"), " "),
    (re.compile(r"\bnot (?:only|just|merely|simply)\b"), " "),
    (re.compile(r"\bwhether or not\b"), "whether"),
    (re.compile(r"\bmore often than not\b"), "often"),
    (re.compile(r"\b(?:no|without) doubt\b|\bno\. ?(?=\d)|\bnonetheless\b|\bnevertheless\b"), " "),
    (re.compile(r"\bnothing but\b|\b(?:nobody|no one|none) but\b"), "only"),
    (re.compile(r"\bno longer\b|\bnot any ?more\b"), "not"),
)
_NOR = (
    (re.compile(r"\bneither\b(?=.*\bnor\b)"), "not"),
    (re.compile(r"(\b(?:not|never|no)\b.*?)\bnor\b"), r"\1or"),
    (re.compile(r"\bnor\b"), "not"),
)
_MAY_DENY = re.compile(r"\b(?:not?|at|more|less|fewer|without|nothing|nobody|none|nonetheless|nevertheless)\b")
_DENIAL = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|neither|nowhere|cannot|hardly|scarcely)\b|n't\b"
    r"|\b(?:fail(?:s|ed|ing)?|refus(?:es?|ed|ing)|declin(?:es?|ed)|unable) to\b|\bden(?:y|ies|ied|ying) that\b"
    r"|\b(?:forb[ai]d(?:s|den|ding)?|prohibit(?:s|ed|ing)?|ban(?:s|ned)?|disallow(?:s|ed)?)\b"
    r"|\babsent\b|\b(?:lack(?:s|ed|ing)?|untrue|far from)\b|\bfree (?:of|from)\b|\bprevent(?:s|ed)?\b(?=.*\bfrom\b)"
)
_ASIDE = re.compile(
    r"\(([^()]*)\)|, (?:which|who|whose|whom|where) ([^,;]*)(?:,|(?=[;.!?])|$)|;\s?(?:which|who) ([^;]*);"
)
_CLAUSE = re.compile(
    r"[;:]|, (?:and|but(?! not\b)|or|so|yet|while|whereas|although|though|because|since|as)\b"
    r"|\b(?:but(?! not\b)|whereas|although|though|because|while)\b"
)
_LEADING = re.compile(r"\s*(?:although|though|while|whereas|because|since) ([^,]*),(.*)")
_VERB = r"(?:is|are|was|were|be|has|have|had|can|may(?! \d)|must|shall|should|will|would|did|does|do|cannot|\w+n't)"
_AND = re.compile(rf"(?<=\w) and (?=(?:[\w'-]+ ){{1,5}}?{_VERB}\b)")
_HAS_VERB = re.compile(rf"\b{_VERB}\b")
_EXCEPT = re.compile(
    r"\b(?:without|except(?: for| on| in| when| if| where)?|unless|other than|apart from|rather than|instead of|"
    r"but not)\b"
    r"|(?<=,) not\b(?! (?:only|even|yet|least|having|being)\b)"
    r"|(?<!requires )(?<!require )(?<!by )(?<!of )\bexcluding\b"
)
_CONDITION = re.compile(r"\b(?:if|when|whenever|once|provided that|as long as)\b")
_KEPT = frozenset({"more", "less", "fewer", "most", "least", "always", "everyone", "everybody", "everything", "won"})
"""Function words that have opposites."""
_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_ENOUGH = 0.5
"""Share of its words that a claim's statement has in common with the one it is held against."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What one clause says."""

    text: str
    stems: frozenset[str]
    denied: bool
    under_condition: bool = False
    """It is said only for the case that stands beside it (`if`, `when`): by itself nobody claims it."""
    sides: tuple[frozenset[str], frozenset[str]] | None = None
    """Of a comparison: the stems before and behind `than`."""


def contradictions(claim: Sequence[Sentence], quotes: Sequence[Sentence]) -> list[str]:
    """Say where a claim turns round what its quotes say; one sentence for each statement of the claim."""
    said = [statement for sentence in quotes for statement in statements(sentence.text)]
    held = frozenset(stem for statement in said for stem in statement.stems)
    problems = []
    for statement in (one for sentence in claim for one in statements(sentence.text) if not one.under_condition):
        nearest = _nearest(statement, said)
        turned = [one for one in nearest if _turns(statement, one) % 2]
        if nearest and len(turned) == len(nearest):
            problems.append(_told(statement, turned[0]))
        elif nearest:
            problems.extend(_told(statement, one) for one in _denied_beside(statement, nearest, said))
        problems.extend(_of_another_kind(statement, nearest, held))
    return list(dict.fromkeys(problems))


@lru_cache(maxsize=2_048)
def statements(sentence: str) -> tuple[Statement, ...]:
    """The statements of a sentence."""
    text = until_is_after(fold(sentence))
    for pattern, instead in _NO_DENIAL if _MAY_DENY.search(text) else ():
        text = pattern.sub(instead, text)
    for pattern, instead in _NOR if "nor " in text else ():
        text = pattern.sub(instead, text)
    return tuple(made for clause in _clauses(text) for made in _of_clause(clause) if made.stems)


def _clauses(text: str) -> Iterator[str]:
    """The clauses of a sentence; what is said by the way is one, with the word that it is about."""
    main = text
    for aside in _ASIDE.finditer(text):
        inner = next((group for group in aside.groups() if group), "")
        about = _TOKEN.findall(text[: aside.start()])[-1:]
        if inner and aside.start():
            yield " ".join([*about, inner])
            main = main.replace(aside.group(), " ", 1)
    leading = _LEADING.match(main)
    if leading:
        yield leading[1]
        main = leading[2]
    for part in _CLAUSE.split(main):
        pieces = _AND.split(part)
        if len(pieces) > 1 and all(_HAS_VERB.search(piece) for piece in pieces):
            yield from pieces
        else:
            yield part


def _of_clause(clause: str) -> Iterator[Statement]:
    """A clause as statements: what it says, and what it says under its condition or of its exception."""
    opener = _EXCEPT.search(clause)
    condition = None if opener else _CONDITION.search(clause)
    found = opener or condition
    if found is None:
        yield _statement(clause)
        return
    before, after = clause[: found.start()], clause[found.end() :]
    if not _TOKEN.search(before):
        # The condition comes first: it ends at the comma.
        after, _, before = after.partition(",")
    if not _TOKEN.search(before):
        alone = _statement(clause)
        yield replace(alone, denied=alone.denied ^ (opener is not None))
        return
    main, limit = _statement(before), _statement(after)
    turned = opener is not None
    yield replace(main, under_condition=not turned)
    yield Statement(
        clause.strip(" ,."), main.stems | limit.stems, main.denied ^ limit.denied ^ turned, sides=main.sides
    )


def _statement(text: str) -> Statement:
    denials = len(_DENIAL.findall(text))
    left, than, right = text.partition(" than ")
    sides = (frozenset(_stems(left)), frozenset(_stems(right))) if than else None
    return Statement(text.strip(" ,."), frozenset(_stems(text)), denials % 2 == 1, sides=sides)


def _stems(text: str) -> list[str]:
    bare = (word.removesuffix("'s") for word in _TOKEN.findall(_DENIAL.sub(" ", text)))
    return [base(word) for word in bare if word not in STOP_WORDS or word in _KEPT]


def _nearest(claim: Statement, said: Sequence[Statement]) -> list[Statement]:
    """The statements that share most with a claim's, the tightest of them; none where all share too little."""
    ranked = [(_shared(claim, one), -len(one.stems - claim.stems), one) for one in said]
    if not ranked:
        return []
    best = max((shared, tight) for shared, tight, _ in ranked)
    if best[0] < _ENOUGH * len(claim.stems):
        return []
    return [one for shared, tight, one in ranked if (shared, tight) == best]


def _denied_beside(claim: Statement, nearest: Sequence[Statement], said: Sequence[Statement]) -> Iterator[Statement]:
    """The statement that has what the nearest ones lack of a claim, and says it the other way round.

    `Seen in adults, but absent in children` does not say that it was seen in children.
    """
    lacking = claim.stems.difference(*(one.stems for one in nearest))
    if not lacking:
        return
    holding = [one for one in said if lacking <= one.stems]
    if holding and all(claim.denied != one.denied for one in holding):
        yield holding[0]


def _shared(claim: Statement, other: Statement) -> float:
    """Words in common; an opposite or a related word stands for the word itself, a little less."""
    score = 0.0
    for stem in claim.stems:
        if stem in other.stems:
            score += 1
        elif opposites(stem) & other.stems or related(stem) & other.stems:
            score += 0.8
    return score


def _turns(claim: Statement, other: Statement) -> int:
    """How often the meaning is turned round between two statements."""
    turns = int(claim.denied) + int(other.denied) + len(_opposites(claim, other))
    if claim.sides and other.sides:
        turns += _crossed(claim.sides, other.sides)
    return turns


def _opposites(claim: Statement, other: Statement) -> list[tuple[str, str]]:
    """Pairs of a word of the claim alone and a word of the quote alone that say the contrary."""
    mine, yours = claim.stems - other.stems, other.stems - claim.stems
    found: list[tuple[str, str]] = []
    for one in sorted(mine):
        if related(one) & yours:
            continue
        contrary = sorted(opposites(one) & yours - {taken for _, taken in found})
        if contrary:
            found.append((one, contrary[0]))
    return found


def _crossed(claim: tuple[frozenset[str], frozenset[str]], other: tuple[frozenset[str], frozenset[str]]) -> bool:
    """Whether what is compared has changed sides."""
    left, right = claim[0] - claim[1], claim[1] - claim[0]
    return bool(left & (other[1] - other[0]) and right & (other[0] - other[1]))


def _told(claim: Statement, other: Statement) -> str:
    pairs = _opposites(claim, other)
    if claim.denied == other.denied and pairs:
        return f'the claim says `{pairs[0][0]}` where the quote says `{pairs[0][1]}`: "{other.text}"'
    if claim.denied == other.denied:
        return f'the claim compares the other way round than the quote: "{other.text}"'
    how = "the claim denies what its quote states" if claim.denied else "the quote denies what the claim states"
    return f'{how}: "{other.text}"'


def _of_another_kind(claim: Statement, nearest: Sequence[Statement], held: frozenset[str]) -> Iterator[str]:
    """Words of the claim in the place of another of their kind: `contractor` for `employee`."""
    for stem in sorted(claim.stems - held):
        others = alternatives(stem)
        for one in nearest:
            for other in sorted(others & (one.stems - claim.stems)):
                if other not in related(stem):
                    yield f'the claim speaks of `{stem}`, the quote of `{other}`: "{one.text}"'
                    break
