"""Processes that read the text of repositories, kept warm, so that the server parses nothing.

A syntax tree may take minutes of a hostile file and holds the interpreter meanwhile; here it takes
a process, which is ended and replaced. Above: index runs, the knowledge base, and whoever reads a
changed file anew. Below: the program `analysis_process` at the other end of two pipes.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agentos_memory.frames import Frame, pack_frame, receive_frame
from agentos_memory.languages import IN_USE
from agentos_memory.process_limits import child_environment

# What the pipe holds while the indexer writes to the database, so that both go on.
_PIPE_BYTES = 16 * 1024 * 1024
# Most commands are over before this; a server has one ready from then on.
STARTS_AFTER_S = 5.0
MAX_PARALLEL = 4
MAX_IDLE = 2
# One that held more than this is not kept: it would not give the memory back.
KEPT_BYTES = 256 * 1024 * 1024
_EXITS_WITHIN_S = 5.0
_PROCESS_GONE = (asyncio.IncompleteReadError, BrokenPipeError, ConnectionResetError)


@dataclass(frozen=True, slots=True)
class FileLimits:
    """What reading one file may take: CPU seconds, and memory beyond what is held already.

    `wall_s` ends a process that gives no answer although it uses no CPU.
    """

    cpu_s: float = 10.0
    memory_bytes: int = 1024 * 1024 * 1024
    wall_s: float = 180.0


@dataclass(frozen=True, slots=True)
class Ended:
    """Why a worker gave no answer; its process is gone, and with it what it held."""

    reason: Literal["too_costly", "crashed"]
    detail: str


class Worker:
    """One process; it answers one request at a time. `root` is the tree it has read files of.

    With `nice` above 0 it gives way to the rest of the machine.
    """

    def __init__(self, *, nice: int = 0) -> None:
        self.root: Path | None = None
        self.cpu_s = 0.0
        self.peak_bytes = 0
        self._limits = FileLimits()
        self._nice = nice
        self._is_asked = False
        self._running: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The process that works at present."""
        assert self._running is not None
        return self._running.pid

    @property
    def is_fit(self) -> bool:
        """Whether it can be used again: alive, with all answers given, and of modest size."""
        running = self._running
        is_alive = running is not None and running.returncode is None
        return is_alive and not self._is_asked and self.peak_bytes <= KEPT_BYTES

    async def start(self) -> None:
        """Start the process; its modules are loaded while the caller goes on."""
        self._is_asked, self.root = False, None
        self._running = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "agentos_memory.analysis_process", str(self._nice),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=_PIPE_BYTES,
            env=child_environment(),
            # Ctrl-C would end it alone, and a file would be blamed for that.
            start_new_session=True,
        )  # fmt: skip

    async def open(self, root: Path, package_dirs: Sequence[str], limits: FileLimits) -> None:
        """Begin a session: what was analysed or recalled before is forgotten."""
        if self._running is None:
            await self.start()
        self.root, self._limits = root, limits
        opening = [str(root), list(package_dirs), limits.cpu_s, limits.memory_bytes]
        # One that ends here says so again at the first request.
        await self.tell("open", opening, [IN_USE.packed()])

    async def ask(
        self,
        what: str,
        about: object,
        blobs: Sequence[bytes] = (),
        *,
        wall_s: float | None = None,
    ) -> AsyncIterator[Frame | Ended]:
        """The answers to one request; an `Ended` is the last one. Read all of them.

        `wall_s` is the longest wait for one answer.
        """
        self._is_asked = True
        try:
            async with asyncio.timeout(wall_s or self._limits.wall_s):
                await self._write(pack_frame([what, about], blobs))
            while True:
                async with asyncio.timeout(wall_s or self._limits.wall_s):
                    frame = await self._answer()
                (kind, plain), _ = frame
                if kind == "done":
                    self.cpu_s, self.peak_bytes = plain
                    self._is_asked = False
                    return
                yield frame
        except TimeoutError:
            await self.end()
            yield Ended("too_costly", f"no answer within {wall_s or self._limits.wall_s:g} s")
        except (*_PROCESS_GONE, ValueError, TypeError):
            yield self._explained(await self._exit_status())

    async def tell(
        self,
        what: str,
        about: object,
        blobs: Sequence[bytes] = (),
        *,
        wall_s: float | None = None,
    ) -> Ended | None:
        """A request that nothing is answered to; why it failed, or None."""
        ended = None
        async for answer in self.ask(what, about, blobs, wall_s=wall_s):
            ended = answer if isinstance(answer, Ended) else None
        return ended

    async def end(self) -> None:
        """Stop the process, whatever it does; it holds nothing worth keeping."""
        process, self._running = self._running, None
        if process is not None:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
            await process.wait()

    async def _exit_status(self) -> int:
        """How a process ended that has closed its pipe."""
        process = self._running
        if process is None:
            return 0
        with suppress(TimeoutError):
            async with asyncio.timeout(_EXITS_WITHIN_S):
                await process.wait()
        await self.end()
        return process.returncode or 0

    def _explained(self, status: int) -> Ended:
        if status == -signal.SIGPROF:
            return Ended("too_costly", f"it took over {self._limits.cpu_s:g} CPU seconds")
        if status in (-signal.SIGABRT, -signal.SIGSEGV):
            # So the parsers end, too, where they are given no memory.
            amount = self._limits.memory_bytes
            return Ended("crashed", f"its parser crashed, or wanted over {amount} bytes")
        return Ended("crashed", "the process that analysed it ended")

    async def _write(self, frame: bytes) -> None:
        if self._running is None or self._running.stdin is None:
            raise BrokenPipeError
        self._running.stdin.write(frame)
        await self._running.stdin.drain()

    async def _answer(self) -> Frame:
        if self._running is None or self._running.stdout is None:
            raise BrokenPipeError
        return await receive_frame(self._running.stdout)


