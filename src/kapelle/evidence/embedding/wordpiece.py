"""Cut a text into the word pieces that BERT's uncased vocabulary knows."""

import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

_UNKNOWN, BEGIN, END = 100, 101, 102
_LONGEST_WORD = 100
"""Characters; a longer word is unknown."""
_CACHED = 50_000
"""Words whose pieces are remembered."""


class WordPiece:
    """Greedy longest-match pieces, as `BertTokenizer` makes them (Devlin et al., NAACL 2019)."""

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        self._vocabulary = vocabulary
        self._pieces = lru_cache(maxsize=_CACHED)(self._cut)

    @classmethod
    def read(cls, path: Path) -> "WordPiece":
        """The tokenizer of a `vocab.txt`: a piece a line, its id the line's number from 0."""
        with path.open(encoding="utf-8") as lines:
            return cls({line.rstrip("\n"): number for number, line in enumerate(lines)})

    def words(self, text: str) -> list[tuple[str, tuple[int, ...]]]:
        """Each word of a text with the ids of its pieces."""
        return [(word, self._pieces(word)) for word in _words(text)]

    def encode(self, text: str, limit: int) -> list[int]:
        """The ids of a text between the two marks, at most `limit` of them."""
        # A piece has at least one character: what stands far behind the limit is not looked at.
        ids = [BEGIN]
        for word in _words(text[: limit * _LONGEST_WORD]):
            ids.extend(self._pieces(word))
            if len(ids) >= limit:
                break
        return [*ids[: limit - 1], END]

    def _cut(self, word: str) -> tuple[int, ...]:
        if len(word) > _LONGEST_WORD:
            return (_UNKNOWN,)
        ids: list[int] = []
        start = 0
        while start < len(word):
            for end in range(len(word), start, -1):
                known = self._vocabulary.get(word[start:end] if start == 0 else f"##{word[start:end]}")
                if known is not None:
                    break
            else:
                return (_UNKNOWN,)
            ids.append(known)
            start = end
        return tuple(ids)


def _words(text: str) -> list[str]:
    """Lower-cased words without accents; each mark and each ideograph is a word of its own."""
    return "".join(map(_shown, unicodedata.normalize("NFD", text.lower()))).split()


@lru_cache(maxsize=20_000)
def _shown(letter: str) -> str:
    kind = unicodedata.category(letter)
    if letter in "\t\n\r" or kind == "Zs":
        return " "
    if kind == "Mn" or kind.startswith("C"):
        return ""
    is_mark = kind.startswith("P") or (letter.isascii() and not letter.isalnum())
    return f" {letter} " if is_mark or _is_ideograph(ord(letter)) else letter


def _is_ideograph(code: int) -> bool:
    return (
        0x4E00 <= code <= 0x9FFF
        or 0x3400 <= code <= 0x4DBF
        or 0xF900 <= code <= 0xFAFF
        or 0x20000 <= code <= 0x2CEAF
        or 0x2F800 <= code <= 0x2FA1F
    )
