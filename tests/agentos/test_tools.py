"""Tools: strict arguments, derived schemas, limits, time and cancellation."""

from __future__ import annotations

import asyncio
import enum
import itertools
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from agentos import Kernel, PluginError, Settings, ToolCall, open_kernel, tool
from tests.agentos.notes import Note, notes_plugin, store_note
from tests.agentos.plugin_factory import call_tool, records_of

pytestmark = pytest.mark.anyio


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Place(BaseModel):
    """A place in a file."""

    path: str
    line: int = Field(ge=1, description="1-based")


class Answer(BaseModel):
    """What came of it."""

    text: str = Field(description="the answer")


@tool(reads=["things"], paths=["where"])
async def examine(
    call: ToolCall,
    name: Annotated[str, Field(description="the thing's name", max_length=100)],
    count: Annotated[int, Field(ge=0, le=10)] = 1,
    ratio: float = 0.5,
    exact: bool = False,
    colour: Colour = Colour.RED,
    mode: Literal["fast", "slow"] = "fast",
    tags: list[str] | None = None,
    where: Place | None = None,
    extra: dict[str, Any] | None = None,
) -> Answer:
    """Examine a thing.

    Refuses nothing.
    """
    return Answer(text=f"{name} {count} {ratio} {exact} {colour.value} {mode}")


@tool(reads=["things"], max_result_bytes=1000)
async def talk(call: ToolCall, n_chars: int) -> Answer:
    """Answer at length."""
    return Answer(text="x" * n_chars)


@tool(writes=["notes"], max_result_bytes=1000)
async def write_and_talk(call: ToolCall, n_chars: int) -> Note:
    """Write, then answer at length."""
    note = await store_note(call, "talk")
    return note.model_copy(update={"text": "x" * n_chars})


@tool(writes=["notes"], timeout_s=0.2)
async def write_and_hang(call: ToolCall) -> Note:
    """Write, then wait for ever."""
    await store_note(call, "hang")
    await asyncio.Event().wait()
    raise AssertionError


@pytest.fixture
async def kernel(settings: Settings) -> AsyncIterator[Kernel]:
    plugin = notes_plugin()
    plugin.tools = [examine, talk, write_and_talk, write_and_hang]
    async with open_kernel(settings, extra_plugins={"notes": plugin}) as kernel:
        yield kernel


BAD_ARGUMENTS: list[tuple[dict[Any, Any], str]] = [
    ({}, "argument `name` is required"),
    ({"name": "x", "nam": 1}, "unknown argument `nam`; examine accepts: name, count, "),
    ({"name": 1}, "argument `name`: Input should be a valid string"),
    ({"name": None}, "argument `name`: Input should be a valid string"),
    ({"name": ["x"]}, "argument `name`: Input should be a valid string"),
    ({"name": "x" * 101}, "argument `name`: String should have at most 100 characters"),
    ({"name": "x" * 10_000}, "argument `name`: String should have at most 100 characters"),
    ({"name": "a\x00b"}, "argument `name` contains a NUL character"),
    ({"name": "x", "tags": ["ok", "\x00"]}, "argument `tags.1` contains a NUL character"),
    ({"name": "x", "extra": {"a": {"b": "\x00"}}}, "argument `extra.a.b` contains a NUL"),
    ({"name": "x", "extra": {"\x00": 1}}, "argument `a field name` contains a NUL"),
    ({"name": "\ud800"}, "surrogates not allowed"),
    ({"name": "x", "extra": {"\udfff": 1}}, "not expressible in canonical JSON"),
    ({"name": "x", "count": 1.5}, "argument `count`: "),
    ({"name": "x", "count": "1"}, "argument `count`: Input should be a valid integer"),
    ({"name": "x", "count": True}, "argument `count`: Input should be a valid integer"),
    ({"name": "x", "count": 11}, "argument `count`: Input should be less than or equal to 10"),
    ({"name": "x", "count": 2**53}, "not expressible in canonical JSON"),
    ({"name": "x", "ratio": "0.5"}, "argument `ratio`: Input should be a valid number"),
    ({"name": "x", "ratio": True}, "argument `ratio`: Input should be a valid number"),
    ({"name": "x", "ratio": float("nan")}, "not expressible in canonical JSON"),
    ({"name": "x", "ratio": float("inf")}, "not expressible in canonical JSON"),
    ({"name": "x", "exact": 1}, "argument `exact`: Input should be a valid boolean"),
    ({"name": "x", "exact": "true"}, "argument `exact`: Input should be a valid boolean"),
    ({"name": "x", "colour": "green"}, "argument `colour`: Input should be 'red' or 'blue'"),
    ({"name": "x", "mode": "FAST"}, "argument `mode`: Input should be 'fast' or 'slow'"),
    ({"name": "x", "tags": "red"}, "argument `tags`: Input should be a valid array"),
    ({"name": "x", "where": {"path": "a"}}, "argument `where.line` is required"),
    ({"name": "x", "where": {"path": "a", "line": 0}}, "argument `where.line`: "),
    ({"x" * 10_000: 1, "name": "x"}, "unknown argument `" + "x" * 117 + "...`"),
    ({1: 2}, "not expressible in canonical JSON"),
]


