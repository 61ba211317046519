"""All scopes of a repository, linked: modules, classes and functions with the names they hold.

Built once from the analyses; the evaluator and the hierarchy read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agentos_memory.model import (
    Binding,
    ClassFacts,
    FileAnalysis,
    FunctionFacts,
    Import,
    Symbol,
)

CLASS_KINDS = frozenset({"class", "interface"})
FUNCTION_KINDS = frozenset({"function", "method"})
PROPERTY_DECORATORS = frozenset({"property", "cached_property", "classproperty", "get", "set"})
CLASS_RECEIVER_METHODS = frozenset({"__new__", "__init_subclass__", "__class_getitem__"})


@dataclass(eq=False, slots=True)
class Entity:
    """A module, class or function: one scope. Redefinitions of a name share one entity.

    `names` are what code inside the scope can see; `attributes` are set through the instance.
    """

    symbol: Symbol
    analysis: FileAnalysis
    parent: Entity | None
    names: dict[str, list[Definition]] = field(default_factory=dict)
    attributes: dict[str, list[Binding]] = field(default_factory=dict)
    functions: list[FunctionFacts] = field(default_factory=list)
    classes: list[ClassFacts] = field(default_factory=list)

    @property
    def is_module(self) -> bool:
        """Whether this is a file's outermost scope."""
        return self.parent is None

    @property
    def is_class(self) -> bool:
        """Whether this is a class or an interface."""
        return self.symbol.kind in CLASS_KINDS

    @property
    def is_function(self) -> bool:
        """Whether this is a function or a method."""
        return self.symbol.kind in FUNCTION_KINDS

    @property
    def owner(self) -> Entity | None:
        """The class whose method this is, or None."""
        return self.parent if self.parent is not None and self.parent.is_class else None

    @property
    def decorators(self) -> tuple[str, ...]:
        """Decorator names of all definitions that share this entity."""
        return tuple(name for facts in self.functions for name in facts.decorators)

    @property
    def is_property(self) -> bool:
        """Whether reading the attribute calls the function."""
        return any(
            name.rsplit(".", 1)[-1] in PROPERTY_DECORATORS or name.endswith((".setter", ".getter"))
            for name in self.decorators
        )

    @property
    def is_static(self) -> bool:
        """Whether the method gets no receiver."""
        return "staticmethod" in self.decorators

    @property
    def receives_class(self) -> bool:
        """Whether the method's receiver is the class and not an instance."""
        marks = {"classmethod", "static"} & set(self.decorators)
        return bool(marks) or self.symbol.name in CLASS_RECEIVER_METHODS

    @property
    def receiver_name(self) -> str | None:
        """What the method calls its receiver; None for plain functions and static methods."""
        if self.owner is None or self.is_static or not self.functions:
            return None
        if self.analysis.language != "python":
            return "this"
        return next((f.parameters[0] for f in self.functions if f.parameters), None)


@dataclass(frozen=True, slots=True)
class Receiver:
    """The first parameter of `method`, as a definition of its name."""

    method: Entity


Definition = Binding | Import | Entity | Receiver


class Program:
    """The entities of a repository by path and qualified name, in path order."""

    def __init__(self, analyses: Sequence[FileAnalysis]) -> None:
        self.modules: dict[str, Entity] = {}
        self.entities: dict[tuple[str, str], Entity] = {}
        self.analyses = sorted(analyses, key=lambda each: each.path)
        for analysis in self.analyses:
            self._add_symbols(analysis)
            self._add_facts(analysis)
            self._add_names(analysis)

    def entity(self, path: str, qualified_name: str) -> Entity:
        """The scope of that name; a variable's or type's name gives its module."""
        return self.entities.get((path, qualified_name)) or self.modules[path]

    def classes(self) -> list[Entity]:
        """Every class and interface."""
        return [entity for entity in self.entities.values() if entity.is_class]

    def _add_symbols(self, analysis: FileAnalysis) -> None:
        for symbol in analysis.symbols:
            key = (analysis.path, symbol.qualified_name)
            if symbol.parent is None:
                module = Entity(symbol, analysis, None)
                self.modules[analysis.path] = self.entities[key] = module
                continue
            parent = self.entity(analysis.path, symbol.parent)
            has_scope = symbol.kind in CLASS_KINDS | FUNCTION_KINDS
            if has_scope and key not in self.entities:
                entity = self.entities[key] = Entity(symbol, analysis, parent)
                parent.names.setdefault(symbol.name, []).append(entity)

    def _add_facts(self, analysis: FileAnalysis) -> None:
        for function in analysis.functions:
            entity = self.entities.get((analysis.path, function.qualified_name))
            if entity is not None:
                entity.functions.append(function)
        for described in analysis.classes:
            entity = self.entities.get((analysis.path, described.qualified_name))
            if entity is not None:
                entity.classes.append(described)

    def _add_names(self, analysis: FileAnalysis) -> None:
        for imported in analysis.imports:
            scope = self.entity(analysis.path, imported.scope)
            scope.names.setdefault(imported.bound_name, []).append(imported)
        for binding in analysis.bindings:
            scope = self.entity(analysis.path, binding.scope)
            if binding.on_instance:
                scope.attributes.setdefault(binding.name, []).append(binding)
            else:
                scope.names.setdefault(binding.name, []).append(binding)
        for function in analysis.functions:
            method = self.entity(analysis.path, function.qualified_name)
            if method.is_function and method.receiver_name is not None:
                method.names.setdefault(method.receiver_name, [Receiver(method)])
