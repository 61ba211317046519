"""Publishes what plugins declare through the MCP SDK's low-level server.

Above: the HTTP endpoint and stdio. Below: `Kernel.dispatch`. The low-level server is used because
the kernel validates arguments, builds schemas and maps errors itself; the SDK's MCPServer would do
each of them a second time.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, cast

import orjson
from mcp.server import CacheHint, Server
from mcp.server.lowlevel.server import NotificationOptions
from mcp.server.models import InitializationOptions
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.types import EmptyResult, NotificationParams, SetLevelRequestParams

from agentos._version import __version__
from agentos.calls import Credentials
from agentos.identity.signing_key import load_or_create_signing_key
from agentos.kernel import Kernel
from agentos.mcp import tasks
from agentos.mcp.caller import IDEMPOTENCY_KEY, WORK_ORDER_KEY, Caller, Context
from agentos.mcp.changes import ResourceChanges
from agentos.mcp.prompts import PromptHandlers
from agentos.mcp.resources import ResourceHandlers
from agentos.mcp.running import RunningCalls
from agentos.mcp.subscriptions import DuplexSubscriptions, Subscriptions
from agentos.mcp.tools import ToolHandlers
from agentos.tools import Tool

INSTRUCTIONS = (
    "AgentOS authorizes and records every call. A refusal is a result with isError: it names the "
    "rule and a remedy; follow the remedy instead of repeating the call unchanged. "
    f"_meta[{WORK_ORDER_KEY!r}] names the work order a call belongs to; "
    f"_meta[{IDEMPOTENCY_KEY!r}] makes a repeated write answer with its first result."
)

# What a process publishes changes rarely; a client may keep the lists for five minutes.
_CACHE = CacheHint(ttl_ms=300_000, scope="public")
# Which tools are listed depends on the caller's profile.
_OWN_CACHE = CacheHint(ttl_ms=300_000, scope="private")
# What a resource says depends on who asks, and may change at any time.
_NO_CACHE = CacheHint(ttl_ms=0, scope="private")


def build_server(
    kernel: Kernel,
    *,
    edge: str,
    credentials: Credentials | None = None,
    running: RunningCalls | None = None,
    subscriptions: Subscriptions | None = None,
) -> Server[dict[str, Any]]:
    """An SDK server over what the kernel's plugins publish; see `Caller` for `credentials`.

    Without `subscriptions` the server has one client, on a stream of its own.
    """
    caller = Caller(kernel, edge, credentials, running or RunningCalls())
    tools = ToolHandlers(kernel, caller)
    told = subscriptions or DuplexSubscriptions(ResourceChanges(kernel))
    resources = ResourceHandlers(kernel, caller, told)
    prompts = PromptHandlers(kernel, caller)

    server = _Server(
        "agentos",
        version=__version__,
        title="AgentOS",
        instructions=INSTRUCTIONS,
        cache_hints={
            "tools/list": _OWN_CACHE,
            "prompts/list": _CACHE,
            "resources/list": _NO_CACHE,
            "resources/templates/list": _CACHE,
            "resources/read": _NO_CACHE,
            "server/discover": _CACHE,
        },
        # Without it the SDK runs the whole tools/list inside every tools/call. It compares headers
        # with arguments, and walks the schema to find out that there are none to compare.
        get_tool_input_schema=_MirroredSchemas(kernel).get,
        on_list_tools=tools.list,
        # It may answer with a task's handle too, which the SDK has no type for.
        on_call_tool=cast(Any, tools.call),
        on_list_resources=resources.list,
        on_list_resource_templates=resources.list_templates,
        on_read_resource=resources.read,
        on_subscribe_resource=resources.subscribe,
        on_unsubscribe_resource=resources.unsubscribe,
        on_subscriptions_listen=resources.listen,
        on_list_prompts=prompts.list,
        on_get_prompt=prompts.get,
        on_completion=prompts.complete,
    )
    if not is_traced():
        # A span per message costs 4 to 20 % of the CPU, even when nobody collects it.
        server.middleware.clear()
    server.middleware.append(
        RequestStateBoundary(_request_state_security(kernel, caller), default_audience=None)
    )
    server.extensions[tasks.EXTENSION] = {}
    methods = tasks.TaskHandlers(kernel, caller)
    server.add_request_handler("tasks/get", tasks.TaskParams, methods.get)
    server.add_request_handler("tasks/update", tasks.UpdateParams, methods.update)
    server.add_request_handler("tasks/cancel", tasks.TaskParams, methods.cancel)

    async def set_log_level(ctx: Context, params: SetLevelRequestParams) -> EmptyResult:
        session = None if ctx.request is None else caller.session_key(ctx)
        await caller.log_levels.set(session, params.level)
        return EmptyResult()

    server.add_request_handler("logging/setLevel", SetLevelRequestParams, set_log_level)
    server.lists_may_change = kernel.catalogue.may_change
    if isinstance(told, DuplexSubscriptions) and server.lists_may_change:

        async def begin_telling(ctx: Context, params: NotificationParams) -> None:
            told.begin(ctx.session)

        server.add_notification_handler(
            "notifications/initialized", NotificationParams, begin_telling
        )
    return server


class _Server(Server[dict[str, Any]]):
    """The SDK's server; to clients before 2026-07-28 it says so where its lists may change."""

    lists_may_change = False

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        changes = self.lists_may_change
        told = notification_options or NotificationOptions(changes, changes, changes)
        return super().create_initialization_options(told, experimental_capabilities, extensions)


class _MirroredSchemas:
    """Input schemas of the tools that want arguments repeated as headers."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._of: Mapping[str, Tool] = {}
        self._found: dict[str, Mapping[str, Any]] = {}

    def get(self, name: str) -> Mapping[str, Any] | None:
        """The schema of such a tool; None for every other."""
        if self._of is not self._kernel.tools:
            self._of = self._kernel.tools
            self._found = {
                each.name: each.input_schema
                for each in self._of.values()
                if b"x-mcp-header" in orjson.dumps(each.input_schema)
            }
        return self._found.get(name)


def is_traced() -> bool:
    """Whether spans of what clients ask are sent to a collector."""
    return "OTEL_EXPORTER_OTLP_ENDPOINT" in os.environ


def _request_state_security(kernel: Kernel, caller: Caller) -> RequestStateSecurity:
    """Sealed by a key of the installation, so that any process of it opens what another sealed."""
    key = load_or_create_signing_key(kernel.settings.home / "keys" / "request-state.key")
    return RequestStateSecurity(
        keys=[key.private_bytes_raw()], bind_principal=caller.credentials_digest, audience="agentos"
    )
