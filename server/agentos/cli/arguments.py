"""Reads `key=value` words as a tool's arguments, guided by its input schema.

Above: `call`. A value is text where the schema says text; elsewhere it is JSON where it parses,
so that `limit=5`, `contract=@contract.json` and `title=2024` all mean what they look like.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from agentos.errors import InvalidArgumentError

MAX_FILE_BYTES = 16 * 1024 * 1024


def read_arguments(
    words: Sequence[str], document: str | None, schema: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments of a call: those of the JSON `document`, and over them those of the words.

    `document` may be `@FILE`, or `-` for stdin. Raises InvalidArgumentError naming the word.
    """
    arguments = {} if document is None else _object(document)
    for word in words:
        name, separator, text = word.partition("=")
        if not separator or not name:
            raise InvalidArgumentError(f"{word[:80]!r} is not of the form key=value")
        arguments[name] = _value(name, text, schema)
    return arguments


def _object(document: str) -> dict[str, Any]:
    text = document
    if document == "-":
        text = sys.stdin.read(MAX_FILE_BYTES + 1)
    elif document.startswith("@"):
        text = _file("--args", document[1:])
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidArgumentError(f"--args is not JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise InvalidArgumentError("--args must be a JSON object")
    return parsed


def _value(name: str, text: str, schema: Mapping[str, Any]) -> Any:
    if text.startswith("@"):
        text = _file(name, text[1:])
    types = accepted_types(schema.get("properties", {}).get(name, {}), schema)
    if types and types <= {"string", "null"}:
        return text
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    # Money is a string as well as a number; the string is exact.
    return text if isinstance(value, float) and "string" in types else value


def accepted_types(property_schema: Mapping[str, Any], schema: Mapping[str, Any]) -> set[str]:
    """The JSON types a property accepts, references followed; empty where it accepts any."""
    reference = property_schema.get("$ref")
    if isinstance(reference, str):
        return accepted_types(schema.get("$defs", {})[reference.rpartition("/")[2]], schema)
    declared = property_schema.get("type")
    if declared is not None:
        return {declared} if isinstance(declared, str) else set(declared)
    choices = [*property_schema.get("anyOf", ()), *property_schema.get("oneOf", ())]
    return {type for choice in choices for type in accepted_types(choice, schema)}


def _file(name: str, path: str) -> str:
    try:
        if Path(path).stat().st_size > MAX_FILE_BYTES:
            raise InvalidArgumentError(
                f"{name}: the file {path} is larger than {MAX_FILE_BYTES} bytes"
            )
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InvalidArgumentError(f"{name}: the file {path} is not UTF-8 text") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidArgumentError(f"{name}: cannot read {path}: {reason}") from None
