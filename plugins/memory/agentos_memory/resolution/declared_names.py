"""Definitions by their full names, for languages whose files share namespaces.

A full name is the file's namespace and the nesting of the definition, with dots: `a.b.Outer.Inner`.
Linking joins what is written in several places: classes in parts, methods defined outside of
their class, functions declared in headers. Above: imports and surroundings. Below: the program.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Sequence

from agentos_memory.expressions import Attribute, Expression, Name
from agentos_memory.languages.queried import DECLARED_ONLY, NAMESPACE
from agentos_memory.model import Binding, Import
from agentos_memory.resolution.program import Entity, Program, Receiver

# Languages that see one another's definitions.
GROUPS = {
    "rust": "rust", "java": "java", "c": "c", "cpp": "c", "csharp": "csharp", "ruby": "ruby",
    "php": "php", "bash": "bash",
}  # fmt: skip
# Languages in which a class may be written in several places.
OPEN_CLASSES = frozenset({"csharp", "ruby"})
PATH_ROOTS = ("src", "tests", "benches", "examples", "bin")


class DeclaredNames:
    """Classes, functions and namespaces of a program by group and full name."""

    def __init__(self, program: Program) -> None:
        self._entities: defaultdict[str, defaultdict[str, list[Entity]]] = defaultdict(
            lambda: defaultdict(list)
        )
        self._namespaces: defaultdict[str, defaultdict[str, list[Entity]]] = defaultdict(
            lambda: defaultdict(list)
        )
        self._prefixes: dict[Entity, str] = {}
        self.crates: dict[str, list[str]] = defaultdict(list)
        modules = [m for m in program.modules.values() if m.analysis.language in GROUPS]
        for module in modules:
            self._add(module, program.scopes[module.symbol.path].values())
        for module in modules:
            self._link(module, program.scopes[module.symbol.path].values())
        self._join_parts()

    def entities(self, group: str, full_name: str) -> Sequence[Entity]:
        """Classes and functions of that name."""
        return self._entities[group].get(full_name, ()) if group in self._entities else ()

    def is_namespace(self, group: str, full_name: str) -> bool:
        """Whether definitions or files lie below the name."""
        return group in self._namespaces and full_name in self._namespaces[group]

    def files(self, group: str, full_name: str) -> Sequence[Entity]:
        """The modules that are the namespace."""
        return self._namespaces[group].get(full_name, ()) if group in self._namespaces else ()

    def prefix(self, module: Entity) -> str:
        """The namespace of a file, "" for none."""
        return self._prefixes.get(module, "")

    def full_name(self, entity: Entity) -> str:
        """The full name of a definition, or a file's namespace."""
        _, separator, nesting = entity.symbol.qualified_name.partition(":")
        return _joined(self.prefix(entity.module), nesting if separator else "")

    def _add(self, module: Entity, entities: Iterable[Entity]) -> None:
        group = GROUPS[module.analysis.language]
        self._prefixes[module] = prefix = self._namespace_of(module)
        self._add_namespace(group, prefix, module)
        for entity in entities:
            if entity is module or _is_local(entity):
                continue
            full_name = self.full_name(entity)
            if entity.symbol.kind == "namespace":
                self._add_namespace(group, full_name, entity)
            elif entity.symbol.kind != "method":
                self._entities[group][full_name].append(entity)

    def _add_namespace(self, group: str, full_name: str, holder: Entity) -> None:
        known = self._namespaces[group]
        known[full_name].append(holder)
        while full_name:
            full_name = full_name.rpartition(".")[0]
            known[full_name]

    def _namespace_of(self, module: Entity) -> str:
        if module.analysis.language == "rust":
            return self._crate_path(module.symbol.path)
        stated = module.names.get(NAMESPACE, ())
        found = next((each for each in stated if isinstance(each, Binding)), None)
        return _text(found.value) if found is not None else ""

    def _crate_path(self, path: str) -> str:
        folder, _, file = path.replace(".rs", "").rpartition("/")
        parts = folder.split("/") if folder else []
        roots = [i for i, part in enumerate(parts) if part in PATH_ROOTS]
        cut = roots[-1] + 1 if roots else len(parts)
        root = "/".join(parts[:cut]).replace(".", "_") or "<crate>"
        crate = parts[cut - 2] if roots and cut > 1 else ""
        if crate and root not in self.crates[crate.replace("-", "_")] and parts[cut - 1] == "src":
            self.crates[crate.replace("-", "_")].append(root)
        inner = parts[cut:] if file in ("mod", "lib", "main") else [*parts[cut:], file]
        return ".".join([root, *inner])

    def _link(self, module: Entity, entities: Iterable[Entity]) -> None:
        group = GROUPS[module.analysis.language]
        for entity in list(entities):
            if entity.symbol.kind == "method" and entity.owner is None:
                self._adopt(entity, group)
            elif group == "c" and entity.is_function and is_declared_only(entity):
                self._replace_by_definition(entity, group)
            elif group == "rust" and entity.is_class and _is_reopened(entity):
                self._adopt_all(entity, group)

    def _adopt(self, method: Entity, group: str) -> None:
        """A method that is defined outside of its class."""
        nesting = (method.symbol.parent or "").partition(":")[2]
        owner = self._class_named(group, _joined(self.prefix(method.module), nesting))
        if owner is None:
            self._entities[group][_joined(nesting, method.symbol.name)].append(method)
            return
        self._give(owner, method)

    def _give(self, owner: Entity, method: Entity) -> None:
        method.owner = owner
        if method.receiver_name is None and not method.is_static:
            method.receiver_name = "this"
            method.names.setdefault("this", [Receiver(method)])
        known = owner.names.setdefault(method.symbol.name, [])
        # The definition stands for what the class only declares.
        known[:] = [d for d in known if not (isinstance(d, Entity) and is_declared_only(d))]
        if method not in known:
            known.append(method)

    def _class_named(self, group: str, full_name: str) -> Entity | None:
        """The class of that name, whose leading namespaces may be left out."""
        classes = [e for e in self.entities(group, full_name) if e.is_class]
        if not classes:
            ending = f".{full_name}"
            classes = [
                entity
                for name, entities in self._entities[group].items()
                if name.endswith(ending)
                for entity in entities
                if entity.is_class
            ]
        return classes[0] if len(classes) == 1 else None

    def _replace_by_definition(self, declared: Entity, group: str) -> None:
        if declared.owner is not None or declared.parent is None:
            return
        name = declared.symbol.name
        full_name = self.full_name(declared)
        defined = [
            entity
            for entity in self.entities(group, full_name)
            if entity.is_function and not is_declared_only(entity) and not _is_static(entity)
        ]
        if defined:
            chosen = nearest(defined, declared.symbol.path)
            if chosen is not None:
                declared.parent.names[name] = [chosen]
        elif declared.module.analysis.has_errors:
            # Code that the grammar could not read leaves members of classes outside of them.
            self._entities[group].pop(full_name, None)
            declared.parent.names.pop(name, None)

    def _adopt_all(self, part: Entity, group: str) -> None:
        """The methods of an `impl` block that stands in another file than its type."""
        for statement in part.module.names.get(part.symbol.name, ()):
            if not isinstance(statement, Import):
                continue
            heads = statement.module.split(".")
            endings = [h for h in heads if not h.startswith("<") and h != "crate"]
            full_name = ".".join([*endings, str(statement.name)])
            owner = self._class_named(group, full_name)
            if owner is not None and owner is not part:
                _share(owner, part)

    def _join_parts(self) -> None:
        for group in OPEN_CLASSES & self._entities.keys():
            for entities in self._entities[group].values():
                classes = [each for each in entities if each.is_class]
                for part in classes[1:]:
                    _share(classes[0], part)


