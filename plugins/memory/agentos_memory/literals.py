"""Messages in code found by how they look when they are printed.

A string literal matches where its fixed parts stand in the message in order, whatever stands in
place of `%s`, `{name}` and `${name}`. Above: search, for queries that may be messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import pairwise

from agentos_memory.words import STOP_WORDS

MIN_QUOTED_CHARS = 8
# How much of a message a literal covers, and somewhat less, for words that it has a part of.
_MIN_SHARE = 1 / 3
_MIN_MARKED = 1 / 4

_LITERAL = re.compile(
    r'"""((?:[^"\\]|\\.|"(?!""))*)"""'
    r"|'''((?:[^'\\]|\\.|'(?!''))*)'''"
    r'|"((?:[^"\\\n]|\\.)*)"'
    r"|'((?:[^'\\\n]|\\.)*)'"
    r"|`((?:[^`\\]|\\.)*)`",
    re.DOTALL,
)
_BETWEEN_PARTS = re.compile(r"[\s+\\]*[rbfuRBFU]{0,2}")
_PLACEHOLDER = re.compile(r"%(?:\(\w*\))?[-+#0]*\d*(?:\.\d+)?[a-zA-Z]|\$?\{[^{}]*\}|\\[nrt]")


@dataclass(frozen=True, slots=True)
class Quote:
    """A literal that a message quotes: on which line of the text, and how much of the message."""

    line: int
    share: float


class Message:
    """What a text may quote, with what tells cheaply that it does not."""

    def __init__(self, text: str) -> None:
        self.squeezed = _squeezed(text)
        words = self.squeezed.split(" ")
        self._sizes = [len(word) + 1 for word in words]
        self._words = {word: word.encode() for word in words}
        self._pairs = [
            (f"{a} {b}".encode(), a, b, at)
            for at, (a, b) in enumerate(pairwise(words))
            if not {a, b} <= STOP_WORDS
        ]
        self._long = [(w, at) for at, w in enumerate(words) if len(w) >= MIN_QUOTED_CHARS]
        self._needed = _MIN_MARKED * len(self.squeezed)

    def may_be_in(self, text: bytes) -> bool:
        """Whether to look for literals in `text`.

        Most of what a literal has of a message are two of its words side by side, or a long one.
        """
        if not text.isascii():
            # Bytes know only the capital letters of ASCII.
            text = text.decode("utf-8", "replace").lower().encode()
        lowered = text.lower()
        held = {word for word, encoded in self._words.items() if encoded in lowered}
        long = {at for word, at in self._long if word in held}
        pairs = [(pair, at) for pair, a, b, at in self._pairs if a in held and b in held]
        # What words alone rule out, which is most, is not squeezed.
        if not self._is_enough(long | {n for _, at in pairs for n in (at, at + 1)}):
            return False
        squeezed = b" ".join(lowered.split())
        side_by_side = {n for pair, at in pairs if pair in squeezed for n in (at, at + 1)}
        return self._is_enough(long | side_by_side)

    def _is_enough(self, marked: AbstractSet[int]) -> bool:
        return bool(marked) and sum(self._sizes[at] for at in marked) >= self._needed


def find_quote(text: str, message: Message) -> Quote | None:
    """The literal in `text` that covers most of `message`; lines count from 0."""
    wanted = message.squeezed
    if len(wanted) < MIN_QUOTED_CHARS:
        return None
    found = (
        Quote(text.count("\n", 0, start), share)
        for start, literal in _literals(text)
        if (share := _share(literal, wanted)) > 0
    )
    return max(found, key=lambda quote: quote.share, default=None)


def _literals(text: str) -> Iterator[tuple[int, str]]:
    """Literals with where they start; neighbours that the language joins are one."""
    start, end, parts = 0, 0, list[str]()
    for match in _LITERAL.finditer(text):
        if parts and not _BETWEEN_PARTS.fullmatch(text, end, match.start()):
            yield start, "".join(parts)
            parts = []
        if not parts:
            start = match.start()
        parts.append(match[match.lastindex or 0])
        end = match.end()
    if parts:
        yield start, "".join(parts)


def _share(literal: str, message: str) -> float:
    """How much of the message the literal's fixed parts are; 0 where they do not all occur."""
    if len(literal) < MIN_QUOTED_CHARS:
        return 0.0
    # Of other characters, a lower-case form may be longer.
    if literal.isascii() and len(literal) < _MIN_SHARE * len(message):
        return 0.0
    parts = [part for part in map(_squeezed, _PLACEHOLDER.split(literal)) if part]
    fixed = sum(map(len, parts))
    if fixed < MIN_QUOTED_CHARS:
        return 0.0
    if message in _squeezed(literal):
        return min(1.0, len(message) / fixed)
    is_enough = fixed >= _MIN_SHARE * len(message)
    return fixed / len(message) if _in_order(parts, message) and is_enough else 0.0


def _in_order(parts: Sequence[str], message: str) -> bool:
    at = 0
    for part in parts:
        at = message.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True


def _squeezed(text: str) -> str:
    return " ".join(text.lower().split()).strip(" \"'`.,:;!")
