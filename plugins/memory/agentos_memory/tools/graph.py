"""Tools over the symbol graph: what depends on what, and by which way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from agentos import InvalidArgumentError, NotFoundError, ToolCall, tool
from agentos_memory.generations import Repository
from agentos_memory.graph import Definition, Relation, SymbolGraph, TracedKind
from agentos_memory.memory import Memory
from agentos_memory.model import UnresolvedSite
from agentos_memory.search import CodeQuery, IndexState
from agentos_memory.tools.code import IndexStateResult, RepositoryName
from agentos_memory.tracing import Direction, Trace, shortest_path, trace

MAX_CANDIDATES = 20
MAX_UNRESOLVED = 20
_CALLS: frozenset[TracedKind] = frozenset({"calls"})
_CALLS_AND_REFERENCES: frozenset[TracedKind] = frozenset({"calls", "references"})
# How many answers to a question are tried as the end of a path.
TRIED_ANSWERS = 20

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
        return cls(repo=repository.name, **_place_of(definition))


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


class TraceSummary(BaseModel):
    """Size of the whole answer, also where the lists are cut."""

    n_symbols: int
    n_files: int
    n_modules: int


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
    candidates: list[SymbolResult] = Field(description="Symbols to choose from, by path:line.")
    n_unresolved: int = Field(
        description="Calls of the same name whose target is unknown; 0 callers with a positive "
        "count does not mean that nobody calls it."
    )
    unresolved: list[UnresolvedResult]
    truncated: bool
    index: IndexStateResult


class StepResult(BaseModel):
    """One symbol on the way."""

    symbol: str
    path: str
    start_line: int
    end_line: int
    why: str


class CodePathResult(BaseModel):
    """A way through the code."""

    steps: list[StepResult]
    explanation: str
    model: str | None = Field(description="The model that wrote the explanation; null for none.")
    citations: list[str] = Field(description="`path:line` of every call on the way.")
    candidates: list[SymbolResult]
    index: IndexStateResult


@dataclass(frozen=True, slots=True)
class _Found:
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
        Field(min_length=1, max_length=5, description="Relations to follow; by default calls."),
    ] = None,
    depth: Annotated[int, Field(ge=1, le=6, description="Steps to follow.")] = 1,
    repo: RepositoryName | None = None,
    limit: Annotated[int, Field(ge=1, le=100, description="Symbols to return.")] = 50,
) -> TraceResult:
    """Who calls a symbol, or what it calls, over several steps, each with file, line and confidence.

    Prefer it to a text search before you change a signature. An ambiguous name is answered with
    candidates, never with a guess; guesses by name alone are left out of the graph.
    """
    memory = call.service(Memory)
    found = await _find(memory, symbol, repo)
    index = await _index_state(memory, found.repository)
    if found.is_ambiguous:
        return _empty_trace(index, found.candidates)
    kinds: frozenset[TracedKind] = frozenset(edges) if edges else _CALLS
    traced = trace(found.graph, found.positions, direction=direction, kinds=kinds, depth=depth)
    name = found.graph.definitions[found.positions[0]].name
    sites = found.graph.unresolved_calls(name) if direction != "callees" else []
    return _trace_result(index, found, traced, sites, limit)


@tool(reads=["code"])
async def explain_code_path(
    call: ToolCall,
    from_symbol: SymbolName,
    to_symbol: SymbolName | None = None,
    question: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=1_000,
            description="Instead of to_symbol: what the code at the end of the path does.",
        ),
    ] = None,
    repo: RepositoryName | None = None,
) -> CodePathResult:
    """How one symbol leads to another: the shortest chain of calls, each with file and line.

    Give to_symbol, or a question that describes where the path should end. Steps are proven by
    the call graph; no model is asked.
    """
    if to_symbol is None and question is None:
        raise InvalidArgumentError(
            "give `to_symbol` or `question`", remedy="name the end of the path, or describe it"
        )
    memory = call.service(Memory)
    start = await _find(memory, from_symbol, repo)
    index = await _index_state(memory, start.repository)
    if start.is_ambiguous:
        return _no_path(index, f"{from_symbol!r} is ambiguous", start.candidates)
    if to_symbol is not None:
        end = await _find(memory, to_symbol, start.repository.name)
        if end.is_ambiguous:
            return _no_path(index, f"{to_symbol!r} is ambiguous", end.candidates)
        goals = [end.positions]
    else:
        goals = await _answers(memory, start, question or "")
    # A function that is handed over (a callback, a thread's target) is reached by a reference.
    for kinds in (_CALLS, _CALLS_AND_REFERENCES):
        for goal in goals:
            steps = shortest_path(start.graph, start.positions, goal, kinds=kinds)
            if steps is not None:
                return _path_result(index, start, goal, steps)
    return _no_path(index, _why_no_path(start, to_symbol or question or ""), [])


async def _find(memory: Memory, symbol: str, repo: str | None) -> _Found:
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
            founds.append(_Found(repository, graph, members, candidates))
    if not founds:
        raise NotFoundError(
            f"no indexed symbol is called {symbol!r}",
            remedy="find it with search_code, or refresh the index with index_repository",
        )
    candidates = [candidate for found in founds for candidate in found.candidates]
    first = founds[0]
    return _Found(first.repository, first.graph, first.positions, candidates[:MAX_CANDIDATES])


async def _index_state(memory: Memory, repository: Repository) -> IndexStateResult:
    head = await memory.freshness.head(repository.root)
    return IndexStateResult.of(IndexState(repository, head != repository.commit))


async def _answers(memory: Memory, start: _Found, question: str) -> list[list[int]]:
    """Symbols that answer the question, the best first."""
    query = CodeQuery(question, repo=start.repository.name, limit=TRIED_ANSWERS)
    found = await memory.search.run(query)
    goals = []
    for hit in found.hits:
        goal = start.graph.find(f"{hit.chunk.path}:{hit.chunk.start_line}")
        if goal and goal != start.positions and hit.chunk.kind != "module":
            goals.append(goal)
    return goals


def _trace_result(
    index: IndexStateResult,
    found: _Found,
    traced: Trace,
    sites: Sequence[UnresolvedSite],
    limit: int,
) -> TraceResult:
    definitions = found.graph.definitions
    shown = list(traced.depths)[:limit]
    visible = {*shown, *found.positions}
    return TraceResult(
        symbol=found.candidates[0].symbol,
        definition=found.candidates[0],
        nodes=[NodeResult(**_place_of(definitions[p]), depth=traced.depths[p]) for p in shown],
        edges=[
            _edge_result(found.graph, relation)
            for relation in traced.relations
            if relation.source in visible and relation.target in visible
        ],
        summary=TraceSummary(
            n_symbols=len(traced.depths),
            n_files=len({definitions[p].path for p in traced.depths}),
            n_modules=len(traced.modules(found.graph)),
        ),
        candidates=[],
        n_unresolved=len(sites),
        unresolved=[
            UnresolvedResult(caller=s.caller, path=s.path, line=s.line, receiver=s.receiver)
            for s in sites[:MAX_UNRESOLVED]
        ],
        truncated=len(traced.depths) > limit or len(sites) > MAX_UNRESOLVED,
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


def _path_result(
    index: IndexStateResult, start: _Found, goal: list[int], relations: list[Relation]
) -> CodePathResult:
    definitions = start.graph.definitions
    first = definitions[start.positions[0]]
    steps = [_step(first, "the path starts here")]
    for relation in relations:
        verb = "called" if relation.kind == "calls" else "handed over"
        source = definitions[relation.source].name
        why = f"{verb} by {source} at {relation.path}:{relation.line} ({relation.tier})"
        steps.append(_step(definitions[relation.target], why))
    last = definitions[goal[0]]
    return CodePathResult(
        steps=steps,
        explanation=f"{first.qualified_name} reaches {last.qualified_name} in "
        f"{len(relations)} steps: " + " -> ".join(step.symbol for step in steps),
        model=None,
        citations=[f"{relation.path}:{relation.line}" for relation in relations],
        candidates=[],
        index=index,
    )


def _no_path(
    index: IndexStateResult, explanation: str, candidates: list[SymbolResult]
) -> CodePathResult:
    return CodePathResult(
        steps=[],
        explanation=explanation,
        model=None,
        citations=[],
        candidates=candidates,
        index=index,
    )


def _why_no_path(start: _Found, end: str) -> str:
    name = start.graph.definitions[start.positions[0]].qualified_name
    return (
        f"no chain of resolved calls leads from {name} to {end!r}; calls on receivers of unknown "
        "type are not followed, so one may still exist"
    )


def _edge_result(graph: SymbolGraph, relation: Relation) -> EdgeResult:
    return EdgeResult(
        source=graph.definitions[relation.source].qualified_name,
        target=graph.definitions[relation.target].qualified_name,
        kind=relation.kind,
        path=relation.path,
        line=relation.line,
        confidence=relation.confidence,
        tier=relation.tier,
    )


def _step(definition: Definition, why: str) -> StepResult:
    place = _place_of(definition)
    del place["kind"]
    return StepResult(**place, why=why)


def _place_of(definition: Definition) -> dict[str, Any]:
    return {
        "symbol": definition.qualified_name,
        "kind": definition.kind,
        "path": definition.path,
        "start_line": definition.start_line,
        "end_line": definition.end_line,
    }
