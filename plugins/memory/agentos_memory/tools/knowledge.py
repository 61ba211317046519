"""Tools over code and what is known beyond it: how one thing leads to another, and free queries."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import prod
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from agentos import InvalidArgumentError, NotFoundError, ToolCall, tool
from agentos_memory.generations import Repository
from agentos_memory.knowledge.builder import KnowledgeBase
from agentos_memory.knowledge.graph import CODE_EDGE_KINDS, KnowledgeGraph
from agentos_memory.knowledge.model import EDGE_KINDS, plain_field
from agentos_memory.knowledge.paths import (
    FlowDirection,
    Hop,
    Paths,
    Question,
    accepted_kinds,
    find_paths_into,
    unresolved_among,
)
from agentos_memory.knowledge.paths import (
    find_paths as search_paths,
)
from agentos_memory.knowledge.query_execution import Answer, Limit, run_query
from agentos_memory.knowledge.query_form import DEFAULT_LIMIT, MAX_LIMIT
from agentos_memory.knowledge.query_parsing import parse_query
from agentos_memory.memory import Memory
from agentos_memory.search import IndexState
from agentos_memory.tools.code import IndexStateResult, RepositoryName

MAX_CANDIDATES = 20
# The first look at a large repository reads all of its files.
TIMEOUT_S = 120.0
_KINDS = frozenset({*EDGE_KINDS, *CODE_EDGE_KINDS})

NodeName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=1_000,
        description="`kind:name` (service:billing, table:orders, column:orders.user_id, "
        "env_var:DATABASE_URL, team:@org/web, adr:0003-use-queues), a symbol, `path:line`, a path, "
        "or a name that only one thing has.",
    ),
]
EdgeKindName = Annotated[str, Field(min_length=1, max_length=40)]


class GraphNodeResult(BaseModel):
    """One definition or entity."""

    name: str
    kind: str
    path: str
    start_line: int
    end_line: int


class CandidateResult(GraphNodeResult):
    """One thing that an argument may mean."""

    argument: Literal["from_node", "to_node"]
    ask_for: str = Field(description="What to give as the argument to mean this one.")


class HopResult(BaseModel):
    """One step of a path with the line that proves it."""

    model_config = ConfigDict(serialize_by_alias=True, populate_by_name=True)

    source: str = Field(serialization_alias="from", description="Where the step begins.")
    target: str = Field(serialization_alias="to", description="Where the step leads.")
    kind: str
    direction: Literal["forward", "backward"] = Field(
        description="backward: the edge's own source is `to`; a reader reads from a table."
    )
    path: str
    line: int
    tier: str
    confidence: float
    rule: str
    carries: list[str] = Field(
        default_factory=list, description="Fields that go along, where the line shows them."
    )


class PathResult(BaseModel):
    """One way, in order."""

    hops: list[HopResult]
    nodes: list[GraphNodeResult] = Field(description="One more than hops.")
    confidence: float = Field(description="Product of the hops' confidences.")


class FindPathsResult(BaseModel):
    """Ways from one thing to another, the shortest and best proven first."""

    paths: list[PathResult]
    explanation: str
    candidates: list[CandidateResult] = Field(description="Where a name means several things.")
    n_unresolved: int = Field(
        description="Calls with an unknown target in what was reached; with no path and a positive "
        "count, there may be one that nobody knows."
    )
    truncated: bool = Field(description="The search was cut by its limits.")
    index: IndexStateResult


class QueryGraphResult(BaseModel):
    """A table: rows in the order of `columns`."""

    columns: list[str]
    rows: list[list[str | int | float | bool | None]]
    truncated: bool = Field(description="There are more rows, or the search was cut.")
    cut_by: Limit | None = Field(
        default=None,
        description="Which limit: the query's own LIMIT; 1,000,000 steps; 3 s; 100,000 values. "
        "Counts are too low where it is not `limit`.",
    )
    index: IndexStateResult


@tool(reads=["code"], timeout_s=TIMEOUT_S, profiles=[])
async def find_paths(
    call: ToolCall,
    from_node: NodeName,
    to_node: NodeName,
    through: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=1_000,
            description="Only ways through this, such as column:user_id; several of that name "
            "all count. A step that carries a field of that name (in a request, a message, a "
            "call of gRPC) is a way through it, however it is spelled.",
        ),
    ] = None,
    kinds: Annotated[
        list[EdgeKindName] | None,
        Field(
            min_length=1,
            max_length=20,
            description="Edges to follow; by default calls, references, reads, writes, depends_on, "
            "deployed_as, configured_by. Also owned_by, decided_by, caused_by, changed_with.",
        ),
    ] = None,
    direction: Annotated[
        FlowDirection,
        Field(
            description="flow: as data goes, from writers over tables to readers, from callers to "
            "callees; uses: from what depends to what it depends on; either: both ways."
        ),
    ] = "flow",
    max_depth: Annotated[int, Field(ge=1, le=12, description="Steps of one way.")] = 8,
    limit: Annotated[int, Field(ge=1, le=10, description="Ways to return.")] = 3,
    guesses: Annotated[
        bool, Field(description="Also follow edges that are guesses by a name alone.")
    ] = False,
    repo: RepositoryName | None = None,
) -> FindPathsResult:
    """How one thing leads to another over code, data, configuration and deployment, step by step.

    Ask it where a value flows from one service to another, what a table's change reaches, or why
    a service depends on another. Every step has a file and a line. An ambiguous name is answered
    with candidates; no path is answered with how many calls nobody could resolve. Prefer
    trace_symbol_dependencies for callers of one symbol. Refuses edge kinds that do not exist.
    """
    unknown = sorted(set(kinds or ()) - _KINDS)
    if unknown:
        raise InvalidArgumentError(
            f"there is no kind of edge {unknown[0]!r}",
            remedy=f"use some of: {', '.join(sorted(_KINDS))}",
        )
    repository, graph = await _graph(call, repo, [from_node, to_node])
    index = await _index_state(call, repository)
    ends = {"from_node": graph.find(from_node), "to_node": graph.find(to_node)}
    for argument, name in (("from_node", from_node), ("to_node", to_node)):
        if not ends[argument]:
            raise NotFoundError(
                f"nothing in {repository.name} is called {name!r}",
                remedy="list what there is, such as: query_graph MATCH (n:service) RETURN n.name",
            )
    candidates = [*_candidates(graph, "from_node", ends), *_candidates(graph, "to_node", ends)]
    if candidates:
        return FindPathsResult(
            paths=[],
            explanation="a name means several things; ask for one of the candidates",
            candidates=candidates,
            n_unresolved=0,
            truncated=False,
            index=index,
        )
    middle = graph.find(through) if through is not None else None
    field = None if through is None else _field_of(through)
    if middle == [] and field not in graph.carried:
        raise NotFoundError(
            f"nothing in {repository.name} is called {through!r}", remedy="leave out `through`"
        )
    question = Question(
        frozenset(ends["from_node"]),
        frozenset(ends["to_node"]),
        None if middle is None else frozenset(middle),
        accepted_kinds(kinds),
        direction,
        max_depth,
        limit,
        guesses,
        field,
    )
    found = await asyncio.to_thread(_search, graph, question)
    return _paths_result(graph, question, found, index)


@tool(reads=["code"], timeout_s=TIMEOUT_S, profiles=[])
async def query_graph(
    call: ToolCall,
    query: Annotated[
        str,
        Field(
            min_length=1,
            max_length=4_000,
            description="MATCH (a:kind {name: 'x'})-[r:kind|kind*1..3]->(b)[, more patterns] "
            "[WHERE a.path STARTS WITH 'x' AND NOT (b.name CONTAINS 'y' OR r.line > 3)] "
            "RETURN [DISTINCT] a.name, type(r), count(*) [AS n] [ORDER BY n DESC] [SKIP n] "
            f"[LIMIT n], at most {MAX_LIMIT} rows, {DEFAULT_LIMIT} by default.",
        ),
    ],
    repo: RepositoryName | None = None,
) -> QueryGraphResult:
    """Read the graph of code, data, deployment, decisions, owners and history by a query.

    A small read-only part of openCypher: MATCH, WHERE, RETURN, ORDER BY, SKIP, LIMIT. Node kinds:
    module, class, function, method, interface, table, column, index, migration, service,
    deployment, config_map, secret, ingress, cron_job, resource, env_var, feature_flag, adr, rfc,
    runbook, changelog, incident, endpoint, rpc, topic, owner, team, commit, file, directory. Edge
    kinds: calls, imports,
    inherits, implements, overrides, references, constructs, decorates, reads, writes, depends_on,
    owned_by, caused_by, decided_by, deployed_as, configured_by, changed_with, contains. Properties
    of both: path, line, tier, confidence, rule; of nodes also name, kind, end_line. Source files
    that are code are of kind module. Refuses what the form does not know, saying where.
    """
    parsed = parse_query(query)
    repository, graph = await _graph(call, repo, [])
    answer: Answer = await asyncio.to_thread(run_query, graph, parsed)
    return QueryGraphResult(
        columns=list(answer.columns),
        rows=[list(row) for row in answer.rows],
        truncated=answer.cut_by is not None,
        cut_by=answer.cut_by,
        index=await _index_state(call, repository),
    )


async def _graph(
    call: ToolCall, repo: str | None, names: Sequence[str]
) -> tuple[Repository, KnowledgeGraph]:
    """The repository that is asked about; of several, the only one that has all the names."""
    repositories = await call.service(Memory).catalog.select(repo)
    knowledge = call.service(KnowledgeBase)
    if len(repositories) == 1:
        return repositories[0], await knowledge.graph(repositories[0])
    fitting = []
    for repository in repositories if names else ():
        graph = await knowledge.graph(repository)
        if all(graph.find(name) for name in names):
            fitting.append((repository, graph))
    if len(fitting) != 1:
        some = ", ".join(each.name for each, _ in fitting) or "each one or none"
        raise InvalidArgumentError(
            f"several repositories are indexed, and the question fits {some}",
            remedy="name one by `repo`",
        )
    return fitting[0]


async def _index_state(call: ToolCall, repository: Repository) -> IndexStateResult:
    head = await call.service(Memory).freshness.head(repository.root)
    return IndexStateResult.of(IndexState(repository, head != repository.commit))


def _field_of(through: str) -> str:
    return plain_field(through.rpartition(":")[2].rpartition(".")[2])


def _search(graph: KnowledgeGraph, question: Question) -> Paths:
    """Ways to the goal; where none leads through what was asked for, ways into it at the goal."""
    found = search_paths(graph, question)
    if found.paths or question.through is None:
        return found
    into = find_paths_into(graph, question)
    return into if into.paths else found


def _candidates(
    graph: KnowledgeGraph,
    argument: Literal["from_node", "to_node"],
    ends: dict[str, list[int]],
) -> list[CandidateResult]:
    found = ends[argument]
    if len(found) < 2:
        return []
    return [
        CandidateResult(
            **_node_result(graph, position).model_dump(),
            argument=argument,
            ask_for=_ask_for(graph, position),
        )
        for position in found[:MAX_CANDIDATES]
    ]


def _ask_for(graph: KnowledgeGraph, position: int) -> str:
    node = graph.node(position)
    return f"{node.path}:{node.line}" if graph.is_code(position) else node.label


def _node_result(graph: KnowledgeGraph, position: int) -> GraphNodeResult:
    node = graph.node(position)
    return GraphNodeResult(
        name=node.name,
        kind=node.kind,
        path=node.path,
        start_line=node.line,
        end_line=node.end_line,
    )


def _paths_result(
    graph: KnowledgeGraph, question: Question, found: Paths, index: IndexStateResult
) -> FindPathsResult:
    n_unresolved = unresolved_among(graph, found.reached)
    paths = [_path_result(graph, hops) for hops in found.paths]
    if paths:
        first = " -> ".join(node.name for node in paths[0].nodes)
        explanation = f"{len(paths)} found; the best: {first}"
    else:
        limits = "the search was cut by its limits; " if found.is_cut else ""
        explanation = (
            f"{limits}no path within depth {question.max_depth} over "
            f"{', '.join(sorted(question.kinds))}; {len(found.reached)} nodes were reached, and "
            f"{n_unresolved} calls in them have an unknown target"
        )
    return FindPathsResult(
        paths=paths,
        explanation=explanation,
        candidates=[],
        n_unresolved=n_unresolved,
        truncated=found.is_cut,
        index=index,
    )


def _path_result(graph: KnowledgeGraph, hops: Sequence[Hop]) -> PathResult:
    positions = [hops[0].start, *(hop.end for hop in hops)]
    return PathResult(
        hops=[_hop_result(graph, hop) for hop in hops],
        nodes=[_node_result(graph, position) for position in positions],
        confidence=round(prod(hop.link.confidence for hop in hops), 3),
    )


def _hop_result(graph: KnowledgeGraph, hop: Hop) -> HopResult:
    return HopResult(
        source=graph.node(hop.start).label,
        target=graph.node(hop.end).label,
        kind=hop.link.kind,
        direction="forward" if hop.is_forward else "backward",
        path=hop.link.path,
        line=hop.link.line,
        tier=hop.link.tier,
        confidence=hop.link.confidence,
        rule=hop.link.rule,
        carries=[name for name in hop.link.carries.split(",") if name],
    )
