"""Entities and edges beyond code, and the references that extractors leave to be linked.

Extractors make these values, storage keeps them per file, the links resolve their references.
Names only: no value of a secret, an environment variable or a configuration is ever kept. Lines
are 1-based lines of the file in which the evidence stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias, get_args

EntityKind: TypeAlias = Literal[
    "table", "column", "migration", "index",
    "service", "deployment", "config_map", "secret", "ingress", "cron_job", "resource",
    "env_var", "feature_flag",
    "adr", "rfc", "runbook", "changelog", "incident",
    "endpoint", "rpc", "topic",
    "owner", "team", "commit",
    "file", "directory",
]  # fmt: skip
KnowledgeEdgeKind: TypeAlias = Literal[
    "reads", "writes", "depends_on", "owned_by", "caused_by", "decided_by", "deployed_as",
    "configured_by", "changed_with", "contains",
]  # fmt: skip
# declared: the source says so. inferred: a convention says so. history: commits suggest it.
# name_only: a guess by a name, left out of paths unless asked for.
KnowledgeTier: TypeAlias = Literal["declared", "inferred", "history", "name_only"]
ReferenceKind: TypeAlias = Literal[
    "code",
    "symbol",
    "path",
    "model",
    "name",
    "mention",
    "http_call",
    "rpc_call",
]

ENTITY_KINDS: tuple[EntityKind, ...] = get_args(EntityKind)
EDGE_KINDS: tuple[KnowledgeEdgeKind, ...] = get_args(KnowledgeEdgeKind)
CONFIDENCE: Mapping[KnowledgeTier, float] = {
    "declared": 1.0, "inferred": 0.85, "history": 0.6, "name_only": 0.4,
}  # fmt: skip


class Ref(NamedTuple):
    """One end of an edge: an entity by kind and name, or something that links will find.

    `code` is `path:line`, the definition around that line; `path` a file or a folder; `model` the
    dotted name of a class that stands for a table; `name` any service or deployment of that name;
    `mention` a text that may name a file, a folder or an entity. `symbol` is `path:line#name`, the
    definition of that name, in that file where several have it, else the one around the line.
    `http_call` is `METHOD host path`, the endpoint that answers it; `rpc_call` a method of a
    service. Those that lead to nothing are dropped.
    """

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Entity:
    """One thing beyond code, declared or mentioned at `path:line`.

    `attributes` are facts for links and queries, such as labels of a deployment; never values of
    configuration. A `mention` gives an entity only where nothing declares it.
    """

    kind: EntityKind
    name: str
    path: str
    line: int
    rule: str
    tier: KnowledgeTier = "declared"
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def ref(self) -> Ref:
        """How edges name it."""
        return Ref(self.kind, self.name)

    @property
    def confidence(self) -> float:
        """Fixed per tier, in 0..1."""
        return CONFIDENCE[self.tier]


@dataclass(frozen=True, slots=True)
class KnowledgeEdge:
    """One relation with its evidence at `path:line`; `confidence` lies in 0..1.

    `carries` names the fields that go along, separated by commas, where the evidence shows them.
    """

    source: Ref
    target: Ref
    kind: KnowledgeEdgeKind
    path: str
    line: int
    rule: str
    tier: KnowledgeTier
    confidence: float
    carries: str = ""


@dataclass(frozen=True, slots=True)
class Extraction:
    """What one file gives."""

    entities: tuple[Entity, ...] = ()
    edges: tuple[KnowledgeEdge, ...] = ()


class Findings:
    """Collects what one extractor finds in one file, each thing once."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._entities: dict[tuple[str, str], Entity] = {}
        self._edges: dict[tuple[Ref, Ref, str, int], KnowledgeEdge] = {}

    def entity(
        self,
        kind: EntityKind,
        name: str,
        line: int,
        rule: str,
        tier: KnowledgeTier = "declared",
        **attributes: str,
    ) -> Ref:
        """Note an entity; the first place of a name is its place."""
        entity = Entity(kind, name, self.path, line, rule, tier, attributes)
        self._entities.setdefault((kind, name), entity)
        return entity.ref

    def edge(
        self,
        source: Ref,
        kind: KnowledgeEdgeKind,
        target: Ref,
        line: int,
        rule: str,
        tier: KnowledgeTier = "declared",
        carries: str = "",
    ) -> None:
        """Note an edge whose evidence is at `line`."""
        if source != target:
            edge = KnowledgeEdge(
                source, target, kind, self.path, line, rule, tier, CONFIDENCE[tier], carries
            )
            self._edges.setdefault((source, target, kind, line), edge)

    def code(self, line: int) -> Ref:
        """The definition around a line of this file."""
        return Ref("code", f"{self.path}:{line}")

    def symbol(self, name: str, line: int) -> Ref:
        """The definition that `name` names on a line of this file."""
        return Ref("symbol", f"{self.path}:{line}#{name}")

    @property
    def file(self) -> Ref:
        """This file."""
        return Ref("path", self.path)

    def extraction(self) -> Extraction:
        """All that was noted, in order."""
        return Extraction(tuple(self._entities.values()), tuple(self._edges.values()))


def plain_field(name: str) -> str:
    """A field's name as all its spellings have it: user_id, userId and UserID are one."""
    return name.replace("_", "").replace("-", "").casefold()
