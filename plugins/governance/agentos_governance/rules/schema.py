"""Which facts a policy may ask for, of which types: checked when it is compiled and when it runs.

Above: the checker and the compiler; whoever collects facts. Below: nothing.
A fact that is not there, or not of its type, is missing, and a rule that needs it denies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from agentos import InvalidArgumentError, Role
from agentos_governance.rules.tree import CAPABILITIES

MAX_ATTRIBUTES = 500
_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
_MAX_NAME = 100


class FactType(StrEnum):
    """The type of a fact."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    """An `int`."""
    NUMBER = "number"
    """A finite `int`, `Decimal` or `float`; a float is the decimal number that it prints as."""
    TEXT = "text"
    PATH = "path"
    """Text that MATCHES by path globs, where `*` stays inside one folder."""
    TEXTS = "set of text"
    """A set, frozenset, list or tuple of text; asked with `"x" IN name`."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A declared fact: its type, what it says, and when it may be missing."""

    type: FactType
    description: str
    may_be_missing: bool = False
    values: tuple[str, ...] = ()
    """The only values there are, of a text; other text is refused in policies and at run time."""

    def problem_of(self, value: object) -> str | None:
        """Why a value cannot be used as this fact; None where it can.

        Exact Python types: a subclass may compare in ways of its own.
        """
        kind = type(value)
        if kind not in _PYTHON_TYPES[self.type]:
            return f"is {_kind_of(value)}, not {_NOUNS[self.type]}"
        if self.type is FactType.NUMBER and not is_finite(value):
            return "is not a finite number"
        if self.type is FactType.TEXTS and not is_texts(value):
            return "holds something that is not text"
        if self.values and value not in self.values:
            return f"is none of {', '.join(self.values)}"
        return None


_PYTHON_TYPES: Mapping[FactType, frozenset[type]] = {
    FactType.BOOLEAN: frozenset({bool}),
    FactType.INTEGER: frozenset({int}),
    FactType.NUMBER: frozenset({int, float, Decimal}),
    FactType.TEXT: frozenset({str}),
    FactType.PATH: frozenset({str}),
    FactType.TEXTS: frozenset({frozenset, set, list, tuple}),
}
_NOUNS = {
    FactType.BOOLEAN: "a boolean",
    FactType.INTEGER: "an integer",
    FactType.NUMBER: "a number",
    FactType.TEXT: "text",
    FactType.PATH: "text",
    FactType.TEXTS: "a set of text",
}


def is_finite(value: Any) -> bool:
    """Whether a number is neither infinite nor NaN."""
    return value.is_finite() if type(value) is Decimal else -_INFINITY < value < _INFINITY


def is_texts(value: Any) -> bool:
    """Whether every member of a collection is text."""
    return {*map(type, value)} <= {str}


_INFINITY = float("inf")


def _kind_of(value: object) -> str:
    return "missing" if value is None else type(value).__name__


@dataclass(frozen=True, slots=True)
class Schema:
    """The facts that policies may name. Immutable; `extended` makes a larger one."""

    facts: Mapping[str, Fact] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.facts) > MAX_ATTRIBUTES:
            raise InvalidArgumentError(f"a schema has at most {MAX_ATTRIBUTES} facts")
        for name, fact in self.facts.items():
            _check_name(name)
            if fact.values and fact.type is not FactType.TEXT:
                raise InvalidArgumentError(f"fact {name}: only text lists its values")
        object.__setattr__(self, "facts", MappingProxyType(dict(self.facts)))

    def extended(self, facts: Mapping[str, Fact]) -> Schema:
        """This schema with a deployment's own facts; InvalidArgumentError where a name is taken."""
        taken = sorted(facts.keys() & self.facts.keys())
        if taken:
            raise InvalidArgumentError(f"fact {taken[0]} is declared already; choose another name")
        return Schema({**self.facts, **facts})

    def problem_of(self, name: str, value: object) -> str | None:
        """Why a value cannot stand for the named fact; None where it can."""
        fact = self.facts.get(name)
        return "is not declared" if fact is None else fact.problem_of(value)


def _check_name(name: str) -> None:
    if len(name) > _MAX_NAME or not _NAME.fullmatch(name):
        raise InvalidArgumentError(
            f"fact {name[:_MAX_NAME]!r}: names are lower case, dotted, at most {_MAX_NAME} characters"
        )
    if name in {"true", "false"}:
        raise InvalidArgumentError(f"fact {name}: {name} is a value")


def _boolean(description: str) -> Fact:
    return Fact(FactType.BOOLEAN, description)


def _text(description: str, *, values: tuple[str, ...] = (), may_be_missing: bool = False) -> Fact:
    return Fact(FactType.TEXT, description, may_be_missing, values)


def _number(description: str, type_: FactType = FactType.NUMBER) -> Fact:
    return Fact(type_, description, may_be_missing=True)


WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

DEFAULT_SCHEMA = Schema(
    {
        "tool": _text("Name of the tool: `run_command`, or a client's own such as `Bash`"),
        "tool.writes": _boolean("Whether the tool changes anything"),
        "tool.reads": _boolean("Whether the tool declares something that it reads"),
        "tool.destructive": _boolean("Whether the tool may destroy what cannot be restored"),
        "tool.idempotent": _boolean("Whether calling it twice is the same as calling it once"),
        "tool.capabilities": Fact(
            FactType.TEXTS, "Capability names that the tool declares to read or write"
        ),
        "capability": _text("What the call does", values=CAPABILITIES),
        "path": Fact(
            FactType.PATH,
            "A path the call names, relative to the repository root; empty where it names none",
        ),
        "command": _text("The shell command the call runs; empty where it runs none"),
        "program": _text("The program that the command starts; empty where it runs none"),
        "role": _text("Role of the caller", values=tuple(role.value for role in Role)),
        "worker": _text("Name of the caller"),
        "person": _text("The person answerable for the caller; empty where none is known"),
        "edge": _text("Where the call came in, such as `stdio`, `http` or `cli`"),
        "work_order": _text("Id of the work order the call belongs to; empty where to none"),
        "phase": _text("Phase of the work order; empty where it has none"),
        "repo": _text("Repository of the work order; empty where it has none"),
        "branch": _text("Branch of the work order's workspace; empty where it has none"),
        "contract_version": _text("Version of the contract in force; empty where there is none"),
        "attempt": _number("Which claim of the work order this is, from 1", FactType.INTEGER),
        "risk_score": _number("Risk of the call from its declared factors, 0 to 1"),
        "spent_usd": _number("What the work order has cost so far, in USD"),
        "budget_usd": _number("Cost budget of the work order, in USD"),
        "file_bytes": _number("Size of the file at `path` before the call", FactType.INTEGER),
        "hour": Fact(FactType.INTEGER, "Hour of the day in UTC, 0 to 23"),
        "weekday": _text("Day of the week in UTC", values=WEEKDAYS),
    }
)
"""The facts of every call; `docs/policies.md` has the same table."""
