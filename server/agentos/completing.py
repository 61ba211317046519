"""Completion of the arguments of prompts and resource templates, while a person types.

Above: `agentos.prompts` and `agentos.resources` declare, the MCP edge dispatches. Below:
`agentos.tools`. What a completion offers are names of things, so it is authorized and recorded
under the capabilities of the function it completes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from agentos.calls import ToolCall
from agentos.content import Completions
from agentos.errors import PluginError
from agentos.surface import Surface
from agentos.tools import Tool, declare_function

CompletionBody = Callable[[ToolCall, str, Mapping[str, str]], Awaitable[Completions]]
"""Gets what was typed so far and the other arguments chosen already."""

TIMEOUT_S = 5.0


def declare_completions(
    function: Tool, completions: Mapping[str, CompletionBody]
) -> dict[str, Tool]:
    """A function of the surface COMPLETION for each named parameter of `function`."""
    unknown = set(completions) - set(function.parameters.model_fields)
    if unknown:
        raise PluginError(
            f"{function.surface} {function.name}: completions for unknown parameters "
            f"{sorted(unknown)}"
        )
    return {name: _declare(function, name, body) for name, body in completions.items()}


def _declare(function: Tool, argument: str, body: CompletionBody) -> Tool:
    async def complete(call: ToolCall, typed: str, chosen: dict[str, str]) -> Completions:
        return await body(call, typed, chosen)

    # Authorizers judge by the plugin that the function is from.
    complete.__module__ = body.__module__
    return declare_function(
        complete,
        Surface.COMPLETION,
        name=f"complete_{function.name}_{argument}",
        description=f"Values for `{argument}` of the {function.surface} {function.name}.",
        reads=tuple(function.reads),
        timeout_s=TIMEOUT_S,
        reads_like=function.reads_like,
    )
