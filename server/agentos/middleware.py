"""What wraps a tool call: authorizers that vote, and middlewares that surround.

Composed once per tool at start, by layer: every authorizer votes first; then the middlewares of
RESERVE, TRANSFORM and OBSERVE surround the body, outermost first. Within a layer plugins stand in
the order of their names.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from agentos.calls import ToolCall, ToolResult, Verdict

CallNext: TypeAlias = Callable[[ToolCall], Awaitable[ToolResult]]
"""What a middleware calls to have the rest of the pipeline run."""


class Layer(IntEnum):
    """Where a middleware stands; a lower number is further out. Authorizers come before all."""

    RESERVE = 1
    TRANSFORM = 2
    OBSERVE = 3


@dataclass(frozen=True, slots=True)
class Authorizer:
    """A voter. Returns None for "not mine"; a call that nobody allows is refused."""

    decide: Callable[[ToolCall], Awaitable[Verdict | None]]
    judge_replay: Callable[[ToolCall, str], Awaitable[None]] | None = None
    """Asked before a repeated write gets its first result, with the id of the first call.

    Raising refuses; nobody else is asked then.
    """


@dataclass(frozen=True, slots=True)
class Middleware:
    """Surrounds the rest of the pipeline; raising refuses the call (or fails it, once it ran)."""

    layer: Layer
    handle: Callable[[ToolCall, CallNext], Awaitable[ToolResult]]


Wrapper: TypeAlias = Authorizer | Middleware
"""What `wrap_tool_call` returns."""


def authorizer(decide: Callable[[ToolCall], Awaitable[Verdict | None]]) -> Authorizer:
    """Declare a voter; return it from `wrap_tool_call`."""
    return Authorizer(decide)


def middleware(
    layer: Layer,
) -> Callable[[Callable[[ToolCall, CallNext], Awaitable[ToolResult]]], Middleware]:
    """Declare a surrounding middleware of `layer`; return it from `wrap_tool_call`."""

    def declare(handle: Callable[[ToolCall, CallNext], Awaitable[ToolResult]]) -> Middleware:
        return Middleware(layer, handle)

    return declare
