"""Schemas in words: a type in one line, and its properties with references resolved one level.

Above: OpenAPI and JSON Schema. Below: plain values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MAX_PROPERTIES = 200
MAX_CHOICES = 30
_MAX_CHAIN = 10
_LIMITS = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength",
    "minItems", "maxItems", "pattern", "default", "const",
)  # fmt: skip


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> Sequence[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else ()


def words(value: Any) -> str:
    """A text on one line; "" for what is none."""
    return " ".join(value.split()) if isinstance(value, str) else ""


class Schemas:
    """Describes the schemas of one document."""

    def __init__(self, root: Any) -> None:
        self._root = root

    def resolve(self, value: Any) -> Mapping[str, Any]:
        """The object that a local `$ref` means, or the value itself."""
        for _ in range(_MAX_CHAIN):
            reference = mapping(value).get("$ref")
            if not isinstance(reference, str):
                break
            value = self._at(reference)
        return mapping(value)

    def type_of(self, schema: Any) -> str:
        """The type in a few words; referenced ones by their names."""
        own = mapping(schema)
        if isinstance(own.get("$ref"), str):
            return str(own["$ref"]).rpartition("/")[2]
        kind = own.get("type")
        text = " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind or "")
        if text == "array" or ("items" in own and not text):
            text = f"array of {self.type_of(own.get('items')) or 'anything'}"
        for name, between in (("oneOf", " | "), ("anyOf", " | "), ("allOf", " & ")):
            choices = [self.type_of(each) for each in sequence(own.get(name))[:MAX_CHOICES]]
            if any(choices):
                text = between.join(filter(None, choices))
        if isinstance(own.get("format"), str):
            text = f"{text} ({own['format']})".strip()
        return text or ("object" if "properties" in own else "")

    def lines(self, schema: Any, indent: str = "") -> Iterator[str]:
        """One line per property of an object, or of the items of a list."""
        own = self.resolve(schema)
        if "items" in own:
            own = self.resolve(own["items"])
        yield from _values(own, indent)
        required = set(map(str, sequence(own.get("required"))))
        for number, (name, value) in enumerate(self._properties(own)):
            if number >= MAX_PROPERTIES:
                yield f"{indent}- ..."
                return
            yield self._property(name, value, name in required, indent)

    def _properties(self, schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for part in sequence(schema.get("allOf"))[:MAX_CHOICES]:
            yield from mapping(self.resolve(part).get("properties")).items()
        yield from mapping(schema.get("properties")).items()

    def _property(self, name: str, value: Any, is_required: bool, indent: str) -> str:
        kind = ", ".join(filter(None, [self.type_of(value), "required" if is_required else ""]))
        own = mapping(value)
        what = words(own.get("description")) or words(own.get("title"))
        limits = "; ".join(filter(None, [what, *_values(own, ""), _limits(own)]))
        return (
            f"{indent}- {name}" + (f" ({kind})" if kind else "") + (f": {limits}" if limits else "")
        )

    def _at(self, reference: str) -> Any:
        """What a pointer within this document means; None for another document's."""
        if not reference.startswith("#"):
            return None
        value = self._root
        for part in reference[1:].split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
                value = value[int(name)]
            else:
                value = mapping(value).get(name)
        return value


def _values(schema: Mapping[str, Any], indent: str) -> Iterator[str]:
    values = sequence(schema.get("enum"))
    if values:
        more = ", ..." if len(values) > MAX_CHOICES else ""
        yield f"{indent}one of " + ", ".join(str(each) for each in values[:MAX_CHOICES]) + more


def _limits(schema: Mapping[str, Any]) -> str:
    found = [f"{name} {schema[name]}"[:200] for name in _LIMITS if _is_scalar(schema.get(name))]
    return ", ".join(found)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float)
