"""One server process: a kernel, and uvicorn on a listening socket that others may share.

Above: `serve`, and the supervisor's worker. uvicorn runs on the plain asyncio loop, under which
no keep-alive connection starves when thousands are open.
"""

from __future__ import annotations

import asyncio
import gc
import math
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import uvicorn

from agentos.calls import Credentials
from agentos.hook_socket import hook_socket
from agentos.http.addresses import is_loopback
from agentos.http.app import create_app
from agentos.http.huge_pages import collapse_memory
from agentos.http.listener import BACKLOG
from agentos.http.one_write import OneWriteProtocol
from agentos.kernel import Kernel, open_kernel
from agentos.settings import Settings

# How many connections a process accepts before it looks at others: with more, the first of
# several processes to wake would take a whole fleet for itself.
ACCEPT_BATCH = 16
KEEP_ALIVE_S = 120

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class EdgeServer(uvicorn.Server):
    """uvicorn, without its own handling of signals, over the application of one kernel."""

    def __init__(self, kernel: Kernel, on_ready: Callable[[], None]) -> None:
        self._stopping = asyncio.Event()
        self._on_ready = on_ready
        super().__init__(
            uvicorn.Config(
                create_app(kernel, self._stopping),
                http=OneWriteProtocol,
                lifespan="on",
                ws="none",
                backlog=ACCEPT_BATCH,
                log_config=None,
                access_log=False,
                server_header=False,
                # A client's X-Forwarded-For is no evidence of where it is.
                proxy_headers=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=math.ceil(kernel.settings.shutdown_timeout_s),
            )
        )

    def stop(self) -> None:
        """Accept no more, let calls in flight finish, end event streams, then return."""
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            # asyncio used the accept batch as the length of the queue as well.
            listener.listen(BACKLOG)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping.set()
        await super().shutdown(sockets)


async def serve_listener(
    settings: Settings,
    listener: socket.socket,
    on_ready: Callable[[], None],
    stop_signals: Sequence[signal.Signals] = STOP_SIGNALS,
) -> None:
    """Serve until one of the signals says to stop; calls in flight finish first.

    Raises ConfigurationError where the kernel cannot start, CancelledError where the signal came
    before the server was up.
    """
    stop = _Stop()
    with stop.on_signals(stop_signals):
        async with open_kernel(settings) as kernel, hook_socket(kernel, _local(settings)):
            server = EdgeServer(kernel, _frozen(on_ready))
            stop.server = server
            await server.serve(sockets=[listener])


def _local(settings: Settings) -> Credentials:
    """Who a caller without a token is: this machine's user where HTTP would say so too."""
    return Credentials(is_local=is_loopback(settings.host) and not settings.require_token)


class _Stop:
    """What a signal does: cancel the start, or end the server."""

    def __init__(self) -> None:
        self.server: EdgeServer | None = None
        self._starting = asyncio.current_task()

    @contextmanager
    def on_signals(self, numbers: Sequence[signal.Signals]) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in numbers:
            loop.add_signal_handler(number, self)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)

    def __call__(self) -> None:
        if self.server is not None:
            self.server.stop()
        elif self._starting is not None:
            self._starting.cancel()


def _frozen(on_ready: Callable[[], None]) -> Callable[[], None]:
    """`on_ready`, before which what lives as long as the process is put aside.

    It leaves the collector's sight, since with thousands of clients the full collections over it
    cost more than the requests; and it goes into huge pages, which saves each call a twentieth.
    """

    def freeze_first() -> None:
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 50, 100)
        collapse_memory()
        on_ready()

    return freeze_first
