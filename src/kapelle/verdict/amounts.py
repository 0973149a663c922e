"""Hold the amounts of a claim against its quotes: values with their units, bounds (`at least`) and ranges."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from kapelle.language.numbers import WORDS, number
from kapelle.language.stopwords import STOP_WORDS
from kapelle.language.words import base, fold
from kapelle.verdict.words import Sentence

Bound = Literal["", ">", ">=", "<", "<="]

_WORD = "|".join(
    sorted((word for word in WORDS if word not in ("hundred", "thousand", "million")), key=len, reverse=True)
)
_SCALE = {
    "hundred": Decimal(100), "thousand": Decimal(1_000), "k": Decimal(1_000), "million": Decimal(10**6),
    "mn": Decimal(10**6), "billion": Decimal(10**9), "bn": Decimal(10**9), "trillion": Decimal(10**12),
}  # fmt: skip
_HALVES = {"½": Decimal("0.5"), "¼": Decimal("0.25"), "¾": Decimal("0.75")}
# Not inside names (`P1`, `policy_v2`), versions (`4.2.1`), dates (`2026-02-16`) or times of day (`09:14`).
_AMOUNT = re.compile(
    rf"(?P<money>[$€£¥])? ?(?<![\w.:/])(?<![A-Za-z_]-)(?<!\d{{4}}-)(?<!\d{{4}}-\d\d-)(?P<sign>(?<!\w)-)?"
    rf"(?:(?P<digits>\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?)(?P<half>[½¼¾])?|(?P<alone>[½¼¾])"
    rf"|(?P<word>\b(?:{_WORD})(?:[- ](?:one|two|three|four|five|six|seven|eight|nine)(?=\b))?\b"
    r"|\b(?:hundred|thousand|million)\b))"
    rf"(?!\d|[.,:]\d|-\d\d-\d\d|(?:st|nd|rd|th|s)\b)"
    r"(?: ?(?P<scale>hundred|thousand|million|billion|trillion|bn|mn|k)\b)?",
    re.IGNORECASE,
)
_UNITS: tuple[tuple[str, str], ...] = (
    ("%", r"%|percent\b|per cent\b|pct\b"),
    ("millisecond", r"ms\b|milliseconds?\b"), ("second", r"s\b|secs?\b|seconds?\b"),
    ("minute", r"min\b|mins?\b|minutes?\b"), ("hour", r"h\b|hrs?\b|hours?\b"), ("day", r"days?\b"),
    ("week", r"wks?\b|weeks?\b"), ("month", r"months?\b"), ("year", r"yrs?\b|years?\b"), ("decade", r"decades?\b"),
    ("dollar", r"usd\b|dollars?\b"), ("euro", r"eur\b|euros?\b|€"), ("pound", r"gbp\b|pounds?\b"),
    ("millimeter", r"mm\b|millimet(?:er|re)s?\b"), ("centimeter", r"cm\b|centimet(?:er|re)s?\b"),
    ("kilometer", r"km\b|kilomet(?:er|re)s?\b"), ("meter", r"met(?:er|re)s?\b"), ("mile", r"miles?\b|mi\b"),
    ("foot", r"feet\b|foot\b|ft\b"), ("inch", r"inch(?:es)?\b"), ("yard", r"yards?\b"),
    ("kilogram", r"kg\b|kilograms?\b|kilos?\b"), ("gram", r"grams?\b|g\b"), ("tonne", r"tonn?e?s?\b"),
    ("kilobyte", r"kb\b|kilobytes?\b"), ("megabyte", r"mb\b|megabytes?\b"), ("gigabyte", r"gb\b|gigabytes?\b"),
    ("terabyte", r"tb\b|terabytes?\b"), ("degree", r"°|degrees?\b"), ("hectare", r"hectares?\b|ha\b"),
    ("acre", r"acres?\b"), ("liter", r"lit(?:er|re)s?\b"), ("watt", r"watts?\b|w\b"), ("volt", r"volts?\b|v\b"),
)  # fmt: skip
_UNIT = re.compile(
    r"[ -]?(?:(?:consecutive|business|working|calendar|full|more|square|cubic|us) )?(?:"
    + "|".join(f"(?P<u{place}>{pattern})" for place, (_, pattern) in enumerate(_UNITS))
    + ")",
    re.IGNORECASE,
)
_MONEY = {"$": "dollar", "€": "euro", "£": "pound", "¥": "yen"}
_SECONDS = {
    "millisecond": Decimal("0.001"), "second": Decimal(1), "minute": Decimal(60), "hour": Decimal(3_600),
    "day": Decimal(86_400), "week": Decimal(604_800),
}  # fmt: skip
_BEFORE: tuple[tuple[Bound, str], ...] = (
    ("<=", r"(?:no|not) (?:more|greater|later|longer|higher) than|at (?:the )?most|up to|(?:a )?maximum (?:of|is)|"
           r"(?:not|never) (?:to )?exceed(?:ing)?|within|<=|≤|not over|not above|limited to"),
    (">=", r"(?:no|not) (?:less|fewer|earlier|lower|sooner|shorter) than|at (?:the )?(?:very )?least|"
           r"(?:a )?minimum (?:of|is)|>=|≥|upwards of|not under|not below|from at least"),
    (">", r"(?:more|greater|higher|longer|older|larger|later|farther|taller) than|over|above|exceed(?:s|ed|ing)?|>|"
          r"in excess of|beyond"),
    ("<", r"(?:less|fewer|lower|shorter|younger|smaller|earlier) than|under|below|<"),
)  # fmt: skip
_BEHIND: tuple[tuple[Bound, str], ...] = (
    (">=", r"or (?:more|above|over|longer|older|higher|greater)|and (?:more|above|over)|minimum|at least"),
    ("<=", r"or (?:less|fewer|below|under|shorter|lower)|maximum|at (?:the )?most"),
)
_BOUND_BEFORE = re.compile(
    "(?:" + "|".join(f"(?P<b{place}>{pattern})" for place, (_, pattern) in enumerate(_BEFORE)) + r")"
    r" ?(?:a |an |the |of |about |approximately |total of )*[$€£]?$"
)
_BOUND_BEHIND = re.compile(
    r"(?: [\w']+){0,2}? (?:"
    + "|".join(f"(?P<b{place}>{pattern})" for place, (_, pattern) in enumerate(_BEHIND))
    + r")\b"
)
_COUNTED = re.compile(r"[ -]([a-z]{3,})")
_LIMIT = re.compile(
    r"\b(?:limit|threshold|cap|quota|ceiling|maximum|minimum|exceed\w*|deadline|trigger\w*|once|reach\w*)\b"
)
_RANGE = re.compile(r" ?(?:-|to|and) ?[$€£]?$")


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of a text with what belongs to it."""

    value: Decimal
    unit: str
    """Singular, as `minute`; empty where it counts things or has none."""
    bound: Bound
    ranged: bool
    """It is an end of a range: `5 to 10 minutes`."""
    what: str
    """The stem of the word behind it, where it has no unit."""
    start: int
    end: int
    text: str


