"""Read the numbers of a text, so that `five`, `5` and `5.0` are the same."""

import re
from decimal import Decimal, InvalidOperation

_SMALL = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
WORDS = {word: Decimal(value) for value, word in enumerate(_SMALL)} | {
    "thirteen": Decimal(13), "fourteen": Decimal(14), "fifteen": Decimal(15), "sixteen": Decimal(16),
    "seventeen": Decimal(17), "eighteen": Decimal(18), "nineteen": Decimal(19), "twenty": Decimal(20),
    "thirty": Decimal(30), "forty": Decimal(40), "fifty": Decimal(50), "sixty": Decimal(60), "seventy": Decimal(70),
    "eighty": Decimal(80), "ninety": Decimal(90), "hundred": Decimal(100), "thousand": Decimal(1000),
    "million": Decimal(1_000_000), "dozen": Decimal(12),
}  # fmt: skip
_NUMBER = re.compile(
    r"(?<![\w.])(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    rf"|\b(?P<word>{'|'.join(sorted(WORDS, key=len, reverse=True))})\b",
    re.IGNORECASE,
)
_UNITS = (
    ("%", r"%|percent\b|per cent\b|pct\b"),
    ("millisecond", r"ms\b|milliseconds?\b"),
    ("second", r"s\b|secs?\b|seconds?\b"),
    ("minute", r"m\b|mins?\b|minutes?\b"),
    ("hour", r"h\b|hrs?\b|hours?\b"),
    ("day", r"d\b|days?\b"),
    ("week", r"wks?\b|weeks?\b"),
    ("month", r"months?\b"),
    ("year", r"yrs?\b|years?\b"),
)
_UNIT = re.compile(
    r"[ \t\u00a0-]?(?:(?:consecutive|business|working|calendar|full|more)[ \t]+)?(?:"
    + "|".join(f"(?P<u{i}>{pattern})" for i, (_, pattern) in enumerate(_UNITS))
    + ")",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"(?<!\d)([01]?\d|2[0-4]):([0-5]\d)(?::[0-5]\d)?(?!\d)")
_NAMED = re.compile(r"\b[A-Za-z]+(?:[_-][A-Za-z]+)*[_-]?\d[\w-]*(?:\.\d+)*")


def number(text: str) -> Decimal | None:
    """The value of one number in digits or words, or None."""
    word = WORDS.get(text.lower())
    if word is not None:
        return word
    try:
        return Decimal(text.replace(",", "")).normalize()
    except InvalidOperation:
        return None


def numbers(text: str) -> list[Decimal]:
    """Every number of a text, in order: digits with separators, and words; `one` as a pronoun counts too.

    Digits inside names (`P1`, `policy_v2`, `OPS-101`) are no numbers.
    """
    spare = _NAMED.sub(lambda match: " " * len(match.group()), text)
    found = (number(match.group()) for match in _NUMBER.finditer(spare))
    return [value for value in found if value is not None]


def names_with_digits(text: str) -> list[str]:
    """Names that carry digits, such as `P1`, `policy_v2`, `OPS-101`; folded to lower case, in order."""
    return [match.group().lower() for match in _NAMED.finditer(text)]


def has_number(text: str) -> bool:
    """Whether a text holds a number in digits or words (`one` alone does not count), or a time of day."""
    if any(letter.isdigit() for letter in text):
        return True
    return any(match.group().lower() != "one" for match in _NUMBER.finditer(text))


def clock_times(text: str) -> list[str]:
    """Times of day as `HH:MM`, in order."""
    return [f"{int(match.group(1)):02d}:{match.group(2)}" for match in _CLOCK.finditer(text)]


def quantities(text: str) -> list[tuple[Decimal, str]]:
    """Every number with its unit (`%`, `second`, `minute` ... `year`; empty for another or none), in order."""
    spare = _NAMED.sub(lambda match: " " * len(match.group()), text)
    found: list[tuple[Decimal, str]] = []
    for match in _NUMBER.finditer(spare):
        value = number(match.group())
        unit = _UNIT.match(spare, match.end())
        index = int(unit.lastgroup[1:]) if unit and unit.lastgroup else -1
        if value is not None:
            found.append((value, _UNITS[index][0] if index >= 0 else ""))
    return found
