"""The demo's worker processes: started, listened to, and killed when the story asks for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from types import TracebackType
from typing import Any, Self

from agentos.demo.steps import StepFailedError

LINE_LIMIT_BYTES = 16 * 1024 * 1024
EVENT_TIMEOUT_S = 120.0


class WorkerProcess:
    """A scripted worker as a process; ends with the block it is used in."""

    def __init__(self, order: dict[str, Any], environment: dict[str, str]) -> None:
        self._order = order
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "agentos.demo.worker",
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE_LIMIT_BYTES,
        )
        self._send(json.dumps(self._order))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._running.returncode is None:
            await self.kill()

    @property
    def _running(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    def go(self) -> None:
        """Let a worker that waits after its claim go on."""
        self._send("go")

    async def event(self, name: str) -> dict[str, Any]:
        """The worker's next report, which must be `name`; StepFailedError otherwise."""
        assert self._running.stdout is not None and self._running.stderr is not None
        try:
            async with asyncio.timeout(EVENT_TIMEOUT_S):
                line = await self._running.stdout.readline()
        except TimeoutError:
            raise StepFailedError(f"the worker did not report {name!r} in time") from None
        if not line:
            errors = (await self._running.stderr.read()).decode("utf-8", "replace")
            raise StepFailedError(f"the worker ended before {name!r}: {errors[-2_000:]}")
        report: dict[str, Any] = json.loads(line)
        if report["event"] != name:
            raise StepFailedError(f"the worker reported {report['event']!r}, not {name!r}")
        return report

    async def end(self) -> int:
        """Wait until the worker is through; its exit code."""
        return await self._running.wait()

    async def kill(self) -> int:
        """SIGKILL, as a crash would; the exit code."""
        # Not `Process.kill`: it polls first, and would steal the exit status from asyncio.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._running.pid, signal.SIGKILL)
        return await self._running.wait()

    def _send(self, line: str) -> None:
        assert self._running.stdin is not None
        self._running.stdin.write(line.encode() + b"\n")
