"""Evaluation of expressions to values: names, attributes, calls, containers.

Flow-insensitive: a name holds whatever any of its bindings holds. Results are kept, and a cycle
yields nothing for the inner question. `names` looks definitions up, `annotations` reads types,
`hierarchy` knows classes.
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
from agentos_memory.model import Binding, Import
from agentos_memory.resolution.annotations import AnnotationReader
from agentos_memory.resolution.fixtures import fixture_function
from agentos_memory.resolution.hierarchy import Hierarchy
from agentos_memory.resolution.modules import ModuleIndex
from agentos_memory.resolution.program import Definition, Entity, Program, Receiver
from agentos_memory.resolution.values import (
    BoundMethod,
    ClassValue,
    Elements,
    External,
    FunctionValue,
    Instance,
    MappedValues,
    ModuleValue,
    Namespace,
    Parts,
    SelfType,
    Super,
    Value,
    Values,
    union,
)

# One level costs up to eight Python frames.
MAX_DEPTH = 60
MAX_INFERRED_RETURNS = 6
SEQUENCE_COPIES = frozenset({"list", "sorted", "reversed", "tuple", "set", "frozenset", "iter"})
ITEM_METHODS = frozenset({"get", "pop", "setdefault", "popleft", "at", "shift"})


class Evaluator:
    """Evaluates expressions of one program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.modules = ModuleIndex(program)
        self.hierarchy = Hierarchy(self._base_values)
        self.annotations = AnnotationReader(self)
        self._known: dict[tuple[int, Entity], Values] = {}
        self._definitions: dict[int, Values] = {}
        self._returns: dict[tuple[Entity, Entity | None], Values] = {}
        self._open: set[object] = set()
        self._depth = 0

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
        finally:
            self._depth -= 1
            self._open.discard(key)
        self._known[key] = values
        return values

    def _evaluate(self, expression: Expression, scope: Entity) -> Values:
        match expression:
            case Name(identifier):
                return self.lookup(identifier, scope)
            case Attribute(value, name):
                return union(self.attribute(v, name) for v in self.evaluate(value, scope))
            case Call():
                return self._call(expression, scope)
            case Literal(type_name):
                return (External(type_name),)
            case Choice(options):
                return union(self.evaluate(option, scope) for option in options)
            case Sequence(elements):
                return (Elements(self._any_of(elements, scope)),)
            case Mapping(keys, values):
                return (MappedValues(self._any_of(keys, scope), self._any_of(values, scope)),)
            case Item(value, index):
                return union(self._part(each, index) for each in self.evaluate(value, scope))
            case Subscript(value, _):
                return union(self._item(each) for each in self.evaluate(value, scope))
            case Element(iterable):
                return union(self._iterated(each) for each in self.evaluate(iterable, scope))
            case Entered(context):
                return union(self._entered(each) for each in self.evaluate(context, scope))
            case Typed(annotation):
                return self.annotations.read(annotation, scope)
            case Unknown():
                return ()

    def _any_of(self, expressions: tuple[Expression, ...], scope: Entity) -> Values:
        return union(self.evaluate(each, scope) for each in expressions)

    # Names

    def lookup(self, name: str, scope: Entity) -> Values:
        """What a bare name means in `scope`: local, enclosing, module, star imports, outside."""
        holder = find_holder(name, scope)
        if holder is not None:
            return self._named_in(holder, name)
        if name in ("this", "super"):
            return self._script_receiver(name, scope)
        found = self._from_stars(_module_of(scope), name, set())
        return found if found is not None else (External(name),)

    def bindings_of(self, expression: Expression, scope: Entity) -> list[tuple[Binding, Entity]]:
        """The assignments behind a name, followed through imports, with their scopes."""
        match expression:
            case Name(identifier):
                holder = find_holder(identifier, scope)
                return self._bindings_in(holder, identifier, 0) if holder is not None else []
            case Attribute(value, name):
                modules = [v for v in self.evaluate(value, scope) if isinstance(v, ModuleValue)]
                return [b for m in modules for b in self._bindings_in(m.module, name, 0)]
            case _:
                return []

    def _bindings_in(self, holder: Entity, name: str, hops: int) -> list[tuple[Binding, Entity]]:
        found: list[tuple[Binding, Entity]] = []
        for definition in holder.names.get(name, []):
            if isinstance(definition, Binding):
                found.append((definition, holder))
            elif isinstance(definition, Import) and definition.name and hops < 8:
                module = self.modules.imported(definition, _module_of(holder))
                if module is not None:
                    found.extend(self._bindings_in(module, definition.name, hops + 1))
        return found

    def _named_in(self, holder: Entity, name: str) -> Values:
        definitions = holder.names.get(name, [])
        return union(self._definition(each, holder) for each in definitions)

    def _definition(self, definition: Definition, holder: Entity) -> Values:
        match definition:
            case Entity():
                return (_entity_value(definition),)
            case Receiver(method):
                return (_receiver_value(method),)
            case _:
                key = id(definition)
        if key in self._definitions:
            return self._definitions[key]
        if key in self._open:
            return ()
        self._open.add(key)
        try:
            values = (
                self._imported(definition, holder)
                if isinstance(definition, Import)
                else self._bound(definition, holder)
            )
        finally:
            self._open.discard(key)
        self._definitions[key] = values
        return values

    def _bound(self, binding: Binding, holder: Entity) -> Values:
        scope = self.program.entity(holder.symbol.path, binding.evaluated_in)
        if binding.is_annotation:
            return self.annotations.read(binding.value, scope)
        if isinstance(binding.value, Unknown):
            return self._fixture_value(binding.name, holder)
        return self.evaluate(binding.value, scope)

    def _imported(self, statement: Import, holder: Entity) -> Values:
        importer = _module_of(holder)
        if importer.analysis.language == "python" and statement.name is None:
            return self._imported_module(statement, importer)
        module = self.modules.imported(statement, importer)
        if module is not None:
            if statement.name is None:
                return (ModuleValue(module),)
            return self.member(module, statement.name)
        name = self.modules.absolute_name(statement, importer)
        dotted = f"{name}.{statement.name}"
        submodule = self.modules.python(dotted, importer)
        return (ModuleValue(submodule),) if submodule is not None else (External(dotted),)

    def _imported_module(self, statement: Import, importer: Entity) -> Values:
        first = statement.module.split(".", 1)[0]
        bound = first if statement.bound_name == first else statement.module
        module = self.modules.python(bound, importer)
        if module is not None:
            return (ModuleValue(module),)
        return (Namespace(bound),) if bound in self.modules.namespaces else (External(bound),)

    def member(self, module: Entity, name: str) -> Values:
        """What `module.name` is, re-exports and submodules included."""
        return self._member(module, name, set()) or ()

    def _member(self, module: Entity, name: str, seen: set[Entity]) -> Values | None:
        if module in seen:
            return None
        seen.add(module)
        if name in module.names:
            values = self._named_in(module, name)
            if values:
                return values
        dotted = f"{module.symbol.qualified_name}.{name}"
        if module.analysis.language == "python":
            submodule = self.modules.python(dotted, module)
            if submodule is not None and submodule is not module:
                return (ModuleValue(submodule),)
        return () if name in module.names else self._from_stars(module, name, seen)

    def _from_stars(self, module: Entity, name: str, seen: set[Entity]) -> Values | None:
        for statement in module.names.get("", []):
            if not isinstance(statement, Import):
                continue
            source = self.modules.imported(statement, module)
            found = self._member(source, name, seen) if source is not None else None
            if found is not None:
                return found
        return None

    def _script_receiver(self, name: str, scope: Entity) -> Values:
        method: Entity | None = scope
        while method is not None and method.owner is None:
            method = method.parent
        if method is None or method.owner is None:
            return ()
        return (Super(method.owner),) if name == "super" else (_receiver_value(method),)

    def _fixture_value(self, parameter: str, function: Entity) -> Values:
        fixture = fixture_function(self.program, function, parameter)
        if fixture is None:
            return ()
        values = self.returned(fixture, None)
        return union(v.items if isinstance(v, Elements) else (v,) for v in values)

    # Attributes

    def attribute(self, value: Value, name: str) -> Values:
        """What `value.name` is. A known class without it gives `External`, never a guess."""
        match value:
            case ModuleValue(module):
                return self.member(module, name)
            case Namespace(prefix):
                return self._in_namespace(f"{prefix}.{name}")
            case Instance(entity) | ClassValue(entity):
                return self._class_member(entity, name, value, self.hierarchy.order(entity))
            case Super(entity):
                return self._class_member(entity, name, value, self.hierarchy.order(entity)[1:])
            case External(owner):
                return (External(f"{owner}.{name}"),)
            case SelfType():
                return ()
            case _:
                return (External(name),)

    def _in_namespace(self, name: str) -> Values:
        module = self.modules.python(name, next(iter(self.program.modules.values())))
        if module is not None:
            return (ModuleValue(module),)
        return (Namespace(name),) if name in self.modules.namespaces else (External(name),)

    def _class_member(
        self,
        entity: Entity,
        name: str,
        receiver: Instance | ClassValue | Super,
        order: tuple[Entity, ...],
    ) -> Values:
        for each in order:
            definitions = each.names.get(name, [])
            attributes = each.attributes.get(name, [])
            if definitions or attributes:
                groups = [self._class_definition(d, each, receiver) for d in definitions]
                groups += [self._definition(binding, each) for binding in attributes]
                return union(groups)
        if any("__getattr__" in each.names for each in order):
            return ()
        return (External(f"{entity.symbol.qualified_name}.{name}"),)

    def _class_definition(
        self, definition: Definition, owner: Entity, receiver: Instance | ClassValue | Super
    ) -> Values:
        if isinstance(definition, Entity) and definition.is_function:
            if definition.is_property and not isinstance(receiver, ClassValue):
                return self.returned(definition, receiver)
            return (BoundMethod(definition, receiver),)
        if isinstance(receiver, ClassValue) and self._is_enum(receiver.entity):
            return (Instance(receiver.entity),)
        return self._definition(definition, owner)

    def _is_enum(self, entity: Entity) -> bool:
        return any(
            name.endswith(("Enum", "Flag")) for name in self.hierarchy.external_bases(entity)
        )

    def _base_values(self, entity: Entity) -> Values:
        scope = entity.parent or entity
        return union(
            self.evaluate(base.value if isinstance(base, Subscript) else base, scope)
            for facts in entity.classes
            for base in facts.bases
        )

    # Calls

    def _call(self, call: Call, scope: Entity) -> Values:
        if call.function == Name("super") and scope.analysis.language == "python":
            return self._python_super(scope)
        builtin = self._builtin_call(call, scope)
        if builtin is not None:
            return builtin
        items = self._container_call(call.function, scope)
        results = (self._result(each) for each in self.evaluate(call.function, scope))
        return union((items, *results)) if items else union(results)

    def _python_super(self, scope: Entity) -> Values:
        method: Entity | None = scope
        while method is not None and method.owner is None:
            method = method.parent
        return (Super(method.owner),) if method is not None and method.owner is not None else ()

    def _builtin_call(self, call: Call, scope: Entity) -> Values | None:
        if not isinstance(call.function, Name) or not call.arguments:
            return None
        name = call.function.identifier
        if find_holder(name, scope) is not None:
            return None
        argument = self.evaluate(call.arguments[0], scope)
        if name in SEQUENCE_COPIES:
            return argument or None
        if name == "next":
            return union(self._iterated(each) for each in argument)
        if name == "enumerate":
            counted = Parts(((External("int"),), union(self._iterated(v) for v in argument)))
            return (Elements((counted,)),)
        if name == "zip":
            columns = (self.evaluate(each, scope) for each in call.arguments)
            row = Parts(tuple(union(map(self._iterated, column)) for column in columns))
            return (Elements((row,)),)
        if name == "type" and len(call.arguments) == 1:
            return tuple(ClassValue(v.entity) for v in argument if isinstance(v, Instance))
        return None

    def _container_call(self, function: Expression, scope: Entity) -> Values:
        if not isinstance(function, Attribute):
            return ()
        groups: list[Values] = []
        for value in self.evaluate(function.value, scope):
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

    def _result(self, called: Value) -> Values:
        match called:
            case ClassValue(entity):
                return (Instance(entity),)
            case FunctionValue(entity):
                return self.returned(entity, None)
            case BoundMethod(entity, receiver):
                return self.returned(entity, receiver)
            case Instance(entity):
                method = self.hierarchy.find_method(entity, "__call__")
                return self.returned(method, called) if method is not None else ()
            case External(name):
                return (External(f"{name}()"),)
            case _:
                return ()

    def returned(self, function: Entity, receiver: Instance | ClassValue | Super | None) -> Values:
        """What a call of the function gives: its declared type, else what its body returns."""
        key = (function, receiver.entity if receiver is not None else None)
        if key in self._returns:
            return self._returns[key]
        if ("returned", key) in self._open or self._depth >= MAX_DEPTH:
            return ()
        self._open.add(("returned", key))
        try:
            values = self._returned(function, receiver)
        finally:
            self._open.discard(("returned", key))
        self._returns[key] = values
        return values

    def _returned(self, function: Entity, receiver: Instance | ClassValue | Super | None) -> Values:
        scope = function.parent or function
        declared = [f.return_annotation for f in function.functions if f.return_annotation]
        own = receiver.entity if receiver is not None else function.owner
        if declared:
            values = union(self.annotations.read(each, scope) for each in declared)
            return union(_with_self(value, own) for value in values)
        return self._inferred(function, own)

    def _inferred(self, function: Entity, own: Entity | None) -> Values:
        groups: list[Values] = []
        for facts in function.functions:
            for expression in facts.returned[:MAX_INFERRED_RETURNS]:
                is_self = expression == Name(function.receiver_name or "")
                if is_self and own is not None and not function.receives_class:
                    groups.append((Instance(own),))
                else:
                    groups.append(self.evaluate(expression, function))
            if facts.yielded:
                yielded = (self.evaluate(each, function) for each in facts.yielded)
                groups.append((Elements(union(yielded)),))
        return union(groups)

    # Containers

    def _item(self, value: Value) -> Values:
        match value:
            case Elements(items) | MappedValues(_, items):
                return items
            case Parts(parts):
                return union(parts)
            case Instance(entity):
                method = self.hierarchy.find_method(entity, "__getitem__")
                return self.returned(method, value) if method is not None else ()
            case ClassValue():
                return (value,)
            case External(name):
                return (External(f"{name}[]"),)
            case _:
                return ()

    def _part(self, value: Value, index: int) -> Values:
        if isinstance(value, Parts):
            return value.parts[index] if index < len(value.parts) else ()
        return self._iterated(value)

    def _iterated(self, value: Value) -> Values:
        match value:
            case Elements(items) | MappedValues(items, _):
                return items
            case Parts(parts):
                return union(parts)
            case External(name):
                return (External(f"{name}[]"),)
            case Instance(entity):
                for name in ("__iter__", "__aiter__"):
                    method = self.hierarchy.find_method(entity, name)
                    if method is not None:
                        return union(map(self._iterated_result, self.returned(method, value)))
                return ()
            case ClassValue(entity) if self._is_enum(entity):
                return (Instance(entity),)
            case _:
                return ()

    def _iterated_result(self, value: Value) -> Values:
        return value.items if isinstance(value, Elements) else ()

    def _entered(self, value: Value) -> Values:
        match value:
            case Elements(items):
                return items
            case Instance(entity):
                for name in ("__enter__", "__aenter__"):
                    method = self.hierarchy.find_method(entity, name)
                    if method is not None:
                        return self.returned(method, value) or (value,)
                return (value,)
            case External():
                return (value,)
            case _:
                return ()


def find_holder(name: str, scope: Entity) -> Entity | None:
    """The scope that binds the name as seen from `scope`; class bodies are seen only inside."""
    holder: Entity | None = scope
    while holder is not None:
        if name in holder.names and (holder is scope or not holder.is_class):
            return holder
        holder = holder.parent
    return None


def _module_of(scope: Entity) -> Entity:
    while scope.parent is not None:
        scope = scope.parent
    return scope


def _entity_value(entity: Entity) -> Value:
    return ClassValue(entity) if entity.is_class else FunctionValue(entity)


def _receiver_value(method: Entity) -> Value:
    owner = method.owner or method
    return ClassValue(owner) if method.receives_class else Instance(owner)


def _with_self(value: Value, own: Entity | None) -> Values:
    match value:
        case SelfType():
            return (Instance(own),) if own is not None else ()
        case Elements(items):
            return (Elements(union(_with_self(item, own) for item in items)),)
        case Parts(parts):
            return (Parts(tuple(union(_with_self(v, own) for v in part) for part in parts)),)
        case _:
            return (value,)
