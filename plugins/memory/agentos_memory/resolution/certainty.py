"""How sure it is what a name or an attribute means: the tier and the rule of an edge.

Above: the writers of edges. Below: the evaluator and scopes.
"""

from __future__ import annotations

from agentos_memory.expressions import Attribute, Call, Expression, Name
from agentos_memory.model import Import, Tier
from agentos_memory.resolution.evaluation import Evaluator
from agentos_memory.resolution.program import Definition, Entity, Receiver
from agentos_memory.resolution.scopes import find_holder
from agentos_memory.resolution.values import ClassValue, ModuleValue, Values

Certainty = tuple[Tier, str]
_SUPER = Name("super")


class Certainties:
    """Says which step decided what an expression is."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluate = evaluator.evaluate

    def of(self, expression: Expression, scope: Entity) -> Certainty:
        """`exact` where names and imports alone decide, `typed` where a type was inferred."""
        if isinstance(expression, Name):
            return _name_certainty(expression.identifier, scope)
        if not isinstance(expression, Attribute):
            return "typed", "value"
        owner = expression.value
        if isinstance(owner, Name):
            if owner.identifier in ("this", "super"):
                return "exact", owner.identifier
            return self._owner_certainty(owner, scope)
        if isinstance(owner, Call) and owner.function == _SUPER:
            return "exact", "super"
        return _value_certainty(self._evaluate(owner, scope))

    def _owner_certainty(self, owner: Name, scope: Entity) -> Certainty:
        definitions = _definitions(owner.identifier, scope)
        if any(isinstance(each, Receiver) for each in definitions):
            return ("exact", "self") if len(definitions) == 1 else ("typed", "self")
        if all(isinstance(each, Entity | Import) for each in definitions):
            return _value_certainty(self._evaluate(owner, scope))
        return "typed", "receiver type"


def _definitions(name: str, scope: Entity) -> list[Definition]:
    holder = find_holder(name, scope)
    return holder.names[name] if holder is not None else []


def _name_certainty(name: str, scope: Entity) -> Certainty:
    definitions = _definitions(name, scope)
    if not definitions:
        return "exact", "star import" if scope.module.names.get("") else "scope"
    if all(isinstance(each, Entity) for each in definitions):
        return "exact", "scope"
    if all(isinstance(each, Entity | Import) for each in definitions):
        return "exact", "import"
    return "typed", "value"


def _value_certainty(owners: Values) -> Certainty:
    if owners and all(isinstance(owner, ModuleValue) for owner in owners):
        return "exact", "module member"
    if owners and all(isinstance(owner, ClassValue) for owner in owners):
        return "exact", "class member"
    return "typed", "receiver type"
