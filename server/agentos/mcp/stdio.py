"""`agentos mcp`: the tools over standard input and output, for the client that started us."""

from __future__ import annotations

import asyncio
import signal
from typing import Any, cast

from mcp.server.stdio import stdio_server

from agentos.calls import Credentials
from agentos.errors import ConfigurationError, RequestError
from agentos.hook_socket import hook_socket
from agentos.kernel import Kernel, open_kernel
from agentos.logging import configure_logging
from agentos.mcp.server import build_server
from agentos.mcp.wire import WireReader, WireWriter, claim_standard_streams
from agentos.settings import Settings


def serve_stdio(settings: Settings) -> None:
    """Serve one client until it closes standard input, or until SIGTERM or SIGINT.

    The caller is the token of the settings, or the local principal where there is none. Raises
    ConfigurationError with one line where the server cannot start or the token is not valid.
    """
    configure_logging(settings.log_level)
    with claim_standard_streams() as (wire_in, wire_out):
        try:
            asyncio.run(_serve(settings, wire_in, wire_out))
        except asyncio.CancelledError:
            return  # told to stop


async def _serve(settings: Settings, wire_in: int, wire_out: int) -> None:
    serving = asyncio.current_task()
    assert serving is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    async with open_kernel(settings) as kernel:
        credentials = await _credentials(kernel)
        server = build_server(kernel, edge="stdio", credentials=credentials)
        writer = WireWriter(wire_out)
        reader = WireReader(wire_in, writer, settings.max_body_bytes)
        # The SDK wants files of anyio; of these it uses the iteration, `write` and `flush`.
        streams = stdio_server(cast(Any, reader), cast(Any, writer))
        async with hook_socket(kernel, credentials), streams as (read, write):
            await server.run(read, write, server.create_initialization_options())


async def _credentials(kernel: Kernel) -> Credentials:
    token = kernel.settings.token
    credentials = Credentials(bearer_token=token, is_local=token is None)
    try:
        await kernel.identify(credentials)
    except RequestError as error:
        raise ConfigurationError(f"AGENTOS_TOKEN: {error.message}") from error
    return credentials
