"""WordPiece tokens of a lower-casing BERT vocabulary, in pure Python.

Matches the reference tokenizer of the model on all but exotic texts; `onnx_embedder` uses it.
Source: Devlin et al. 2018 and the `BasicTokenizer`/`WordpieceTokenizer` of its release.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

MAX_WORD_CHARS = 100
CACHED_WORDS = 100_000
# Ideographs are tokens of their own; the blocks are those of the reference tokenizer.
IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


class WordPiece:
    """Encodes texts as token ids of one vocabulary."""

    def __init__(self, vocabulary: str) -> None:
        """Take a vocabulary as text, one token a line, its id the line's number from 0.

        Raises KeyError when a special token is missing.
        """
        tokens = vocabulary.splitlines()
        self._ids = {token: index for index, token in enumerate(tokens)}
        self._unknown = self._ids["[UNK]"]
        self._first = self._ids["[CLS]"]
        self._last = self._ids["[SEP]"]
        self._pieces = lru_cache(CACHED_WORDS)(self._split)

    def encode(self, text: str, max_tokens: int) -> list[int]:
        """Token ids with [CLS] and [SEP], at most `max_tokens` (2 or more) of them."""
        if max_tokens < 2:
            raise ValueError(f"max_tokens is {max_tokens}; the two special tokens need 2")
        ids = [self._first]
        # A token holds at least one character, so the rest of a long text cannot matter.
        for word in basic_tokens(text):
            ids.extend(self._pieces(word))
            if len(ids) >= max_tokens - 1:
                break
        return [*ids[: max_tokens - 1], self._last]

    def _split(self, word: str) -> tuple[int, ...]:
        """Longest-match-first pieces of a word; the unknown token when one part has none."""
        if len(word) > MAX_WORD_CHARS:
            return (self._unknown,)
        pieces: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                piece = self._ids.get(prefix + word[start:end])
                if piece is not None:
                    pieces.append(piece)
                    start = end
                    break
            else:
                return (self._unknown,)
        return tuple(pieces)


def basic_tokens(text: str) -> list[str]:
    """Lower-case words, punctuation marks and ideographs of a text, accents removed."""
    tokens: list[str] = []
    word: list[str] = []
    for character in unicodedata.normalize("NFD", text.lower()):
        kind = _kind(character)
        if kind == "letter":
            word.append(character)
            continue
        if kind == "dropped":
            continue
        if word:
            tokens.append("".join(word))
            word = []
        if kind == "mark":
            tokens.append(character)
    if word:
        tokens.append("".join(word))
    return tokens


@lru_cache(4096)
def _kind(character: str) -> str:
    if character in "\t\n\r" or unicodedata.category(character) == "Zs":
        return "space"
    category, code = unicodedata.category(character), ord(character)
    if category == "Mn" or category[0] == "C" or code == 0xFFFD:
        return "dropped"
    # All ASCII marks split words, even those that Unicode calls symbols, such as $ and ^.
    is_ascii_mark = 33 <= code <= 126 and not character.isalnum()
    if category[0] == "P" or is_ascii_mark:
        return "mark"
    if any(low <= code <= high for low, high in IDEOGRAPHS):
        return "mark"
    return "letter"
