"""Stored form of what resolution found in one file: its edges, and its calls without a target.

A file's relations are written anew only where they differ, which their digest tells; a small edit
touches few files. Above: the analysis session that encodes, the catalogue that decodes. Below:
`model`.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

import orjson

from agentos_memory.compression import compress, decompress
from agentos_memory.model import Edge, Resolution, UnresolvedSite

_EDGE_FIELDS = (
    "source", "target", "kind", "line", "target_path", "confidence", "tier", "rule",
)  # fmt: skip
_SITE_FIELDS = ("caller", "callee", "receiver", "line")


@dataclass(frozen=True, slots=True)
class FileRelations:
    """The edges and open call sites whose evidence is in the file `path`, as stored."""

    path: str
    digest: str
    edge_count: int
    stored: bytes


def encode_relations(resolution: Resolution, paths: Iterable[str]) -> list[FileRelations]:
    """The relations of each of `paths`, which hold all sources of the resolution."""
    edges: defaultdict[str, list[Edge]] = defaultdict(list)
    for edge in resolution.edges:
        edges[edge.path].append(edge)
    sites: defaultdict[str, dict[UnresolvedSite, None]] = defaultdict(dict)
    for site in resolution.unresolved:
        sites[site.path][site] = None
    return [_encode(path, edges.get(path, ()), list(sites.get(path, ()))) for path in paths]


def decode_relations(path: str, stored: bytes) -> tuple[list[Edge], list[UnresolvedSite]]:
    """The edges and open call sites that were encoded for `path`."""
    edge_columns, site_columns = orjson.loads(decompress(stored))
    edges = [
        Edge(source, target, kind, path, line, target_path, confidence, tier, rule)
        for source, target, kind, line, target_path, confidence, tier, rule in zip(
            *edge_columns, strict=True
        )
    ]
    sites = [
        UnresolvedSite(caller, callee, receiver, path, line)
        for caller, callee, receiver, line in zip(*site_columns, strict=True)
    ]
    return edges, sites


def target_paths(stored: bytes) -> frozenset[str]:
    """The files in which the encoded edges end."""
    edge_columns, _ = orjson.loads(decompress(stored))
    return frozenset(edge_columns[_EDGE_FIELDS.index("target_path")])


def _encode(path: str, edges: Sequence[Edge], sites: Sequence[UnresolvedSite]) -> FileRelations:
    columns = [
        [list(map(attrgetter(name), edges)) for name in _EDGE_FIELDS],
        [list(map(attrgetter(name), sites)) for name in _SITE_FIELDS],
    ]
    document = orjson.dumps(columns)
    digest = hashlib.sha256(document).hexdigest()
    return FileRelations(path, digest, len(edges), compress(document))
