"""Evaluation of expressions to values: one answer per expression and scope.

Flow-insensitive: a name holds whatever any of its bindings holds. Results are kept, and a cycle
yields nothing for the inner question. Above: edges. Below, each asked for its kind of expression:
names, attributes, calls, containers and annotations; they come back here through `recursion`.
"""

from __future__ import annotations

from agentos_memory.expressions import (
    Attribute,
    Call,
    Choice,
    Element,
    Entered,
    Expression,
    Item,
    Literal,
    Mapping,
    Name,
    Sequence,
    Subscript,
    Typed,
    Unknown,
)
from agentos_memory.model import Binding
from agentos_memory.resolution.annotations import AnnotationReader
from agentos_memory.resolution.attributes import Attributes
from agentos_memory.resolution.calls import Calls
from agentos_memory.resolution.containers import Containers
from agentos_memory.resolution.fixtures import fixture_function
from agentos_memory.resolution.hierarchy import Hierarchy
from agentos_memory.resolution.modules import ModuleIndex
from agentos_memory.resolution.names import Names
from agentos_memory.resolution.program import Entity, Program
from agentos_memory.resolution.returns import Returns
from agentos_memory.resolution.values import Elements, External, MappedValues, Values, union

# One level costs up to eleven Python frames of the thousand that the interpreter allows.
MAX_DEPTH = 60


class Evaluator:
    """Evaluates expressions of one program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.modules = ModuleIndex(program)
        self.hierarchy = Hierarchy(self._base_values)
        self.names = Names(self.modules, self)
        self._annotations = AnnotationReader(self.names, self)
        self._returns = Returns(self._annotations, self)
        self._attributes = Attributes(self.modules, self.names, self.hierarchy, self._returns)
        self._containers = Containers(self.hierarchy, self._returns)
        self._calls = Calls(self.hierarchy, self._containers, self._returns, self)
        self._known: dict[tuple[int, Entity], Values] = {}
        self._open: set[tuple[int, Entity]] = set()
        self._depth = 0

    @property
    def is_exhausted(self) -> bool:
        """Whether questions are nested as deep as the stack allows."""
        return self._depth >= MAX_DEPTH

    def evaluate(self, expression: Expression, scope: Entity) -> Values:
        """What the expression may be, seen from `scope`; empty when nothing is known."""
        # The expressions live as long as the program, so their ids are stable.
        key = (id(expression), scope)
        known = self._known.get(key)
        if known is not None:
            return known
        if key in self._open or self._depth >= MAX_DEPTH:
            return ()
        self._open.add(key)
        self._depth += 1
        try:
            values = self._evaluate(expression, scope)
        except RecursionError:
            # Imports and types nest without `evaluate`; such a question has no answer.
            if self._depth > 1:
                raise
            values = ()
        finally:
            self._depth -= 1
            self._open.discard(key)
        self._known[key] = values
        return values

    def named(self, name: str, scope: Entity) -> Values:
        """What a bare name means in `scope`; empty when nothing is known."""
        try:
            return self.names.lookup(name, scope)
        except RecursionError:
            return ()

    def bound(self, binding: Binding, holder: Entity) -> Values:
        """What the name holds that `binding` binds in `holder`."""
        scope = self.program.entity(holder.symbol.path, binding.evaluated_in)
        if binding.is_annotation:
            return self._annotations.read(binding.value, scope)
        if isinstance(binding.value, Unknown):
            return self._fixture_value(binding.name, holder)
        return self.evaluate(binding.value, scope)

    def _evaluate(self, expression: Expression, scope: Entity) -> Values:
        match expression:
            case Name(identifier):
                return self.names.lookup(identifier, scope)
            case Attribute(value, name):
                return union(self._attributes.of(v, name) for v in self.evaluate(value, scope))
            case Call():
                return self._calls.result(expression, scope)
            case Literal(type_name):
                return (External(type_name),)
            case Choice(options):
                return self._any_of(options, scope)
            case Sequence(elements):
                return (Elements(self._any_of(elements, scope)),)
            case Mapping(keys, values):
                return (MappedValues(self._any_of(keys, scope), self._any_of(values, scope)),)
            case Item(value, index):
                owners = self.evaluate(value, scope)
                return union(self._containers.part(each, index) for each in owners)
            case Subscript(value, _):
                return union(map(self._containers.item, self.evaluate(value, scope)))
            case Element(iterable):
                return union(map(self._containers.iterated, self.evaluate(iterable, scope)))
            case Entered(context):
                return union(map(self._containers.entered, self.evaluate(context, scope)))
            case Typed(annotation):
                return self._annotations.read(annotation, scope)
            case Unknown():
                return ()

    def _any_of(self, expressions: tuple[Expression, ...], scope: Entity) -> Values:
        return union(self.evaluate(each, scope) for each in expressions)

    def _fixture_value(self, parameter: str, function: Entity) -> Values:
        fixture = fixture_function(self.program, function, parameter)
        if fixture is None:
            return ()
        values = self._returns.of(fixture, None)
        return union(v.items if isinstance(v, Elements) else (v,) for v in values)

    def _base_values(self, entity: Entity) -> Values:
        scope = entity.parent or entity
        return union(
            self.evaluate(base.value if isinstance(base, Subscript) else base, scope)
            for facts in entity.classes
            for base in facts.bases
        )
