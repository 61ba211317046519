"""`tools/list` and `tools/call`."""

from __future__ import annotations

from mcp.types import (
    CallToolRequestParams,
    CallToolResult,
    InputRequiredResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    ToolAnnotations,
)
from mcp.types import Tool as WireTool

from agentos.calls import ToolResult
from agentos.content import Content
from agentos.kernel import Kernel
from agentos.mcp.blocks import wire_block
from agentos.mcp.caller import Caller, Context
from agentos.tools import Tool


class ToolHandlers:
    """The tools of a kernel, which never change while it runs."""

    def __init__(self, kernel: Kernel, caller: Caller) -> None:
        self._tools = kernel.tools
        self._caller = caller
        self._listing = ListToolsResult(tools=[_wire_tool(each) for each in self._tools.values()])

    async def list(self, ctx: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        """All of them, on one page."""
        return self._listing

    async def call(
        self, ctx: Context, params: CallToolRequestParams
    ) -> CallToolResult | InputRequiredResult:
        """One call; refusals and failures are results."""
        arguments = params.arguments or {}
        result = await self._caller.call(ctx, params.name, arguments, params=params)
        if isinstance(result, InputRequiredResult):
            return result
        return _wire_result(self._tools.get(params.name), result)


def _wire_tool(tool: Tool) -> WireTool:
    return WireTool(
        name=tool.name,
        description=tool.description,
        input_schema=dict(tool.input_schema),
        output_schema=None if tool.result is Content else dict(tool.output_schema),
        annotations=ToolAnnotations(
            read_only_hint=tool.is_read_only,
            destructive_hint=tool.is_destructive,
            idempotent_hint=tool.is_idempotent,
            open_world_hint=False,
        ),
    )


def _wire_result(tool: Tool | None, result: ToolResult) -> CallToolResult:
    if tool is not None and tool.result is Content and not result.is_error:
        return CallToolResult(content=[wire_block(each) for each in result.structured["content"]])
    return CallToolResult(
        content=[TextContent(type="text", text=result.text)],
        structured_content=dict(result.structured),
        is_error=result.is_error,
    )
