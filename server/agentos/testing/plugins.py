"""Plugins that stand in for what a test is not about."""

from __future__ import annotations

from agentos.calls import ToolCall, Verdict
from agentos.hookspecs import hookimpl
from agentos.middleware import Authorizer
from agentos.tools import Tool


class AllowEverything:
    """An authorizer that admits every call, under the rule `allow_everything`."""

    @hookimpl
    def wrap_tool_call(self, tool: Tool) -> Authorizer:
        """The authorizer, for every tool."""
        return Authorizer(_allow)


async def _allow(call: ToolCall) -> Verdict | None:
    return Verdict.allow("allow_everything")
