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


@tool(reads=["code"], timeout_s=TIMEOUT_S)
async def trace_symbol_dependencies(
    call: ToolCall,
    symbol: SymbolName,
    direction: Annotated[
        Direction, Field(description="callers: who depends on it; callees: what it depends on.")
    ] = "callers",
    edges: Annotated[
        list[TracedKind] | None,
        Field(min_length=1, max_length=10, description="Relations to follow; by default calls."),
    ] = None,
    depth: Annotated[int, Field(ge=1, le=6, description="Steps to follow.")] = 1,
    repo: RepositoryName | None = None,
    limit: Annotated[int, Field(ge=1, le=100, description="Symbols to return.")] = 50,
    verify: Annotated[
        bool,
        Field(
            description="Have the direct callers, or callees, checked by an installed language "
            "server, which reads the files as they are now; the first time takes seconds to minutes."
        ),
    ] = False,
) -> TraceResult:
    """Who calls a symbol, or what it calls, over several steps, each with file, line and confidence.

    Prefer it to a text search before you change a signature. An ambiguous name is answered with
    candidates, never with a guess; guesses by name alone are left out of the graph.
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
