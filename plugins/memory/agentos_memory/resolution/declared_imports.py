"""Imports of languages whose files share namespaces, and includes of files.

Above: the module index, surroundings. Below: full names.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterator, Sequence

from agentos_memory.model import Import
from agentos_memory.resolution.declared_names import GROUPS, DeclaredNames, nearest
from agentos_memory.resolution.program import Entity, Program
from agentos_memory.resolution.values import (
    External,
    FunctionValue,
    Namespace,
    Values,
    entity_itself,
    union,
)

# Languages whose star imports of level 0 name files.
FILE_IMPORTS = frozenset({"c", "cpp", "ruby", "bash"})
MAX_HOPS = 6
STAR = "*"


class DeclaredImports:
    """Follows imports by full names, and includes by paths."""

    def __init__(self, program: Program, names: DeclaredNames) -> None:
        self._names = names
        self._by_path = program.modules
        self._by_file: defaultdict[str, list[Entity]] = defaultdict(list)
        for path, module in program.modules.items():
            if module.analysis.language in FILE_IMPORTS:
                self._by_file[posixpath.basename(path)].append(module)

    def modules(self, statement: Import, importer: Entity) -> Sequence[Entity]:
        """The file that an include names; namespaces are no files."""
        if statement.name != STAR or not is_file_import(statement, importer):
            return ()
        found = self._file(statement.module, importer)
        return (found,) if found is not None else ()

    def bound(self, statement: Import, importer: Entity) -> Values:
        """Something outside."""
        return (External(statement.module),)

    def missing(self, statement: Import, importer: Entity) -> Values:
        """What the full name stands for, or something outside."""
        found = self.imported(statement, importer, 0)
        return found or (External(f"{statement.module}.{statement.name}"),)

    def submodule(self, module: Entity, name: str) -> Values:
        """Nothing."""
        return ()

    def namespace_member(self, name: str) -> Values:
        """What the name is below a namespace of `namespace_value`."""
        group, separator, full_name = name.partition("|")
        return self.named(group, full_name.strip("."), "") if separator else ()

    def passes_on(self, module: Entity, name: str) -> bool:
        """Yes."""
        return True

    def imported(self, statement: Import, importer: Entity, hops: int) -> Values:
        """What a named import gives; empty where it is not of the repository."""
        group = GROUPS[importer.analysis.language]
        path = importer.symbol.path
        for base in self.bases(statement.module, importer):
            full_name = ".".join(part for part in (base, str(statement.name)) if part)
            found = self.named(group, full_name, path, hops)
            if found:
                return found
        return ()

    def named(self, group: str, full_name: str, path: str, hops: int = 0) -> Values:
        """The class, function or namespace of that name; what modules pass on is followed.

        Of several the one nearest to `path`; empty where none is nearest.
        """
        entities = self._names.entities(group, full_name)
        if entities:
            first = entities[0]
            same = all(each.names is first.names for each in entities)
            chosen = first if same else nearest(entities, path)
            return entity_itself(chosen) if chosen is not None else ()
        owner, _, member = full_name.rpartition(".")
        found = self._class_member(group, owner, member)
        if not found and hops < MAX_HOPS and group == "rust":
            found = self._passed_on(group, owner, member, hops)
        if found:
            return found
        if self._names.is_namespace(group, full_name):
            return (namespace_value(group, full_name),)
        return ()

    def bases(self, module: str, importer: Entity) -> Iterator[str]:
        """Full names that an import's module may stand for, the likeliest first."""
        if importer.analysis.language != "rust":
            yield module
            return
        head, _, rest = module.partition(".")
        here = self._names.prefix(importer)
        crate, _, _ = here.partition(".")
        roots: list[str] = []
        match head:
            case "crate":
                roots = [crate]
            case "<self>":
                roots = [here]
            case "<super>":
                roots = [here.rpartition(".")[0]]
                while rest.startswith("<super>"):
                    roots = [roots[0].rpartition(".")[0]]
                    rest = rest.removeprefix("<super>").lstrip(".")
            case "":
                yield from (here, crate)
                yield from self.crate_roots(rest)
                return
            case _:
                yield f"{here}.{module}"
                yield f"{crate}.{module}"
                roots = self.crate_roots(head)
        for root in roots:
            yield f"{root}.{rest}" if rest else root

    def crate_roots(self, name: str) -> list[str]:
        """Folders of the crate by that name; its folder may lack the workspace's prefix."""
        crates = self._names.crates
        if name in crates:
            return crates[name]
        found = [roots for crate, roots in crates.items() if name.endswith(f"_{crate}")]
        return found[0] if len(found) == 1 else []

    def _class_member(self, group: str, owner: str, member: str) -> Values:
        entities = [e for e in self._names.entities(group, owner) if e.is_class]
        if len(entities) != 1:
            return ()
        definitions = entities[0].names.get(member, ())
        return tuple(
            FunctionValue(each) if each.is_function else entity_itself(each)[0]
            for each in definitions
            if isinstance(each, Entity)
        )

    def _passed_on(self, group: str, owner: str, member: str, hops: int) -> Values:
        groups = []
        for holder in self._names.files(group, owner):
            for statement in (*holder.names.get(member, ()), *holder.names.get(STAR, ())):
                if not isinstance(statement, Import):
                    continue
                if statement.name == STAR:
                    for base in self.bases(statement.module, holder.module):
                        if statement.level and base != owner:
                            groups.append(self.named(group, f"{base}.{member}", "", hops + 1))
                else:
                    groups.append(self.imported(statement, holder.module, hops + 1))
        return union(groups)

    def _file(self, written: str, importer: Entity) -> Entity | None:
        folder = posixpath.dirname(importer.symbol.path)
        suffix = ".rb" if importer.analysis.language == "ruby" else ""
        if suffix and not written.endswith(suffix):
            written += suffix
        beside = posixpath.normpath(posixpath.join(folder, written))
        if beside in self._by_path:
            return self._by_path[beside]
        ending = written.removeprefix("*/").removeprefix("./")
        while ending.startswith("../"):
            ending = ending.removeprefix("../")
        known = self._by_file.get(posixpath.basename(ending), ())
        found = [m for m in known if f"/{m.symbol.path}".endswith(f"/{ending}")]
        return nearest(found, importer.symbol.path) if found else None


def is_file_import(statement: Import, importer: Entity) -> bool:
    """Whether the statement includes a file."""
    return statement.level == 0 and importer.analysis.language in FILE_IMPORTS


def namespace_value(group: str, full_name: str) -> Namespace:
    """A namespace; groups do not see one another's."""
    return Namespace(f"{group}|{full_name}")
