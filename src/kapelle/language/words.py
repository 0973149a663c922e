"""Read a text as words: folded, stemmed, without stop words."""

import re
import unicodedata
from functools import lru_cache

from kapelle.language.stem import stem
from kapelle.language.stopwords import ASKING_VERBS, IRREGULAR, STOP_WORDS

# As FTS5's `unicode61` cuts: letters and digits are of a word, everything else parts words.
_WORD = re.compile(r"[^\W_]+")


@lru_cache(maxsize=4_096)
def fold(text: str) -> str:
    """Lower the case and drop the accents; offsets may change."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def words(text: str) -> list[str]:
    """Every word of a text, folded, in order, repeats kept."""
    return _WORD.findall(fold(text))


def content_words(text: str) -> list[str]:
    """The words of a query that name its topic, in order, repeats kept; all of them when every word is a stop word."""
    every = words(text)
    return [word for word in every if word not in STOP_WORDS] or every


def query_words(text: str) -> list[str]:
    """The words that a query is looked for by: its content words, without those that only frame it."""
    every = content_words(text)
    return [word for word in every if word not in ASKING_VERBS] or every


def base(word: str) -> str:
    """The stem of a folded word; irregular forms share that of their base (`kept`, `keep`)."""
    return stem(IRREGULAR.get(word, word))


def stems(text: str) -> list[str]:
    """The stem of every word of a text, in order."""
    return [base(word) for word in words(text)]


def variants(word: str) -> tuple[str, ...]:
    """The word itself and its irregular relatives, for an index that knows suffixes only."""
    root = IRREGULAR.get(word, word)
    others = _relatives().get(root, ())
    return tuple(dict.fromkeys((word, root, *others)))


@lru_cache(maxsize=1)
def _relatives() -> dict[str, tuple[str, ...]]:
    by_root: dict[str, tuple[str, ...]] = {}
    for form, root in IRREGULAR.items():
        by_root[root] = (*by_root.get(root, ()), form)
    return by_root
