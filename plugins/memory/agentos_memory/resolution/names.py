"""What names mean: scopes, imports, re-exports, star imports, and the members of modules.

Above: the evaluator, attributes, annotations. Below: scopes and the module index.
"""

from __future__ import annotations

from collections.abc import Callable

from agentos_memory.expressions import Attribute, Expression, Name
from agentos_memory.identity import identity
from agentos_memory.languages.typescript_modules import EXPORTED_VALUE
from agentos_memory.model import Binding, Import
from agentos_memory.resolution.modules import ModuleIndex
from agentos_memory.resolution.program import Definition, Entity, Receiver
from agentos_memory.resolution.recursion import Recursion
from agentos_memory.resolution.scopes import (
    find_holder,
    find_method,
    receiver_values,
)
from agentos_memory.resolution.values import (
    ModuleValue,
    Super,
    Values,
    entity_itself,
    external,
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
        # What a name means that no scope of its file binds.
        self.outside: Callable[[str, Entity], Values] = lambda name, scope: external(name)

    def lookup(self, name: str, scope: Entity) -> Values:
        """What a bare name means in `scope`: local, enclosing, module, star imports, outside."""
        holder = find_holder(name, scope)
        if holder is not None:
            return self._named_in(holder, name)
        if name in ("this", "super"):
            return _script_receiver(name, scope)
        found = self._from_stars(scope.module, name, set())
        return found if found is not None else self.outside(name, scope)

    def member(self, module: Entity, name: str) -> Values:
        """What `module.name` is, re-exports and submodules included."""
        return self._member(module, name, set()) or ()

    def definition(self, definition: Definition, holder: Entity) -> Values:
        """What one definition of a name in `holder` gives."""
        if isinstance(definition, Entity):
            return entity_itself(definition)
        if isinstance(definition, Receiver):
            return receiver_values(definition.method)
        # Definitions live as long as the program, so their ids are stable.
        key = identity(definition)
        known = self._known.get(key)
        if known is not None:
            return known
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
                for module in self._modules.imported(definition, holder.module):
                    found.extend(self._bindings_in(module, definition.name, hops + 1))
        return found

    def _named_in(self, holder: Entity, name: str) -> Values:
        definitions = holder.names.get(name, [])
        if len(definitions) == 1:
            return self.definition(definitions[0], holder)
        return union(self.definition(each, holder) for each in definitions)

    def _imported(self, statement: Import, holder: Entity) -> Values:
        importer = holder.module
        if statement.name is None:
            bound = self._modules.of(importer).bound(statement, importer)
            return union((self._exported_values(bound), bound))
        modules = self._modules.imported(statement, importer)
        if modules:
            return union(self.member(module, statement.name) for module in modules)
        return self._modules.of(importer).missing(statement, importer)

    def _exported_values(self, bound: Values) -> Values:
        """What CommonJS modules export in place of themselves."""
        modules = (value.module for value in bound if isinstance(value, ModuleValue))
        return union(
            self._named_in(m, EXPORTED_VALUE) for m in modules if EXPORTED_VALUE in m.names
        )

    def _member(self, module: Entity, name: str, seen: set[Entity]) -> Values | None:
        if module in seen:
            return None
        seen.add(module)
        if name in module.names:
            values = self._named_in(module, name)
            if values:
                return values
        submodule = self._modules.of(module).submodule(module, name)
        if submodule:
            return submodule
        return () if name in module.names else self._from_stars(module, name, seen)

    def _from_stars(self, module: Entity, name: str, seen: set[Entity]) -> Values | None:
        for statement in module.names.get("", []):
            if not isinstance(statement, Import):
                continue
            for source in self._modules.imported(statement, module):
                if not self._modules.of(source).passes_on(source, name):
                    continue
                found = self._member(source, name, seen)
                if found is not None:
                    return found
        return None


def _script_receiver(name: str, scope: Entity) -> Values:
    """`this` and `super` of TypeScript."""
    method = find_method(scope)
    if method is None or method.owner is None:
        return ()
    return (Super(method.owner),) if name == "super" else receiver_values(method)
