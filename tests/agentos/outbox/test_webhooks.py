"""Issue 3: webhooks are signed, retried, dead-lettered, bounded, and survive a crash."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from agentos import (
    Event,
    InvalidArgumentError,
    Kernel,
    LimitExceededError,
    NotFoundError,
    Settings,
    VerificationError,
    open_kernel,
    verify_webhook,
)
from agentos.outbox import webhooks as webhooks_module
from agentos.outbox.retries import retry_delay_s
from agentos.outbox.sealing import webhook_key_path
from tests.agentos.outbox.conftest import MovableClock
from tests.agentos.outbox.receiver import Received, Receiver, answer
from tests.agentos.plugin_factory import NOTED, Plugin, new_event

pytestmark = pytest.mark.anyio

PLUGINS = {"noted": Plugin(event_types=[NOTED])}
REPOSITORY = Path(__file__).parents[3]
STATES = "select position, state, attempts from kernel.webhook_delivery order by position"


async def add(kernel: Kernel, url: str, *globs: str, concurrency: int = 1) -> tuple[str, str]:
    """Id and secret of a new webhook."""
    added = await kernel.webhooks.add(
        url, globs or ("noted",), now=kernel.clock.now(), by="ada", concurrency=concurrency
    )
    return added.webhook.id, added.secret


async def note(kernel: Kernel, count: int = 1) -> list[Event]:
    events = [(await kernel.writer.submit(new_event(f"s{n % 3}")))[0] for n in range(count)]
    kernel.bus.announce()
    return events


async def settled(kernel: Kernel, *states: str) -> list[Any]:
    """The deliveries, once their states are these."""
    async with asyncio.timeout(60):
        while True:
            rows = await kernel.database.fetch(STATES)
            if [row["state"] for row in rows] == list(states):
                return rows
            await kernel.database.fetch_value("select pg_sleep(0.01)")


async def attempted(kernel: Kernel, attempts: int) -> None:
    """Until the oldest delivery was tried so often."""
    async with asyncio.timeout(60):
        while not (rows := await kernel.database.fetch(STATES)) or (
            rows[0]["attempts"] != attempts
        ):
            await kernel.database.fetch_value("select pg_sleep(0.01)")


def start_publishing(settings: Settings) -> subprocess.Popen[bytes]:
    """Another process, which the test kills."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.agentos.outbox.publishing_process"],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "DATABASE_URL": str(settings.database_url),
            "HOME_FOLDER": str(settings.home),
        },
    )


async def test_an_event_arrives_signed_and_whole_and_a_replay_is_refused(
    settings: Settings, clock: MovableClock, receiver: Receiver
) -> None:
    async with open_kernel(settings, clock=clock, extra_plugins=PLUGINS) as kernel:
        await note(kernel)
        _, secret = await add(kernel, receiver.url())
        [event] = await note(kernel)
        await kernel.writer.submit(new_event("s", "password=hunter2hunter2"))
        kernel.bus.announce()
        first, second = await receiver.until(2)
        document = verify_webhook(secret, first.headers, first.body, now=clock.now())
        assert (document["position"], document["hash"]) == (event.position, event.hash)
        assert document["type"] == "noted" and document["data"] == event.data
        assert first.headers["webhook-id"] == event.hash
        assert "hunter2hunter2" not in second.body.decode()
        clock.advance(301)
        with pytest.raises(VerificationError, match="replay"):
            verify_webhook(secret, first.headers, first.body, now=clock.now())
        await settled(kernel, "delivered", "delivered")


async def test_globs_choose_the_events_and_every_webhook_gets_its_own(
    settings: Settings, clock: MovableClock, receiver: Receiver
) -> None:
    async with open_kernel(settings, clock=clock, extra_plugins=PLUGINS) as kernel:
        await add(kernel, receiver.url("/notes"), "note?", "nothing.*")
        await add(kernel, receiver.url("/all"), "*")
        await add(kernel, receiver.url("/none"), "work_order.*")
        events = await note(kernel, 5)
        await receiver.until(5, "/notes")
        # The registration of the third is itself an event.
        await receiver.until(7, "/all")
        assert receiver.positions("/notes") == [e.position for e in events]
        assert receiver.positions("/all") == sorted(receiver.positions("/all"))
        assert receiver.positions("/none") == []


