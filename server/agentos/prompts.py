"""Declaring a prompt: an async function that renders messages for a person to start work with.

Above: plugins declare, the MCP edge lists and renders. Below: `agentos.tools`: rendering is a call
of a declared function, with authorizers, records and limits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from agentos.completing import CompletionBody, declare_completions
from agentos.content import Messages
from agentos.errors import PluginError
from agentos.surface import Surface
from agentos.tools import Tool, ToolBody, declare_function


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """A declared prompt."""

    function: Tool
    title: str | None
    completions: Mapping[str, Tool] = field(default_factory=dict)


def prompt(
    *,
    title: str | None = None,
    reads: Iterable[str] = (),
    timeout_s: float = 30.0,
    converses: bool = False,
    completions: Mapping[str, CompletionBody] | None = None,
    reads_like: str | None = None,
) -> Callable[[ToolBody], Prompt]:
    """Declare an `async def body(call, ...) -> Messages` as a prompt named after the function.

    The protocol gives arguments as text, so every parameter is `str`; one with a default may be
    left out. `reads_like` is the tool that answers what the prompt embeds, as for resources.
    Raises PluginError for anything else.
    """

    def declare(body: ToolBody) -> Prompt:
        function = declare_function(
            body,
            Surface.PROMPT,
            reads=tuple(reads),
            timeout_s=timeout_s,
            converses=converses,
            reads_like=reads_like,
        )
        if function.result is not Messages:
            raise PluginError(f"prompt {function.name}: the return annotation must be Messages")
        for name, each in function.parameters.model_fields.items():
            if each.annotation is not str:
                raise PluginError(f"prompt {function.name}: parameter {name} must be str")
        return Prompt(function, title, declare_completions(function, completions or {}))

    return declare
