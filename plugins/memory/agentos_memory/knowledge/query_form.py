"""The query form: a small read-only part of openCypher, as plain values.

    MATCH (t:table {name: 'orders'})<-[r:reads|writes]-(f:function|method)-[:calls*1..3]->(g)
    WHERE f.path STARTS WITH 'billing/' AND NOT g.name CONTAINS 'test'
    RETURN DISTINCT f.name, type(r), r.line, count(*) ORDER BY f.name DESC SKIP 5 LIMIT 20

Nothing else of openCypher exists here: no CREATE, no parameters, no expressions but comparisons.
Above: parsing and execution. Below: nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

MAX_HOPS = 6
MAX_PATTERN_NODES = 8
MAX_ITEMS = 20
MAX_NESTING = 30
MAX_LIMIT = 200
DEFAULT_LIMIT = 50

Value: TypeAlias = str | int | float | bool | None
Operator: TypeAlias = Literal[
    "=", "<>", "<", "<=", ">", ">=", "STARTS WITH", "ENDS WITH", "CONTAINS", "IN", "IS NULL",
    "IS NOT NULL",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class NodePattern:
    """A node: any of `kinds` (empty: all), with properties that are equal."""

    variable: str
    kinds: frozenset[str]
    properties: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class EdgePattern:
    """An edge of any of `kinds`; from left to right, or the other way, or both."""

    variable: str
    kinds: frozenset[str]
    goes_right: bool
    goes_left: bool
    shortest: int = 1
    longest: int = 1


@dataclass(frozen=True, slots=True)
class PathPattern:
    """Nodes with the edges between them."""

    nodes: tuple[NodePattern, ...]
    edges: tuple[EdgePattern, ...]


@dataclass(frozen=True, slots=True)
class Property:
    """`variable.name`; `type(r)` is the property `kind` of an edge."""

    variable: str
    name: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A property compared with a value, a list of values, or another property."""

    left: Property
    operator: Operator
    right: Value | tuple[Value, ...] | Property


@dataclass(frozen=True, slots=True)
class Combination:
    """AND, OR or NOT of conditions."""

    operator: Literal["AND", "OR", "NOT"]
    parts: tuple[Condition, ...]


Condition: TypeAlias = Comparison | Combination


@dataclass(frozen=True, slots=True)
class Item:
    """One column of the answer: a property, or a count (of rows where `counted` is None)."""

    label: str
    property: Property | None
    is_count: bool = False
    is_distinct: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query; `order` holds columns by position and whether they descend."""

    patterns: tuple[PathPattern, ...]
    condition: Condition | None
    items: tuple[Item, ...]
    is_distinct: bool
    order: tuple[tuple[int, bool], ...]
    skip: int
    limit: int
