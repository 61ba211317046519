"""Programs that a test starts, kills and starts again: `agentos serve` and `agentos bot slack`."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

START_TIMEOUT_S = 90.0


class Program:
    """One program as a process; `ready` matches the line with which it says that it runs.

    The last lines that it wrote to stderr are kept, over all its lives.
    """

    def __init__(
        self,
        name: str,
        words: Sequence[str],
        ready: str,
        environment: Mapping[str, str],
        folder: Path,
    ) -> None:
        self.name = name
        self.words = list(words)
        self.n_killed = 0
        self.lines: deque[str] = deque(maxlen=400)
        self._ready = re.compile(ready)
        self._folder = folder
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AGENTOS_", "SLACK_"))
        }
        self._environment = {**kept, **environment}
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> re.Match[str]:
        """Start it and wait until it runs; what its line said."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "agentos",
            *self.words,
            cwd=self._folder,
            env=self._environment,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=PIPE,
            start_new_session=True,
        )
        said: asyncio.Future[re.Match[str]] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read(self._process, said))
        async with asyncio.timeout(START_TIMEOUT_S):
            return await said

    async def kill(self) -> None:
        """kill -9 it with its children, wherever it is in what it does."""
        self.n_killed += 1
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """Tell it to finish; killed where it takes a minute."""
        try:
            async with asyncio.timeout(60):
                await self._end(signal.SIGTERM)
        except TimeoutError:
            await self._end(signal.SIGKILL)
            raise

    async def _end(self, number: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            # A session of its own, so that nothing it started outlives it.
            send = os.killpg if number is signal.SIGKILL else os.kill
            send(process.pid, number)
        await process.wait()
        assert self._reading is not None
        await self._reading

    async def _read(self, process: Process, said: asyncio.Future[re.Match[str]]) -> None:
        assert process.stderr is not None
        while line := await process.stderr.readline():
            text = line.decode(errors="replace").rstrip()
            self.lines.append(text)
            match = self._ready.search(text)
            if match is not None and not said.done():
                said.set_result(match)
        if not said.done():
            end = "\n".join(self.lines)
            said.set_exception(AssertionError(f"{self.name} ended before it ran:\n{end}"))
