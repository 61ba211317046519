"""`trace_symbol_dependencies`: what depends on a symbol, and what it depends on.

Above: the plugin's tools. Below: walks over the resident graph, language servers where asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field

from agentos import ToolCall, tool
from agentos_memory.blast_radius import blast_radius
from agentos_memory.generations import Repository
from agentos_memory.memory import Memory
from agentos_memory.model import UnresolvedSite
from agentos_memory.tools.code import IndexStateResult, RepositoryName
from agentos_memory.tools.named_symbols import (
    Found,
    SymbolName,
    SymbolResult,
    find_definitions,
    index_state,
    place_of,
)
from agentos_memory.tools.trace_results import (
    BlastRadiusResult,
    EdgeResult,
    NodeResult,
    RefinedResult,
    TraceResult,
    TraceSummary,
    UnresolvedResult,
    VerificationResult,
)
from agentos_memory.traced_kinds import TracedKind
from agentos_memory.tracing import Direction, Trace, trace
from agentos_memory.verification import RULE, TOTAL_TIMEOUT_S, Verification

MAX_UNRESOLVED = 20
MAX_EDGES = 500
# A language server may need most of it to read a project for the first time.
TIMEOUT_S = TOTAL_TIMEOUT_S + 20
_CALLS: frozenset[TracedKind] = frozenset({"calls"})


@dataclass(frozen=True, slots=True)
class Walk:
    """Where to, over what, how many steps, and how many symbols to show."""

    direction: Direction
    kinds: frozenset[TracedKind]
    depth: int
    limit: int


@tool(reads=["code"], timeout_s=TIMEOUT_S, profiles=["worker", "reviewer"])
async def trace_symbol_dependencies(
    call: ToolCall,
    symbol: SymbolName,
    direction: Annotated[
        Direction, Field(description="Who depends on it, or on what it depends.")
    ] = "callers",
    edges: Annotated[
        list[TracedKind] | None,
        Field(min_length=1, max_length=10, description="Default: calls."),
    ] = None,
    depth: Annotated[int, Field(ge=1, le=6)] = 1,
    repo: RepositoryName | None = None,
    limit: Annotated[int, Field(ge=1, le=100)] = 50,
    verify: Annotated[
        bool,
        Field(description="Have direct ones checked by a language server; may take minutes."),
    ] = False,
) -> TraceResult:
    """Find who calls a symbol, or what it calls, with file and line; its blast radius.

    Before you change or remove something; text search misses and misleads. An ambiguous name is
    answered with `candidates`; `unresolved` counts calls that nobody could resolve.
    """
    memory = call.service(Memory)
    found = await find_definitions(memory, symbol, repo)
    index = await index_state(memory, found.repository)
    if found.is_ambiguous:
        return _empty_trace(index, found.candidates)
    verified = await _verified(memory, found, direction) if verify else None
    walk = Walk(direction, frozenset(edges) if edges else _CALLS, depth, limit)
    # A walk over a large graph takes milliseconds, for which other calls need not wait.
    result = await asyncio.to_thread(answer_trace, index, found, walk, verified)
    result.refined = await _refined(memory, found.repository)
    return result


def answer_trace(
    index: IndexStateResult, found: Found, walk: Walk, verified: Verification | None = None
) -> TraceResult:
    """The whole answer about one symbol, from the resident graph alone."""
    if verified is not None:
        found = replace(found, graph=verified.graph)
    graph, positions = found.graph, found.positions
    traced = trace(graph, positions, direction=walk.direction, kinds=walk.kinds, depth=walk.depth)
    result = _trace_result(index, found, traced, walk.limit, verified)
    if walk.direction != "callees":
        _add_sites(result, graph.unresolved_calls(graph.definitions[positions[0]].name))
        radius = blast_radius(graph, positions, walk.kinds)
        result.blast_radius = BlastRadiusResult.of(graph, radius)
    return result


def _add_sites(result: TraceResult, sites: Sequence[UnresolvedSite]) -> None:
    result.n_unresolved = len(sites)
    result.unresolved = [
        UnresolvedResult(caller=s.caller, path=s.path, line=s.line, receiver=s.receiver)
        for s in sites[:MAX_UNRESOLVED]
    ]
    result.truncated = result.truncated or len(sites) > MAX_UNRESOLVED


async def _refined(memory: Memory, repository: Repository) -> RefinedResult | None:
    if not memory.refinement.is_on:
        return None
    found = await memory.refinement.progress(repository)
    if found is None:
        return None
    return RefinedResult.taken_from(found, server=found.servers)


async def _verified(memory: Memory, found: Found, direction: Direction) -> Verification:
    return await memory.verifier.verify(found.repository, found.graph, found.positions, direction)


def _trace_result(
    index: IndexStateResult,
    found: Found,
    traced: Trace,
    limit: int,
    verified: Verification | None,
) -> TraceResult:
    definitions = found.graph.definitions
    shown = traced.first(limit)
    n_files, n_modules = found.graph.n_files_of(traced.reached)
    proven = verified.proven if verified is not None else frozenset()
    relations = traced.relations_among(shown)
    return TraceResult(
        symbol=found.candidates[0].symbol,
        definition=found.candidates[0],
        nodes=[NodeResult(**place_of(definitions[p]), depth=depth) for p, depth in shown.items()],
        edges=[
            EdgeResult.of(found.graph, relation, RULE if relation in proven else None)
            for relation in relations[:MAX_EDGES]
        ],
        summary=TraceSummary(
            n_symbols=len(traced.reached),
            n_files=n_files,
            n_modules=n_modules,
            n_edges=traced.n_edges,
        ),
        candidates=[],
        n_unresolved=0,
        unresolved=[],
        verification=VerificationResult.of(verified) if verified is not None else None,
        truncated=len(traced.reached) > limit or len(relations) > MAX_EDGES,
        index=index,
    )


def _empty_trace(index: IndexStateResult, candidates: list[SymbolResult]) -> TraceResult:
    return TraceResult(
        symbol=None,
        definition=None,
        nodes=[],
        edges=[],
        summary=TraceSummary(n_symbols=0, n_files=0, n_modules=0),
        candidates=candidates,
        n_unresolved=0,
        unresolved=[],
        truncated=False,
        index=index,
    )
