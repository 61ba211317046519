"""Names that no scope of their file binds: members of enclosing classes, namespaces, includes.

Above: names. Below: full names, imports, the hierarchy and attributes.
"""

from __future__ import annotations

from collections.abc import Iterator

from agentos_memory.languages.syntax import CALL_MARK
from agentos_memory.model import Import
from agentos_memory.resolution.attributes import Attributes
from agentos_memory.resolution.declared_imports import (
    STAR,
    DeclaredImports,
    is_file_import,
    namespace_value,
)
from agentos_memory.resolution.declared_names import GROUPS, DeclaredNames
from agentos_memory.resolution.hierarchy import Hierarchy
from agentos_memory.resolution.program import Definition, Entity
from agentos_memory.resolution.scopes import find_holder
from agentos_memory.resolution.values import (
    ClassValue,
    External,
    FunctionValue,
    Instance,
    Values,
    entity_itself,
    external,
    union,
)

# Languages in which members of the class are named without a receiver.
IMPLICIT_RECEIVER = frozenset({"java", "csharp", "cpp", "ruby"})
# Languages that look a name up in every namespace around.
NESTED_NAMESPACES = frozenset({"csharp", "cpp", "ruby"})


class Surroundings:
    """Looks up what Names does not find."""

    def __init__(
        self,
        names: DeclaredNames,
        imports: DeclaredImports,
        hierarchy: Hierarchy,
        attributes: Attributes,
    ) -> None:
        self._names = names
        self._imports = imports
        self._hierarchy = hierarchy
        self._attributes = attributes
        self._visible: dict[Entity, dict[str, list[Definition]]] = {}

    def find(self, name: str, scope: Entity) -> Values:
        """What the name is, seen from `scope`; something outside where nothing is found."""
        language = scope.analysis.language
        group = GROUPS.get(language)
        if group is None:
            return external(name)
        bare = name.removesuffix(CALL_MARK)
        found = self._word(bare, scope, group)
        if not found and language in IMPLICIT_RECEIVER:
            found = self._member(bare, scope)
        if not found and bare != name:
            found = self._function(bare, scope)
        for full_name in self._full_names(bare, scope) if not found else ():
            found = self._imports.named(group, full_name, scope.symbol.path)
            if language == "php" and not full_name.count(".") and self._names.prefix(scope.module):
                # Only functions fall back to the root.
                found = tuple(v for v in found if isinstance(v, FunctionValue))
            if language == "ruby" and "." not in full_name:
                # Functions of a script are seen where the script is required.
                found = tuple(v for v in found if not isinstance(v, FunctionValue))
            if found:
                break
        return found or self._starred(bare, scope, group) or (External(name),)

    def _word(self, name: str, scope: Entity, group: str) -> Values:
        if name == "Self":
            owner = next(_classes(scope), None)
            return (ClassValue(owner),) if owner is not None else ()
        if name == "<root>":
            return (namespace_value(group, ""),)
        if name in ("crate", "<self>", "<super>"):
            bases = self._imports.bases(name, self._holder(scope))
            return tuple(namespace_value(group, base) for base in bases)
        if group == "rust":
            roots = self._imports.crate_roots(name)
            return tuple(namespace_value(group, root) for root in roots)
        return ()

    def _holder(self, scope: Entity) -> Entity:
        return scope.module

    def _member(self, name: str, scope: Entity) -> Values:
        for owner in _classes(scope):
            for each in self._hierarchy.order(owner):
                if name in each.names or name in each.attributes:
                    return self._attributes.of(Instance(owner), name)
        return ()

    def _function(self, name: str, scope: Entity) -> Values:
        """A called name apart from variables: local and top-level functions, static imports."""
        holder = find_holder(name, scope)
        groups: list[Values] = []
        for each in holder.names[name] if holder is not None else ():
            if isinstance(each, Entity):
                groups.append(entity_itself(each))
            elif isinstance(each, Import) and holder is not None:
                groups.append(self._imports.missing(each, holder.module))
        return union(groups)

    def _full_names(self, name: str, scope: Entity) -> Iterator[str]:
        """The name in the namespaces around, the innermost first."""
        language, prefix = scope.analysis.language, self._names.prefix(scope.module)
        around = prefix
        if language in NESTED_NAMESPACES:
            outer: Entity | None = scope
            while outer is not None and not (outer.is_class or outer.symbol.kind == "namespace"):
                outer = outer.owner or outer.parent
            around = self._names.full_name(outer) if outer is not None else prefix
            while around:
                yield f"{around}.{name}"
                around = around.rpartition(".")[0]
            if language != "cpp":
                yield name
            return
        if language in ("c", "bash"):
            return
        yield f"{around}.{name}" if around else name
        if language == "php" and around:
            yield name

    def _starred(self, name: str, scope: Entity, group: str) -> Values:
        outer: Entity | None = scope
        while outer is not None:
            for statement in outer.names.get(STAR, ()):
                if not isinstance(statement, Import) or is_file_import(statement, scope):
                    continue
                for base in self._imports.bases(statement.module, scope.module):
                    path = scope.symbol.path
                    found = self._imports.named(group, f"{base}.{name}", path)
                    if found:
                        return found
            outer = outer.parent
        if self._names.is_namespace(group, name) and group == "c":
            return (namespace_value(group, name),)
        definitions = self._included(scope.module).get(name, ())
        return union(entity_itself(d) for d in definitions if isinstance(d, Entity))

    def _included(self, module: Entity) -> dict[str, list[Definition]]:
        """Names of all files that the module includes, directly or not."""
        if module not in self._visible:
            found: dict[str, list[Definition]] = {}
            self._visible[module] = found
            seen, pending = {module}, [module]
            while pending:
                here = pending.pop(0)
                for statement in here.names.get(STAR, ()):
                    if not isinstance(statement, Import):
                        continue
                    for each in self._imports.modules(statement, here):
                        if each not in seen:
                            seen.add(each)
                            pending.append(each)
                if here is not module:
                    for name, definitions in here.names.items():
                        found.setdefault(name, definitions)
        return self._visible[module]


def _classes(scope: Entity) -> Iterator[Entity]:
    """The classes around the scope, the innermost first."""
    outer: Entity | None = scope
    while outer is not None:
        if outer.is_class:
            yield outer
        outer = outer.owner or outer.parent
