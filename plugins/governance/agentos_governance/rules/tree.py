"""What a policy says, as immutable values with source positions: the abstract syntax tree.

Above: the parser builds it; printer, checker, compiler and difference read it. Below: nothing.
Two trees are equal when they say the same in the same words, wherever it stands in the source.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Literal as Choice
from typing import NamedTuple

from agentos_governance.contracts.globs import compile_glob

CAPABILITIES = ("read", "write", "execute", "network")
EVERYTHING = ("operation", "any")
"""Words for every call, whatever its tool."""
UNIT_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

TargetKind = Choice["any", "capability", "tool"]
Moment = Choice["claim", "creation"]
Period = Choice["claim", "work_order"]
Verb = Choice["ALLOW", "DENY", "ASK"]
TextOperator = Choice["MATCHES", "STARTS WITH", "ENDS WITH"]


class Span(NamedTuple):
    """Where something stands: line and column count from 1, length in characters of that line."""

    line: int
    column: int
    length: int = 1


NOWHERE = Span(1, 1)


class Target(NamedTuple):
    """Which calls: every call, those of a capability, or those of tools by name or glob."""

    kind: TargetKind
    pattern: str = ""
    """The capability, or the tool name or glob; of `any` calls the word it was written with."""

    def matches(self, tool: str, capability: str) -> bool:
        """Whether a call of this tool with this capability is meant."""
        if self.kind == "any":
            return True
        if self.kind == "capability":
            return capability == self.pattern
        return tool_glob(self.pattern)(tool)


EVERY_CALL = Target("any")
"""The target of a rule that names none."""

tool_glob = lru_cache(maxsize=4_096)(compile_glob)
"""Whether a tool name matches a glob, as in a contract's `allowed_tools`."""


class Duration(NamedTuple):
    """A span of time as it was written: `60s` and `1m` are the same time in other words."""

    amount: int
    unit: str

    @property
    def seconds(self) -> int:
        """Its length in seconds."""
        return self.amount * UNIT_SECONDS[self.unit]

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}"


class HistoryQuery(NamedTuple):
    """How many earlier calls of a kind were admitted under the work order; answered by a count."""

    kind: TargetKind
    pattern: str
    """A capability, or a tool name or glob; empty for `any`."""
    since: Moment | int
    """The current claim, the work order's creation, or a number of seconds before now."""

    def matches(self, tool: str, capability: str) -> bool:
        """Whether a call of this tool with this capability is counted."""
        return Target(self.kind, self.pattern).matches(tool, capability)

    @property
    def text(self) -> str:
        """The question for people, such as `count(run_command) SINCE claim`."""
        since = f"{self.since}s" if isinstance(self.since, int) else self.since
        return f"count({self.pattern or 'any'}) SINCE {since}"


