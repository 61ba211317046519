"""Publishes what plugins declare through the MCP SDK's low-level server.

Above: the HTTP endpoint and stdio. Below: `Kernel.dispatch`. The low-level server is used because
the kernel validates arguments, builds schemas and maps errors itself; the SDK's MCPServer would do
each of them a second time.
"""

from __future__ import annotations

import os
from typing import Any

import orjson
from mcp.server import CacheHint, Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.types import EmptyResult, SetLevelRequestParams

from agentos._version import __version__
from agentos.calls import Credentials
from agentos.identity.signing_key import load_or_create_signing_key
from agentos.kernel import Kernel
from agentos.mcp.caller import IDEMPOTENCY_KEY, WORK_ORDER_KEY, Caller, Context
from agentos.mcp.changes import ResourceChanges
from agentos.mcp.prompts import PromptHandlers
from agentos.mcp.resources import ResourceHandlers
from agentos.mcp.running import RunningCalls
from agentos.mcp.subscriptions import DuplexSubscriptions, Subscriptions
from agentos.mcp.tools import ToolHandlers

INSTRUCTIONS = (
    "AgentOS authorizes and records every call. A refusal is a result with isError: it names the "
    "rule and a remedy; follow the remedy instead of repeating the call unchanged. "
    f"_meta[{WORK_ORDER_KEY!r}] names the work order a call belongs to; "
    f"_meta[{IDEMPOTENCY_KEY!r}] makes a repeated write answer with its first result."
)

# What a process publishes never changes; a client may keep the lists for five minutes.
_CACHE = CacheHint(ttl_ms=300_000, scope="public")
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
    resources = ResourceHandlers(
        kernel, caller, subscriptions or DuplexSubscriptions(ResourceChanges(kernel))
    )
    prompts = PromptHandlers(kernel, caller)

    mirrored = {
        tool.name: tool.input_schema
        for tool in kernel.tools.values()
        if b"x-mcp-header" in orjson.dumps(tool.input_schema)
    }

    server = Server(
        "agentos",
        version=__version__,
        title="AgentOS",
        instructions=INSTRUCTIONS,
        cache_hints={
            "tools/list": _CACHE,
            "prompts/list": _CACHE,
            "resources/list": _CACHE,
            "resources/templates/list": _CACHE,
            "resources/read": _NO_CACHE,
            "server/discover": _CACHE,
        },
        # Without it the SDK runs the whole tools/list inside every tools/call. It compares headers
        # with arguments, and walks the schema to find out that there are none to compare.
        get_tool_input_schema=mirrored.get,
        on_list_tools=tools.list,
        on_call_tool=tools.call,
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
    if "OTEL_EXPORTER_OTLP_ENDPOINT" not in os.environ:
        # A span per message costs 4 to 20 % of the CPU, even when nobody collects it.
        server.middleware.clear()
    server.middleware.append(
        RequestStateBoundary(_request_state_security(kernel, caller), default_audience=None)
    )
    server.add_request_handler("logging/setLevel", SetLevelRequestParams, _set_log_level)
    return server


async def _set_log_level(ctx: Context, params: SetLevelRequestParams) -> EmptyResult:
    """Accepted, and without effect: no session keeps it, and a client drops what it did not want.

    Clients of 2026-07-28 name the level with each request.
    """
    return EmptyResult()


def _request_state_security(kernel: Kernel, caller: Caller) -> RequestStateSecurity:
    """Sealed by a key of the installation, so that any process of it opens what another sealed."""
    key = load_or_create_signing_key(kernel.settings.home / "keys" / "request-state.key")
    return RequestStateSecurity(
        keys=[key.private_bytes_raw()], bind_principal=caller.credentials_digest, audience="agentos"
    )