def nearest(entities: Sequence[Entity], path: str) -> Entity | None:
    """The one whose file is nearest to `path`; None where several are."""
    if len(entities) == 1:
        return entities[0]
    stem = posixpath.splitext(path)[0]
    ranked = sorted(
        ((_shared(each.symbol.path, path, stem), each) for each in entities),
        key=lambda each: each[0],
        reverse=True,
    )
    if not ranked or ranked[0][0] == ranked[1][0]:
        return None
    return ranked[0][1]


def is_declared_only(entity: Entity) -> bool:
    """Whether a function has no body where it stands."""
    facts = entity.functions
    return bool(facts) and all(DECLARED_ONLY in each.decorators for each in facts)


def _share(owner: Entity, part: Entity) -> None:
    """Let two parts of a class hold the same members."""
    for name, definitions in part.names.items():
        known = owner.names.setdefault(name, [])
        known.extend(each for each in definitions if each not in known)
        for each in definitions:
            if isinstance(each, Entity) and each.owner is part:
                each.owner = owner
    for name, bindings in part.attributes.items():
        owner.attributes.setdefault(name, []).extend(bindings)
    owner.classes.extend(part.classes)
    part.names, part.attributes, part.classes = owner.names, owner.attributes, owner.classes


def _shared(candidate: str, path: str, stem: str) -> tuple[bool, int]:
    count = 0
    for one, other in zip(candidate.split("/"), path.split("/"), strict=False):
        if one != other:
            break
        count += 1
    return posixpath.splitext(candidate)[0].rpartition("/")[2] == stem.rpartition("/")[2], count


def _is_local(entity: Entity) -> bool:
    parent = entity.parent
    return parent is not None and parent.is_function


def _is_static(entity: Entity) -> bool:
    return "static" in entity.decorators


def _is_reopened(entity: Entity) -> bool:
    return entity.symbol.signature.startswith("impl") or entity.symbol.signature.startswith(
        "unsafe"
    )


def _joined(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix and name else prefix or name


def _text(expression: Expression) -> str:
    parts: list[str] = []
    while isinstance(expression, Attribute):
        parts.append(expression.name)
        expression = expression.value
    if isinstance(expression, Name):
        parts.append(expression.identifier)
    return ".".join(reversed(parts))
