"""A kernel behind a real HTTP server on a free port of the loopback interface."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agentos.http.listener import bind
from agentos.http.process import EdgeServer
from agentos.kernel import Kernel


@asynccontextmanager
async def serve_http(kernel: Kernel) -> AsyncIterator[str]:
    """The base URL, such as `http://127.0.0.1:54321`, for as long as the block lasts."""
    listener = bind("127.0.0.1", 0)
    started = asyncio.Event()
    server = EdgeServer(kernel, on_ready=started.set)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if serving.done():
        serving.result()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.stop()
        await serving
