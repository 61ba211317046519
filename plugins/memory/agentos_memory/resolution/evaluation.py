"""Evaluation of expressions to values: one answer per expression and scope.

Flow-insensitive: a name holds whatever any of its bindings holds. Results are kept, and a cycle
yields nothing for the inner question. Above: edges. Below, each asked for its kind of expression:
names, attributes, calls, containers and annotations; they come back here through `recursion`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agentos_memory.expressions import (
    SPREAD,
    Attribute,
    Call,
    Choice,
    Defined,
    Element,
    Entered,
    Expression,
    FunctionType,
    Generic,
    Item,
    Literal,
    Name,
    Parameter,
    Record,
    Scoped,
    Sequence,
    Subscript,
    Typed,
    TypeOf,
    Unknown,
)
from agentos_memory.expressions import Mapping as MappingDisplay
from agentos_memory.identity import identity
from agentos_memory.model import Binding
from agentos_memory.resolution.annotations import AnnotationReader
from agentos_memory.resolution.attributes import Attributes
from agentos_memory.resolution.calls import Calls
from agentos_memory.resolution.containers import Containers
from agentos_memory.resolution.fixtures import Fixtures
from agentos_memory.resolution.hierarchy import Hierarchy
from agentos_memory.resolution.modules import ModuleIndex
from agentos_memory.resolution.names import Names
from agentos_memory.resolution.program import Entity, Program
from agentos_memory.resolution.returns import Returns
from agentos_memory.resolution.signatures import Signatures
from agentos_memory.resolution.surroundings import Surroundings
from agentos_memory.resolution.values import (
    ClassValue,
    Elements,
    FunctionValue,
    MappedValues,
    RecordValue,
    Value,
    Values,
    entity_itself,
    external,
    union,
)

# One level costs up to eleven Python frames of the thousand that the interpreter allows.
MAX_DEPTH = 60


class Evaluator:
    """Evaluates expressions of one program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.modules = ModuleIndex(program)
        self.hierarchy = Hierarchy(self._base_values)
        self.names = Names(self.modules, self)
        self.fixtures = Fixtures(program, self.modules, self.names, self.hierarchy)
        self._annotations = AnnotationReader(self.names, self)
        self._returns = Returns(self._annotations, self)
        self._attributes = Attributes(self.modules, self.names, self.hierarchy, self._returns)
        self.names.outside = Surroundings(
            self.modules.declared, self.modules.declared_imports, self.hierarchy, self._attributes
        ).find
        self._containers = Containers(self.hierarchy, self._returns)
        self._signatures = Signatures(
            self.names, self.hierarchy, self._annotations, self._containers, self
        )
        self._calls = Calls(self.hierarchy, self._containers, self._returns, self._signatures, self)
        self._open: set[tuple[int, Entity]] = set()
        self._depth = 0
        self._by_type: Mapping[type[Expression], Callable[..., Values]] = {
            Name: lambda name, scope: self.names.lookup(name.identifier, scope),
            Attribute: self._attribute,
            Call: self._calls.result,
            Literal: lambda literal, scope: external(literal.type_name),
            Choice: lambda choice, scope: self._any_of(choice.options, scope),
            Sequence: lambda each, scope: (Elements(self._any_of(each.elements, scope)),),
            MappingDisplay: self._mapping,
            Item: self._item,
            Subscript: self._subscript,
            Element: self._element,
            Entered: self._entered,
            Typed: lambda typed, scope: self._annotations.read(typed.annotation, scope),
            Unknown: lambda unknown, scope: (),
            FunctionType: self._annotations.read,
            Record: self._annotations.read,
            TypeOf: self._annotations.read,
            Generic: self._annotations.read,
            Scoped: self._annotations.read,
            Defined: self._defined,
            Parameter: self._signatures.parameter,
        }

    @property
    def is_exhausted(self) -> bool:
        """Whether questions are nested as deep as the stack allows."""
        return self._depth >= MAX_DEPTH

    def evaluate(self, expression: Expression, scope: Entity) -> Values:
        """What the expression may be, seen from `scope`; empty when nothing is known."""
        key = identity(expression)
        known = scope.evaluated.get(key)
        if known is not None:
            return known
        if self._depth >= MAX_DEPTH:
            return ()
        kind = type(expression)
        # Names and attributes are shared by all that mention them, so one may come up within
        # itself (`x = x.next`); what it is bound to is guarded by the binding.
        guard = None if kind is Name or kind is Attribute else (key, scope)
        if guard is not None:
            if guard in self._open:
                return ()
            self._open.add(guard)
        self._depth += 1
        try:
            values = self._by_type[kind](expression, scope)
        except RecursionError:
            # Imports and types nest without `evaluate`; such a question has no answer.
            if self._depth > 1:
                raise
            values = ()
        finally:
            self._depth -= 1
            if guard is not None:
                self._open.discard(guard)
        scope.evaluated[key] = values
        return values

    def named(self, name: str, scope: Entity) -> Values:
        """What a bare name means in `scope`; empty when nothing is known."""
        try:
            return self.names.lookup(name, scope)
        except RecursionError:
            return ()

    def bound(self, binding: Binding, holder: Entity) -> Values:
        """What the name holds that `binding` binds in `holder`."""
        # The parts of one class share what they bind, and may stand in several files.
        path = binding.evaluated_in.partition(":")[0]
        path = path if path in self.program.scopes else holder.symbol.path
        scope = self.program.entity(path, binding.evaluated_in)
        if binding.is_annotation:
            return self._annotations.read(binding.value, scope)
        if isinstance(binding.value, Unknown):
            return self._fixture_value(binding.name, holder)
        return self.evaluate(binding.value, scope)

    def _attribute(self, expression: Attribute, scope: Entity) -> Values:
        owners, name = self.evaluate(expression.value, scope), expression.name
        if len(owners) == 1:
            return self.member(owners[0], name)
        return union(self.member(owner, name) for owner in owners)

    def member(self, owner: Value, name: str) -> Values:
        """What `owner.name` is."""
        if isinstance(owner, RecordValue):
            return self._signatures.member(owner, name)
        return self._attributes.of(owner, name)

    def _defined(self, each: Defined, scope: Entity) -> Values:
        path = scope.symbol.path
        entity = self.program.scopes[path].get(each.qualified_name)
        return entity_itself(entity) if entity is not None else ()

    def _mapping(self, each: MappingDisplay, scope: Entity) -> Values:
        return (MappedValues(self._any_of(each.keys, scope), self._any_of(each.values, scope)),)

    def _item(self, item: Item, scope: Entity) -> Values:
        owners = self.evaluate(item.value, scope)
        return union(self._containers.part(each, item.index) for each in owners)

    def _subscript(self, subscript: Subscript, scope: Entity) -> Values:
        found = union(map(self._any_item, self.evaluate(subscript.value, scope)))
        if not subscript.indices or scope.analysis.language == "python":
            return found
        # A computed name reaches one of many functions; which one is not known.
        return tuple(v for v in found if not isinstance(v, FunctionValue | ClassValue))

    def _any_item(self, owner: Value) -> Values:
        if isinstance(owner, RecordValue):
            record = owner.record
            members = zip(record.names, record.values, strict=True)
            own = tuple(value for name, value in members if name != SPREAD)
            return self._any_of(own, owner.scope)
        return self._containers.item(owner)

    def _element(self, element: Element, scope: Entity) -> Values:
        return union(map(self._containers.iterated, self.evaluate(element.iterable, scope)))

    def _entered(self, entered: Entered, scope: Entity) -> Values:
        return union(map(self._containers.entered, self.evaluate(entered.context, scope)))

    def _any_of(self, expressions: tuple[Expression, ...], scope: Entity) -> Values:
        return union(self.evaluate(each, scope) for each in expressions)

    def _fixture_value(self, parameter: str, function: Entity) -> Values:
        fixture = self.fixtures.behind(function, parameter)
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