class ValueType(StrEnum):
    """The type of a constant in a policy."""

    BOOLEAN = "boolean"
    NUMBER = "number"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant; a number is an `int` where it is whole, else a normalised `Decimal`."""

    type: ValueType
    value: bool | int | Decimal | str
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Attribute:
    """A fact by its name; alone it is a condition if it is boolean."""

    name: str
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Count:
    """`count(target) SINCE ...`: how often it happened."""

    target: Target
    since: Moment | Duration
    span: Span = field(default=NOWHERE, compare=False)

    @property
    def query(self) -> HistoryQuery:
        """The question to the history."""
        return _query(self.target, self.since)


@dataclass(frozen=True, slots=True)
class Happened:
    """`happened(target) SINCE ...`: whether it happened at least once."""

    target: Target
    since: Moment | Duration
    span: Span = field(default=NOWHERE, compare=False)

    @property
    def query(self) -> HistoryQuery:
        """The question to the history; the same as of a count."""
        return _query(self.target, self.since)


def _query(target: Target, since: Moment | Duration) -> HistoryQuery:
    pattern = "" if target.kind == "any" else target.pattern
    return HistoryQuery(
        target.kind, pattern, since.seconds if isinstance(since, Duration) else since
    )


Operand = Attribute | Literal | Count


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left operator right` with one of == != < <= > >=."""

    operator: str
    left: Operand
    right: Operand
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Membership:
    """`item IN [...]`, or `item IN attribute` where the attribute is a set."""

    item: Operand
    collection: Attribute | tuple[Literal, ...]
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class TextTest:
    """`text MATCHES glob`, `text STARTS WITH text` or `text ENDS WITH text`."""

    operator: TextOperator
    subject: Attribute
    argument: Literal
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Has:
    """`has(attribute)`: whether the fact is there and of its declared type."""

    attribute: Attribute
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary of a condition."""

    operand: Condition
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class And:
    """All of at least two conditions, asked from left to right until one does not hold."""

    operands: tuple[Condition, ...]
    span: Span = field(default=NOWHERE, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "operands", tuple(_flattened(And, self.operands)))


@dataclass(frozen=True, slots=True)
class Or:
    """Any of at least two conditions, asked from left to right until one holds."""

    operands: tuple[Condition, ...]
    span: Span = field(default=NOWHERE, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "operands", tuple(_flattened(Or, self.operands)))


Condition = (
    And | Or | Not | Comparison | Membership | TextTest | Has | Happened | Attribute | Literal
)


def _flattened(kind: type[And | Or], terms: tuple[Condition, ...]) -> Iterator[Condition]:
    """The terms without nesting of the same kind, so that equal meaning prints equally."""
    for term in terms:
        if isinstance(term, kind):
            yield from term.operands
        else:
            yield term


@dataclass(frozen=True, slots=True)
class Rule:
    """ALLOW, DENY or ASK for the calls that the target and the condition describe."""

    verb: Verb
    target: Target = EVERY_CALL
    condition: Condition | None = None
    reason: str | None = None
    id: str | None = None
    comment: str | None = None
    """What stands behind `#` on the statement's last line."""
    blank_before: bool = False
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class LimitRule:
    """LIMIT: at most so many admitted calls of a kind in a period."""

    target: Target
    max_calls: int
    per: Period | Duration
    condition: Condition | None = None
    reason: str | None = None
    id: str | None = None
    comment: str | None = None
    blank_before: bool = False
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on a line of its own; `text` is what stands behind `#`."""

    text: str
    blank_before: bool = False
    span: Span = field(default=NOWHERE, compare=False)


Statement = Rule | LimitRule


@dataclass(frozen=True, slots=True)
class Policy:
    """A parsed policy: statements and comments in the order of the source."""

    items: tuple[Statement | Comment, ...]
    source: str = field(default="policy", compare=False)
    """What errors and decisions call it: a file name, or where it came from."""
    text: str = field(default="", compare=False, repr=False)

    @property
    def statements(self) -> tuple[Statement, ...]:
        """The rules and limits, in the order of the source."""
        return tuple(item for item in self.items if not isinstance(item, Comment))


def rule_id(statement: Statement, ordinal: int) -> str:
    """The id a decision names: the written one, else `#` and the statement's number from 1."""
    return statement.id if statement.id is not None else f"#{ordinal}"


def tests_of(condition: Condition | None) -> Iterator[Condition]:
    """The conditions that are not made of others, from left to right."""
    if isinstance(condition, And | Or):
        for operand in condition.operands:
            yield from tests_of(operand)
    elif isinstance(condition, Not):
        yield from tests_of(condition.operand)
    elif condition is not None:
        yield condition


def operands_of(test: Condition) -> Iterator[Operand | Happened]:
    """The facts, constants and questions of one test, from left to right."""
    if isinstance(test, Comparison):
        yield from (test.left, test.right)
    elif isinstance(test, Membership):
        yield test.item
        yield from (test.collection,) if isinstance(test.collection, Attribute) else test.collection
    elif isinstance(test, TextTest):
        yield from (test.subject, test.argument)
    elif isinstance(test, Has):
        yield test.attribute
    elif isinstance(test, Attribute | Literal | Happened):
        yield test


def attributes_of(statement: Statement) -> list[str]:
    """The facts a statement needs to be decided, its target's first, each once."""
    needed = {"capability": ["capability"], "tool": ["tool"], "any": []}[statement.target.kind]
    named = [
        operand.name
        for test in tests_of(statement.condition)
        for operand in operands_of(test)
        if isinstance(operand, Attribute)
    ]
    return list(dict.fromkeys([*needed, *named]))


def questions_of(statement: Statement) -> list[Count | Happened]:
    """The questions to the history that a statement asks."""
    return [
        operand
        for test in tests_of(statement.condition)
        for operand in operands_of(test)
        if isinstance(operand, Count | Happened)
    ]
