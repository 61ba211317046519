"""References of extractions resolved to entities: one set of entities and edges per repository.

An edge with an end that leads nowhere is dropped and counted, so that a guess is never shown as a
fact. Above: the resident graph. Below: names.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from agentos_memory.knowledge.extractors.codeowners import pattern_expression
from agentos_memory.knowledge.model import (
    CONFIDENCE,
    ENTITY_KINDS,
    Entity,
    Extraction,
    KnowledgeEdge,
    KnowledgeTier,
    Ref,
)
from agentos_memory.knowledge.names import Names

_KINDS = frozenset(ENTITY_KINDS)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """All entities, and the edges between them, files and code.

    Ends of edges are entities, `file` and `directory` by their paths, `code` as `path:line`, or
    `symbol` as `path:line#name`.
    `unlinked` counts the edges that were dropped, by the kind of the end that led nowhere.
    """

    entities: tuple[Entity, ...]
    edges: tuple[KnowledgeEdge, ...]
    unlinked: Mapping[str, int]


def link(extractions: Iterable[Extraction], paths: Sequence[str]) -> Knowledge:
    """Link what the files of a repository say; `paths` are all its files."""
    found = list(extractions)
    names = Names((entity for each in found for entity in each.entities), paths)
    edges = [edge for each in found for edge in each.edges]
    for edge in edges:
        if edge.target.kind == "image" and edge.source.kind == "path":
            names.add_image(edge.target.name, edge.source.name)
    linker = _Linker(names)
    linked = dict.fromkeys(each for edge in edges if (each := linker.linked(edge)) is not None)
    linked |= dict.fromkeys(_selected(names))
    linked |= dict.fromkeys(_owned(edges, paths))
    entities = [*names.entities.values(), *_folders(linked, names)]
    entities.sort(key=lambda each: (each.kind, each.name, each.path, each.line))
    return Knowledge(tuple(entities), tuple(linked), dict(linker.unlinked))


class _Linker:
    def __init__(self, names: Names) -> None:
        self._names = names
        self.unlinked: Counter[str] = Counter()

    def linked(self, edge: KnowledgeEdge) -> KnowledgeEdge | None:
        """The edge between what its ends stand for; None where one leads nowhere."""
        if edge.source.kind == "pattern" or (edge.source.kind, edge.target.kind) == (
            "path",
            "image",
        ):
            return None
        ends = []
        for end in (edge.source, edge.target):
            found = self._end(end, edge)
            if found is None:
                self.unlinked[end.kind] += 1
                return None
            ends.append(found)
        if ends[0] == ends[1]:
            return None
        if ends == [edge.source, edge.target]:
            return edge
        made = self._names.get(ends[1].kind, ends[1].name)
        if made is not None and made.kind == "rpc" and edge.kind == "writes":
            edge = replace(edge, carries=made.attributes.get("fields", ""))
        if made is not None and made.tier == "name_only":
            return replace(edge, source=ends[0], target=ends[1], tier="name_only",
                           confidence=CONFIDENCE["name_only"])  # fmt: skip
        return replace(edge, source=ends[0], target=ends[1])

    def _end(self, end: Ref, edge: KnowledgeEdge) -> Ref | None:
        names = self._names
        found: Entity | Ref | None
        match end.kind:
            case "code" | "symbol":
                return end
            case "rails_table":
                found = names.get("table", end.name)
            case "http_call":
                found = names.endpoints.answering(end.name)
            case "rpc_call":
                found = names.rpc(end.name)
            case "path":
                found = names.at_path(end.name)
            case "table":
                found = names.table(end.name) or self._unknown_table(end.name, edge)
            case "column":
                found = names.column(end.name)
            case "model":
                found = names.model(end.name)
            case "model_column":
                found = names.model_column(end.name)
            case "name":
                found = names.service(end.name)
            case "image":
                found = names.built_from(end.name)
            case "revision":
                found = names.revision(end.name)
            case "commit":
                found = names.commit(end.name)
            case "mention":
                found = names.mention(end.name)
            case kind if kind in _KINDS:
                found = names.get(kind, end.name)
            case _:
                found = None
        return found.ref if isinstance(found, Entity) else found

    def _unknown_table(self, name: str, edge: KnowledgeEdge) -> Entity | None:
        """A table that nothing declares: its statement is all that is known of it."""
        if edge.kind not in ("reads", "writes", "depends_on") or not name.isprintable():
            return None
        tier: KnowledgeTier = "inferred" if edge.tier == "declared" else "name_only"
        return self._names.add(Entity("table", name, edge.path, edge.line, edge.rule, tier))


def _selected(names: Names) -> Iterator[KnowledgeEdge]:
    """Services by the deployments that their selectors choose."""
    deployments = [e for e in names.entities.values() if e.kind in ("deployment", "cron_job")]
    for service in [e for e in names.entities.values() if "selector" in e.attributes]:
        wanted = set(service.attributes["selector"].split(","))
        for deployment in deployments:
            labels = set(deployment.attributes.get("labels", "").split(","))
            space = deployment.attributes.get("namespace") == service.attributes.get("namespace")
            if wanted <= labels and space:
                yield KnowledgeEdge(
                    service.ref, deployment.ref, "deployed_as", service.path, service.line,
                    "selector", "declared", 1.0,
                )  # fmt: skip


def _owned(edges: Iterable[KnowledgeEdge], paths: Sequence[str]) -> Iterator[KnowledgeEdge]:
    """Each file's owners by CODEOWNERS, where the last pattern that matches decides."""
    rules: defaultdict[Ref, list[KnowledgeEdge]] = defaultdict(list)
    for edge in edges:
        if edge.source.kind == "pattern":
            rules[edge.source].append(edge)
    if not rules:
        return
    ordered = sorted(rules.items(), key=lambda rule: -rule[1][0].line)
    compiled = [(pattern_expression(ref.name.partition(":")[2]), own) for ref, own in ordered]
    for path in paths:
        for expression, own in compiled:
            if expression.match(path):
                for edge in own:
                    if edge.target.name:
                        yield replace(edge, source=Ref("file", path))
                break


def _folders(edges: Iterable[KnowledgeEdge], names: Names) -> Iterator[Entity]:
    """Folders that edges name; their place is their first file."""
    wanted = {end for edge in edges for end in (edge.source, edge.target)}
    for ref in sorted(end for end in wanted if end.kind == "directory"):
        place = names.first_file(ref.name)
        if names.get("directory", ref.name) is None and place is not None:
            yield Entity("directory", ref.name, place, 1, "folder", "declared")
