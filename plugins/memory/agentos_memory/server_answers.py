"""What a language server said about the open calls of one file: stored form, and its use in a graph.

An answer names the symbol, not its line, so that it stays true while the other file only grows. One
whose symbol is gone counts for nothing: the call is open again. Above: the catalogue that builds
graphs, refinement that asks. Below: `model`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import orjson

from agentos_memory.compression import compress, decompress
from agentos_memory.model import Edge, EdgeKind, UnresolvedSite
from agentos_memory.resolution.evidence import CONFIDENCE

CONSTRUCTORS = ("__init__", "__new__", "constructor")
RULE = "language server"

# A symbol by its file and qualified name.
Name: TypeAlias = tuple[str, str]
Kinds: TypeAlias = Callable[[Name], str | None]


@dataclass(frozen=True, slots=True)
class AnsweredTarget:
    """A symbol that the call reaches, and the content of its file when that was said."""

    path: str
    qualified_name: str
    content_id: int

    @property
    def name(self) -> Name:
        """What the graph knows it by."""
        return self.path, self.qualified_name


@dataclass(frozen=True, slots=True)
class SiteAnswer:
    """What `server` knows of the calls of `callee` on one line.

    Without targets they lie outside of the repository, unless `is_open`: then the server does not
    know of one of them either.
    """

    line: int
    callee: str
    server: str
    targets: tuple[AnsweredTarget, ...]
    is_open: bool


def encode_answers(answers: Sequence[SiteAnswer]) -> bytes:
    """The stored form."""
    rows = [
        [a.line, a.callee, a.server, a.is_open,
         [[t.path, t.qualified_name, t.content_id] for t in a.targets]]
        for a in answers
    ]  # fmt: skip
    return compress(orjson.dumps(rows))


def decode_answers(stored: bytes) -> list[SiteAnswer]:
    """The answers that were encoded."""
    return [
        SiteAnswer(line, callee, server, tuple(AnsweredTarget(*t) for t in targets), is_open)
        for line, callee, server, is_open, targets in orjson.loads(decompress(stored))
    ]


def take_in(
    edges: Sequence[Edge],
    sites: Sequence[UnresolvedSite],
    answers: Sequence[SiteAnswer],
    kind_of: Kinds,
) -> tuple[list[Edge], list[UnresolvedSite]]:
    """Edges and open sites of one file after the answers; only what is open takes them."""
    known = {(answer.line, answer.callee): answer for answer in answers}
    # Guesses by name make room for what is known.
    sure = [edge for edge in edges if edge.tier != "name_only"]
    have = {(e.source, e.kind, e.line, e.target_path, e.target) for e in sure}
    open_sites: list[UnresolvedSite] = []
    added: dict[tuple[str, EdgeKind, int, str, str], Edge] = {}
    refuted: set[tuple[int, str]] = set()
    for site in sites:
        answer = known.get((site.line, site.callee))
        targets = [] if answer is None else [t.name for t in answer.targets if kind_of(t.name)]
        if answer is None or answer.is_open or len(targets) < len(answer.targets):
            open_sites.append(site)
        if answer is None:
            continue
        if targets or not (answer.is_open or answer.targets):
            refuted.add((site.line, site.callee))
        for edge in _edges(site, answer, targets, kind_of):
            key = (edge.source, edge.kind, edge.line, edge.target_path, edge.target)
            if key not in have:
                added[key] = edge
    kept = [edge for edge in edges if not _is_refuted(edge, refuted)]
    return [*kept, *added.values()], open_sites


def _edges(
    site: UnresolvedSite, answer: SiteAnswer, targets: Sequence[Name], kind_of: Kinds
) -> Iterator[Edge]:
    for target in targets:
        for (path, name), kind in _reached(target, kind_of):
            yield Edge(
                site.caller, name, kind, site.path, site.line, path, CONFIDENCE["typed"], "typed",
                f"{RULE} {answer.server}",
            )  # fmt: skip


def _reached(target: Name, kind_of: Kinds) -> Iterator[tuple[Name, EdgeKind]]:
    """The target itself; a class and its constructor are reached together."""
    path, name = target
    outer, _, last = name.rpartition(".")
    if last in CONSTRUCTORS and kind_of((path, outer)) == "class":
        yield (path, outer), "constructs"
        yield target, "calls"
    elif kind_of(target) == "class":
        yield target, "constructs"
        own = [(path, f"{name}.{each}") for each in CONSTRUCTORS]
        yield from [(each, "calls") for each in own if kind_of(each)]
    else:
        yield target, "calls"


def _is_refuted(edge: Edge, refuted: set[tuple[int, str]]) -> bool:
    """Whether it was a guess by the name of a call that is known now."""
    if edge.tier != "name_only" or edge.kind != "calls":
        return False
    return (edge.line, edge.target.rpartition(".")[2].rpartition(":")[2]) in refuted
