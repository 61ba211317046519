"""Several server processes on one listening socket: started, watched, replaced, stopped.

Above: `serve`. Below: `agentos.http.worker`, one a process. A worker writes one line on its
standard output, `ready` or `failed REASON`, and ends when its standard input closes, so that none
outlives this process, however it ends.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog

from agentos.errors import ConfigurationError
from agentos.settings import Settings

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
RESTART_DELAYS_S = (0.1, 0.5, 2.0, 5.0)
STOP_GRACE_S = 10.0

_log = structlog.get_logger(__name__)


async def supervise(
    settings: Settings, listener: socket.socket, on_ready: Callable[[], None]
) -> None:
    """Run `settings.workers` processes until SIGTERM or SIGINT; a worker that dies is replaced.

    Raises ConfigurationError where the first start fails, with the worker's own reason.
    """
    stop = asyncio.Event()
    with _metrics_folder() as folder, _on_signals(stop):
        workers = [_Worker(settings, listener, folder) for _ in range(settings.workers)]
        try:
            if not await _start(workers, stop):
                return
            on_ready()
            await _watch(workers, stop)
        finally:
            # While any process holds it open, connections queue up that nobody will accept.
            listener.close()
            await asyncio.gather(*(worker.stop() for worker in workers))


async def _start(workers: list[_Worker], stop: asyncio.Event) -> bool:
    """Start the first alone, which creates and migrates the database; then the others."""
    for group in (workers[:1], workers[1:]):
        starting = asyncio.gather(*(worker.start() for worker in group))
        if not await _unless(stop, starting):
            return False
    return True


async def _watch(workers: list[_Worker], stop: asyncio.Event) -> None:
    keeping = asyncio.gather(*(worker.keep() for worker in workers))
    await _unless(stop, keeping)


async def _unless(stop: asyncio.Event, work: asyncio.Future[list[None]]) -> bool:
    """Whether `work` was done before `stop` was set; it is cancelled otherwise."""
    stopped = asyncio.ensure_future(stop.wait())
    both: list[asyncio.Future[Any]] = [work, stopped]
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
    if work.done():
        work.result()
        return True
    work.cancel()
    await asyncio.wait([work])
    return False


class _Worker:
    """One place in the row of workers, and the process that fills it now."""

    def __init__(self, settings: Settings, listener: socket.socket, metrics: Path) -> None:
        self._settings = settings
        self._listener = listener
        self._environment = {**os.environ, METRICS_FOLDER: str(metrics)}
        self._process: Process | None = None

    async def start(self) -> None:
        """Start a process and wait until it serves; ConfigurationError with its reason."""
        number = self._listener.fileno()
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "agentos.http.worker", str(number)),
            stdin=PIPE,
            stdout=PIPE,
            pass_fds=[number],
            env=self._environment,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(self._settings.model_dump_json().encode() + b"\n")
        line = (await self._process.stdout.readline()).decode().strip()
        if line != "ready":
            await self._process.wait()
            reason = line.removeprefix("failed ") or f"exit code {self._process.returncode}"
            raise ConfigurationError(reason)

    async def keep(self) -> None:
        """Replace the process whenever it ends, ever more slowly while that does not help."""
        failures = 0
        while True:
            assert self._process is not None
            code = await self._process.wait()
            _log.error("worker_died", pid=self._process.pid, exit_code=code)
            await asyncio.sleep(RESTART_DELAYS_S[min(failures, len(RESTART_DELAYS_S) - 1)])
            try:
                await self.start()
                failures = 0
                _log.warning("worker_started", pid=self._process.pid)
            except ConfigurationError as error:
                failures += 1
                _log.error("worker_not_started", reason=error.message)

    async def stop(self) -> None:
        """Let the process finish its calls; kill it if it takes too long."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(self._settings.shutdown_timeout_s + STOP_GRACE_S):
                await process.wait()
        except TimeoutError:
            _log.error("worker_killed", pid=process.pid)
            process.kill()
            await process.wait()


@contextmanager
def _metrics_folder() -> Iterator[Path]:
    """Where the workers add up their figures; they must know it before they import metrics."""
    given = os.environ.get(METRICS_FOLDER)
    if given is not None:
        yield Path(given)
        return
    folder = Path(tempfile.mkdtemp(prefix="agentos-metrics-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _on_signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
