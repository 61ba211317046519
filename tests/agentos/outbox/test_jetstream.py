"""Issue 3: events reach NATS JetStream in order, none lost, none twice; tested on the real server."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agentos import ConfigurationError, Event, Kernel, Settings, UnavailableError, open_kernel
from agentos.cli.backups import backup_database, restore_database
from agentos.outbox.cursors import list_cursors, rewind_cursor
from agentos.outbox.jetstream import open_jetstream
from agentos.outbox.start import sink_name
from tests.agentos.outbox.nats_server import NatsServer
from tests.agentos.plugin_factory import NOTED, Plugin, new_event
from tests.ports import held_port

pytestmark = pytest.mark.anyio

PLUGINS = {"noted": Plugin(event_types=[NOTED])}
REPOSITORY = Path(__file__).parents[3]
CURSOR = "select position from kernel.outbox_cursor where sink like 'nats/%'"


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    with held_port() as port:
        server = NatsServer(tmp_path / "jetstream", port)
        server.start()
        yield server
        server.stop()


@pytest.fixture
def settings(settings: Settings, nats_server: NatsServer) -> Settings:
    return settings.model_copy(update={"event_bus": nats_server.url})


async def note(kernel: Kernel, count: int) -> list[int]:
    """Append so many events; their positions."""
    events: list[Event] = []
    for number in range(count):
        events += await kernel.writer.submit(new_event(f"s{number % 3}"))
    kernel.bus.announce()
    return [event.position for event in events]


async def published(kernel: Kernel, position: int) -> None:
    """Until the cursor is at a position."""
    async with asyncio.timeout(60):
        while (await kernel.database.fetch_value(CURSOR) or 0) < position:
            await kernel.database.fetch_value("select pg_sleep(0.01)")


async def log(kernel: Kernel) -> list[int]:
    rows = await kernel.database.fetch("select position from kernel.event order by position")
    return [row["position"] for row in rows]


async def test_the_stream_holds_every_event_once_in_order_under_its_hash(
    settings: Settings, nats_server: NatsServer
) -> None:
    async with open_kernel(settings, extra_plugins=PLUGINS) as kernel:
        positions = await note(kernel, 30)
        await published(kernel, positions[-1])
        messages = await nats_server.messages()
        assert [json.loads(m.data)["position"] for m in messages] == await log(kernel)
        for message in messages:
            document = json.loads(message.data)
            assert message.headers["Nats-Msg-Id"] == document["hash"]
            assert message.subject == f"agentos.{document['type']}"
        [sink] = await list_cursors(kernel.database)
        assert (sink["sink"], sink["waiting"]) == (sink_name(nats_server.url, "AGENTOS"), 0)


async def test_the_server_refuses_what_it_already_has(nats_server: NatsServer) -> None:
    async with open_jetstream(nats_server.url, stream="S", prefix="p") as bus:
        assert await bus.find_last() is None
        for _ in range(3):
            await bus.publish("one", "p.a", b'{"hash": "one", "position": 7}')
        last = await bus.find_last()
        assert last is not None and (last.event_id, last.position) == ("one", 7)
        with pytest.raises(UnavailableError):
            await bus.publish("two", "elsewhere", b"{}")
    assert len(await nats_server.messages("S")) == 1


async def test_a_process_killed_between_publishing_and_its_cursor_loses_and_doubles_nothing(
    settings: Settings, nats_server: NatsServer
) -> None:
    """Not even where the server's memory of ids is shorter than the crash was long."""
    async with nats_server.jetstream() as jetstream:
        await jetstream.add_stream(name="AGENTOS", subjects=["agentos.>"], duplicate_window=0.1)
    async with open_kernel(settings, extra_plugins=PLUGINS, publishes=False) as kernel:
        await note(kernel, 150)
        for count in (1, 37, 101):
            process = await asyncio.to_thread(_publish_and_die, settings, nats_server.url, count)
            assert process == -9
            published_then = await nats_server.positions()
            assert len(published_then) == len(set(published_then))
        assert await kernel.database.fetch_value(CURSOR) < len(published_then)
    async with open_kernel(settings, extra_plugins=PLUGINS) as kernel:
        [last] = await note(kernel, 1)
        await published(kernel, last)
        assert await nats_server.positions() == await log(kernel)


def _publish_and_die(settings: Settings, url: str, count: int) -> int:
    environment = {
        **os.environ,
        "DATABASE_URL": str(settings.database_url),
        "HOME_FOLDER": str(settings.home),
        "EVENT_BUS": url,
        "DIE_AFTER": str(count),
    }
    program = [sys.executable, "-m", "tests.agentos.outbox.publishing_process"]
    return subprocess.run(
        program, cwd=REPOSITORY, env=environment, timeout=240, check=False
    ).returncode


