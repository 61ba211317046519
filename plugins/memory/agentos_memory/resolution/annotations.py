"""Declared types as values: what an annotation says that a name holds."""

from __future__ import annotations

from agentos_memory.expressions import (
    Attribute,
    Call,
    Choice,
    Expression,
    FunctionType,
    Generic,
    Literal,
    Name,
    Record,
    Scoped,
    Subscript,
    TypeOf,
    Unknown,
)
from agentos_memory.languages.collector import last_name
from agentos_memory.languages.typescript_types import substitute
from agentos_memory.model import Binding
from agentos_memory.resolution.names import Names
from agentos_memory.resolution.program import Entity
from agentos_memory.resolution.recursion import Recursion
from agentos_memory.resolution.values import (
    ClassValue,
    Elements,
    External,
    Instance,
    MappedValues,
    Parts,
    RecordValue,
    SelfType,
    Signature,
    Value,
    Values,
    external,
    union,
)

TRANSPARENT = frozenset({
    "Optional", "Annotated", "ClassVar", "Final", "Awaitable", "Required", "NotRequired",
    "ReadOnly", "Promise", "PromiseLike", "Readonly", "Partial", "NonNullable",
    "Awaited", "Pick", "Omit", "Exclude", "Extract",
})  # fmt: skip
ITERABLES = frozenset({
    "list", "List", "Sequence", "MutableSequence", "Iterable", "Iterator", "Generator",
    "AsyncIterator", "AsyncGenerator", "AsyncIterable", "Collection", "set", "Set", "frozenset",
    "FrozenSet", "AbstractSet", "tuple", "Tuple", "deque", "Deque", "ContextManager",
    "AbstractContextManager", "AsyncContextManager", "AbstractAsyncContextManager",
    "Array", "ReadonlyArray", "ReadonlySet", "IterableIterator",
})  # fmt: skip
MAPPINGS = frozenset({
    "dict", "Dict", "Mapping", "MutableMapping", "defaultdict", "DefaultDict", "OrderedDict",
    "Map", "ReadonlyMap", "Record", "WeakMap",
})  # fmt: skip
# Types that say nothing about what may be called.
OPEN_TYPES = frozenset({"Any", "any", "unknown", "object", "never", "Callable"})


