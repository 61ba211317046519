"""How a channel calls tools: as a bot, or as the person behind one of its users.

Above: showing, the inbox, the channels. Below: `Kernel.dispatch`, the only way to a tool. By itself a
channel may show what waits and record what it posted; a decision is always a linked person's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentos import CallRequest, Credentials, Kernel, Principal, Role, ToolResult, UnavailableError

EDGE = "channel"


class ChannelError(Exception):
    """A tool answered a channel's own call with an error."""

    def __init__(self, tool: str, result: ToolResult) -> None:
        super().__init__(f"{tool}: {result.text}")
        self.code = result.error_code


class ChannelBot:
    """The bot of one channel, `channel:NAME`."""

    def __init__(self, kernel: Kernel, channel: str) -> None:
        self.kernel = kernel
        self.channel = channel
        # The server's own configuration vouches for it, as a token does for others.
        self._principal = Principal(f"channel:{channel}", Role.BOT)

    async def call(self, tool: str, **arguments: Any) -> Mapping[str, Any]:
        """What a tool answers the bot; UnavailableError where it may later, else ChannelError."""
        result = await self._dispatch(tool, arguments, None, None)
        if result.error_code == UnavailableError.code:
            raise UnavailableError(result.text)
        if result.is_error:
            raise ChannelError(tool, result)
        return result.structured

    async def try_call(self, tool: str, **arguments: Any) -> ToolResult:
        """What a tool answers the bot, whatever it is."""
        return await self._dispatch(tool, arguments, None, None)

    async def decide(
        self, external_id: str, review: str, arguments: Mapping[str, Any], key: str
    ) -> ToolResult:
        """What `decide` answers the person behind a user of the channel; once for each `key`."""
        behalf = {"channel": self.channel, "id": external_id}
        return await self._dispatch("decide", {**arguments, "review": review}, behalf, key)

    async def _dispatch(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        behalf: Mapping[str, str] | None,
        key: str | None,
    ) -> ToolResult:
        credentials = Credentials(is_local=True, known=self._principal, on_behalf_of=behalf)
        request = CallRequest(tool, arguments, credentials, EDGE, idempotency_key=key)
        return await self.kernel.dispatch(request)
