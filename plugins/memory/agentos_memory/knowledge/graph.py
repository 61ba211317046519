"""Code and what is known beyond it as one graph, resident for walks and queries.

Nodes are numbers: the definitions of the symbol graph first, then entities, files and folders. A
file that the symbol graph knows is its module. `contains` leads from a module to its definitions
and from a folder to its files; it is not stored but follows from paths.
Above: paths and queries. Below: the symbol graph, linked knowledge.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

from agentos_memory.adjacency import Relation
from agentos_memory.graph import SymbolGraph
from agentos_memory.knowledge.linking import Knowledge
from agentos_memory.knowledge.model import (
    ENTITY_KINDS,
    Entity,
    KnowledgeEdge,
    Ref,
    plain_field,
)
from agentos_memory.model import EdgeKind, SymbolKind

CODE_KINDS: tuple[str, ...] = get_args(SymbolKind)
CODE_EDGE_KINDS: tuple[str, ...] = get_args(EdgeKind)
_CODE_EDGES = frozenset(CODE_EDGE_KINDS)
_CALLABLE = frozenset({"function", "method", "class", "variable"})
_NO_ATTRIBUTES: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Node:
    """One definition or entity; `end_line` is its line where it has no extent."""

    kind: str
    name: str
    path: str
    line: int
    end_line: int
    tier: str = "declared"
    confidence: float = 1.0
    rule: str = "definition"
    attributes: Mapping[str, str] = field(default_factory=lambda: _NO_ATTRIBUTES)

    @property
    def label(self) -> str:
        """`kind:name`, which names an entity in a question."""
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class Link:
    """One edge between two nodes with its evidence at `path:line`."""

    source: int
    target: int
    kind: str
    path: str
    line: int
    tier: str
    confidence: float
    rule: str
    carries: str = ""

    @property
    def fields(self) -> frozenset[str]:
        """The fields that it carries, by what all their spellings have in common."""
        return frozenset(plain_field(name) for name in self.carries.split(",") if name)

    @property
    def is_code(self) -> bool:
        """Whether it is a relation of the symbol graph."""
        return self.kind in _CODE_EDGES


class KnowledgeGraph:
    """The nodes of one generation with their edges in both directions."""

    def __init__(self, code: SymbolGraph, knowledge: Knowledge, generation: int) -> None:
        self.code = code
        self.generation = generation
        self.unlinked = knowledge.unlinked
        self._n_code = len(code.definitions)
        self._modules = {
            d.path: p for p, d in reversed(list(enumerate(code.definitions))) if d.kind == "module"
        }
        self._entities: list[Entity] = []
        self._positions: dict[Ref, int] = {}
        self._by_name: defaultdict[str, list[int]] = defaultdict(list)
        self.by_kind: defaultdict[str, list[int]] = defaultdict(list)
        for position, definition in enumerate(code.definitions):
            self.by_kind[definition.kind].append(position)
        for entity in knowledge.entities:
            self._add(entity)
        self.outgoing: defaultdict[int, list[Link]] = defaultdict(list)
        self.incoming: defaultdict[int, list[Link]] = defaultdict(list)
        self.n_edges = 0
        # Fields that go along some edge, by what all their spellings have in common.
        self.carried: set[str] = set()
        for edge in knowledge.edges:
            self._connect(edge)
        files = {self._path_of(n): n for n in self.by_kind["file"]} | self._modules
        self._paths = sorted(files)
        self._files = files

    def __len__(self) -> int:
        return self._n_code + len(self._entities)

    def node(self, position: int) -> Node:
        """The node at a position."""
        if position < self._n_code:
            d = self.code.definitions[position]
            return Node(d.kind, d.qualified_name, d.path, d.start_line, d.end_line)
        e = self._entities[position - self._n_code]
        return Node(
            e.kind, e.name, e.path, e.line, e.line, e.tier, e.confidence, e.rule, e.attributes
        )

    def is_code(self, position: int) -> bool:
        """Whether the node is a definition."""
        return position < self._n_code

    def leaving(self, position: int) -> Iterator[Link]:
        """The edges of a node, calls that may dispatch to overrides among them."""
        yield from self.outgoing.get(position, ())
        if position < self._n_code:
            yield from map(_code_link, self.code.leaving(position))
        yield from self._contained(position)

    def arriving(self, position: int) -> Iterator[Link]:
        """The edges to a node."""
        yield from self.incoming.get(position, ())
        if position < self._n_code:
            yield from map(_code_link, self.code.arriving(position))
        yield from self._containing(position)

    def find(self, name: str) -> list[int]:
        """Nodes that `name` may mean: `kind:name`, a symbol, `path:line`, a path, or a bare name."""
        kind, _, rest = name.partition(":")
        if kind in ENTITY_KINDS:
            return [n for n in self._named(rest) if self.node(n).kind == kind]
        if kind in CODE_KINDS:
            return [n for n in self._symbols(rest) if self.node(n).kind == kind]
        found = [*self._symbols(name), *self._named(name)]
        return list(dict.fromkeys(found))

    def _symbols(self, name: str) -> list[int]:
        """Definitions, overloads as one."""
        found = {}
        for position in reversed(self.code.find(name)):
            definition = self.code.definitions[position]
            found[definition.path, definition.qualified_name] = position
        return sorted(found.values())

    def _named(self, name: str) -> list[int]:
        spelled = name.casefold()
        exact = [n for n in self._by_name.get(spelled, ()) if self._is_whole(n, spelled)]
        return exact or list(self._by_name.get(spelled, ()))

    def _is_whole(self, position: int, spelled: str) -> bool:
        return self.node(position).name.casefold() == spelled

    def _add(self, entity: Entity) -> int:
        if entity.kind == "file" and entity.name in self._modules:
            return self._modules[entity.name]
        position = self._n_code + len(self._entities)
        self._entities.append(entity)
        self._positions[entity.ref] = position
        self.by_kind[entity.kind].append(position)
        for name in {entity.name.casefold(), *_short_names(entity)}:
            self._by_name[name].append(position)
        return position

    def _position(self, ref: Ref) -> int | None:
        if ref.kind == "code":
            path, _, line = ref.name.rpartition(":")
            around = self.code.at_line(path, int(line)) or self.code.find(path)[:1]
            return around[0] if around else self._position(Ref("file", path))
        if ref.kind == "symbol":
            return self._handler(ref.name)
        if ref.kind == "file":
            module = self._modules.get(ref.name)
            if module is not None:
                return module
            known = self._positions.get(ref)
            return (
                known
                if known is not None
                else self._add(Entity("file", ref.name, ref.name, 1, "file", "declared"))
            )
        return self._positions.get(ref)

    def _handler(self, reference: str) -> int | None:
        """The definition of `path:line#name`: in that file, or the only one, or around the line."""
        place, _, name = reference.partition("#")
        path = place.rpartition(":")[0]
        named = self.code.find(name) or self.code.find(name.rpartition(".")[2])
        found = [p for p in named if self.code.definitions[p].kind in _CALLABLE]
        for folder in (path, path.rpartition("/")[0] + "/"):
            near = [p for p in found if self.code.definitions[p].path.startswith(folder)]
            if near:
                return near[0]
        return found[0] if len(found) == 1 else self._position(Ref("code", place))

    def _connect(self, edge: KnowledgeEdge) -> None:
        source, target = self._position(edge.source), self._position(edge.target)
        if source is None or target is None or source == target:
            return
        link = Link(
            source, target, edge.kind, edge.path, edge.line, edge.tier, edge.confidence, edge.rule,
            edge.carries,
        )  # fmt: skip
        self.n_edges += 1
        self.carried |= link.fields
        self.outgoing[source].append(link)
        self.incoming[target].append(link)

    def _path_of(self, position: int) -> str:
        return self.node(position).name

    def _contained(self, position: int) -> Iterator[Link]:
        node = self.node(position)
        if node.kind == "module":
            for member in self.code.members(node.path):
                if member != position:
                    yield self._containment(position, member)
        elif node.kind == "directory":
            for path in self._below(node.name):
                yield self._containment(position, self._files[path])

    def _containing(self, position: int) -> Iterator[Link]:
        node = self.node(position)
        if self.is_code(position) and node.kind != "module":
            module = self._modules.get(node.path)
            if module is not None:
                yield self._containment(module, position)
        elif node.kind in ("module", "file"):
            parts = node.path.split("/")[:-1]
            for depth in range(len(parts), -1, -1):
                folder = self._positions.get(Ref("directory", "/".join(parts[:depth]) or "."))
                if folder is not None:
                    yield self._containment(folder, position)

    def _containment(self, source: int, target: int) -> Link:
        node = self.node(target)
        return Link(source, target, "contains", node.path, node.line, "declared", 1.0, "path")

    def _below(self, folder: str) -> Sequence[str]:
        if folder == ".":
            return self._paths
        start = bisect_left(self._paths, folder + "/")
        return self._paths[start : bisect_left(self._paths, folder + "0")]


def _code_link(relation: Relation) -> Link:
    return Link(
        relation.source, relation.target, relation.kind, relation.path, relation.line,
        relation.tier, relation.confidence, relation.rule or relation.kind,
    )  # fmt: skip


def _short_names(entity: Entity) -> set[str]:
    """What an entity may also be called: a column by itself, an endpoint without its file."""
    name = entity.name.casefold()
    if entity.kind == "endpoint":
        route = name.rpartition(" (")[0]
        return {route, route.partition(" ")[2]}
    return {name.rpartition("." if entity.kind in ("table", "column", "rpc") else "/")[2]}
