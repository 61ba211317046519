"""All scopes of a repository, linked: modules, classes and functions with the names they hold.

Built once from the analyses; the evaluator and the hierarchy read it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from agentos_memory.model import (
    Binding,
    ClassFacts,
    FileAnalysis,
    FunctionFacts,
    Import,
    Symbol,
)

if TYPE_CHECKING:
    from agentos_memory.resolution.values import Values

CLASS_KINDS = frozenset({"class", "interface"})
FUNCTION_KINDS = frozenset({"function", "method"})
PROPERTY_DECORATORS = frozenset({"property", "cached_property", "classproperty", "get", "set"})
SCOPE_KINDS = CLASS_KINDS | FUNCTION_KINDS | {"namespace"}
CLASS_DECORATORS = frozenset({"classmethod", "static"})
CLASS_RECEIVER_METHODS = frozenset({"__new__", "__init_subclass__", "__class_getitem__"})


@dataclass(eq=False, slots=True)
class Entity:
    """A module, class or function: one scope. Redefinitions of a name share one entity.

    `names` are what code inside the scope can see; `attributes` are set through the instance.
    `owner` is the class whose method this is. What is said of decorators holds for any of the
    definitions. The last fields are what the resolver already knows of the entity.
    """

    symbol: Symbol
    analysis: FileAnalysis
    parent: Entity | None
    names: dict[str, list[Definition]] = field(default_factory=dict)
    attributes: dict[str, list[Binding]] = field(default_factory=dict)
    functions: list[FunctionFacts] = field(default_factory=list)
    classes: list[ClassFacts] = field(default_factory=list)
    module: Entity = field(init=False)
    owner: Entity | None = field(init=False)
    is_class: bool = field(init=False)
    is_function: bool = field(init=False)
    decorators: tuple[str, ...] = ()
    # Whether reading the attribute calls the function.
    is_property: bool = False
    # Whether the method gets no receiver.
    is_static: bool = False
    # Whether the method's receiver is the class and not an instance.
    receives_class: bool = False
    # What the method calls its receiver; None for plain functions and static methods.
    receiver_name: str | None = None
    # By the ids of expressions, which live as long as the program does.
    evaluated: dict[int, Values] = field(default_factory=dict)
    members: dict[str, Values] = field(default_factory=dict)
    itself: Values = ()
    instance: Values = ()
    # Reads the file of a module of which little is known yet.
    read: Callable[[Entity], None] | None = None

    def __post_init__(self) -> None:
        kind, parent = self.symbol.kind, self.parent
        self.is_class = kind in CLASS_KINDS
        self.is_function = kind in FUNCTION_KINDS
        self.module = parent.module if parent is not None else self
        self.owner = parent if parent is not None and parent.is_class else None
        self.receives_class = self.symbol.name in CLASS_RECEIVER_METHODS

    @property
    def is_module(self) -> bool:
        """Whether this is a file's outermost scope."""
        return self.parent is None

    def add_function(self, facts: FunctionFacts) -> None:
        """Take in one definition of this function."""
        self.functions.append(facts)
        if facts.decorators:
            self.decorators += facts.decorators
            self.is_property = self.is_property or any(map(_makes_property, facts.decorators))
            self.is_static = self.is_static or "staticmethod" in facts.decorators
            self.receives_class |= not CLASS_DECORATORS.isdisjoint(facts.decorators)
        if self.owner is not None and self.receiver_name is None:
            self.receiver_name = self._receiver_name(facts)
        if self.is_static:
            self.receiver_name = None

    def _receiver_name(self, facts: FunctionFacts) -> str | None:
        if self.analysis.language != "python":
            return "this"
        return facts.parameters[0] if facts.parameters else None


def _makes_property(decorator: str) -> bool:
    name = decorator.rsplit(".", 1)[-1]
    return name in PROPERTY_DECORATORS or decorator.endswith((".setter", ".getter"))


@dataclass(frozen=True, slots=True)
class Receiver:
    """The first parameter of `method`, as a definition of its name."""

    method: Entity


Definition = Binding | Import | Entity | Receiver


class Program:
    """The entities of a repository by path and qualified name, in path order."""

    def __init__(self, analyses: Sequence[FileAnalysis]) -> None:
        self.modules: dict[str, Entity] = {}
        self.scopes: dict[str, dict[str, Entity]] = {}
        self.analyses = sorted(analyses, key=lambda each: each.path)
        for analysis in self.analyses:
            self.modules[analysis.path] = Entity(analysis.symbols[0], analysis, None)
            self.add(self.modules[analysis.path])
        self._by_method: dict[tuple[str, str], list[Entity]] = defaultdict(list)

    def add(self, module: Entity) -> None:
        """Take in everything that the module's facts tell."""
        self._add_symbols(module)
        self._add_facts(module.analysis)
        self._add_names(module.analysis)

    def only_method(self, name: str, language: str) -> Entity | None:
        """The method of that name if all files of the language have one between them."""
        if not self._by_method:
            for entity in self.entities():
                if entity.owner is not None and entity.is_function:
                    key = (entity.analysis.language, entity.symbol.name)
                    self._by_method[key].append(entity)
        found = self._by_method.get((language, name), ())
        return found[0] if len(found) == 1 else None

    def entity(self, path: str, qualified_name: str) -> Entity:
        """The scope of that name; a variable's or type's name gives its module."""
        return self.scopes[path].get(qualified_name) or self.modules[path]

    def entities(self) -> Iterator[Entity]:
        """Every module, class and function, in path order."""
        return chain.from_iterable(scopes.values() for scopes in self.scopes.values())

    def classes(self) -> list[Entity]:
        """Every class and interface."""
        return [entity for entity in self.entities() if entity.is_class]

    def _add_symbols(self, module: Entity) -> None:
        analysis = module.analysis
        scopes = self.scopes[analysis.path] = {module.symbol.qualified_name: module}
        for symbol in analysis.symbols:
            if symbol.kind not in SCOPE_KINDS or symbol.parent is None:
                continue
            if symbol.qualified_name not in scopes:
                parent = scopes.get(symbol.parent) or module
                entity = scopes[symbol.qualified_name] = Entity(symbol, analysis, parent)
                # Functions in an object literal are methods without a class; no name reaches them.
                if symbol.kind != "method" or parent.is_class:
                    parent.names.setdefault(symbol.name, []).append(entity)

    def _add_facts(self, analysis: FileAnalysis) -> None:
        scopes = self.scopes[analysis.path]
        for function in analysis.functions:
            entity = scopes.get(function.qualified_name)
            if entity is not None:
                entity.add_function(function)
        for described in analysis.classes:
            entity = scopes.get(described.qualified_name)
            if entity is not None:
                entity.classes.append(described)

    def _add_names(self, analysis: FileAnalysis) -> None:
        scopes, module = self.scopes[analysis.path], self.modules[analysis.path]
        for imported in analysis.imports:
            scope = scopes.get(imported.scope) or module
            scope.names.setdefault(imported.bound_name, []).append(imported)
        for binding in analysis.bindings:
            scope = scopes.get(binding.scope) or module
            names = scope.attributes if binding.on_instance else scope.names
            names.setdefault(binding.name, []).append(binding)
        for function in analysis.functions:
            method = scopes.get(function.qualified_name)
            if method is not None and method.is_function and method.receiver_name is not None:
                method.names.setdefault(method.receiver_name, [Receiver(method)])
