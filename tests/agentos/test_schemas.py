"""Lean schemas accept what the schemas accept that they are made from; shown ones promise less."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import jsonschema  # type: ignore[import-untyped]
import pytest
from pydantic import BaseModel, Field, TypeAdapter

from agentos import Tool
from agentos.declarations import collect_functions
from agentos.plugins import default_plugins, load_plugins
from agentos.schemas import lean, outline, shown_parameters

SHIPPED = collect_functions(load_plugins(default_plugins())).tools
ANYTHING: list[Any] = [None, True, 0, -1, 3.5, "", "x", "WO-1", [], ["x"], [1], {}, {"x": 1}]


class Leaf(BaseModel):
    """A leaf.

    Of which there are many.
    """

    title: str
    kind: Literal["oak", "elm"] | None = None
    weight: Annotated[float, Field(gt=0)] | None = None


class Tree(BaseModel):
    """A tree of leaves."""

    title: Annotated[str, Field(max_length=3)] | None = None
    leaves: list[Leaf] | None = None
    first: Leaf | None = Field(default=None, description="The oldest.")
    branches: list[Tree] = []
    mixed: dict[str, str | int | None] = {}
    number: int | float | None = None
    either: Leaf | list[Leaf] | str | None = None
    const: Literal["only"] | None = None


def values_for(schema: Mapping[str, Any], root: Mapping[str, Any], chance: random.Random) -> Any:
    """A value that mostly fits a schema."""
    if chance.random() < 0.03:
        return chance.choice(ANYTHING)
    if "$ref" in schema:
        return values_for(root["$defs"][schema["$ref"].split("/")[-1]], root, chance)
    if "anyOf" in schema:
        return values_for(chance.choice(schema["anyOf"]), root, chance)
    if "enum" in schema:
        return chance.choice(schema["enum"])
    return _of_type(schema.get("type", "null"), schema, root, chance)


def _of_type(
    kind: str, schema: Mapping[str, Any], root: Mapping[str, Any], chance: random.Random
) -> Any:
    if kind == "object":
        required = schema.get("required", ())
        names = [n for n in schema.get("properties", {}) if n in required or chance.random() < 0.4]
        filled = {n: values_for(schema["properties"][n], root, chance) for n in names}
        more = schema.get("additionalProperties")
        if isinstance(more, dict):
            filled["extra"] = values_for(more, root, chance)
        elif chance.random() < 0.03:
            filled["unknown"] = 1
        return filled
    if kind == "array":
        return [
            values_for(schema.get("items", {}), root, chance)
            for _ in range(chance.choice((0, 1, 2, 3)))
        ]
    plain: dict[str, list[Any]] = {
        "string": ["", "a", "abcd", "WO-3F9K2M7Q", "x" * 70, "0" * 64, "2026-01-01T00:00:00Z"],
        "integer": [-1, 0, 1, 2, 10, 101, 10**9],
        "number": [-1, 0, 0.5, 2, 1e9],
        "boolean": [True, False],
        "null": [None],
    }
    return chance.choice(plain[kind])


def parameters() -> Iterator[Any]:
    for tool in SHIPPED.values():
        yield pytest.param(tool.parameters, id=tool.name)
    yield pytest.param(Tree, id="tree")


@pytest.mark.parametrize("model", list(parameters()))
def test_a_lean_schema_accepts_exactly_what_the_model_s_own_schema_accepts(
    model: type[BaseModel],
) -> None:
    whole = model.model_json_schema()
    before, after = (jsonschema.Draft202012Validator(each) for each in (whole, lean(whole)))
    chance = random.Random(model.__name__)
    for _ in range(60):
        value = values_for(whole, whole, chance)
        assert before.is_valid(value) == after.is_valid(value), value


def test_the_values_that_schemas_are_compared_by_fit_often_enough_to_tell() -> None:
    whole = Tree.model_json_schema()
    judge, chance = jsonschema.Draft202012Validator(whole), random.Random("fits")
    fitting = sum(judge.is_valid(values_for(whole, whole, chance)) for _ in range(200))
    assert 20 < fitting < 180


def test_a_lean_schema_has_no_titles_no_null_defaults_and_no_union_with_null_alone() -> None:
    schema = lean(Tree.model_json_schema())
    properties = schema["$defs"]["Tree"]["properties"]
    assert properties["title"] == {"type": ["string", "null"], "maxLength": 3}
    assert properties["first"]["description"] == "The oldest."
    assert properties["const"] == {"type": ["string", "null"], "enum": ["only", None]}
    leaf = schema["$defs"]["Leaf"]
    assert leaf["properties"]["title"] == {"type": "string"} and "title" not in leaf
    assert leaf["properties"]["kind"]["enum"] == ["oak", "elm", None]
    assert "anyOf" in properties["number"], "limits of integers and numbers must not mix"


def test_a_definition_that_is_used_once_stands_where_it_is_used() -> None:
    class Once(BaseModel):
        leaf: Leaf

    schema = lean(Once.model_json_schema())
    assert "$defs" not in schema
    assert schema["properties"]["leaf"]["description"] == "A leaf."


@pytest.mark.parametrize("tool", list(SHIPPED.values()), ids=list(SHIPPED))
def test_what_fits_the_shown_schema_is_refused_for_the_length_or_form_of_text_only(
    tool: Tool,
) -> None:
    shown = shown_parameters(tool.input_schema)
    chance = random.Random(tool.name)
    whole = jsonschema.Draft202012Validator(dict(tool.input_schema))
    for _ in range(40):
        value = values_for(
            tool.parameters.model_json_schema(), tool.parameters.model_json_schema(), chance
        )
        if jsonschema.Draft202012Validator(shown).is_valid(value):
            reasons = {_innermost(error) for error in whole.iter_errors(value)}
            assert reasons <= {"minLength", "maxLength", "pattern"}, value
    assert '"null"' not in str(shown.get("properties", {}).get("work_order", ""))


def _innermost(error: jsonschema.ValidationError) -> str:
    return _innermost(error.context[0]) if error.context else str(error.validator)


def test_an_outline_accepts_whatever_the_result_may_be() -> None:
    schema = outline(lean(TypeAdapter(Tree).json_schema(mode="serialization")))
    assert schema["properties"]["leaves"] == {"type": ["array", "null"]}
    assert schema["properties"]["either"] == {}
    tree = Tree(leaves=[Leaf(title="a")], branches=[Tree()], either="x", number=0.5)
    jsonschema.validate(tree.model_dump(mode="json"), schema)