async def test_a_receiver_that_fails_at_first_gets_the_event_later_and_the_rest_in_order(
    settings: Settings, clock: MovableClock, receiver: Receiver
) -> None:
    async def fail_twice(request: Received) -> bytes:
        if request.path == "/hook" and len(receiver.positions()) <= 2:
            return answer(503, "not yet")
        return answer(204)

    receiver.behave = fail_twice
    with capture_logs():
        async with open_kernel(settings, clock=clock, extra_plugins=PLUGINS) as kernel:
            await add(kernel, receiver.url())
            events = await note(kernel, 2)
            await attempted(kernel, 1)
            await add(kernel, receiver.url("/other"))
            clock.advance(3)
            events += await note(kernel)
            await receiver.until(1, "/other")
            assert len(receiver.positions()) == 1, "it is not due yet"
            clock.advance(4)
            await attempted(kernel, 2)
            clock.advance(25)
            await settled(kernel, *["delivered"] * 4)
            first = events[0].position
            assert receiver.positions() == [first, first, *(event.position for event in events)]
            requests = [r for r in receiver.requests if r.path == "/hook"][:3]
            assert len({r.headers["webhook-id"] for r in requests}) == 1
            stamps = {r.headers["webhook-timestamp"] for r in requests}
            assert len(stamps) == 3, "each attempt is signed anew"


async def test_a_receiver_that_never_takes_it_ends_in_dead_letters_that_can_be_retried(
    settings: Settings, clock: MovableClock, receiver: Receiver
) -> None:
    async def refuse(request: Received) -> bytes:
        return answer(500, "database password=hunter2hunter2 is gone")

    receiver.behave = refuse
    with capture_logs() as logs:
        async with open_kernel(settings, clock=clock, extra_plugins=PLUGINS) as kernel:
            webhook, _ = await add(kernel, receiver.url())
            [event] = await note(kernel)
            for attempts in (1, 2, 3):
                await attempted(kernel, attempts)
                clock.advance(10_000)
                kernel.bus.announce()
            await settled(kernel, "dead")
            [dead] = await kernel.webhooks.deliveries(state="dead")
            assert (dead["position"], dead["attempts"], dead["status"]) == (event.position, 3, 500)
            assert "is gone" in dead["error"] and "hunter2hunter2" not in dead["error"]
            assert "hunter2hunter2" not in repr(logs)
            # What is dead holds up nothing.
            receiver.behave = receiver._take
            [after] = await note(kernel)
            await settled(kernel, "dead", "delivered")
            with pytest.raises(NotFoundError):
                await kernel.webhooks.retry(delivery=dead["id"] + 100, now=clock.now())
            again = await kernel.webhooks.retry(delivery=dead["id"], now=clock.now())
            assert again == [dead["id"]]
            await settled(kernel, "delivered", "delivered")
            assert receiver.positions()[-2:] == [after.position, event.position]
            assert await kernel.webhooks.retry(webhook=webhook, now=clock.now()) == []


async def test_a_slow_receiver_delays_only_itself_and_is_not_flooded(
    settings: Settings, clock: MovableClock, receiver: Receiver
) -> None:
    release = asyncio.Event()
    at_once = most = 0

    async def slow(request: Received) -> bytes:
        nonlocal at_once, most
        if request.path != "/slow":
            return answer(200)
        at_once += 1
        most = max(most, at_once)
        await release.wait()
        at_once -= 1
        return answer(200)

    receiver.behave = slow
    async with open_kernel(settings, clock=clock, extra_plugins=PLUGINS) as kernel:
        await add(kernel, receiver.url("/slow"), concurrency=3)
        await add(kernel, receiver.url("/quick"))
        events = await note(kernel, 20)
        await receiver.until(20, "/quick")
        assert receiver.positions("/quick") == [e.position for e in events]
        await receiver.until(3, "/slow")
        assert len(receiver.positions("/slow")) == 3
        release.set()
        await receiver.until(20, "/slow")
        assert sorted(receiver.positions("/slow")) == [e.position for e in events]
        assert most == 3


async def test_two_processes_deliver_once_and_the_other_takes_over(
    settings: Settings, clock: MovableClock, receiver: Receiver
) -> None:
    async with open_kernel(settings, clock=clock, extra_plugins=PLUGINS) as here:
        async with open_kernel(settings, clock=clock, extra_plugins=PLUGINS) as there:
            await add(here, receiver.url())
            first = await note(here, 10) + await note(there, 10)
            # What arrived and is not recorded yet would be sent again by the other.
            await settled(here, *["delivered"] * 20)
        later = await note(here, 10)
        await receiver.until(30)
        assert receiver.positions() == [e.position for e in first + later]