async def test_a_bad_argument_is_named_and_the_refusal_recorded(kernel: Kernel) -> None:
    for arguments, message in BAD_ARGUMENTS:
        result = await call_tool(kernel, "examine", arguments)
        assert result.error_code == "invalid_argument", message
        assert message in result.structured["error"]["message"]
        assert len(result.text) < 1000
        assert await records_of(kernel, result.call_id) == ["call.refused"], message


GOOD_ARGUMENTS: list[tuple[dict[str, Any], str]] = [
    ({"name": "x"}, "x 1 0.5 False red fast"),
    ({"name": "x", "count": 2.0}, "x 2 0.5 False red fast"),
    ({"name": "x", "ratio": 1}, "x 1 1.0 False red fast"),
    ({"name": "x", "ratio": 1e300}, "x 1 1e+300 False red fast"),
    (
        {"name": "é\U0001f600\u2028", "colour": "blue"},
        "é\U0001f600\u2028 1 0.5 False blue fast",
    ),
    ({"name": "x", "extra": {"big": 1e16, "é": [1.5, {}]}}, "x 1 0.5 False red fast"),
    ({"name": r"\u0000"}, r"\u0000 1 0.5 False red fast"),
]


async def test_good_arguments_arrive_and_are_recorded(kernel: Kernel) -> None:
    for arguments, text in GOOD_ARGUMENTS:
        result = await call_tool(kernel, "examine", arguments)
        assert result.structured == {"text": text}
        assert await records_of(kernel, result.call_id) == ["call.allowed", "call.finished"]


async def test_nesting_of_any_depth_is_accepted_or_refused_but_never_breaks(
    kernel: Kernel,
) -> None:
    for depth, leaf in itertools.product([150, 240, 300, 900, 5000], [1, 1.5, "\x00"]):
        value: Any = leaf
        for _ in range(depth):
            value = [value]
        result = await call_tool(kernel, "examine", {"name": "x", "extra": {"deep": value}})
        assert result.error_code in (None, "invalid_argument")
        assert len(await records_of(kernel, result.call_id)) == (1 if result.is_error else 2)


async def test_many_bad_arguments_make_a_short_message(kernel: Kernel) -> None:
    result = await call_tool(kernel, "examine", {f"argument{n}": n for n in range(5000)})
    assert "and 4996 more" in result.structured["error"]["message"]
    assert len(result.text) < 2000


def test_schemas_are_derived_with_their_descriptions() -> None:
    schema = examine.input_schema
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["name"]
    assert schema["properties"]["name"]["description"] == "the thing's name"
    assert schema["properties"]["count"] == {
        "default": 1,
        "maximum": 10,
        "minimum": 0,
        "type": "integer",
    }
    assert schema["properties"]["where"]["properties"]["line"]["description"] == "1-based"
    assert examine.output_schema["properties"]["text"]["description"] == "the answer"
    assert examine.description == "Examine a thing.\n\nRefuses nothing."


def test_a_tool_that_writes_nothing_is_read_only_and_idempotent() -> None:
    assert examine.is_read_only and examine.is_idempotent
    assert not write_and_hang.is_read_only and not write_and_hang.is_idempotent


def test_declarations_that_no_model_could_use_are_refused() -> None:
    async def undocumented(call: ToolCall) -> Answer:
        return Answer(text="")

    async def untyped(call: ToolCall) -> str:
        """Answer with text."""
        return ""

    def plain(call: ToolCall) -> Answer:
        """Not async."""
        return Answer(text="")

    async def documented(call: ToolCall, path: str) -> Answer:
        """Fine."""
        return Answer(text="")

    with pytest.raises(PluginError, match="undocumented: the docstring is missing"):
        tool()(undocumented)
    with pytest.raises(PluginError, match="untyped: the return annotation must be a pydantic"):
        tool()(untyped)  # type: ignore[arg-type]
    with pytest.raises(PluginError, match="plain: the body must be an async function"):
        tool()(plain)  # type: ignore[arg-type]
    with pytest.raises(PluginError, match=r"documented: paths names unknown parameters \['file'\]"):
        tool(paths=["file"])(documented)


async def test_a_result_beyond_the_limit_names_it_and_rolls_back(kernel: Kernel) -> None:
    assert not (await call_tool(kernel, "talk", {"n_chars": 900})).is_error
    for name in ("talk", "write_and_talk"):
        result = await call_tool(kernel, name, {"n_chars": 5000})
        assert result.error_code == "limit_exceeded"
        assert "the limit is 1000" in result.structured["error"]["message"]
    assert await kernel.database.fetch_value("select count(*) from notes.note") == 0


async def test_a_body_that_takes_too_long_is_unavailable_and_rolled_back(kernel: Kernel) -> None:
    result = await call_tool(kernel, "write_and_hang", {})
    assert result.error_code == "unavailable"
    assert "did not finish within 0.2 s" in result.structured["error"]["message"]
    assert await kernel.database.fetch_value("select count(*) from notes.note") == 0
    assert await records_of(kernel, result.call_id) == ["call.allowed", "call.finished"]
