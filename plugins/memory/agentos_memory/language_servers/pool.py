"""Language servers that stay alive between questions: at most some, and none that nobody asks.

A server has read its project when it is asked the second time. Whoever asks has it alone, in
turns, and it is told before of every file that changed since. One that failed is started again,
ever later. Above: verification, refinement. Below: the client.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from agentos import UnavailableError
from agentos_memory.language_servers.client import LanguageServerClient, open_client
from agentos_memory.language_servers.declarations import InstalledServer
from agentos_memory.language_servers.settings import LanguageServerSettings

SWEEP_EVERY_S = 5.0
FIRST_BACKOFF_S, MAX_BACKOFF_S = 2.0, 600.0
# Beyond this a new start is sooner done, and surer: all that depends on a file is read again.
MAX_TOLD_FILES = 20

# Time of change, size and inode of each file that is there.
FileStates: TypeAlias = Mapping[str, tuple[int, int, int]]
Key: TypeAlias = tuple[Path, Path]


@dataclass(slots=True)
class _Running:
    """A live server, and the state of the work tree that it knows."""

    client: LanguageServerClient
    stack: AsyncExitStack
    files: FileStates
    entries: Sequence[str]


@dataclass(slots=True)
class _Slot:
    """The place of one server for one repository; whoever holds the lock asks it."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    running: _Running | None = None
    used_at: float = 0.0
    n_waiting: int = 0
    n_failures: int = 0
    not_before: float = 0.0


class ServerPool:
    """The language servers of one process; `run` is its one task, and ends them all."""

    def __init__(self, settings: LanguageServerSettings) -> None:
        self._settings = settings
        self._slots: defaultdict[Key, _Slot] = defaultdict(_Slot)
        self._making_room = asyncio.Lock()
        self._freed = asyncio.Event()
        self.n_started = 0

    @property
    def n_running(self) -> int:
        """Servers that are alive."""
        return sum(slot.running is not None for slot in self._slots.values())

    async def run(self) -> None:
        """End what nobody asked for long, until cancelled; then end everything."""
        try:
            while True:
                await asyncio.sleep(SWEEP_EVERY_S)
                await self.end_idle()
        finally:
            await self.close()

    @asynccontextmanager
    async def client(
        self, installed: InstalledServer, root: Path, paths: Sequence[str], *, niceness: int = 0
    ) -> AsyncIterator[LanguageServerClient]:
        """The server for the repository at `root`, this caller's alone until the block ends.

        It knows the files at `paths` as they are now. Raises UnavailableError where it does not
        start, or failed lately. `niceness` is that of the server meanwhile; whether one that was
        nicer can be made less so is up to the system.
        """
        slot = self._slots[root, installed.program]
        slot.n_waiting += 1
        try:
            await slot.turn.acquire()
        finally:
            slot.n_waiting -= 1
        try:
            running = await self._ready(slot, installed, root, paths, niceness)
            try:
                yield running.client
            finally:
                slot.used_at = time.monotonic()
                if running.client.has_failed:
                    await self._fail(slot)
                else:
                    slot.n_failures = 0
                self._freed.set()
        finally:
            slot.turn.release()

    def is_awaited(self, installed: InstalledServer, root: Path) -> bool:
        """Whether somebody else waits for that server."""
        return self._slots[root, installed.program].n_waiting > 0

    async def end_idle(self) -> None:
        """End every server that nobody asked within the time of the setting."""
        limit = time.monotonic() - self._settings.idle_timeout_s
        for slot in list(self._slots.values()):
            if slot.running is not None and not slot.turn.locked() and slot.used_at < limit:
                async with slot.turn:
                    await _end(slot)

    async def close(self) -> None:
        """End every server, whoever asks it."""
        for slot in list(self._slots.values()):
            await _end(slot)

    async def _ready(
        self,
        slot: _Slot,
        installed: InstalledServer,
        root: Path,
        paths: Sequence[str],
        niceness: int,
    ) -> _Running:
        # Before the start, so that what changes meanwhile is told the next time.
        files, entries = await asyncio.to_thread(_look_at, root, paths)
        try:
            if slot.running is not None and not await _tell(slot.running, files, entries):
                await _end(slot)
            if slot.running is None:
                slot.running = await self._start(slot, installed, root, niceness, files, entries)
        except UnavailableError:
            await self._fail(slot)
            raise
        slot.running.client.set_niceness(niceness)
        return slot.running

    async def _start(
        self,
        slot: _Slot,
        installed: InstalledServer,
        root: Path,
        niceness: int,
        files: FileStates,
        entries: Sequence[str],
    ) -> _Running:
        wait_s = slot.not_before - time.monotonic()
        if wait_s > 0:
            raise UnavailableError(
                f"{installed.server.name} failed, and is started again in {wait_s:.0f} s",
                remedy="repeat the call then, or without `verify`",
            )
        async with self._making_room:
            await self._make_room()
            stack = AsyncExitStack()
            max_bytes = self._settings.max_memory_mb << 20
            client = await stack.enter_async_context(
                open_client(installed, root, niceness=niceness, max_bytes=max_bytes)
            )
            self.n_started += 1
            return _Running(client, stack, files, entries)

    async def _make_room(self) -> None:
        """Wait until another server may start; the one that was idle longest is ended."""
        while self.n_running >= self._settings.max_running:
            self._freed.clear()
            idle = [s for s in self._slots.values() if s.running and not s.turn.locked()]
            if idle:
                slot = min(idle, key=lambda each: each.used_at)
                async with slot.turn:
                    await _end(slot)
            else:
                await self._freed.wait()

    async def _fail(self, slot: _Slot) -> None:
        if slot.not_before > time.monotonic():
            return
        await _end(slot)
        pause_s = min(FIRST_BACKOFF_S * 2**slot.n_failures, MAX_BACKOFF_S)
        slot.n_failures += 1
        slot.not_before = time.monotonic() + pause_s


async def _end(slot: _Slot) -> None:
    running, slot.running = slot.running, None
    if running is not None:
        await running.stack.aclose()


async def _tell(running: _Running, files: FileStates, entries: Sequence[str]) -> bool:
    """Whether the server knows the files now; False: it has to be started anew."""
    if running.client.has_failed or entries != running.entries:
        return False
    if files.keys() != running.files.keys():
        return False
    changed = [path for path, state in files.items() if running.files[path] != state]
    if len(changed) > MAX_TOLD_FILES:
        return False
    if changed:
        await running.client.tell_changed(changed)
    running.files = files
    return True


def _look_at(root: Path, paths: Sequence[str]) -> tuple[FileStates, Sequence[str]]:
    """The state of each file, and the names in the root, which are what a server is shown."""
    states = {}
    for path in paths:
        try:
            found = os.stat(f"{root}/{path}", follow_symlinks=False)
        except OSError:
            continue
        states[path] = (found.st_mtime_ns, found.st_size, found.st_ino)
    try:
        return states, sorted(os.listdir(root))
    except OSError as error:
        raise UnavailableError(f"the folder {root} cannot be read: {error.strerror}") from error
