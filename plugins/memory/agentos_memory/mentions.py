"""The names that expressions mention, which say what a change elsewhere can touch.

Above: outlines of files, the stored form of facts, which meets every expression anyway. Below:
expressions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, get_args

from agentos_memory.expressions import Attribute, Defined, Expression, Name

_FIELDS: Mapping[type[Any], tuple[str, ...]] = {
    kind: tuple(field.name for field in fields(kind)) for kind in get_args(Expression)
}


@dataclass(frozen=True, slots=True)
class Mentions:
    """Names that expressions look up where they stand, and those they look up on something."""

    bare: frozenset[str]
    attributes: frozenset[str]


def mentions_in(expressions: Iterable[Expression]) -> Mentions:
    """Every name and attribute in the expressions, at any depth."""
    bare: set[str] = set()
    attributes: set[str] = set()
    # Shared expressions are looked into once.
    seen: dict[int, Expression] = {}
    pending: list[Any] = list(expressions)
    while pending:
        each = pending.pop()
        kind = type(each)
        if kind is Name:
            bare.add(each.identifier)
        elif kind is tuple:
            pending.extend(each)
        elif kind in _FIELDS and id(each) not in seen:
            seen[id(each)] = each
            if kind is Attribute:
                attributes.add(each.name)
                pending.append(each.value)
                continue
            if kind is Defined:
                attributes.add(last_part(each.qualified_name))
            pending.extend([getattr(each, name) for name in _FIELDS[kind]])
    return Mentions(frozenset(bare), frozenset(attributes))


def last_part(qualified_name: str) -> str:
    """The name under which an attribute reaches what is defined."""
    return qualified_name.rpartition(".")[2]
