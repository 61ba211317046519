"""Issue 2: kill -9 and restarts lose nothing that was acknowledged and do nothing twice."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agentos import Event, Kernel, Settings, UnavailableError, open_kernel, verify_events
from agentos.database.embedded import EmbeddedPostgres
from agentos.events.rebuild import check_read_models
from tests.agentos.notes import notes_plugin
from tests.agentos.plugin_factory import NOTED, Plugin, call_tool, new_event

pytestmark = pytest.mark.anyio

N_ACKNOWLEDGED = 60
REPOSITORY = Path(__file__).parents[2]
COUNTS = "select text, count(*) as n, min(call) as call from notes.note group by text"
POSITIONS = "select position from kernel.event where position = any ($1)"


@pytest.fixture
def own_home() -> Iterator[Path]:
    """A data folder that PostgreSQL's account may enter, for a cluster that the test may kill."""
    home = Path(tempfile.mkdtemp(prefix="agentos-crash-", dir="/tmp"))
    home.chmod(0o711)
    yield home
    shutil.rmtree(home)


@pytest.mark.parametrize("round_number", range(2))
async def test_a_killed_process_lost_nothing_acknowledged_and_a_repeat_does_nothing_twice(
    settings: Settings, tmp_path: Path, round_number: int
) -> None:
    assert settings.database_url is not None
    acknowledged = await asyncio.to_thread(run_and_kill, settings.database_url, tmp_path)
    async with open_kernel(settings, extra_plugins={"notes": notes_plugin()}) as kernel:
        await finished_backends(kernel)
        stored = {row["text"]: row["call"] for row in await kernel.database.fetch(COUNTS)}
        assert acknowledged.items() <= stored.items()
        assert (await verify_events(kernel.database)).ok

        for key in {*acknowledged, *stored, *(f"{w}-{len(acknowledged)}" for w in range(8))}:
            result = await call_tool(kernel, "take_note", {"text": key}, key=key)
            assert result.structured["call"] == stored.get(key, result.call_id)
        assert {row["n"] for row in await kernel.database.fetch(COUNTS)} == {1}
        assert (await verify_events(kernel.database)).ok
        arguments = (kernel.database, kernel.events, kernel.read_models)
        assert (await check_read_models(*arguments)).ok


def run_and_kill(database_url: str, home: Path) -> dict[str, str]:
    """The acknowledged calls by key of a process that was killed amid its work."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.agentos.kernel_process", database_url, str(home)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(N_ACKNOWLEDGED)]
    process.kill()
    lines += process.stdout.read().splitlines()
    process.stdout.close()
    process.wait()
    return dict(line.split() for line in lines if len(line.split()) == 2)


async def finished_backends(kernel: Kernel) -> None:
    """Until the killed process's server processes have noticed and ended."""
    others = (
        "select count(*) from pg_locks where locktype = 'relation'"
        " and relation = 'kernel.event'::regclass and pid <> pg_backend_pid()"
    )
    async with asyncio.timeout(60):
        while await kernel.database.fetch_value(others):
            await kernel.database.fetch_value("select pg_sleep(0.01)")


class Load:
    """Keeps a kernel busy and remembers what was acknowledged."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.events: list[Event] = []
        self.notes: dict[str, str] = {}
        self.codes: set[str | None] = set()
        self._is_over = False
        self._progress = asyncio.Condition()
        self._tasks = [asyncio.ensure_future(self._record(n)) for n in range(10)]
        self._tasks += [asyncio.ensure_future(self._write(n)) for n in range(5)]

    async def _record(self, number: int) -> None:
        while not self._is_over:
            with suppress(UnavailableError):
                self.events += await self.kernel.writer.submit(new_event(f"load{number % 4}"))
            await self._advance()

    async def _write(self, writer: int) -> None:
        number = 0
        while not self._is_over:
            key = f"{writer}-{number}"
            result = await call_tool(self.kernel, "take_note", {"text": key}, key=key)
            self.codes.add(result.error_code)
            if not result.is_error:
                self.notes[key] = result.structured["call"]
                number += 1
            await self._advance()

    async def _advance(self) -> None:
        async with self._progress:
            self._progress.notify_all()
        await asyncio.sleep(0)

    async def more(self, n_events: int, n_notes: int) -> None:
        """Until so many more events and notes are acknowledged."""
        events, notes = len(self.events) + n_events, len(self.notes) + n_notes
        async with asyncio.timeout(60), self._progress:
            await self._progress.wait_for(
                lambda: len(self.events) >= events and len(self.notes) >= notes
            )

    async def stop(self) -> None:
        self._is_over = True
        await asyncio.gather(*self._tasks)

    async def check(self) -> None:
        """Everything acknowledged is there, once, and the log verifies."""
        positions = [event.position for event in self.events]
        assert len(await self.kernel.database.fetch(POSITIONS, positions)) == len(positions)
        rows = {row["text"]: row for row in await self.kernel.database.fetch(COUNTS)}
        for key, call in self.notes.items():
            assert (rows[key]["n"], rows[key]["call"]) == (1, call)
        assert {row["n"] for row in rows.values()} == {1}
        assert (await verify_events(self.kernel.database)).ok
        terminal = await self.kernel.database.fetch(
            "select data ->> 'call' from kernel.event where type in"
            " ('call.finished', 'call.refused', 'call.replayed') group by 1 having count(*) > 1"
        )
        assert terminal == []


PLUGINS = {"notes": notes_plugin(), "noted": Plugin(event_types=[NOTED])}


@pytest.mark.parametrize(
    "order", [signal.SIGKILL, signal.SIGINT, signal.SIGQUIT], ids=["kill", "fast", "immediate"]
)
async def test_the_embedded_server_may_die_during_load_and_the_kernel_goes_on(
    own_home: Path, order: signal.Signals
) -> None:
    settings = Settings(home=own_home, plugins=(), worker="local")
    with capture_logs():
        async with open_kernel(settings, extra_plugins=PLUGINS) as kernel:
            load = Load(kernel)
            await load.more(100, 10)
            pid = EmbeddedPostgres(own_home / "postgres").pid
            assert pid is not None
            os.kill(pid, order)
            await load.more(200, 20)
            await load.stop()
            assert load.codes <= {None, "unavailable"}
            await load.check()


async def test_an_own_server_may_be_restarted_during_load(own_home: Path) -> None:
    server = EmbeddedPostgres(own_home / "postgres")
    dsn = await asyncio.to_thread(server.start)
    settings = Settings(home=own_home, database_url=dsn, plugins=(), worker="local")
    with capture_logs():
        async with open_kernel(settings, extra_plugins=PLUGINS) as kernel:
            load = Load(kernel)
            for order in (signal.SIGINT, signal.SIGQUIT):
                await load.more(100, 10)
                assert server.pid is not None
                os.kill(server.pid, order)
                await asyncio.to_thread(server.ensure_running)
            await load.more(200, 20)
            await load.stop()
            assert load.codes <= {None, "unavailable"}
            await load.check()
    await asyncio.to_thread(server.stop)
