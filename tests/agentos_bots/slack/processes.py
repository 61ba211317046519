"""The server and bots as processes of their own, which a test kills without a word.

Above: the tests that crash them. Below: `agentos serve` and `agentos bot slack`, as an operator runs
them.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from agentos import Settings
from agentos.testing.slack import SlackEmulator
from agentos_bots.slack.settings import Transport

START_S = 120.0


class Crashing:
    """One process; `lines` is what it wrote on stderr."""

    def __init__(self, pid: int, log: asyncio.StreamReader, forks: Forks) -> None:
        self._pid = pid
        self._forks = forks
        self._code: int | None = None
        self._news = asyncio.Event()
        self.lines: list[str] = []
        self._reading = asyncio.create_task(self._read(log))

    async def said(self, event: str) -> dict[str, Any]:
        """The first line of the log about `event`, once it is there."""
        seen = 0
        async with asyncio.timeout(START_S):
            while True:
                for line in self.lines[seen:]:
                    document = json.loads(line) if line.startswith("{") else {}
                    if document.get("event") == event:
                        return dict(document)
                assert not self._reading.done(), "\n".join(self.lines)
                seen = len(self.lines)
                self._news.clear()
                await self._news.wait()

    async def kill(self) -> None:
        """End it as a power failure does."""
        if self._code is None:
            os.kill(self._pid, signal.SIGKILL)
            await self.wait()

    def tell_to_stop(self) -> None:
        """Send SIGTERM."""
        os.kill(self._pid, signal.SIGTERM)

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        async with asyncio.timeout(START_S):
            await self._reading
            self._code = await self._forks.wait(self._pid)
        return self._code

    async def _read(self, log: asyncio.StreamReader) -> None:
        async for line in log:
            self.lines.append(line.decode().rstrip())
            # Shown where a test fails.
            print(f"{self._pid}: {self.lines[-1]}", file=sys.stderr)
            self._news.set()
        self._news.set()


class Forks:
    """What starts processes; see `forking`."""

    def __init__(self, process: Process, folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._numbers = itertools.count()

    async def start(
        self, *arguments: str, environment: Mapping[str, str], skew_s: float = 0.0
    ) -> Crashing:
        """`agentos ARGUMENTS` with no other settings than these, and a clock that is so far ahead."""
        fifo = self._folder / f"log-{next(self._numbers)}"
        os.mkfifo(fifo)
        # Without a reader the process would wait to open it.
        end = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        request = {
            "run": arguments,
            "environment": dict(environment),
            "log": str(fifo),
            "skew_s": skew_s,
        }
        pid = await self._ask(request)
        log = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(log), os.fdopen(end, "rb", buffering=0)
        )
        return Crashing(pid, log, self)

    async def wait(self, pid: int) -> int:
        """The exit code of a process that has ended."""
        return await self._ask({"wait": pid})

    async def _ask(self, request: Mapping[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        async with asyncio.timeout(START_S):
            return int(json.loads(await self._process.stdout.readline()))


@asynccontextmanager
async def open_forks(folder: Path) -> AsyncIterator[Forks]:
    """Something that starts processes for as long as the block lasts."""
    kept = {name: value for name, value in os.environ.items() if not _is_ours(name)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.agentos_bots.slack.forking"),
        env=kept,
        stdin=PIPE,
        stdout=PIPE,
    )
    try:
        yield Forks(process, folder)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def start_server(forks: Forks, settings: Settings, port: int) -> Crashing:
    """`agentos serve` on the database and data folder of `settings`, once it answers."""
    assert settings.database_url is not None
    server = await forks.start(
        "serve",
        *("--port", str(port)),
        environment={
            "AGENTOS_HOME": str(settings.home),
            "AGENTOS_DATABASE_URL": settings.database_url,
            "AGENTOS_PLUGINS": "governance",
        },
    )
    async with asyncio.timeout(START_S), httpx.AsyncClient() as http:
        while not await _answers(http, f"http://127.0.0.1:{port}/readyz"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return server


async def start_bot(
    forks: Forks,
    slack: SlackEmulator,
    mode: Transport,
    url: str,
    token: str,
    *,
    skew_s: float = 0.0,
    **settings: Any,
) -> Crashing:
    """`agentos bot slack`, once it is reached by the emulated Slack."""
    chosen = {
        "server": url,
        "channel": "C1",
        "api_url": slack.api_url,
        "retry_min_s": 0.05,
        "retry_max_s": 0.3,
        "ping_every_s": 0.5,
        "post_lease_s": 2,
        # A person would be told to try again, where a machine is so busy; nobody does here.
        "call_timeout_s": 60,
        **settings,
    }
    bot = await forks.start(
        *("bot", "slack", "--json", "--port", "0", "--mode", mode),
        environment={
            "AGENTOS_PLUGINS": "bots",
            "AGENTOS_TOKEN": token,
            "AGENTOS_SLACK": json.dumps(chosen),
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_APP_TOKEN": slack.app_token,
            "SLACK_SIGNING_SECRET": slack.signing_secret,
        },
        skew_s=skew_s,
    )
    started = await bot.said("bot_started")
    if mode == "http":
        slack.use_http(f"{started['url']}/slack/events")
    else:
        await slack.wait_for_connections()
    return bot


@asynccontextmanager
async def killed_at_the_end(process: Crashing) -> AsyncIterator[Crashing]:
    """The process, which does not outlive the block."""
    try:
        yield process
    finally:
        await process.kill()


async def _answers(http: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(url)).status_code == 200
    except httpx.HTTPError:
        return False


def _is_ours(name: str) -> bool:
    return name.startswith(("AGENTOS_", "SLACK_"))
