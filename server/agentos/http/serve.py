"""`agentos serve`: bind first, then serve with one process or several."""

from __future__ import annotations

import asyncio
import socket
import sys

from agentos.http.addresses import url_of
from agentos.http.listener import bind
from agentos.http.process import serve_listener
from agentos.http.supervisor import supervise
from agentos.logging import configure_logging
from agentos.settings import Settings


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then return once calls in flight have finished.

    Raises ConfigurationError with one line where the server cannot start: a taken port, a
    database that cannot be reached, a plugin that does not load.
    """
    configure_logging(settings.log_level)
    listener = bind(settings.host, settings.port)
    try:
        asyncio.run(_serve(settings, listener))
    except asyncio.CancelledError:
        return  # told to stop before the server was up
    finally:
        listener.close()


async def _serve(settings: Settings, listener: socket.socket) -> None:
    host, port = settings.host, listener.getsockname()[1]
    workers = "1 worker" if settings.workers == 1 else f"{settings.workers} workers"

    def announce() -> None:
        print(f"AgentOS serves MCP at {url_of(host, port)}/mcp ({workers})", file=sys.stderr)
        sys.stderr.flush()

    if settings.workers == 1:
        await serve_listener(settings, listener, announce)
        return
    await supervise(settings, listener, announce)
