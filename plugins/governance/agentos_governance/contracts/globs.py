"""Globs compiled once: text globs for actions and tools, path globs for roots.

Above: judgement, forbidden, scope. Below: glob_automaton. Matching never backtracks: a text is
read once for each glob, whatever the glob. Both kinds are case-sensitive.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from agentos_governance.contracts.glob_automaton import Automaton, Step, text_automaton

PathMatch = Callable[[str], bool]
TextMatch = Callable[[str], bool]

MAGIC = re.compile(r"[*?\[]")
_STARS = re.compile(r"\*+")


class GlobSet:
    """What any of several globs matches; globs without wildcards cost one look-up together."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._literals = frozenset(each for each in patterns if not MAGIC.search(each))
        self._globs = [compile_glob(each) for each in dict.fromkeys(patterns) if MAGIC.search(each)]

    def match(self, text: str) -> bool:
        """Whether some glob matches the whole text."""
        return text in self._literals or any(matches(text) for matches in self._globs)


def compile_globs(patterns: Sequence[str]) -> GlobSet | None:
    """What any pattern matches; None for no patterns. `*` crosses `/`, as in `fnmatchcase`."""
    return GlobSet(patterns) if patterns else None


def compile_glob(pattern: str) -> TextMatch:
    """Whether a whole text matches the glob, as `fnmatch.fnmatchcase` defines it."""
    pattern = _STARS.sub("*", pattern)
    if "?" in pattern or "[" in pattern:
        return text_automaton(pattern).matches
    first, *rest = pattern.split("*")
    if not rest:
        return pattern.__eq__
    *middle, last = rest
    n_fixed = len(first) + len(last)

    def matches(text: str) -> bool:
        if not text.startswith(first) or not text.endswith(last) or len(text) < n_fixed:
            return False
        position, end = len(first), len(text) - len(last)
        for chunk in middle:
            # The leftmost place leaves the most room for the chunks that follow.
            position = text.find(chunk, position, end)
            if position < 0:
                return False
            position += len(chunk)
        return True

    return matches


def compile_roots(roots: Sequence[str]) -> PathMatch:
    """Whether a repository-relative path lies inside any root.

    A root is `.` (everything), a file or directory (`src` admits itself and what is below), a
    directory (`src/` admits only what is below), or a path glob, where `*` stays inside one
    folder and `**` crosses folders. No roots: nothing lies inside.
    """
    if any(root in {".", "./"} for root in roots):
        return lambda path: True
    globs = [_compile_path_glob(root) for root in dict.fromkeys(roots) if MAGIC.search(root)]
    plain = [root for root in roots if not MAGIC.search(root)]
    exact = frozenset(root for root in plain if not root.endswith("/"))
    folders = tuple(root.rstrip("/") + "/" for root in plain)

    def is_inside(path: str) -> bool:
        return path in exact or path.startswith(folders) or any(each(path) for each in globs)

    return is_inside


def _compile_path_glob(pattern: str) -> PathMatch:
    if pattern.endswith("/"):
        pattern += "**"
    steps: list[Step] = []
    loops: set[int] = set()
    parts = pattern.split("/")
    for index, part in enumerate(parts):
        if part != "**":
            steps.append(_compile_step(part))
            continue
        loops.add(len(steps))
        if index == len(parts) - 1:
            # A final `**` must consume something: `src/**` is what is below `src`, not `src`.
            steps.append(lambda part: True)
    automaton = Automaton(steps, frozenset(loops))
    return lambda path: automaton.matches(path.split("/"))


def _compile_step(part: str) -> Step:
    return compile_glob(part) if MAGIC.search(part) else part
