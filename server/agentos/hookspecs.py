"""Every hook a plugin may implement, with its contract.

pluggy composes, it does not await: a hook is a plain `def` that returns declarations, or an async
callable that the kernel awaits. `register_*` hooks run once at start, in the order of the plugins'
names; an exception in one stops the start. None means "nothing of mine".
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

import pluggy

from agentos.calls import Credentials, Principal, ToolCall
from agentos.events.model import Event, EventType, ReadModel
from agentos.middleware import Wrapper
from agentos.tools import Tool

if TYPE_CHECKING:
    from agentos.database.migrations import MigrationSet
    from agentos.database.pool import Database
    from agentos.kernel import Kernel
    from agentos.prompts import Prompt
    from agentos.registry import Command, InboundRoute, PolicyCost, Route, Service, SetupCheck
    from agentos.resources import Resource
    from agentos.review_channels import ReviewChannel
    from agentos.settings import Settings

PROJECT = "agentos"

hookspec = pluggy.HookspecMarker(PROJECT)
"""Marks a hook that a plugin declares for others, in a module of `register_hookspecs`."""
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin as the implementation of the hook of its name."""


@hookspec
def register_hookspecs() -> Sequence[ModuleType]:  # type: ignore[empty-body]
    """Modules with hookspecs of the plugin's own, for other plugins to implement."""


@hookspec
def register_tools() -> Sequence[Tool]:  # type: ignore[empty-body]
    """Tools to publish. A name that two plugins claim stops the start."""


@hookspec
def register_resources() -> Sequence[Resource]:  # type: ignore[empty-body]
    """Resources and resource templates to publish; reading one is a call like any other."""


@hookspec
def register_prompts() -> Sequence[Prompt]:  # type: ignore[empty-body]
    """Prompts to publish; rendering one is a call like any other."""


@hookspec
def register_migrations() -> Sequence[MigrationSet]:  # type: ignore[empty-body]
    """The plugin's schema and the package that holds its `migrations/NNNN_*.sql`."""


@hookspec
def register_event_types() -> Sequence[EventType]:  # type: ignore[empty-body]
    """Events the plugin appends, each with the projection that keeps its read models.

    A projection runs inside the transaction that appends the event; raising aborts both.
    """


@hookspec
def register_read_models() -> Sequence[ReadModel]:  # type: ignore[empty-body]
    """Tables that are functions of the events; `agentos audit rebuild` recomputes them."""


@hookspec
def register_services() -> Sequence[Service]:  # type: ignore[empty-body]
    """Services by protocol type. A type that two plugins provide stops the start."""


@hookspec
def register_routes() -> Sequence[Route]:  # type: ignore[empty-body]
    """HTTP pages of the plugin, served beside the MCP endpoint to authenticated callers."""


@hookspec
def register_inbound_routes() -> Sequence[InboundRoute]:  # type: ignore[empty-body]
    """Pages that others post to without a token; the handler verifies a signature."""


@hookspec
def register_review_channels(kernel: Kernel) -> Sequence[ReviewChannel]:  # type: ignore[empty-body]
    """Ways to show reviews to persons and to hear their decisions, besides those that ship.

    Called once at start, before services exist, by the plugin `channels`, which runs them. A name
    that is taken stops the start. See `ReviewChannel`.
    """


@hookspec
def register_commands() -> Sequence[Command]:  # type: ignore[empty-body]
    """Commands to add to the `agentos` command line."""


@hookspec
def register_policy_costs(call: ToolCall) -> Sequence[PolicyCost]:  # type: ignore[empty-body]
    """What the plugin's authorizers compute for a typical call, for `agentos bench policy`."""


@hookspec
def check_setup(settings: Settings) -> Sequence[SetupCheck]:  # type: ignore[empty-body]
    """What `agentos doctor` tells of the plugin: what is configured, and what is missing for it.

    Called by that command only, without a kernel; it must not take long, nor use the network.
    """


@hookspec
def check_state(
    settings: Settings,
) -> Callable[[Database], Awaitable[Sequence[SetupCheck]]] | None:
    """What `agentos doctor` tells of the plugin by what stands in the database.

    Called by that command only, without a kernel, once the database answers; what is returned is
    awaited, and only reads. The tables may be older than the code, or not be there yet.
    """


@hookspec
def wrap_tool_call(tool: Tool) -> Wrapper | Sequence[Wrapper] | None:
    """An authorizer or a middleware for `tool`, several of them, or None for "not mine".

    Called once per tool at start. At call time an exception in it refuses the call.
    """


@hookspec(firstresult=True)
def resolve_principal(
    credentials: Credentials,
) -> Callable[[Kernel], Awaitable[Principal | None]] | None:
    """Who the caller is; the first plugin with an answer wins, then the kernel's own tokens.

    Called on every request. The awaitable's None means "not mine"; raising RequestError refuses.
    """


@hookspec
def on_event(event: Event) -> Callable[[Kernel], Awaitable[None]] | None:
    """React to a committed event, in every server process, in order of position.

    Exceptions are logged; the outcome stands.
    """


@hookspec
def startup(kernel: Kernel) -> Callable[[], Awaitable[None]] | None:
    """Called when the database is ready, before the first call. Own tasks go to `kernel.start_task`."""


@hookspec
def shutdown(kernel: Kernel) -> Callable[[], Awaitable[None]] | None:
    """Called after the last call has finished, while the database is still open."""
