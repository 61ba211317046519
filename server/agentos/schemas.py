"""JSON Schemas of models, without what a reader of tokens does not need.

Above: `agentos.tools` declares with `lean`, the MCP edge lists with the other two. Below:
nothing. `lean` accepts exactly what the schema accepts that it is made from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

Schema = dict[str, Any]

_REF = "#/$defs/"
_OF_NAMES = frozenset({"properties", "patternProperties", "$defs", "dependentSchemas"})
_OF_SCHEMA = frozenset(
    {"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"}
)
_OF_LIST = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_ANNOTATIONS = frozenset({"description", "default", "examples", "deprecated"})
_SAYS_NOTHING = [("default", None), ("additionalProperties", True)]
_TEXT_LIMITS = frozenset({"minLength", "maxLength", "pattern"})
# Each of these says something about values of one type only, so that schemas of different types
# may stand in one; `minimum` and its kin are left out where integers and numbers meet.
_OF_ONE_TYPE = {
    "string": frozenset({"minLength", "maxLength", "pattern", "format"}),
    "array": frozenset({"items", "minItems", "maxItems", "uniqueItems", "prefixItems"}),
    "object": frozenset({"properties", "required", "additionalProperties", "propertyNames"}),
    "integer": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}),
    "number": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}),
    "boolean": frozenset[str](),
    "null": frozenset[str](),
}


def lean(schema: Mapping[str, Any]) -> Schema:
    """The same schema without titles, `default: null`, and unions that one type list can say.

    Definitions stand where they are used, unless that is longer, or they contain themselves. The
    description of a place wins over that of the model in it, of which the first paragraph is kept.
    """
    definitions: Mapping[str, Schema] = schema.get("$defs", {})
    kept = _kept_definitions(schema, definitions)
    inlined = {name: each for name, each in definitions.items() if name not in kept}
    result: Schema = _lean({k: v for k, v in schema.items() if k != "$defs"}, inlined)
    if kept:
        result["$defs"] = {name: _lean(definitions[name], inlined) for name in sorted(kept)}
    return result


def shown_parameters(schema: Mapping[str, Any]) -> Schema:
    """What a model is shown of a lean schema of arguments: without limits of text, without null.

    Whatever fits it is accepted, but for text that a limit refuses, whose error names the limit.
    """
    shown: Schema = _shown(dict(schema))
    return shown


def outline(schema: Mapping[str, Any]) -> Schema:
    """The names and types at the top of a lean schema, no deeper; it accepts all of that, and more.

    Clients that check results against it find every answer to fit.
    """
    definitions: Mapping[str, Schema] = schema.get("$defs", {})
    top = _followed(schema, definitions)
    return {
        "type": "object",
        "properties": {
            name: _type_of(each, definitions) for name, each in top.get("properties", {}).items()
        },
    }


def _type_of(schema: Mapping[str, Any], definitions: Mapping[str, Schema]) -> Schema:
    schema = _followed(schema, definitions)
    return {"type": schema["type"]} if "type" in schema else {}


def _shown(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    shown = {k: _shown_part(k, v) for k, v in schema.items() if k not in _TEXT_LIMITS}
    required = schema.get("required", ())
    for name, each in shown.get("properties", {}).items():
        if name not in required:
            shown["properties"][name] = _without_null(each)
    return shown


def _shown_part(key: str, value: Any) -> Any:
    if key in _OF_NAMES:
        return {name: _shown(each) for name, each in value.items()}
    if key in _OF_SCHEMA:
        return _shown(value)
    return [_shown(each) for each in value] if key in _OF_LIST else value


def _without_null(schema: Schema) -> Schema:
    """What may be left out need not be given as null as well."""
    kinds = schema.get("type")
    if not isinstance(kinds, list) or "null" not in kinds:
        return schema
    left = [kind for kind in kinds if kind != "null"]
    shown = schema | {"type": left[0] if len(left) == 1 else left}
    if "enum" in shown:
        shown["enum"] = [value for value in shown["enum"] if value is not None]
    return shown


def _followed(schema: Mapping[str, Any], definitions: Mapping[str, Schema]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = definitions[schema["$ref"].removeprefix(_REF)]
    return schema


def _kept_definitions(schema: Mapping[str, Any], definitions: Mapping[str, Schema]) -> set[str]:
    """Those that must stay: they contain themselves, or are used often and are long."""
    uses = Counter(_references(schema))
    return {
        name
        for name, each in definitions.items()
        if _contains_itself(name, definitions)
        or (uses[name] > 1 and (uses[name] - 1) * len(str(_lean(each, {}))) > 40 * uses[name])
    }


def _contains_itself(name: str, definitions: Mapping[str, Schema]) -> bool:
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        for used in _references(definitions[waiting.pop()]):
            if used == name:
                return True
            if used not in seen:
                seen.add(used)
                waiting.append(used)
    return False


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for each in schema:
            yield from _references(each)
    if isinstance(schema, dict):
        reference = schema.get("$ref")
        if isinstance(reference, str):
            yield reference.removeprefix(_REF)
        for each in schema.values():
            yield from _references(each)


def _lean(schema: Any, inlined: Mapping[str, Schema]) -> Any:
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema and set(schema) <= {"$ref", *_ANNOTATIONS}:
        schema = _inlined(schema, inlined)
    result: Schema = {}
    for key, value in schema.items():
        if key == "title" or (key, value) in _SAYS_NOTHING:
            continue
        if key in _OF_NAMES:
            value = {name: _lean(each, inlined) for name, each in value.items()}
        elif key in _OF_SCHEMA:
            value = _lean(value, inlined)
        elif key in _OF_LIST:
            value = [_lean(each, inlined) for each in value]
        result[key] = value
    return _united(result) if "anyOf" in result else result


def _inlined(schema: Schema, inlined: Mapping[str, Schema]) -> Schema:
    """The definition with the annotations of the place; the schema itself where it stays one."""
    definition = inlined.get(schema["$ref"].removeprefix(_REF))
    if definition is None:
        return schema
    own = {k: v for k, v in schema.items() if k != "$ref"}
    described = definition | own
    if "description" in described and "description" not in own:
        described["description"] = described["description"].split("\n\n")[0]
    return _inlined(described, inlined) if "$ref" in described else described


def _united(schema: Schema) -> Schema:
    """`anyOf` of different plain types as one list of types, where nothing is lost by it."""
    own = {k: v for k, v in schema.items() if k != "anyOf"}
    branches: list[Schema] = schema["anyOf"]
    if set(own) - _ANNOTATIONS or not _may_unite(branches):
        return schema
    united: Schema = {"type": [each["type"] for each in branches]}
    for each in branches:
        united |= {k: v for k, v in each.items() if k != "type"}
    if "enum" in united:
        united["enum"] = [*united["enum"], None]
    if "const" in united:
        united["enum"] = [united.pop("const"), None]
    return united | own


def _may_unite(branches: list[Schema]) -> bool:
    types = [each.get("type") for each in branches]
    if not all(isinstance(kind, str) for kind in types) or len(set(types)) < len(types):
        return False
    if {"integer", "number"} <= set(types):
        return False
    has_values = any({"enum", "const"} & set(each) for each in branches)
    if has_values and (len(branches) != 2 or types[1] != "null"):
        return False
    return all(
        set(each) - {"type", "enum", "const", *_ANNOTATIONS} <= _OF_ONE_TYPE[each["type"]]
        for each in branches
    )