def amount_problems(claim: Sequence[Sentence], quotes: Sequence[Sentence], given: Sequence[Sentence]) -> list[str]:
    """Say which amounts of a claim no quote holds, or holds with another unit or bound."""
    known = [amount for sentence in quotes for amount in amounts(sentence.text)]
    stated = [amount for sentence in given for amount in amounts(sentence.text)]
    limits = any(_LIMIT.search(fold(sentence.text)) for sentence in quotes)
    problems = []
    mine = [amount for sentence in claim for amount in amounts(sentence.text)]
    spare = [one for one in known if not any(_same(one, amount) for amount in mine)]
    for amount in mine:
        rivals = any(one.unit == amount.unit and one.what == amount.what for one in spare)
        if not rivals and any(_same(amount, one) for one in stated) and not any(_same(amount, one) for one in known):
            continue  # the asker named it, and the quotes have no other in its place
        problem = _problem(amount, known, limits)
        if problem:
            problems.append(problem)
    return list(dict.fromkeys(problems))


@lru_cache(maxsize=2_048)
def amounts(text: str) -> tuple[Amount, ...]:
    """The amounts of a text in order; years, names, versions, dates and times of day are none."""
    found: list[Amount] = []
    last = -1
    for match, value in _values(text):
        unit, end = _unit(text, match)
        if not unit and _is_year(match, value):
            continue
        before = fold(text[max(0, match.start() - 40) : match.start()]).lstrip()
        ranged = bool(found) and _RANGE.fullmatch(text[last : match.start()]) is not None
        if ranged and found[-1].value < value and (unit or found[-1].unit) and _between(text, found[-1].start):
            first = found.pop()
            found.append(replace(first, unit=first.unit or unit, ranged=True))
        else:
            ranged = False
        said = text[match.start() : end].strip()
        what = "" if unit else _what(text[end : end + 40])
        found.append(Amount(value, unit, _bound(before, text[end : end + 30]), ranged, what, match.start(), end, said))
        last = end
    return tuple(found)


