"""What calls give: functions and classes of the repository, and built-ins over containers.

Above: the evaluator. Below: containers, and what functions return.
"""

from __future__ import annotations

from agentos_memory.expressions import Attribute, Call, Expression, Name
from agentos_memory.resolution.containers import Containers
from agentos_memory.resolution.hierarchy import Hierarchy
from agentos_memory.resolution.program import Entity
from agentos_memory.resolution.recursion import Recursion
from agentos_memory.resolution.returns import Returns
from agentos_memory.resolution.scopes import find_holder, find_method
from agentos_memory.resolution.signatures import Signatures
from agentos_memory.resolution.values import (
    BoundMethod,
    ClassValue,
    Elements,
    External,
    FunctionValue,
    Instance,
    MappedValues,
    Parts,
    Signature,
    Super,
    Value,
    Values,
    external,
    instance_of,
    union,
)

SEQUENCE_COPIES = frozenset({"list", "sorted", "reversed", "tuple", "set", "frozenset", "iter"})
# What they give may be anything, also something of the repository.
OPEN_BUILTINS = frozenset({"getattr", "eval", "map", "sum", "vars", "globals", "locals"})
# They give what they are given first, or a copy or a call of it.
HANDED_ON = frozenset({
    "functools.partial", "functools.partialmethod", "copy.copy", "copy.deepcopy",
    "dataclasses.replace",
})  # fmt: skip
ITEM_METHODS = frozenset({"get", "pop", "setdefault", "popleft", "at", "shift"})


class Calls:
    """Evaluates calls."""

    def __init__(
        self,
        hierarchy: Hierarchy,
        containers: Containers,
        returns: Returns,
        signatures: Signatures,
        recursion: Recursion,
    ) -> None:
        self._signatures = signatures
        self._hierarchy = hierarchy
        self._containers = containers
        self._returns = returns
        self._recursion = recursion

    def result(self, call: Call, scope: Entity) -> Values:
        """What the call gives, seen from `scope`."""
        if call.function == Name("super") and scope.analysis.language == "python":
            return _python_super(scope)
        builtin = self._of_builtin(call, scope)
        if builtin is not None:
            return builtin
        items = self._of_container_method(call.function, scope)
        called = self._recursion.evaluate(call.function, scope)
        if call.arguments and any(_hands_on(each) for each in called):
            return self._recursion.evaluate(call.arguments[0], scope)
        results = (self._of_value(each) for each in called)
        return union((items, *results)) if items else union(results)

    def _of_builtin(self, call: Call, scope: Entity) -> Values | None:
        if not isinstance(call.function, Name):
            return None
        name = call.function.identifier
        is_known = name in OPEN_BUILTINS or call.arguments
        if not is_known or find_holder(name, scope) is not None:
            return None
        if name in OPEN_BUILTINS:
            return ()
        evaluate, iterated = self._recursion.evaluate, self._containers.iterated
        argument = evaluate(call.arguments[0], scope)
        if name in SEQUENCE_COPIES:
            return argument or (Elements(()),)
        if name == "next":
            return union(map(iterated, argument))
        if name in ("max", "min"):
            given = [evaluate(each, scope) for each in call.arguments]
            return union(given if len(given) > 1 else map(iterated, argument))
        if name == "filter" and len(call.arguments) == 2:
            return (Elements(union(map(iterated, evaluate(call.arguments[1], scope)))),)
        if name == "enumerate":
            counted = Parts(((External("int"),), union(map(iterated, argument))))
            return (Elements((counted,)),)
        if name == "zip":
            columns = (evaluate(each, scope) for each in call.arguments)
            row = Parts(tuple(union(map(iterated, column)) for column in columns))
            return (Elements((row,)),)
        if name == "type" and len(call.arguments) == 1:
            return tuple(ClassValue(v.entity) for v in argument if isinstance(v, Instance))
        return None

    def _of_container_method(self, function: Expression, scope: Entity) -> Values:
        if not isinstance(function, Attribute):
            return ()
        groups: list[Values] = []
        for value in self._recursion.evaluate(function.value, scope):
            if not isinstance(value, Elements | MappedValues):
                continue
            if function.name in ITEM_METHODS:
                groups.append(value.items)
            elif function.name == "values":
                groups.append((Elements(value.items),))
            elif function.name == "items" and isinstance(value, MappedValues):
                groups.append((Elements((Parts((value.keys, value.items)),)),))
            elif function.name == "copy":
                groups.append((value,))
        return union(groups)

    def _of_value(self, called: Value) -> Values:
        match called:
            case ClassValue(entity):
                return instance_of(entity)
            case FunctionValue(entity) if entity.attributes:
                # A constructor of JavaScript, whose prototype has members.
                return (Instance(entity),)
            case FunctionValue(entity):
                return self._returns.of(entity, None)
            case BoundMethod(entity, receiver):
                return self._returns.of(entity, receiver)
            case Instance(entity):
                method = self._hierarchy.find_method(entity, "__call__")
                if method is None:
                    return self._signatures.result(called)
                return self._returns.of(method, called)
            case Signature():
                return self._signatures.result(called)
            case External(name):
                return external(f"{name}()")
            case _:
                return ()


def _hands_on(value: Value) -> bool:
    return isinstance(value, External) and value.name in HANDED_ON


def _python_super(scope: Entity) -> Values:
    method = find_method(scope)
    return (Super(method.owner),) if method is not None and method.owner is not None else ()
