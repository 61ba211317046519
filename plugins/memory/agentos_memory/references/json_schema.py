"""JSON Schema: the root, its properties and its definitions; anchors are JSON pointers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agentos_memory.references.openapi import pointer_text
from agentos_memory.references.schema_text import Schemas, mapping, words
from agentos_memory.references.sections import Block, Document
from agentos_memory.references.structured_data import Pointer, Structured

_PARTS = ("properties", "$defs", "definitions")


def is_json_schema(value: Any) -> bool:
    """Whether a document says, or looks as if, it is one."""
    own = mapping(value)
    return "$schema" in own or ("type" in own and "properties" in own) or "$defs" in own


def read_json_schema(source: Structured) -> Document:
    """The schema's parts."""
    root = mapping(source.value)
    title = words(root.get("title")) or words(root.get("$id")) or "Schema"
    return Document("json-schema", _blocks(source, title), title)


def _blocks(source: Structured, title: str) -> Iterator[Block]:
    root = mapping(source.value)
    schemas = Schemas(source.value)
    yield _block(source, schemas, (), title, root, title)
    for part in _PARTS:
        for name, schema in mapping(root.get(part)).items():
            yield _block(source, schemas, (part, name), name, schema, title)


def _block(
    source: Structured, schemas: Schemas, pointer: Pointer, name: str, schema: Any, title: str
) -> Block:
    own = mapping(schema)
    start, end = source.spans.get(pointer, (None, None))
    kind = schemas.type_of(schema)
    lines = [name, f"Type: {kind}" if kind else "", words(own.get("title"))]
    lines += str(own.get("description") or "").splitlines()
    lines += schemas.lines(schema)
    headings = (title,) if not pointer else (title, name)
    return Block(
        headings, [line for line in lines if line], start, last_line=end,
        fragment=pointer_text(pointer) or "/", n_heading_lines=1,
    )  # fmt: skip
