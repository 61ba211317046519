"""The gateway plugin: other MCP servers behind this one.

Above: the kernel loads it through the entry point `gateway`. Below: this package.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from agentos import (
    Authorizer,
    Command,
    Database,
    Event,
    EventType,
    Kernel,
    MigrationSet,
    ReadModel,
    Service,
    Settings,
    SetupCheck,
    Tool,
    hookimpl,
)
from agentos_gateway.checking import check_servers
from agentos_gateway.command_line import gateway
from agentos_gateway.configuration import parse_gateway
from agentos_gateway.gateway import Gateway
from agentos_gateway.pins import APPROVED, EVENT_TYPES, READ_MODEL, REVOKED
from agentos_gateway.tools import ADMIN_TOOLS, guard


@hookimpl
def register_migrations() -> Sequence[MigrationSet]:
    return [MigrationSet("gateway", "agentos_gateway")]


@hookimpl
def check_state(
    settings: Settings,
) -> Callable[[Database], Awaitable[Sequence[SetupCheck]]] | None:
    return check_servers(settings)


@hookimpl
def register_commands() -> Sequence[Command]:
    return [Command("gateway", gateway)]


@hookimpl
def register_event_types() -> Sequence[EventType]:
    return EVENT_TYPES


@hookimpl
def register_read_models() -> Sequence[ReadModel]:
    return [READ_MODEL]


@hookimpl
def register_services() -> Sequence[Service]:
    return [Service(Gateway, _make_gateway)]


@hookimpl
def wrap_tool_call(tool: Tool) -> Authorizer | None:
    return guard(tool)


@hookimpl
def startup(kernel: Kernel) -> Callable[[], Awaitable[None]]:
    return kernel.service(Gateway).start


@hookimpl
def shutdown(kernel: Kernel) -> Callable[[], Awaitable[None]]:
    return kernel.service(Gateway).close


@hookimpl
def on_event(event: Event) -> Callable[[Kernel], Awaitable[None]] | None:
    if event.type not in (APPROVED, REVOKED):
        return None

    async def publish_again(kernel: Kernel) -> None:
        await kernel.service(Gateway).reload()

    return publish_again


def _make_gateway(kernel: Kernel) -> Gateway:
    return Gateway(kernel, parse_gateway(kernel.settings.gateway), ADMIN_TOOLS)