class Workers:
    """Lends workers, at most MAX_PARALLEL at once; keeps idle ones while `run` is running."""

    def __init__(self, limits: FileLimits | None = None) -> None:
        self.limits = limits or FileLimits()
        self._turns = asyncio.Semaphore(MAX_PARALLEL)
        self._idle: list[Worker] = []
        self._n_lent = 0
        self._is_running = False
        self._taken = asyncio.Event()

    @asynccontextmanager
    async def borrow(self, root: Path) -> AsyncIterator[Worker]:
        """A worker for files of `root`; it has read no other tree's, which could have broken it."""
        async with self._turns:
            worker = self._pick(root) or Worker()
            self._n_lent += 1
            try:
                yield worker
            finally:
                self._n_lent -= 1
                await self._give_back(worker)

    @asynccontextmanager
    async def hire(self, *, nice: int) -> AsyncIterator[Worker]:
        """A worker of one's own for work that nobody waits for; it ends with the block."""
        worker = Worker(nice=nice)
        try:
            yield worker
        finally:
            await worker.end()

    async def run(self) -> None:
        """Have a worker ready, from a while after the start until cancelled."""
        self._is_running = True
        try:
            await asyncio.sleep(STARTS_AFTER_S)
            while True:
                self._taken.clear()
                # One that is lent comes back; starting another would only slow it down.
                if not self._idle and not self._n_lent:
                    # Without one in stock each borrower starts its own, and tells why it cannot.
                    with suppress(OSError):
                        await self._stock()
                await self._taken.wait()
        finally:
            self._is_running = False
            idle, self._idle = self._idle, []
            for worker in idle:
                await worker.end()

    async def _stock(self) -> None:
        worker = Worker()
        await worker.start()
        self._idle.append(worker)

    def _pick(self, root: Path) -> Worker | None:
        fit = [worker for worker in self._idle if worker.is_fit]
        # The one that knows the tree rather than a fresh one.
        fit.sort(key=lambda worker: worker.root != root)
        found = next((worker for worker in fit if worker.root in (root, None)), None)
        if found is not None:
            self._idle.remove(found)
        return found

    async def _give_back(self, worker: Worker) -> None:
        if not self._is_running or not worker.is_fit:
            await worker.end()
        else:
            self._idle.append(worker)
            while len(self._idle) > MAX_IDLE:
                # One that knows no tree yet is the least loss.
                least = next((each for each in self._idle if each.root is None), self._idle[0])
                self._idle.remove(least)
                await least.end()
        self._taken.set()
