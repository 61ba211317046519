"""What models read: descriptions of tools, of their parameters and of what they answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pluggy

from agentos.declarations import collect_functions
from agentos.surface import Surface
from agentos.testing.conformance.finding import Finding
from agentos.tools import Tool

MIN_WORDS = 4
CONVENTIONAL = frozenset({"cursor", "limit", "path", "query", "repo", "work_order"})
"""Parameters that mean the same in every tool; a description would only cost tokens."""
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")


def check_documentation(own: pluggy.PluginManager) -> Iterator[Finding]:
    """`own` holds the plugin alone, so what it declares is the plugin's."""
    for function in collect_functions(own).functions.values():
        if function.surface is not Surface.COMPLETION:
            yield from _check(function)


# The places of a URI are shown to nobody.
_WITH_PARAMETERS = (Surface.TOOL, Surface.PROMPT)


def _check(function: Tool) -> Iterator[Finding]:
    where = f"{function.surface} {function.name}"
    if function.surface is Surface.TOOL and not _NAME.fullmatch(function.name):
        remedy = "name it verb_object, such as find_ticket"
        yield Finding("tools", where, "the name does not say what the tool does", remedy)
    if len(function.description.split()) < MIN_WORDS:
        message = f"the docstring has fewer than {MIN_WORDS} words"
        yield Finding("tools", where, message, "say what it does and when to prefer it")
    properties = function.input_schema.get("properties", {})
    for name, schema in properties.items() if function.surface in _WITH_PARAMETERS else ():
        if name not in CONVENTIONAL and not _is_described(schema, function.input_schema):
            remedy = 'annotate it: Annotated[..., Field(description="...")]'
            yield Finding("tools", where, f"the parameter {name!r} has no description", remedy)
    if function.surface is Surface.TOOL and not _has_output(function):
        message = "the output schema has no named field"
        yield Finding("tools", where, message, "answer a pydantic model with fields, or Content")


def _is_described(schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    """By a description of its own or of its type, or by a list of the values it may have."""
    if schema.get("description") or "enum" in schema or "const" in schema:
        return True
    reference = str(schema.get("$ref", "")).rpartition("/")[2]
    if reference:
        return _is_described(root.get("$defs", {}).get(reference, {}), {})
    choices = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    return bool(choices) and all(_is_described(each, root) for each in choices)


def _has_output(function: Tool) -> bool:
    from agentos.content import Content

    return function.result is Content or bool(function.output_schema.get("properties"))
