"""`tools/list` and `tools/call`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp import MCPError
from mcp.types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    InputRequiredResult,
    ListToolsResult,
    PaginatedRequestParams,
    ToolAnnotations,
)
from mcp.types import Tool as WireTool

from agentos.calls import ToolResult
from agentos.content import Content
from agentos.errors import AgentOSError, InvalidArgumentError
from agentos.kernel import Kernel
from agentos.mcp.caller import Caller, Context
from agentos.mcp.errors import to_wire
from agentos.mcp.results import wire_result
from agentos.mcp.tasks import askable, created_task, require_tasks, takes_tasks
from agentos.profiles import listed, narrowed, profile_of
from agentos.schemas import outline, shown_parameters
from agentos.tasks.model import Task
from agentos.tools import Tool

PROFILE_PARAMETER = "profile"
"""What a client may add to the URL of the endpoint, to be shown less than its token allows."""


class ToolHandlers:
    """The tools of a kernel: each caller is shown its profile, and may call what it may call."""

    def __init__(self, kernel: Kernel, caller: Caller) -> None:
        self._kernel = kernel
        self._caller = caller
        self._listings: dict[str, ListToolsResult] = {}
        self._listed: Mapping[str, Tool] = {}

    async def list(self, ctx: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        """Those of the caller's profile, on one page, in the order of their names."""
        try:
            principal = await self._caller.principal(ctx)
            profile = narrowed(profile_of(principal), _wanted(ctx))
        except InvalidArgumentError as error:
            raise MCPError(INVALID_PARAMS, error.message, error.to_error()) from error
        except AgentOSError as error:
            raise to_wire(error) from error
        return self._listing(profile)

    def _listing(self, profile: str) -> ListToolsResult:
        if self._listed is not self._kernel.tools:
            self._listed, self._listings = self._kernel.tools, {}
        if profile not in self._listings:
            shown = listed(self._listed.values(), profile)
            self._listings[profile] = ListToolsResult(tools=[wire_tool(each) for each in shown])
        return self._listings[profile]

    async def call(
        self, ctx: Context, params: CallToolRequestParams
    ) -> CallToolResult | InputRequiredResult | dict[str, Any]:
        """One call; refusals and failures are results. A client that takes tasks may get one."""
        arguments = params.arguments or {}
        tool = self._kernel.tools.get(params.name)
        require_tasks(ctx, tool)
        if takes_tasks(ctx):
            kinds = askable(ctx)
            result = await self._caller.call_or_task(ctx, params.name, arguments, params, kinds)
        else:
            result = await self._caller.call(ctx, params.name, arguments, params=params)
        if isinstance(result, Task):
            return created_task(result)
        return wire_result(tool, result) if isinstance(result, ToolResult) else result


def wire_tool(tool: Tool) -> WireTool:
    """The tool as `tools/list` shows it: what a model needs to choose and to call it."""
    return WireTool(
        name=tool.name,
        description=tool.description,
        input_schema=shown_parameters(tool.input_schema),
        output_schema=outline(tool.output_schema) if _has_fields(tool) else None,
        annotations=_annotations(tool),
    )


def _annotations(tool: Tool) -> ToolAnnotations:
    if tool.is_read_only:
        # The protocol gives the other two hints a meaning only for tools that write.
        return ToolAnnotations(read_only_hint=True, open_world_hint=False)
    return ToolAnnotations(
        read_only_hint=False,
        destructive_hint=tool.is_destructive,
        idempotent_hint=tool.is_idempotent,
        open_world_hint=False,
    )


def _wanted(ctx: Context) -> str | None:
    return None if ctx.request is None else ctx.request.query_params.get(PROFILE_PARAMETER)


def _has_fields(tool: Tool) -> bool:
    """Whether it answers named fields, of which a schema can tell; blocks have none."""
    return tool.result is not Content and bool(tool.output_schema)