def _values(text: str) -> Iterator[tuple[re.Match[str], Decimal]]:
    for match in _AMOUNT.finditer(text):
        value = _value(match)
        if value is not None:
            yield match, value


def _value(match: re.Match[str]) -> Decimal | None:
    if match["alone"]:
        value: Decimal | None = _HALVES[match["alone"]]
    elif match["digits"]:
        value = number(match["digits"])
        if value is not None and match["half"]:
            value += _HALVES[match["half"]]
    else:
        parts = [WORDS.get(part.lower()) for part in re.split(r"[- ]", match["word"])]
        if len(parts) == 2 and parts[0] is not None and parts[0] % 10:
            value = parts[0]  # "five two" is no number of two words
        else:
            value = sum((part for part in parts if part is not None), Decimal(0))
    if value is not None and match["scale"]:
        value *= _SCALE[match["scale"].lower()]
    return value


def _unit(text: str, match: re.Match[str]) -> tuple[str, int]:
    if match["money"]:
        return _MONEY[match["money"]], match.end()
    unit = _UNIT.match(text, match.end())
    if unit is None or unit.lastgroup is None:
        return "", match.end()
    return _UNITS[int(unit.lastgroup[1:])][0], unit.end()


def _what(behind: str) -> str:
    match = _COUNTED.match(fold(behind))
    return base(match[1]) if match and match[1] not in STOP_WORDS else ""


def _is_year(match: re.Match[str], value: Decimal) -> bool:
    return bool(match["digits"]) and match["digits"].isdigit() and len(match["digits"]) == 4 and 1000 <= value < 2200


def _between(text: str, start: int) -> bool:
    """A range is not `from 5 to 10`: that may be a change."""
    return not text[max(0, start - 6) : start].endswith("from ")


def _bound(before: str, behind: str) -> Bound:
    match = _BOUND_BEFORE.search(before)
    if match and match.lastgroup:
        return _BEFORE[int(match.lastgroup[1:])][0]
    match = _BOUND_BEHIND.match(fold(behind))
    if match and match.lastgroup:
        return _BEHIND[int(match.lastgroup[1:])][0]
    return ""


def _problem(amount: Amount, known: Sequence[Amount], limits: bool) -> str | None:
    equal = [one for one in known if _same(amount, one)]
    if not equal:
        if amount.value == 1 and not amount.unit and not any(letter.isdigit() for letter in amount.text):
            return None  # "one" is mostly a pronoun
        others = sorted({one.unit for one in known if one.value == amount.value and one.unit})
        if others and amount.unit:
            return f"the quotes say {amount.value:f} of another unit than {amount.unit}: {others[0]}"
        return f"the number {_digits(amount)} is in no quote"
    rivals = [one for one in known if amount.what and one.what == amount.what]
    if rivals and not any(_same(amount, one) for one in rivals):
        return f"the claim says {amount.text} where the quote says {rivals[0].text}"
    if any(_implies(one, amount, limits) for one in equal):
        return None
    said = equal[0]
    if said.ranged and not amount.bound:
        return f"the quote gives {said.text} as an end of a range, the claim as the amount"
    return f"the claim says {_worded(amount)}, the quote {_worded(said)}"


def _same(one: Amount, two: Amount) -> bool:
    """Whether two amounts are equal: of one unit, of units of time, or where one names none."""
    if one.unit in _SECONDS and two.unit in _SECONDS:
        return one.value * _SECONDS[one.unit] == two.value * _SECONDS[two.unit]
    return one.value == two.value and (one.unit == two.unit or not one.unit or not two.unit)


def _implies(said: Amount, claim: Amount, limits: bool) -> bool:
    """Whether what is said of an amount carries what is claimed of it."""
    if claim.bound == "":
        return claim.ranged or not said.ranged
    if said.bound == "":
        return limits or said.ranged or claim.bound in (">=", "<=")
    if claim.bound[0] != said.bound[0]:
        return False
    # "At least 14" is not "more than 14"; the other way round it is.
    return not (len(claim.bound) == 1 and len(said.bound) == 2)


def _digits(amount: Amount) -> str:
    return amount.text if any(letter.isdigit() for letter in amount.text) else f"{amount.value:f} {amount.unit}".strip()


def _worded(amount: Amount) -> str:
    words = {"": "exactly", ">": "more than", ">=": "at least", "<": "less than", "<=": "at most"}
    return f"{words[amount.bound]} {amount.text}"
