"""Plugins for tests, from declarations; and short ways to call tools and to see the records."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agentos import (
    CallRequest,
    Credentials,
    EventType,
    Kernel,
    MigrationSet,
    NewEvent,
    ReadModel,
    Service,
    SystemClock,
    Tool,
    ToolCall,
    ToolResult,
    Verdict,
    authorizer,
    hookimpl,
)
from agentos.middleware import Wrapper

TERMINAL = {"call.refused", "call.finished", "call.replayed"}

EVENTS_OF_CALL = "select type from kernel.event where data ->> 'call' = $1 order by position"

_numbers = itertools.count(1)


@authorizer
async def allow_everything(call: ToolCall) -> Verdict | None:
    return Verdict.allow("allow_everything")


@dataclass(eq=False)
class Plugin:
    """What a plugin module would declare."""

    tools: Sequence[Tool] = ()
    wrappers: Sequence[Wrapper] = ()
    event_types: Sequence[EventType] = ()
    migrations: Sequence[MigrationSet] = ()
    read_models: Sequence[ReadModel] = ()
    services: Sequence[Service] = ()

    @hookimpl
    def register_tools(self) -> Sequence[Tool]:
        return self.tools

    @hookimpl
    def wrap_tool_call(self, tool: Tool) -> Sequence[Wrapper]:
        return list(self.wrappers)

    @hookimpl
    def register_event_types(self) -> Sequence[EventType]:
        return self.event_types

    @hookimpl
    def register_migrations(self) -> Sequence[MigrationSet]:
        return self.migrations

    @hookimpl
    def register_read_models(self) -> Sequence[ReadModel]:
        return self.read_models

    @hookimpl
    def register_services(self) -> Sequence[Service]:
        return self.services


async def call_tool(
    kernel: Kernel,
    tool: str,
    arguments: dict[str, Any],
    *,
    key: str | None = None,
    edge: str = "test",
    token: str | None = None,
    claims: dict[str, Any] | None = None,
) -> ToolResult:
    """Dispatch a call as the local principal, or as the token's."""
    credentials = Credentials(bearer_token=token, is_local=token is None)
    return await kernel.dispatch(
        CallRequest(tool, arguments, credentials, edge, None, key, claims or {})
    )


async def records_of(kernel: Kernel, call_id: str | None) -> list[str]:
    """The types of the events of one call, in order."""
    return [row["type"] for row in await kernel.database.fetch(EVENTS_OF_CALL, call_id)]


def new_event(stream: str, text: str = "", **data: Any) -> NewEvent:
    """An event of type `noted`, which tests declare."""
    data = {"n": next(_numbers), "text": text, **data}
    return NewEvent(stream, "noted", "tester", SystemClock().now(), data)


NOTED = EventType("noted", "Something was noted.")
