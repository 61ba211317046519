"""What is embedded for a piece of code: words instead of syntax.

File stem, qualified name and body are split into lower-case words without punctuation; that
halves the tokens and ranks as well as the raw code.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from pathlib import PurePosixPath

from agentos_memory.words import split_identifiers

# Part of every digest of a text: another format means other vectors.
TEXT_FORMAT = "words-1"
# More words than this never reach the model's 128 tokens.
MAX_WORDS = 256


@lru_cache(maxsize=1024)
def name_text(path: str, qualified_name: str) -> str:
    """Text for the name vector: file stem and qualified name."""
    return " ".join(_distinct_words(path, qualified_name))


def body_text(path: str, qualified_name: str, body: str) -> str:
    """Text for the body vector: the name text followed by the body's words."""
    words = [*_distinct_words(path, qualified_name), *split_identifiers(body)]
    return " ".join(words[:MAX_WORDS])


def _distinct_words(path: str, qualified_name: str) -> list[str]:
    # A dot ends every word, and the parts of one name stand in many others.
    parts = qualified_name.rsplit(":", 1)[-1].split(".")
    return list(dict.fromkeys(chain(_stem_words(path), *map(_words_of, parts))))


@lru_cache(maxsize=64)
def _stem_words(path: str) -> list[str]:
    return split_identifiers(PurePosixPath(path).stem)


@lru_cache(maxsize=16_384)
def _words_of(part: str) -> list[str]:
    return split_identifiers(part)