async def test_a_server_killed_in_the_middle_of_a_delivery_repeats_it_under_the_same_id(
    settings: Settings, receiver: Receiver
) -> None:
    arrived, hold = asyncio.Event(), asyncio.Event()

    async def take_the_second_without_an_answer(request: Received) -> bytes:
        if len(receiver.requests) == 2:
            arrived.set()
            await hold.wait()
        return answer(200)

    receiver.behave = take_the_second_without_an_answer
    async with open_kernel(settings, extra_plugins=PLUGINS, publishes=False) as kernel:
        _, secret = await add(kernel, receiver.url())
        events = await note(kernel, 4)
        process = start_publishing(settings)
        async with asyncio.timeout(60):
            await arrived.wait()
        process.kill()
        process.wait()
    async with open_kernel(settings, extra_plugins=PLUGINS) as kernel:
        await settled(kernel, *["delivered"] * 4)
        hold.set()
    positions = [e.position for e in events]
    assert receiver.positions() == [positions[0], positions[1], *positions[1:]]
    repeated = receiver.requests[1:3]
    assert repeated[0].headers["webhook-id"] == repeated[1].headers["webhook-id"]
    for request in receiver.requests:
        verify_webhook(secret, request.headers, request.body, tolerance_s=1e9)


async def test_the_secret_is_not_in_the_database_and_of_no_use_at_another_address(
    settings: Settings, clock: MovableClock, receiver: Receiver
) -> None:
    with capture_logs() as logs:
        async with open_kernel(settings, clock=clock, extra_plugins=PLUGINS) as kernel:
            webhook, secret = await add(kernel, receiver.url())
            everything = await kernel.database.fetch_value(
                "select string_agg(w::text, ' ') || (select string_agg(e::text, ' ')"
                " from kernel.event e) from kernel.webhook w"
            )
            assert secret.removeprefix("whsec_") not in everything
            assert oct(webhook_key_path(settings.home).stat().st_mode & 0o777) == "0o600"
            async with kernel.database.connection() as connection:
                await connection.execute(
                    "update kernel.webhook set url = $1", receiver.url("/evil")
                )
            await note(kernel)
            async with asyncio.timeout(60):
                while not any(line["event"] == "webhook_not_signed" for line in logs):
                    await kernel.database.fetch_value("select pg_sleep(0.01)")
            assert receiver.requests == []
            await kernel.webhooks.remove(webhook, now=clock.now(), by="ada")
            assert await kernel.webhooks.list_all() == []
            with pytest.raises(NotFoundError):
                await kernel.webhooks.remove(webhook, now=clock.now(), by="ada")
            types = await kernel.database.fetch(
                "select type from kernel.event where stream like 'webhook/%' order by position"
            )
            assert [row["type"] for row in types] == ["webhook.added", "webhook.removed"]


async def test_what_cannot_be_a_webhook_is_refused_when_it_is_added(
    settings: Settings, clock: MovableClock, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks_module, "MAX_WEBHOOKS", 1)
    async with open_kernel(settings, clock=clock, publishes=False) as kernel:
        for url, globs, concurrency in (
            ("https://10.0.0.1/", ("*",), 1),
            (receiver.url(), (), 1),
            (receiver.url(), ("a" * 101,), 1),
            (receiver.url(), ("nul\0",), 1),
            (receiver.url(), ("*",), 0),
            (receiver.url(), ("*",), 17),
        ):
            with pytest.raises(InvalidArgumentError):
                await kernel.webhooks.add(
                    url, globs, now=clock.now(), by="ada", concurrency=concurrency
                )
        await add(kernel, receiver.url())
        with pytest.raises(LimitExceededError):
            await add(kernel, receiver.url())


async def test_a_test_event_is_sent_at_once_and_says_what_the_receiver_said(
    settings: Settings, clock: MovableClock, receiver: Receiver
) -> None:
    async with open_kernel(settings, clock=clock, publishes=False) as kernel:
        webhook, secret = await add(kernel, receiver.url())
        attempt = await kernel.webhooks.test(webhook, now=clock.now())
        assert (attempt.status, attempt.error) == (200, None)
        [request] = receiver.requests
        assert verify_webhook(secret, request.headers, request.body, now=clock.now()) == {
            "type": "webhook.test",
            "at": "2026-03-01T09:00:00.000000Z",
            "data": {"webhook": webhook},
        }


def test_delays_grow_fourfold_to_six_hours_and_are_spread() -> None:
    assert [retry_delay_s(n, 0.5) for n in (1, 2, 3)] == [5, 20, 80]
    assert retry_delay_s(50, 0.5) == 6 * 3600
    assert (retry_delay_s(1, 0), retry_delay_s(1, 1)) == (4, 6)
    assert len({retry_delay_s(2) for _ in range(10)}) > 1
