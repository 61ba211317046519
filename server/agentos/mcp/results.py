"""What a tool answered, as the protocol's result of `tools/call`."""

from __future__ import annotations

from mcp.types import CallToolResult, TextContent

from agentos.calls import ToolResult
from agentos.content import Content
from agentos.mcp.blocks import wire_block
from agentos.tools import Tool


def wire_result(tool: Tool | None, result: ToolResult) -> CallToolResult:
    """The protocol's result; `tool` is None where the tool is gone meanwhile."""
    if tool is not None and issubclass(tool.result, Content) and not result.is_error:
        return CallToolResult(
            content=[wire_block(each) for each in result.structured["content"]],
            structured_content=result.structured.get("structured"),
        )
    return CallToolResult(
        content=[TextContent(type="text", text=result.text)],
        structured_content=dict(result.structured),
        is_error=result.is_error,
    )
