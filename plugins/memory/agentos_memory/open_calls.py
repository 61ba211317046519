"""Which calls of a graph a language server is asked about, and in which order.

Pure functions. Above: a run of refinement. Below: the resident graph, and what was answered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agentos_memory.answered_targets import CALLABLE_KINDS
from agentos_memory.graph import SymbolGraph
from agentos_memory.server_answers import SiteAnswer


@dataclass(frozen=True, slots=True, order=True)
class OpenCall:
    """The calls of `callee` on one line."""

    path: str
    line: int
    callee: str


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file of the graph: its content, the digest of its bytes, and what was answered about it."""

    content_id: int
    sha256: str
    answers: Sequence[SiteAnswer]


def waiting_calls(
    graph: SymbolGraph, files: Mapping[str, KnownFile], servers: Mapping[str, str]
) -> list[OpenCall]:
    """Calls that `servers` (names by path) can be asked about and were not, most urgent first.

    Names that nothing in the repository has are left out: an answer could prove no edge. Files
    that are new come first, then the names that most open calls have.
    """
    names = {d.name for d in graph.definitions if d.kind in CALLABLE_KINDS}
    found = {
        OpenCall(site.path, site.line, site.callee)
        for site in graph.unresolved_sites()
        if site.callee in names and site.path in servers and site.path in files
    }
    answered = {path: _answered(files[path], servers[path]) for path in {c.path for c in found}}
    found = {call for call in found if (call.line, call.callee) not in answered[call.path]}
    found |= {call for call in _outdated(files) if call.path in servers}
    calls = Counter(call.callee for call in found)
    has_begun = any(file.answers for file in files.values())

    def urgency(call: OpenCall) -> tuple[bool, int, str, int, OpenCall]:
        file = files[call.path]
        is_old = not has_begun or bool(file.answers)
        return is_old, -calls[call.callee], call.callee, -file.content_id, call

    return sorted(found, key=urgency)


def _answered(file: KnownFile, server: str) -> Collection[tuple[int, str]]:
    """Calls about which that server knew nothing; others that are open have lost their target."""
    return {
        (answer.line, answer.callee)
        for answer in file.answers
        if answer.is_open and answer.server.partition(" ")[0] == server
    }


def _outdated(files: Mapping[str, KnownFile]) -> Iterator[OpenCall]:
    """Calls whose target's file has changed since."""
    for path, file in files.items():
        for answer in file.answers:
            if any(_has_changed(files, each.path, each.content_id) for each in answer.targets):
                yield OpenCall(path, answer.line, answer.callee)


def _has_changed(files: Mapping[str, KnownFile], path: str, content_id: int) -> bool:
    return path in files and files[path].content_id != content_id
