"""Stored form of what one file gives: compressed JSON, column by column.

Above: the builder that writes, the catalogue that reads. Below: `model`.
"""

from __future__ import annotations

from dataclasses import fields

import orjson

from agentos_memory.compression import compress, decompress
from agentos_memory.knowledge.model import Entity, Extraction, KnowledgeEdge, Ref

_ENTITY_FIELDS = tuple(field.name for field in fields(Entity))
_EDGE_FIELDS = tuple(field.name for field in fields(KnowledgeEdge))


def encode_extraction(extraction: Extraction) -> bytes:
    """The stored form."""
    entities = [[getattr(e, name) for e in extraction.entities] for name in _ENTITY_FIELDS]
    edges = [[_plain(getattr(e, name)) for e in extraction.edges] for name in _EDGE_FIELDS]
    return compress(orjson.dumps([entities, edges]))


def decode_extraction(stored: bytes) -> Extraction:
    """What `encode_extraction` was given."""
    entities, edges = orjson.loads(decompress(stored))
    return Extraction(
        tuple(Entity(*row) for row in zip(*entities, strict=True)),
        tuple(
            KnowledgeEdge(Ref(*source), Ref(*target), *rest)
            for source, target, *rest in zip(*edges, strict=True)
        ),
    )


def _plain(value: object) -> object:
    return [*value] if isinstance(value, Ref) else value
