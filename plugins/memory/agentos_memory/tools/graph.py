"""`trace_symbol_dependencies`: what depends on a symbol, and what it depends on.

Above: the plugin's tools. Below: walks over the resident graph, language servers where asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from agentos import InvalidArgumentError, NotFoundError, ToolCall, tool
from agentos_memory.adjacency import Relation
from agentos_memory.blast_radius import BlastRadius, blast_radius
from agentos_memory.generations import Repository
from agentos_memory.graph import Definition, SymbolGraph, TracedKind
from agentos_memory.memory import Memory
from agentos_memory.model import UnresolvedSite
from agentos_memory.search import IndexState
from agentos_memory.tools.code import IndexStateResult, RepositoryName
from agentos_memory.tracing import Direction, Trace, trace
from agentos_memory.verified_callers import RULE, VerifiedCallers, verified_callers

MAX_CANDIDATES = 20
MAX_UNRESOLVED = 20
MAX_EDGES = 500
# Tests and entry points named in a summary; all are counted.
MAX_NAMED = 20
_CALLS: frozenset[TracedKind] = frozenset({"calls"})

SymbolName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=1_000,
        description="Name, qualified name (`module.Class.method`), or `path:line`.",
    ),
]


class SymbolResult(BaseModel):
    """One definition."""

    repo: str
    symbol: str
    kind: str
    path: str
    start_line: int
    end_line: int

    @classmethod
    def of(cls, repository: Repository, definition: Definition) -> SymbolResult:
        """The wire form."""
        return cls(repo=repository.name, **place_of(definition))


class NodeResult(BaseModel):
    """A reached definition and its distance."""

    symbol: str
    kind: str
    path: str
    start_line: int
    end_line: int
    depth: int


class EdgeResult(BaseModel):
    """One relation with the line that proves it."""

    model_config = ConfigDict(serialize_by_alias=True, populate_by_name=True)

    source: str = Field(serialization_alias="from")
    target: str = Field(serialization_alias="to")
    kind: str
    path: str
    line: int
    confidence: float
    tier: str = Field(
        description="exact (names), typed (inferred type), may_dispatch (an override that may be "
        "reached), name_only (a guess by name)."
    )
    rule: str | None = Field(
        default=None, description="lsp: proven by a language server in this call."
    )


class VerificationResult(BaseModel):
    """What a language server said about the direct callers."""

    server: str | None = Field(description="Null where none is installed for the language.")
    detail: str
    n_confirmed: int = Field(description="Calls that the index and the server agree on.")
    n_added: int = Field(description="Calls that only the server found.")
    n_removed: int = Field(description="Calls of the index that reach something else.")
    n_unresolved: int = Field(description="Calls of that name that the server cannot resolve.")


class TraceSummary(BaseModel):
    """Size of the whole answer, also where the lists are cut."""

    n_symbols: int
    n_files: int
    n_modules: int
    n_edges: int = 0


class BlastRadiusResult(BaseModel):
    """What a change of the symbol may break: all that reaches it, at any depth."""

    n_direct: int
    n_symbols: int
    n_files: int
    n_modules: int
    n_tests: int
    tests: list[str] = Field(description="The nearest, as `path:line`.")
    n_entry_points: int
    entry_points: list[str] = Field(
        description="Public code that reaches it and that nothing but tests uses; the nearest."
    )

    @classmethod
    def of(cls, graph: SymbolGraph, radius: BlastRadius) -> BlastRadiusResult:
        """The wire form."""
        definitions = graph.definitions
        return cls(
            n_direct=radius.n_direct,
            n_symbols=radius.n_symbols,
            n_files=radius.n_files,
            n_modules=radius.n_modules,
            n_tests=len(radius.tests),
            tests=[definitions[p].place for p in radius.tests[:MAX_NAMED]],
            n_entry_points=len(radius.entry_points),
            entry_points=[definitions[p].qualified_name for p in radius.entry_points[:MAX_NAMED]],
        )


class UnresolvedResult(BaseModel):
    """A call of that name whose target is unknown: a possible caller."""

    caller: str
    path: str
    line: int
    receiver: str | None


class TraceResult(BaseModel):
    """What reaches the symbol, or what it reaches."""

    symbol: str | None = Field(description="Null where several symbols have that name.")
    definition: SymbolResult | None = Field(description="Where the symbol is defined.")
    nodes: list[NodeResult]
    edges: list[EdgeResult]
    summary: TraceSummary
    blast_radius: BlastRadiusResult | None = Field(
        default=None, description="Null where only callees were asked for."
    )
    candidates: list[SymbolResult] = Field(description="Symbols to choose from, by path:line.")
    n_unresolved: int = Field(
        description="Calls of the same name whose target is unknown; 0 callers with a positive "
        "count does not mean that nobody calls it."
    )
    unresolved: list[UnresolvedResult]
    verification: VerificationResult | None = Field(default=None, description="Only with `verify`.")
    truncated: bool
    index: IndexStateResult


@dataclass(frozen=True, slots=True)
class Found:
    """What a symbol's name stands for; more than one definition means it is ambiguous."""

    repository: Repository
    graph: SymbolGraph
    positions: list[int]
    candidates: list[SymbolResult]

    @property
    def is_ambiguous(self) -> bool:
        return len(self.candidates) > 1


