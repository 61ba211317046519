"""Checks arguments and results against a schema that another server wrote.

Above: declared tools. Below: jsonschema. Such a schema must do no harm: it fetches nothing,
brings no regular expressions to run and no comparison of everything with everything (the server
that wrote them may), and the work of one check is bounded, whatever its references multiply to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema.exceptions import SchemaError, ValidationError, best_match  # type: ignore[import-untyped]
from jsonschema.protocols import Validator  # type: ignore[import-untyped]
from jsonschema.validators import extend, validator_for  # type: ignore[import-untyped]
from referencing import Registry
from referencing.exceptions import Unresolvable

MAX_STEPS = 100_000
"""Subschemas that one check looks at."""
MAX_SHOWN_CHARS = 300

_LEFT_TO_SERVER = frozenset({"pattern", "patternProperties", "uniqueItems"})
_DEPENDENT_ON_PATTERNS = frozenset({"additionalProperties", "unevaluatedProperties"})
_MAPS_OF_SCHEMAS = frozenset({"properties", "$defs", "definitions", "dependentSchemas"})
_VALUES = frozenset({"enum", "const", "default", "examples"})


class ArgumentSchema:
    """A compiled schema; ValueError says why one cannot be used."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        try:
            plain = _without_patterns(dict(schema))
            kind = validator_for(plain)
            kind.check_schema(plain)
            self._validator: Validator = _counting(kind)(plain, registry=Registry())
            # An unresolvable reference shows itself now, not at the first call.
            for reference in _references(plain):
                if not reference.startswith("#"):
                    raise ValueError(f"it refers to {reference[:80]!r}, outside of itself")
        except SchemaError as error:
            raise ValueError(error.message[:MAX_SHOWN_CHARS]) from None
        except RecursionError:
            raise ValueError("it is nested too deep") from None

    def find_problem(self, value: Any) -> str | None:
        """Why a value does not fit, naming the place; None where it does."""
        steps = _Steps()
        try:
            error = best_match(_with_steps(self._validator, steps).iter_errors(value))
        except RecursionError:
            return "it is nested too deep to be checked"
        except Unresolvable:
            return "the schema refers to what is not in it"
        except _TooManySteps:
            return f"checking it takes more than {MAX_STEPS} steps"
        return None if error is None else _said(error)


class _TooManySteps(Exception):
    pass


class _Steps:
    def __init__(self) -> None:
        self.left = MAX_STEPS

    def take(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise _TooManySteps


def _counting(kind: Any) -> Any:
    """`kind` whose references, where work multiplies, count what a check has done."""

    def counted(keyword: str) -> Any:
        original = kind.VALIDATORS[keyword]

        def check(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
            steps = getattr(validator.format_checker, "steps", None)
            if steps is not None:
                steps.take()
            yield from original(validator, value, instance, schema) or ()

        return check

    names = ("$ref", "$dynamicRef", "$recursiveRef", "items", "properties", "anyOf", "oneOf")
    return extend(kind, {name: counted(name) for name in names if name in kind.VALIDATORS})


class _StepChecker:
    """Carries the count of one check to where it is taken; checks no format itself."""

    def __init__(self, steps: _Steps) -> None:
        self.steps = steps

    def check(self, instance: object, format: str) -> None:
        """Every format passes: the server that asks for one checks it."""


def _with_steps(validator: Any, steps: _Steps) -> Any:
    return validator.evolve(format_checker=_StepChecker(steps))


def _without_patterns(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_patterns(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    dropped = set(_LEFT_TO_SERVER)
    if "patternProperties" in schema:
        dropped |= _DEPENDENT_ON_PATTERNS
    kept: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in _VALUES:
            kept[keyword] = value
        elif keyword in _MAPS_OF_SCHEMAS and isinstance(value, dict):
            kept[keyword] = {name: _without_patterns(item) for name, item in value.items()}
        elif keyword not in dropped:
            kept[keyword] = _without_patterns(value)
    return kept


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for item in schema:
            yield from _references(item)
    elif isinstance(schema, dict):
        for keyword, value in schema.items():
            if keyword in ("$ref", "$dynamicRef") and isinstance(value, str):
                yield value
            elif keyword not in _VALUES:
                yield from _references(value)


def _said(error: ValidationError) -> str:
    where = ".".join(str(part) for part in error.absolute_path)
    message = error.message
    if len(message) > MAX_SHOWN_CHARS:
        message = f"does not fit `{error.validator}`"
    return f"`{where[:120]}`: {message}" if where else message
