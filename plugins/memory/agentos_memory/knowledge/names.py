"""What the names in references stand for: entities, files and folders of one repository.

Names compare without case. A name that several things have leads nowhere, unless one kind of them
goes first. Above: linking. Below: `model`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence

from agentos_memory.knowledge.endpoints import Endpoints
from agentos_memory.knowledge.model import CONFIDENCE, Entity, EntityKind, Ref

# What documents mention, the first kind of several going first.
_MENTIONED: tuple[EntityKind, ...] = (
    "service", "deployment", "table", "column", "env_var", "feature_flag", "config_map", "ingress",
    "cron_job", "adr", "rfc", "runbook", "incident", "resource",
)  # fmt: skip
_DOCUMENT = re.compile(r"(?P<kind>adr|rfc)[-_ ]?0*(?P<number>\d{1,5})$", re.IGNORECASE)
_NUMBER = re.compile(r"^(?:adr|rfc)?[-_ ]?0*(?P<number>\d{1,5})(?:\D|$)", re.IGNORECASE)
_SHORTEST_COMMIT = 7


class Names:
    """Looks references up; every answer is an entity, or None."""

    def __init__(self, entities: Iterable[Entity], paths: Iterable[str]) -> None:
        self.entities: dict[tuple[str, str], Entity] = {}
        self._paths = set(paths)
        self._sorted = sorted(self._paths)
        self._by_name: defaultdict[str, list[Entity]] = defaultdict(list)
        self._models: defaultdict[str, list[Entity]] = defaultdict(list)
        self._tables: defaultdict[str, list[Entity]] = defaultdict(list)
        self._fields: dict[tuple[str, str], Entity] = {}
        self._numbers: dict[tuple[str, str], list[Entity]] = defaultdict(list)
        self._revisions: dict[str, Entity] = {}
        self._commits: list[str] = []
        self._images: defaultdict[str, set[str]] = defaultdict(set)
        self.endpoints = Endpoints(self.folder_of)
        for entity in sorted(entities, key=_preference):
            self.add(entity)
        self._commits.sort()

    def add(self, entity: Entity) -> Entity:
        """Make an entity known; the one that is known already where there is one."""
        key = (entity.kind, entity.name.casefold())
        if key in self.entities:
            return self.entities[key]
        self.entities[key] = entity
        self._by_name[entity.name.casefold()].append(entity)
        match entity.kind:
            case "table":
                self._tables[entity.name.rpartition(".")[2].casefold()].append(entity)
                if "model" in entity.attributes:
                    self._models[entity.attributes["model"].casefold()].append(entity)
            case "column" if "field" in entity.attributes:
                table = entity.name.rpartition(".")[0].casefold()
                self._fields[table, entity.attributes["field"].casefold()] = entity
            case "adr" | "rfc":
                number = _NUMBER.match(entity.name)
                if number is not None:
                    self._numbers[entity.kind, number["number"]].append(entity)
            case "migration" if "revision" in entity.attributes:
                self._revisions[entity.attributes["revision"]] = entity
            case "commit":
                self._commits.append(entity.name)
            case "endpoint":
                self.endpoints.add(entity)
            case "directory" if "image" in entity.attributes:
                self.add_image(entity.name.rpartition("/")[2], entity.name)
        return entity

    def add_image(self, image: str, folder: str) -> None:
        """Say that an image is built from a folder."""
        self._images[image.casefold()].add(folder)

    def get(self, kind: str, name: str) -> Entity | None:
        """The entity of that kind and name."""
        return self.entities.get((kind, name.casefold()))

    def table(self, name: str) -> Entity | None:
        """A table by its name, or by its name without a schema where only one has it."""
        exact = self.get("table", name)
        if exact is not None:
            return exact
        found = self._tables.get(name.rpartition(".")[2].casefold(), [])
        # Two schemas that are both named are two tables.
        fitting = [t for t in found if "." not in name or "." not in t.name]
        return fitting[0] if len(fitting) == 1 else None

    def column(self, name: str) -> Entity | None:
        """A column by `table.column`."""
        owner, _, column = name.rpartition(".")
        table = self.table(owner)
        return None if table is None else self.get("column", f"{table.name}.{column}")

    def model(self, name: str) -> Entity | None:
        """The table of a class: `module.Class`, `app.Class`, or `path::Class` in its own file."""
        path, _, local = name.rpartition("::")
        before, _, cls = local.rpartition(".")
        found = self._models.get(cls.casefold(), [])
        if path:
            return next((t for t in found if t.path == path), None) or _only(found)
        labelled = [t for t in found if t.attributes.get("app") == before]
        if labelled:
            return labelled[0]
        module = before.lstrip(".")
        fitting = [t for t in found if _holds(t.path, module)]
        return _only(fitting)

    def model_column(self, name: str) -> Entity | None:
        """The column of a class's field, `Class#field`."""
        model, _, attribute = name.partition("#")
        table = self.model(model)
        if table is None:
            return None
        if attribute == "pk":
            attribute = "id"
        known = self._fields.get((table.name.casefold(), attribute.casefold()))
        return known or self.get("column", f"{table.name}.{attribute}")

    def service(self, name: str) -> Entity | None:
        """A service of that name, or what is deployed under it."""
        return self.get("service", name) or self.get("deployment", name)

    def built_from(self, image: str) -> Ref | None:
        """The folder that an image is built from."""
        folders = self._images.get(image.casefold(), set())
        return self.at_path(next(iter(folders))) if len(folders) == 1 else None

    def folder_of(self, service: str) -> str | None:
        """The folder that a service of that name is built from."""
        built = self.built_from(service)
        return None if built is None else built.name

    def rpc(self, name: str) -> Entity | None:
        """A method by `Service.Method`, in whatever case the language writes it."""
        service, _, method = name.partition(".")
        plain = method.replace("_", "").removesuffix("Async")
        return self.get("rpc", f"{service}.{plain}") or self.get("rpc", f"{service}.{method}")

    def at_path(self, path: str) -> Ref | None:
        """The file or folder of that path."""
        path = path.rstrip("/").removeprefix("./")
        if path in self._paths:
            return Ref("file", path)
        if path in ("", "."):
            return Ref("directory", ".")
        return Ref("directory", path) if self.first_file(path) else None

    def first_file(self, folder: str) -> str | None:
        """The first file below a folder."""
        if folder == ".":
            return self._sorted[0] if self._sorted else None
        at = bisect_left(self._sorted, folder + "/")
        below = self._sorted[at : at + 1]
        return below[0] if below and below[0].startswith(folder + "/") else None

    def revision(self, name: str) -> Entity | None:
        """The Alembic migration of a revision."""
        return self._revisions.get(name)

    def commit(self, name: str) -> Entity | None:
        """A listed commit by the start of its name."""
        if len(name) < _SHORTEST_COMMIT:
            return None
        at = bisect_left(self._commits, name)
        found = [each for each in self._commits[at : at + 2] if each.startswith(name)]
        return self.get("commit", found[0]) if len(found) == 1 else None

    def mention(self, name: str) -> Ref | None:
        """What a text in a document names: a document by number, a file, an entity."""
        document = _DOCUMENT.match(name)
        if document is not None:
            numbered = self._numbers.get((document["kind"].lower(), document["number"]), [])
            if len(numbered) == 1:
                return numbered[0].ref
        if "/" in name or "." in name:
            at_path = self.at_path(name)
            if at_path is not None and name not in (".", "/"):
                return at_path
        kind, _, rest = name.partition(":")
        entity = self.get(kind, rest.strip()) or self._mentioned(name)
        if entity is None and name.count(".") == 1:
            entity = self.column(name)
        return None if entity is None else entity.ref

    def _mentioned(self, name: str) -> Entity | None:
        found = self._by_name.get(name.casefold(), [])
        for kind in _MENTIONED:
            of_kind = [entity for entity in found if entity.kind == kind]
            if of_kind:
                return of_kind[0]
        return None


def _preference(entity: Entity) -> tuple[float, str, int]:
    """Declarations go before mentions, then the order of paths and lines."""
    return -CONFIDENCE[entity.tier], entity.path, entity.line


def _only(found: Sequence[Entity]) -> Entity | None:
    return found[0] if len(found) == 1 else None


def _holds(path: str, module: str) -> bool:
    """Whether a file may be, or be exported by, a dotted module."""
    if not module:
        return True
    dotted = "." + path.rpartition(".")[0].replace("/", ".") + "."
    return f".{module}." in dotted