@tool(reads=["code"])
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
            description="Have the direct callers checked by an installed language server, which "
            "reads the files as they are now and takes seconds to minutes."
        ),
    ] = False,
) -> TraceResult:
    """Who calls a symbol, or what it calls, over several steps, each with file, line and confidence.

    Prefer it to a text search before you change a signature. An ambiguous name is answered with
    candidates, never with a guess; guesses by name alone are left out of the graph. Refuses
    `verify` for callees, which no language server lists.
    """
    if verify and direction == "callees":
        raise InvalidArgumentError(
            "`verify` is about callers", remedy="ask for direction callers or both"
        )
    memory = call.service(Memory)
    found = await find_definitions(memory, symbol, repo)
    index = await index_state(memory, found.repository)
    if found.is_ambiguous:
        return _empty_trace(index, found.candidates)
    verified = await _verified(memory, found) if verify else None
    if verified is not None:
        graph = found.graph.with_callers(found.positions, verified.relations)
        found = replace(found, graph=graph)
    kinds: frozenset[TracedKind] = frozenset(edges) if edges else _CALLS
    traced = trace(found.graph, found.positions, direction=direction, kinds=kinds, depth=depth)
    result = _trace_result(index, found, traced, limit, verified)
    if direction != "callees":
        name = found.graph.definitions[found.positions[0]].name
        _add_sites(result, found.graph.unresolved_calls(name))
        radius = blast_radius(found.graph, found.positions, kinds)
        result.blast_radius = BlastRadiusResult.of(found.graph, radius)
    return result


def _add_sites(result: TraceResult, sites: Sequence[UnresolvedSite]) -> None:
    result.n_unresolved = len(sites)
    result.unresolved = [
        UnresolvedResult(caller=s.caller, path=s.path, line=s.line, receiver=s.receiver)
        for s in sites[:MAX_UNRESOLVED]
    ]
    result.truncated = result.truncated or len(sites) > MAX_UNRESOLVED


async def _verified(memory: Memory, found: Found) -> VerifiedCallers:
    return await verified_callers(
        found.repository, found.graph, found.positions, programs=memory.language_servers
    )


def _verification_result(verified: VerifiedCallers) -> VerificationResult:
    if verified.server is None:
        detail = (
            f"no language server for {verified.language} is installed; the edges are the index's"
        )
    else:
        detail = (
            f"{verified.server} was asked about every call of that name; edges with rule "
            f"{RULE!r} are proven, others are calls about which it knows nothing"
        )
    return VerificationResult(
        server=verified.server,
        detail=detail,
        n_confirmed=verified.n_confirmed,
        n_added=verified.n_added,
        n_removed=verified.n_removed,
        n_unresolved=verified.n_unresolved,
    )


async def find_definitions(memory: Memory, symbol: str, repo: str | None) -> Found:
    """What `symbol` names in the indexed repositories; NotFoundError for nothing."""
    founds = []
    for repository in await memory.catalog.select(repo):
        graph = await memory.catalog.graph(repository)
        positions = graph.find(symbol)
        if positions:
            distinct = {
                (graph.definitions[p].path, graph.definitions[p].qualified_name): p
                for p in reversed(positions)
            }
            candidates = [
                SymbolResult.of(repository, graph.definitions[p]) for p in sorted(distinct.values())
            ]
            members = graph.with_members(positions[0])
            founds.append(Found(repository, graph, members, candidates))
    if not founds:
        raise NotFoundError(
            f"no indexed symbol is called {symbol!r}",
            remedy="find it with search_code, or refresh the index with index_repository",
        )
    candidates = [candidate for found in founds for candidate in found.candidates]
    first = founds[0]
    return Found(first.repository, first.graph, first.positions, candidates[:MAX_CANDIDATES])


async def index_state(memory: Memory, repository: Repository) -> IndexStateResult:
    """The generation that answers, and whether the repository has moved on since."""
    head = await memory.freshness.head(repository.root)
    return IndexStateResult.of(IndexState(repository, head != repository.commit))


def _trace_result(
    index: IndexStateResult,
    found: Found,
    traced: Trace,
    limit: int,
    verified: VerifiedCallers | None,
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
            _edge_result(found.graph, relation, RULE if relation in proven else None)
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
        verification=_verification_result(verified) if verified is not None else None,
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


def _edge_result(graph: SymbolGraph, relation: Relation, rule: str | None) -> EdgeResult:
    return EdgeResult(
        source=graph.definitions[relation.source].qualified_name,
        target=graph.definitions[relation.target].qualified_name,
        kind=relation.kind,
        path=relation.path,
        line=relation.line,
        confidence=relation.confidence,
        tier=relation.tier,
        rule=rule,
    )


def place_of(definition: Definition) -> dict[str, Any]:
    """The fields that say where a definition is."""
    return {
        "symbol": definition.qualified_name,
        "kind": definition.kind,
        "path": definition.path,
        "start_line": definition.start_line,
        "end_line": definition.end_line,
    }
