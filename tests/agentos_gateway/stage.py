"""What the gateway's tests share: a foreign server that a test may change, and a kernel before it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentos import CallRequest, Credentials, Kernel, Role, Settings, ToolResult, open_kernel
from agentos.calls import ProgressReporter
from agentos.testing import AllowEverything
from agentos_gateway.gateway import Gateway

SERVER = Path(__file__).parent / "foreign_server.py"


def tool_named(name: str, **more: Any) -> dict[str, Any]:
    """A tool as the foreign server says it, with room for whatever a test adds."""
    return {
        "name": name,
        "description": f"Does what {name} says.",
        "inputSchema": {"type": "object"},
        **more,
    }


@dataclass
class Foreign:
    """The foreign server: what it says, and how it is started."""

    file: Path
    said: dict[str, Any] = field(default_factory=lambda: {"tools": []})

    def says(self, *tools: dict[str, Any], **more: list[dict[str, Any]]) -> None:
        """Have it say something else from now on."""
        self.said = {"tools": list(tools), **more}
        self.file.write_text(json.dumps(self.said))

    def settings(self, **more: Any) -> dict[str, Any]:
        """The table `[gateway.servers.NAME]` that starts it."""
        return {"command": sys.executable, "args": [str(SERVER), str(self.file)], **more}


@asynccontextmanager
async def gateway_kernel(
    settings: Settings, servers: dict[str, Any], *plugins: str, **more: Any
) -> AsyncIterator[Kernel]:
    """A kernel with the gateway; everything is allowed unless governance is among the plugins."""
    chosen = {
        "gateway": {"servers": servers},
        "plugins": ("gateway", *plugins),
        "role": Role.ADMIN,
        **more,
    }
    extra = {} if "governance" in plugins else {"allow": AllowEverything()}
    async with open_kernel(settings.model_copy(update=chosen), extra_plugins=extra) as kernel:
        yield kernel


async def call(
    kernel: Kernel,
    tool: str,
    arguments: dict[str, Any] | None = None,
    *,
    token: str | None = None,
    progress: ProgressReporter | None = None,
    work_order: str | None = None,
) -> ToolResult:
    """One call as the local principal, or as the token's."""
    credentials = Credentials(bearer_token=token, is_local=token is None)
    return await kernel.dispatch(
        CallRequest(
            tool, arguments or {}, credentials, "test", progress=progress, work_order=work_order
        )
    )


async def approved(kernel: Kernel, server: str = "other", *names: str) -> None:
    """Approve all of a server, or what is named, and wait until it is offered."""
    arguments: dict[str, Any] = {"server": server}
    if names:
        arguments["names"] = list(names)
    before = kernel.functions
    result = await call(kernel, "approve_gateway_tools", arguments)
    assert not result.is_error, result.text
    wanted = set(result.structured["names"])
    pins = kernel.service(Gateway).pins_of
    if wanted:
        await until(lambda: kernel.functions is not before)
        # What was published meanwhile may be what was approved of another server.
        await until(lambda: wanted <= {name for _, name in pins(server)})


async def until(is_true: Callable[[], bool], timeout_s: float = 60) -> None:
    """Wait for something that another task or process does."""
    async with asyncio.timeout(timeout_s):
        while not is_true():  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.01)


def text_of(result: ToolResult) -> str:
    """The text of the only block of a result."""
    assert not result.is_error, result.text
    (block,) = result.structured["content"]
    found: str = block["text"]
    return found
