"""Slack's limits, and cutting text under them without breaking a character.

Slack documents 50 blocks and 3,000 characters a section, and refuses a message at about 13,200
characters in all (slackapi/bolt-js#2509, `msg_blocks_too_long`); we keep to 10,000. Characters are
counted in UTF-16 units, the largest count that Slack could mean. Above: everything that renders.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

MESSAGE_TEXT: Final = 10_000
"""All text of one message: its blocks, and the text for notifications."""
HEADER_TEXT: Final = 150
OPTION_TEXT: Final = 75
OPTIONS: Final = 100
VIEW_TITLE: Final = 24
METADATA_BYTES: Final = 3_000
INPUT_TEXT: Final = 3_000
"""The longest text that a person can type into one input."""

ELLIPSIS: Final = "…"
_JOINING = frozenset({"Mn", "Me", "Mc"})
_LONGEST_CLUSTER: Final = 8


def width(text: str) -> int:
    """Its length in UTF-16 units, of which a character outside the first plane takes two."""
    if text.isascii():
        return len(text)
    return len(text) + sum(1 for char in text if char > "\uffff")


def text_width(part: object) -> int:
    """The width of all texts in blocks, as Slack adds them up for a message."""
    if isinstance(part, list | tuple):
        return sum(text_width(item) for item in part)
    if not isinstance(part, dict):
        return 0
    text = part.get("text")
    own = width(text) if isinstance(text, str) else 0
    return own + sum(text_width(value) for value in part.values())


def clusters(text: str) -> Iterator[str]:
    """What a person sees as one character each: a letter with its marks, a flag, a skin tone."""
    if text.isascii():
        yield from text
        return
    current = ""
    for char in text:
        if current and not _joins(current, char):
            yield current
            current = ""
        current += char
    if current:
        yield current


def cut(text: str, limit: int, cost: Callable[[str], int] = width) -> str:
    """`text`, or as much of its start as costs `limit` with the `…` that then ends it."""
    if cost(text) <= limit:
        return text
    kept, left = [], limit - width(ELLIPSIS)
    for cluster in clusters(text):
        left -= cost(cluster)
        if left < 0:
            break
        kept.append(cluster)
    return "".join(kept).rstrip() + ELLIPSIS if limit > 0 else ""


def cut_start(text: str, limit: int, cost: Callable[[str], int] = width) -> str:
    """The same from the other end: of a path, the file's name says more than the first folder."""
    if cost(text) <= limit:
        return text
    kept, left = [], limit - width(ELLIPSIS)
    for cluster in reversed(list(clusters(text))):
        left -= cost(cluster)
        if left < 0:
            break
        kept.append(cluster)
    return ELLIPSIS + "".join(reversed(kept)).lstrip() if limit > 0 else ""


def fit(lines: list[str], limit: int, more: Callable[[int], str]) -> list[str]:
    """The first lines that fit `limit` when joined, then `more(n)` where `n` were left out."""
    if _joined(lines) <= limit:
        return lines
    room = limit - width(more(len(lines))) - 1
    kept: list[str] = []
    for line in lines:
        room -= width(line) + 1
        if room < 0:
            break
        kept.append(line)
    return [*kept, more(len(lines) - len(kept))]


def _joined(lines: list[str]) -> int:
    return sum(width(line) + 1 for line in lines) - 1


def _joins(cluster: str, char: str) -> bool:
    if len(cluster) >= _LONGEST_CLUSTER:
        return False
    if char < "\u0300":
        return False
    if unicodedata.category(char) in _JOINING or "\U0001f3fb" <= char <= "\U0001f3ff":
        return True
    return len(cluster) == 1 and _is_flag_half(cluster) and _is_flag_half(char)


def _is_flag_half(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"
