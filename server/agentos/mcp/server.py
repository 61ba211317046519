"""Publishes the kernel's tools through the MCP SDK's low-level server.

Above: the HTTP endpoint and stdio. Below: `Kernel.dispatch`. The low-level server is used because
the kernel validates arguments, builds schemas and maps errors itself; the SDK's MCPServer would do
each of them a second time.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from mcp import MCPError
from mcp.server import CacheHint, Server, ServerRequestContext
from mcp.server.streamable_http import REQUEST_CANCELLED
from mcp.types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    ToolAnnotations,
)
from mcp.types import Tool as WireTool

from agentos._version import __version__
from agentos.calls import CallRequest, Credentials, ProgressReporter, ToolResult
from agentos.errors import ToolError
from agentos.kernel import Kernel, UnknownToolError
from agentos.mcp import session
from agentos.mcp.claims import claims_of
from agentos.mcp.errors import to_wire
from agentos.mcp.running import RunningCalls
from agentos.tools import Tool

CREDENTIALS_KEY = "agentos.credentials"
"""Where the HTTP edge leaves the caller's Credentials in the ASGI scope."""

WORK_ORDER_KEY = "agentos/work_order"
IDEMPOTENCY_KEY = "agentos/idempotency_key"

INSTRUCTIONS = (
    "AgentOS authorizes and records every call. A refusal is a result with isError: it names the "
    "rule and a remedy; follow the remedy instead of repeating the call unchanged. "
    f"_meta[{WORK_ORDER_KEY!r}] names the work order a call belongs to; "
    f"_meta[{IDEMPOTENCY_KEY!r}] makes a repeated write answer with its first result."
)

# The tools of a process never change; a client may keep the list for five minutes.
_CACHE = CacheHint(ttl_ms=300_000, scope="public")


def build_server(
    kernel: Kernel,
    *,
    edge: str,
    credentials: Credentials | None = None,
    running: RunningCalls | None = None,
) -> Server[dict[str, Any]]:
    """An SDK server over the kernel's tools.

    `credentials` are those of the one caller of a stdio server; over HTTP each request carries
    its own in the ASGI scope, and one without any is nobody.
    """
    caller = _Caller(kernel, edge, credentials, running or RunningCalls())
    listing = ListToolsResult(tools=[_wire_tool(tool) for tool in kernel.tools.values()])

    async def list_tools(
        ctx: ServerRequestContext[dict[str, Any], Any], params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return listing

    def input_schema(name: str) -> Mapping[str, Any] | None:
        tool = kernel.tools.get(name)
        return None if tool is None else tool.input_schema

    server = Server(
        "agentos",
        version=__version__,
        title="AgentOS",
        instructions=INSTRUCTIONS,
        cache_hints={"tools/list": _CACHE, "server/discover": _CACHE},
        # Without it the SDK runs the whole tools/list inside every tools/call.
        get_tool_input_schema=input_schema,
        on_list_tools=list_tools,
        on_call_tool=caller.call_tool,
    )
    if "OTEL_EXPORTER_OTLP_ENDPOINT" not in os.environ:
        # A span per message costs 4 to 20 % of the CPU, even when nobody collects it.
        server.middleware.clear()
    return server


class _Caller:
    """Turns `tools/call` into a dispatch and its result into the protocol's."""

    def __init__(
        self, kernel: Kernel, edge: str, credentials: Credentials | None, running: RunningCalls
    ) -> None:
        self._kernel = kernel
        self._edge = edge
        self._credentials = credentials
        self._running = running

    async def call_tool(
        self, ctx: ServerRequestContext[dict[str, Any], Any], params: CallToolRequestParams
    ) -> CallToolResult:
        session_id = _session_id(ctx)
        request = self._request(ctx, params, session_id)
        if session_id is None:
            return await self._dispatch(request)
        with self._running.track((session_id, str(ctx.request_id))):
            return await self._dispatch(request)
        raise MCPError(REQUEST_CANCELLED, "the client cancelled the request")

    async def _dispatch(self, request: CallRequest) -> CallToolResult:
        try:
            return _wire_result(await self._kernel.dispatch(request))
        except UnknownToolError as error:
            raise to_wire(error) from error
        except ToolError as error:
            return _wire_result(ToolResult.from_error(error))
        except Exception as error:
            raise to_wire(error) from error

    def _request(
        self,
        ctx: ServerRequestContext[dict[str, Any], Any],
        params: CallToolRequestParams,
        session_id: str | None,
    ) -> CallRequest:
        meta = _meta(ctx)
        known = ctx.session.client_params
        client = known.client_info if known is not None else session.client_of(session_id)
        return CallRequest(
            tool=params.name,
            arguments=params.arguments or {},
            credentials=self._credentials or _credentials(ctx),
            edge=self._edge,
            work_order=meta.get(WORK_ORDER_KEY),
            idempotency_key=meta.get(IDEMPOTENCY_KEY),
            claims=claims_of(meta, client),
            progress=_progress(ctx) if "progressToken" in meta else None,
        )


def _credentials(ctx: ServerRequestContext[dict[str, Any], Any]) -> Credentials:
    if ctx.request is None:
        return Credentials()
    found: Credentials = ctx.request.scope.get(CREDENTIALS_KEY) or Credentials()
    return found


def _session_id(ctx: ServerRequestContext[dict[str, Any], Any]) -> str | None:
    return None if ctx.request is None else ctx.request.headers.get(session.HEADER)


def _meta(ctx: ServerRequestContext[dict[str, Any], Any]) -> Mapping[str, Any]:
    meta = ctx.params.get("_meta") if ctx.params else None
    return meta if isinstance(meta, Mapping) else {}


def _progress(ctx: ServerRequestContext[dict[str, Any], Any]) -> ProgressReporter:
    async def report(done: float, total: float | None, message: str) -> None:
        await ctx.session.report_progress(done, total, message or None)

    return report


def _wire_tool(tool: Tool) -> WireTool:
    return WireTool(
        name=tool.name,
        description=tool.description,
        input_schema=dict(tool.input_schema),
        output_schema=dict(tool.output_schema),
        annotations=ToolAnnotations(
            read_only_hint=tool.is_read_only,
            destructive_hint=tool.is_destructive,
            idempotent_hint=tool.is_idempotent,
            open_world_hint=False,
        ),
    )


def _wire_result(result: ToolResult) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(type="text", text=result.text)],
        structured_content=dict(result.structured),
        is_error=result.is_error,
    )
