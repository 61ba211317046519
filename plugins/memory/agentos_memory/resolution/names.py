"""What names mean: scopes, imports, re-exports, star imports, and the members of modules.

Above: the evaluator, attributes, annotations. Below: scopes and the module index.
"""

from __future__ import annotations

from agentos_memory.expressions import Attribute, Expression, Name
from agentos_memory.model import Binding, Import
from agentos_memory.resolution.modules import ModuleIndex
from agentos_memory.resolution.program import Definition, Entity, Receiver
from agentos_memory.resolution.recursion import Recursion
from agentos_memory.resolution.scopes import (
    entity_value,
    find_holder,
    find_method,
    module_of,
    receiver_value,
)
from agentos_memory.resolution.values import (
    External,
    ModuleValue,
    Namespace,
    Super,
    Values,
    union,
)

MAX_IMPORT_HOPS = 8


class Names:
    """Looks names up; what a definition gives is kept."""

    def __init__(self, modules: ModuleIndex, recursion: Recursion) -> None:
        self._modules = modules
        self._recursion = recursion
        self._known: dict[int, Values] = {}
        self._open: set[int] = set()

    def lookup(self, name: str, scope: Entity) -> Values:
        """What a bare name means in `scope`: local, enclosing, module, star imports, outside."""
        holder = find_holder(name, scope)
        if holder is not None:
            return self._named_in(holder, name)
        if name in ("this", "super"):
            return _script_receiver(name, scope)
        found = self._from_stars(module_of(scope), name, set())
        return found if found is not None else (External(name),)

    def member(self, module: Entity, name: str) -> Values:
        """What `module.name` is, re-exports and submodules included."""
        return self._member(module, name, set()) or ()

    def definition(self, definition: Definition, holder: Entity) -> Values:
        """What one definition of a name in `holder` gives."""
        match definition:
            case Entity():
                return (entity_value(definition),)
            case Receiver(method):
                return (receiver_value(method),)
            case _:
                # Definitions live as long as the program, so their ids are stable.
                key = id(definition)
        if key in self._known:
            return self._known[key]
        if key in self._open:
            return ()
        self._open.add(key)
        try:
            values = (
                self._imported(definition, holder)
                if isinstance(definition, Import)
                else self._recursion.bound(definition, holder)
            )
        finally:
            self._open.discard(key)
        self._known[key] = values
        return values

    def bindings_of(self, expression: Expression, scope: Entity) -> list[tuple[Binding, Entity]]:
        """The assignments behind a name, followed through imports, with their scopes."""
        match expression:
            case Name(identifier):
                holder = find_holder(identifier, scope)
                return self._bindings_in(holder, identifier, 0) if holder is not None else []
            case Attribute(value, name):
                owners = self._recursion.evaluate(value, scope)
                modules = [v.module for v in owners if isinstance(v, ModuleValue)]
                return [b for module in modules for b in self._bindings_in(module, name, 0)]
            case _:
                return []

    def _bindings_in(self, holder: Entity, name: str, hops: int) -> list[tuple[Binding, Entity]]:
        found: list[tuple[Binding, Entity]] = []
        for definition in holder.names.get(name, []):
            if isinstance(definition, Binding):
                found.append((definition, holder))
            elif isinstance(definition, Import) and definition.name and hops < MAX_IMPORT_HOPS:
                module = self._modules.imported(definition, module_of(holder))
                if module is not None:
                    found.extend(self._bindings_in(module, definition.name, hops + 1))
        return found

    def _named_in(self, holder: Entity, name: str) -> Values:
        definitions = holder.names.get(name, [])
        return union(self.definition(each, holder) for each in definitions)

    def _imported(self, statement: Import, holder: Entity) -> Values:
        importer = module_of(holder)
        if importer.analysis.language == "python" and statement.name is None:
            return self._imported_module(statement, importer)
        module = self._modules.imported(statement, importer)
        if module is not None:
            if statement.name is None:
                return (ModuleValue(module),)
            return self.member(module, statement.name)
        name = self._modules.absolute_name(statement, importer)
        dotted = f"{name}.{statement.name}"
        submodule = self._modules.python(dotted, importer)
        return (ModuleValue(submodule),) if submodule is not None else (External(dotted),)

    def _imported_module(self, statement: Import, importer: Entity) -> Values:
        first = statement.module.split(".", 1)[0]
        bound = first if statement.bound_name == first else statement.module
        module = self._modules.python(bound, importer)
        if module is not None:
            return (ModuleValue(module),)
        return (Namespace(bound),) if bound in self._modules.namespaces else (External(bound),)

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
            submodule = self._modules.python(dotted, module)
            if submodule is not None and submodule is not module:
                return (ModuleValue(submodule),)
        return () if name in module.names else self._from_stars(module, name, seen)

    def _from_stars(self, module: Entity, name: str, seen: set[Entity]) -> Values | None:
        for statement in module.names.get("", []):
            if not isinstance(statement, Import):
                continue
            source = self._modules.imported(statement, module)
            found = self._member(source, name, seen) if source is not None else None
            if found is not None:
                return found
        return None


def _script_receiver(name: str, scope: Entity) -> Values:
    """`this` and `super` of TypeScript."""
    method = find_method(scope)
    if method is None or method.owner is None:
        return ()
    return (Super(method.owner),) if name == "super" else (receiver_value(method),)