async def test_events_wait_while_nats_is_down_and_nothing_else_slows(
    settings: Settings, nats_server: NatsServer
) -> None:
    with capture_logs() as logs:
        async with open_kernel(settings, extra_plugins=PLUGINS) as kernel:
            before = await note(kernel, 10)
            await published(kernel, before[-1])
            nats_server.stop()
            # One publish may take 5 s: a hundred notes that waited for theirs would take minutes.
            async with asyncio.timeout(60):
                during = await note(kernel, 100)
            async with asyncio.timeout(60):
                while not any(line["event"] == "outbox_interrupted" for line in logs):
                    await kernel.database.fetch_value("select pg_sleep(0.01)")
            assert (await kernel.database.fetch_value(CURSOR)) < during[-1]
            nats_server.start()
            await published(kernel, during[-1])
            after = await note(kernel, 10)
            await published(kernel, after[-1])
            assert await nats_server.positions() == await log(kernel)


async def test_of_two_processes_one_publishes_and_the_other_takes_over(
    settings: Settings, nats_server: NatsServer
) -> None:
    async with open_kernel(settings, extra_plugins=PLUGINS) as here:
        async with open_kernel(settings, extra_plugins=PLUGINS) as there:
            positions = await note(here, 20) + await note(there, 20)
            await published(here, positions[-1])
        [last] = (await note(here, 5))[-1:]
        await published(here, last)
        assert await nats_server.positions() == await log(here)


async def test_a_publisher_whose_connection_is_cut_goes_on_where_it_was(
    settings: Settings, nats_server: NatsServer
) -> None:
    cut = (
        "select count(pg_terminate_backend(pid)) from pg_stat_activity"
        " where datname = current_database() and application_name like 'agentos nats%'"
    )
    with capture_logs():
        async with open_kernel(settings, extra_plugins=PLUGINS) as kernel:
            for _ in range(5):
                [*_, last] = await note(kernel, 40)
                await kernel.database.fetch_value(cut)
            await published(kernel, last)
            assert await nats_server.positions() == await log(kernel)


async def test_after_a_restore_new_events_are_published_although_positions_come_again(
    settings: Settings, nats_server: NatsServer, tmp_path: Path
) -> None:
    """What was published and is no longer in the log stays in the stream, under its own id."""
    async with open_kernel(settings, extra_plugins=PLUGINS) as kernel:
        kept = await note(kernel, 5)
        await published(kernel, kept[-1])
        await asyncio.to_thread(backup_database, kernel.database.dsn, tmp_path / "backup")
        lost = await note(kernel, 5)
        await published(kernel, lost[-1])
    async with open_kernel(settings, extra_plugins=PLUGINS, publishes=False) as kernel:
        await restore_database(kernel.database, tmp_path / "backup", replace=True)
    async with open_kernel(settings, extra_plugins=PLUGINS) as kernel:
        again = await note(kernel, 7)
        assert again[0] == lost[0]
        await published(kernel, again[-1])
        assert await nats_server.positions() == [*kept, *lost, *again]


async def test_a_bus_that_lost_its_data_gets_everything_again_when_told_so(
    settings: Settings, nats_server: NatsServer
) -> None:
    async with open_kernel(settings, extra_plugins=PLUGINS) as kernel:
        [*_, last] = await note(kernel, 20)
        await published(kernel, last)
        async with nats_server.jetstream() as jetstream:
            await jetstream.delete_stream("AGENTOS")
        [sink] = await list_cursors(kernel.database)
        with capture_logs():
            await rewind_cursor(
                kernel.database, kernel.events, sink["sink"], 0, now=kernel.clock.now(), by="ada"
            )
            kernel.bus.announce()
            await published(kernel, last + 1)
        assert await nats_server.positions() == await log(kernel)


def test_a_sink_is_known_by_its_servers_and_stream_and_never_by_a_password() -> None:
    assert sink_name("nats://u:secret@b:1,nats://a", "S") == "nats/a:4222,b:1/S"
    for wrong in ("kafka://a", "a:4222", "nats://", "nats://a:port"):
        with pytest.raises(ConfigurationError):
            sink_name(wrong, "S")


async def test_a_bus_of_an_unknown_kind_stops_the_start(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="event_bus"):
        async with open_kernel(settings.model_copy(update={"event_bus": "kafka://a"})):
            pass
