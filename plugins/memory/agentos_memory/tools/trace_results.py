"""What `trace_symbol_dependencies` answers with, as it goes over the wire.

Above: the tool. Below: the graph's relations and what language servers said about them.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from agentos_memory.adjacency import Relation
from agentos_memory.blast_radius import BlastRadius
from agentos_memory.graph import SymbolGraph
from agentos_memory.server_answers import RULE as SERVER_RULE
from agentos_memory.tools.code import IS_TEST, IndexStateResult
from agentos_memory.tools.named_symbols import SymbolResult
from agentos_memory.tools.wire import WireModel
from agentos_memory.verification import RULE, Verification


class NodeResult(BaseModel):
    """A reached definition and its distance."""

    symbol: str
    kind: str
    path: str
    start_line: int
    end_line: int
    is_test: bool = Field(default=False, description=IS_TEST)
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
        default=None,
        description="lsp: proven by a language server in this call; `language server NAME VERSION`: "
        "found by one in the background.",
    )

    @classmethod
    def of(cls, graph: SymbolGraph, relation: Relation, rule: str | None = None) -> EdgeResult:
        """The wire form; `rule` is what proved the relation in this call."""
        return cls(
            source=graph.definitions[relation.source].qualified_name,
            target=graph.definitions[relation.target].qualified_name,
            kind=relation.kind,
            path=relation.path,
            line=relation.line,
            confidence=relation.confidence,
            tier=relation.tier,
            rule=rule or (relation.rule if relation.rule.startswith(SERVER_RULE) else None),
        )


class VerificationResult(WireModel):
    """What a language server said about the direct callers, or callees."""

    server: str | None = Field(description="Null where none is installed for the language.")
    detail: str
    n_confirmed: int = Field(description="Calls that the index and the server agree on.")
    n_added: int = Field(description="Calls that only the server found.")
    n_removed: int = Field(description="Calls of the index that reach something else.")
    n_unresolved: int = Field(description="Calls that the server cannot resolve either.")
    n_unasked: int = Field(
        default=0, description="Calls that it was not asked about; there the index stands."
    )
    gave_up: str | None = Field(default=None, description="Why it was not asked about them.")

    @classmethod
    def of(cls, verified: Verification) -> VerificationResult:
        """The wire form."""
        if verified.server is None:
            detail = (
                f"no language server for {verified.language} is installed; "
                "the edges are the index's"
            )
        else:
            detail = (
                f"{verified.server} was asked about every direct call; edges with rule {RULE!r} are "
                "proven, others are calls about which it knows nothing"
            )
        return cls.taken_from(verified, detail=detail)


class RefinedResult(WireModel):
    """How far language servers have looked at the calls that the index left open."""

    done: int = Field(description="Open calls that were asked about.")
    waiting: int = Field(description="Open calls that are not asked about yet.")
    server: str = Field(description="The servers that are asked, by name.")
    failure: str | None = Field(description="Why it does not get on now; it is tried again.")


class TraceSummary(BaseModel):
    """Size of the whole answer, also where the lists are cut."""

    n_symbols: int
    n_files: int
    n_modules: int
    n_edges: int = 0


class BlastRadiusResult(WireModel):
    """What a change of the symbol may break: all that reaches it, at any depth, all counted.

    A class stands for its methods too, a module for its file; methods that override one count.
    """

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
        return cls.taken_from(
            radius,
            tests=[definitions[p].place for p in radius.tests],
            entry_points=[definitions[p].qualified_name for p in radius.entry_points],
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
    refined: RefinedResult | None = Field(
        default=None, description="Null where no language server works in the background."
    )
    truncated: bool
    index: IndexStateResult
