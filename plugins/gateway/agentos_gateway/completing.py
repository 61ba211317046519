"""Completion by other servers: of the arguments of their prompts, and of URIs of their templates.

Above: declarations. Below: `agentos.Tool`. A completion is a call of its own, under the capability
of what it completes: names of things are told to nobody who may not see the things.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict, TypeAdapter

from agentos import Completions, Surface, Tool, ToolCall
from agentos_gateway.definitions import PLACE, Definition

TIMEOUT_S = 40.0
"""Of the whole completion, in which the server may have to be started."""

Complete = Callable[[ToolCall, Definition, str, str, Mapping[str, str]], Awaitable[Completions]]
"""Gets what was approved, the name of the argument, what was typed, and what was chosen."""


class _Typed(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    typed: str
    chosen: dict[str, str]


def completed_arguments(
    function: Tool, definition: Definition, names: Sequence[str], complete: Complete
) -> dict[str, Tool]:
    """A completion for each argument of a prompt, by the server's name for it."""

    def body_of(argument: str) -> _Body:
        async def body(call: ToolCall, typed: str, chosen: dict[str, str]) -> Completions:
            return await complete(call, definition, argument, typed, chosen)

        return body

    return {
        name: _declare(function, number, name, body_of(name)) for number, name in enumerate(names)
    }


def completed_uri(function: Tool, definition: Definition, complete: Complete) -> dict[str, Tool]:
    """Whole URIs for what was typed of one, where the template has a single place."""
    places = list(PLACE.finditer(definition.name))
    if len(places) != 1:
        return {}
    (place,) = places
    head, tail = definition.name[: place.start()], definition.name[place.end() :]
    argument = place[0].strip("{}").lstrip("+#./;?&")

    async def body(call: ToolCall, typed: str, chosen: dict[str, str]) -> Completions:
        if not typed.startswith(head) and not head.startswith(typed):
            return Completions(values=())
        found = await complete(call, definition, argument, typed[len(head) :], {})
        values = tuple(f"{head}{value}{tail}" for value in found.values)
        return Completions(values=values, total=found.total, has_more=found.has_more)

    return {"uri": _declare(function, 0, "uri", body)}


_Body = Callable[[ToolCall, str, dict[str, str]], Awaitable[Completions]]


def _declare(function: Tool, number: int, argument: str, body: _Body) -> Tool:
    return Tool(
        name=f"complete_{function.name}_{number}",
        description=f"Values for `{argument}` of the {function.surface} {function.name}.",
        parameters=_Typed,
        reader=TypeAdapter(_Typed),
        result=Completions,
        input_schema={},
        output_schema={},
        body=body,
        reads=function.reads,
        writes=frozenset(),
        paths=(),
        is_destructive=False,
        is_idempotent=True,
        timeout_s=TIMEOUT_S,
        max_result_bytes=function.max_result_bytes,
        max_cost_usd=None,
        surface=Surface.COMPLETION,
    )
