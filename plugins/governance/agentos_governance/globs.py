"""Globs compiled once: text globs for actions and tools, path globs for roots.

Above: judgement, scope. Below: fnmatch, whose translation uses atomic groups, so that no
pattern makes matching slow. Both kinds are case-sensitive.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence

PathMatch = Callable[[str], bool]

_MAGIC = re.compile(r"[*?\[]")


def compile_globs(patterns: Sequence[str]) -> re.Pattern[str] | None:
    """One regular expression that matches what any pattern matches; None for no patterns.

    `*` crosses `/`, as in `fnmatch.fnmatchcase`.
    """
    if not patterns:
        return None
    return re.compile("|".join(fnmatch.translate(pattern) for pattern in patterns))


def compile_roots(roots: Sequence[str]) -> PathMatch:
    """Whether a repository-relative path lies inside any root.

    A root is `.` (everything), a file or directory (`src` admits itself and what is below), a
    directory (`src/` admits only what is below), or a path glob, where `*` stays inside one
    folder and `**` crosses folders. No roots: nothing lies inside.
    """
    matchers = [_compile_root(root) for root in roots]

    def is_inside(path: str) -> bool:
        return any(matches(path) for matches in matchers)

    return is_inside


def _compile_root(root: str) -> PathMatch:
    if root in {".", "./"}:
        return lambda path: True
    if _MAGIC.search(root):
        return _compile_path_glob(root)
    prefix = root.rstrip("/") + "/"
    if root.endswith("/"):
        return lambda path: path.startswith(prefix)
    return lambda path: path == root or path.startswith(prefix)


def _compile_path_glob(pattern: str) -> PathMatch:
    if pattern.endswith("/"):
        pattern += "**"
    steps: list[re.Pattern[str] | None] = [
        None if step == "**" else re.compile(fnmatch.translate(step)) for step in pattern.split("/")
    ]

    def matches(path: str) -> bool:
        # reachable: how many steps can have consumed exactly the folders read so far.
        reachable = _after_empty_double_stars({0}, steps)
        for part in path.split("/"):
            reachable = _after_empty_double_stars(_after_part(reachable, steps, part), steps)
        return len(steps) in reachable

    return matches


def _after_part(
    reachable: set[int], steps: Sequence[re.Pattern[str] | None], part: str
) -> set[int]:
    after: set[int] = set()
    for index in reachable - {len(steps)}:
        step = steps[index]
        if step is None:
            after |= {index, index + 1}
        elif step.match(part):
            after.add(index + 1)
    return after


def _after_empty_double_stars(
    reachable: set[int], steps: Sequence[re.Pattern[str] | None]
) -> set[int]:
    # A final `**` must consume something: `src/**` is what is below `src`, not `src`.
    for index, step in enumerate(steps[:-1]):
        if step is None and index in reachable:
            reachable.add(index + 1)
    return reachable
