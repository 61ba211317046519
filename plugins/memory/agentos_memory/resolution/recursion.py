"""The evaluator as its parts see it: the way back to the whole.

A name leads to an expression, which leads to further names; the parts ask through this protocol
and so need not import what is above them.
"""

from __future__ import annotations

from typing import Protocol

from agentos_memory.expressions import Expression
from agentos_memory.model import Binding
from agentos_memory.resolution.program import Entity
from agentos_memory.resolution.values import Value, Values


class Recursion(Protocol):
    """Questions that may come back to the one being answered; such a cycle gives nothing."""

    @property
    def is_exhausted(self) -> bool:
        """Whether questions are nested as deep as the stack allows."""
        ...

    def evaluate(self, expression: Expression, scope: Entity) -> Values:
        """What the expression may be, seen from `scope`."""
        ...

    def member(self, owner: Value, name: str) -> Values:
        """What `owner.name` is."""
        ...

    def bound(self, binding: Binding, holder: Entity) -> Values:
        """What the name holds that `binding` binds in `holder`."""
        ...
