"""Resolving again only what a change can have reached.

A change of a function's body touches its own file; a change of what others see of a file touches
the files that mention it, and what those tell on. Above: the index pipeline. Below: changes,
outlines, and a program that reads the few files it needs.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping

from agentos_memory.model import FileAnalysis, Resolution
from agentos_memory.resolution.changes import (
    Spread,
    changes_every_test,
    changes_stars,
    mark_differences,
    told,
)
from agentos_memory.resolution.edges import EdgeBuilder
from agentos_memory.resolution.evaluation import Evaluator
from agentos_memory.resolution.lazy_program import LazyProgram
from agentos_memory.resolution.outlines import FileOutline

# Beyond these, resolving everything costs less than finding out what to leave.
MAX_CHANGED_NAMES = 300
MAX_REACHED_SHARE = 0.25
MIN_REACHED = 60


def resolve_changed(
    outlines: Mapping[str, FileOutline],
    before: Mapping[str, FileAnalysis],
    after: Mapping[str, FileAnalysis],
    load: Callable[[str], FileAnalysis],
) -> Mapping[str, Resolution] | None:
    """Edges and open calls of every Python file in which they may differ, by path.

    `outlines` are those of all Python files as they are now. `before` holds the facts of changed
    and removed files as they were, `after` those of changed and added ones as they are; `load`
    gives the facts of any other file. What is not in the result is as it was, but for removed
    files. None where everything must be resolved: another language changed, a package or its
    star imports came or went, or a large part of the repository depends on the change.
    """
    changed = before.keys() | after.keys()
    if not _is_local(before, after):
        return None
    known = dict(after)

    def read(path: str) -> FileAnalysis:
        if path not in known:
            known[path] = load(path)
        return known[path]

    reached = _reached(outlines, before, after, read)
    if reached is None:
        return None
    program = LazyProgram(outlines.values(), read)
    builder = EdgeBuilder(Evaluator(program))
    found: dict[str, Resolution] = {}
    for path in sorted(reached | (changed & outlines.keys())):
        first = len(builder.unresolved)
        program.read(program.modules[path])
        edges = builder.edges_of(read(path))
        sites = sorted(builder.unresolved[first:], key=lambda s: (s.line, s.callee, s.caller))
        found[path] = Resolution(tuple(edges), tuple(sites))
    return found


def _is_local(before: Mapping[str, FileAnalysis], after: Mapping[str, FileAnalysis]) -> bool:
    for path in before.keys() | after.keys():
        old, new = before.get(path), after.get(path)
        if any(each is not None and each.language != "python" for each in (old, new)):
            return False
        is_package = posixpath.basename(path).startswith("__init__.")
        if is_package and (old is None or new is None):
            return False
        if old is not None and new is not None and old.module != new.module:
            return False
        if changes_stars(old, new) or changes_every_test(old, new):
            return False
    return True


def _reached(
    outlines: Mapping[str, FileOutline],
    before: Mapping[str, FileAnalysis],
    after: Mapping[str, FileAnalysis],
    read: Callable[[str], FileAnalysis],
) -> set[str] | None:
    """Files other than the changed ones that mention what changed; None where it is too much."""
    changed = before.keys() | after.keys()
    limit = max(MIN_REACHED, int(len(outlines) * MAX_REACHED_SHARE))
    spreads = [
        spread for path in changed for spread in mark_differences(before.get(path), after.get(path))
    ]
    reached: dict[str, Spread] = {}
    names: set[str] = set()
    fresh = _told_on(spreads, names)
    while fresh:
        names |= fresh
        for path, outline in outlines.items():
            is_new = path not in reached and path not in changed
            if is_new and any(map(outline.mentions, fresh)):
                reached[path] = Spread(read(path))
        if len(reached) > limit or len(names) > MAX_CHANGED_NAMES:
            return None
        fresh = _told_on([*spreads, *reached.values()], names)
    return set(reached)


def _told_on(spreads: list[Spread], names: set[str]) -> set[str]:
    """Names that the files tell on beyond those known."""
    for spread in spreads:
        spread.run(names)
    return told(spreads) - names
