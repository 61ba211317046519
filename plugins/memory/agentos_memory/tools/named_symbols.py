"""The symbols that the words of a call name, for the tools that start from one.

Above: the tools over the symbol graph. Below: the catalogue's resident graphs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, Field

from agentos import NotFoundError
from agentos_memory.definition import Definition
from agentos_memory.generations import Repository
from agentos_memory.graph import SymbolGraph
from agentos_memory.memory import Memory
from agentos_memory.search import IndexState
from agentos_memory.tools.code import IS_TEST, IndexStateResult

MAX_CANDIDATES = 20

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
    is_test: bool = Field(default=False, description=IS_TEST)

    @classmethod
    def of(cls, repository: Repository, definition: Definition) -> SymbolResult:
        """The wire form."""
        return cls(repo=repository.name, **place_of(definition))


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
            # One more than is shown says that there are several.
            candidates = [
                SymbolResult.of(repository, graph.definitions[p])
                for p in sorted(distinct.values())[: MAX_CANDIDATES + 1]
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


def place_of(definition: Definition) -> dict[str, Any]:
    """The fields that say where a definition is."""
    return {
        "symbol": definition.qualified_name,
        "kind": definition.kind,
        "path": definition.path,
        "start_line": definition.start_line,
        "end_line": definition.end_line,
        "is_test": definition.is_test,
    }
