"""A real MCP client, connected in memory to a kernel; no port, no process.

Below: the SDK's client and the server that HTTP and stdio publish as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from mcp import Client

from agentos.calls import Credentials
from agentos.kernel import Kernel
from agentos.mcp.server import build_server

Era = Literal["2026-07-28", "2025-11-25"]

_MODES: dict[Era, Literal["auto", "legacy"]] = {"2026-07-28": "auto", "2025-11-25": "legacy"}


@asynccontextmanager
async def connect_client(
    kernel: Kernel, *, era: Era = "2026-07-28", token: str | None = None, **options: Any
) -> AsyncIterator[Client]:
    """An `mcp.Client` of the protocol revision `era`, as the local principal or as `token`'s.

    `options` go to the client, such as `elicitation_callback`.
    """
    credentials = Credentials(token, is_local=token is None)
    server = build_server(kernel, edge="mcp", credentials=credentials)
    async with Client(server, mode=_MODES[era], **options) as client:
        yield client