class AnnotationReader:
    """Reads annotations with the evaluator's knowledge of names."""

    def __init__(self, names: Names, recursion: Recursion) -> None:
        self._names = names
        self._recursion = recursion
        self._open_aliases: set[int] = set()
        self._applications: dict[tuple[int, Entity], Values] = {}
        self._n_cut = 0
        self._bodies: dict[tuple[int, tuple[int, ...], Entity], Expression] = {}

    def read(self, annotation: Expression, scope: Entity) -> Values:
        """The values that a name declared as `annotation` may hold."""
        match annotation:
            case Literal(type_name):
                return () if type_name in OPEN_TYPES else external(type_name)
            case Choice(options):
                return union(self.read(option, scope) for option in options)
            case Subscript(head, arguments):
                return self._generic(head, arguments, scope)
            case Name() | Attribute():
                return self._named(annotation, scope)
            case FunctionType():
                return (Signature(annotation, scope),)
            case Record():
                return (RecordValue(annotation, scope),)
            case Generic():
                return self.read(self._applied(annotation, (), scope), scope)
            case Scoped(inner, own):
                return self.read(inner, own)
            case TypeOf(value):
                return self._recursion.evaluate(value, scope)
            case Call():
                # What a function gives, as `ReturnType<typeof f>` says.
                return self._recursion.evaluate(annotation, scope)
            case _:
                return ()

    def _generic(
        self, head: Expression, arguments: tuple[Expression, ...], scope: Entity
    ) -> Values:
        name = last_name(head)
        if not arguments:
            return self.read(head, scope)
        if name == "Union":
            return union(self.read(argument, scope) for argument in arguments)
        if name in TRANSPARENT:
            return self.read(arguments[0], scope)
        if name == "Coroutine":
            return self.read(arguments[-1], scope)
        if name in ("type", "Type"):
            return _classes(self.read(arguments[0], scope))
        if name in ("tuple", "Tuple"):
            return (self._tuple(arguments, scope),)
        if name in ITERABLES or (name == "Set" and not isinstance(head, Attribute)):
            return (Elements(self.read(arguments[0], scope)),)
        if name in MAPPINGS:
            keys, values = self.read(arguments[0], scope), self.read(arguments[-1], scope)
            return (MappedValues(keys, values),)
        applied = self._with_arguments(head, arguments, scope)
        return applied if applied is not None else self.read(head, scope)

    def _with_arguments(
        self, head: Expression, arguments: tuple[Expression, ...], scope: Entity
    ) -> Values | None:
        """What a generic alias stands for with these arguments; None for anything else."""
        if scope.analysis.language == "python":
            return None
        found = self._names.bindings_of(head, scope)
        generics = [(b, owner) for b, owner in found if isinstance(b.value, Generic)]
        if not generics:
            return None
        return union(
            self._applied_alias(binding, owner, arguments, scope) for binding, owner in generics
        )

    def _applied_alias(
        self, binding: Binding, owner: Entity, arguments: tuple[Expression, ...], scope: Entity
    ) -> Values:
        assert isinstance(binding.value, Generic)
        if id(binding) in self._open_aliases:
            self._n_cut += 1
            return ()
        body = self._applied(binding.value, arguments, scope)
        key = (id(body), owner)
        if key in self._applications:
            return self._applications[key]
        n_cut = self._n_cut
        self._open_aliases.add(id(binding))
        try:
            values = self.read(body, owner)
        finally:
            self._open_aliases.discard(id(binding))
        # What a cycle cut short is known only where it began.
        if n_cut == self._n_cut:
            self._applications[key] = values
        return values

    def _applied(
        self, generic: Generic, arguments: tuple[Expression, ...], scope: Entity
    ) -> Expression:
        """The body with its parameters replaced; kept, since what is evaluated is known by id."""
        key = (id(generic), tuple(map(id, arguments)), scope)
        if key not in self._bodies:
            given = [Scoped(each, scope) for each in arguments]
            names = [name for name, _ in generic.parameters]
            bounds = dict(generic.parameters)
            self._bodies[key] = substitute(
                generic.body, {**bounds, **dict(zip(names, given, strict=False))}
            )
        return self._bodies[key]

    def _tuple(self, arguments: tuple[Expression, ...], scope: Entity) -> Value:
        parts = tuple(self.read(argument, scope) for argument in arguments)
        # `tuple[T, ...]`, whose dots read as an unknown type, has any length.
        if len(arguments) == 1 or isinstance(arguments[-1], Unknown):
            return Elements(union(parts))
        return Parts(parts)

    def _named(self, annotation: Name | Attribute, scope: Entity) -> Values:
        name = last_name(annotation)
        if name == "Self":
            return (SelfType(),)
        values = self._recursion.evaluate(annotation, scope)
        instances: Values = tuple(Instance(v.entity) for v in values if isinstance(v, ClassValue))
        if instances:
            return instances
        bindings = self._names.bindings_of(annotation, scope)
        if bindings:
            return union(self._alias(binding, owner) for binding, owner in bindings)
        if name in OPEN_TYPES:
            return ()
        return tuple(value for value in values if isinstance(value, External))

    def _alias(self, binding: Binding, scope: Entity) -> Values:
        if id(binding) in self._open_aliases:
            self._n_cut += 1
            return ()
        self._open_aliases.add(id(binding))
        try:
            if isinstance(binding.value, Call):
                return self._type_variable(binding.value, scope)
            return self.read(binding.value, scope)
        finally:
            self._open_aliases.discard(id(binding))

    def _type_variable(self, call: Call, scope: Entity) -> Values:
        if last_name(call.function) == "NewType":
            return union(self.read(argument, scope) for argument in call.arguments[1:])
        if last_name(call.function) != "TypeVar":
            return ()
        bounds = [value for keyword, value in call.keywords if keyword == "bound"]
        return union(self.read(bound, scope) for bound in (*bounds, *call.arguments[1:]))


def _classes(values: Values) -> Values:
    return tuple(ClassValue(value.entity) for value in values if isinstance(value, Instance))
