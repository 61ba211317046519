"""Filters over repository paths: a prefix, or a glob where the text holds a wildcard."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import translate
from functools import lru_cache
from re import Pattern, compile

_WILDCARDS = frozenset("*?[")


def path_filter(text: str) -> Callable[[str], bool]:
    """Whether a path is chosen by `text`.

    Without a wildcard every path that starts with it is. In a glob `*` and `?` stay within one
    folder, and `**` stands for any number of folders.
    """
    text = text.removeprefix("./")
    if not _WILDCARDS & set(text):
        return lambda path: path.startswith(text)
    parts = tuple(text.split("/"))
    return lambda path: _matches(parts, tuple(path.split("/")))


def _matches(pattern: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    """Segment by segment: the time is bounded by the product of both lengths."""
    reached = {0}
    for index, segment in enumerate(pattern):
        if segment == "**":
            least = min(reached)
            reached = set(range(least, len(parts) + 1))
            if index == len(pattern) - 1:
                # A trailing `**` wants something below the folder.
                reached.discard(least)
        else:
            matches = _segment(segment).match
            reached = {n + 1 for n in reached if n < len(parts) and matches(parts[n])}
        if not reached:
            return False
    return len(parts) in reached


@lru_cache(maxsize=256)
def _segment(glob: str) -> Pattern[str]:
    return compile(translate(glob))
