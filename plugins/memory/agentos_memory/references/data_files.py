"""JSON and YAML files: those that describe an interface or data, and no others."""

from __future__ import annotations

from agentos_memory.references.json_schema import is_json_schema, read_json_schema
from agentos_memory.references.openapi import is_openapi, read_openapi
from agentos_memory.references.sections import Document
from agentos_memory.references.structured_data import read_structured


def read_data_file(content: bytes) -> Document:
    """The interface or schema; ValueError where it is neither."""
    source = read_structured(content)
    if is_openapi(source.value):
        return read_openapi(source)
    if is_json_schema(source.value):
        return read_json_schema(source)
    raise ValueError("it is neither an OpenAPI document nor a JSON Schema")
