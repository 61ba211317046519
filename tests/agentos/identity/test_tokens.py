"""Tokens: hashed at rest, expiring, revocable; and no secret ever reaches the log of events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from agentos import InvalidArgumentError, Kernel, NotFoundError, RequestError, Role, Settings
from agentos.kernel import open_kernel
from scripts.dump_schema import dump_data
from tests.agentos.notes import notes_plugin
from tests.agentos.plugin_factory import call_tool

pytestmark = pytest.mark.anyio


class ManualClock:
    """Stands still until the test moves it."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def kernel(settings: Settings, clock: ManualClock) -> AsyncIterator[Kernel]:
    plugins = {"notes": notes_plugin()}
    async with open_kernel(settings, clock=clock, extra_plugins=plugins) as kernel:
        yield kernel


async def test_a_token_names_its_principal_in_the_record(kernel: Kernel) -> None:
    token = await kernel.tokens.create("ann-bot", Role.BOT, now=kernel.clock.now(), person="Ann")
    assert (await kernel.tokens.authenticate(token.secret, now=kernel.clock.now())) == (
        token.principal
    )
    assert token.principal.answerable == "Ann"
    await call_tool(kernel, "echo", {"text": "x"}, token=token.secret)
    row = await kernel.database.fetch_row(
        "select actor, data from kernel.event where type = 'call.allowed'"
    )
    assert row is not None
    assert (row["actor"], row["data"]["role"]) == ("ann-bot", "bot")


async def test_no_secret_stands_anywhere_in_the_database(kernel: Kernel) -> None:
    token = await kernel.tokens.create("ann", Role.WORKER, now=kernel.clock.now())
    others = [
        "ghp_" + "a1B2" * 9,
        "sk-" + "c3D4" * 10,
        "AKIA" + "ABCD1234" * 2,
        "eyJhbGciOiJIUzI1.eyJzdWIiOiIx.c2lnbmF0dXJl",
    ]
    for secret in (token.secret, *others):
        await call_tool(kernel, "take_note", {"text": f"use {secret} now"}, token=token.secret)
        await call_tool(kernel, "echo", {"text": secret, secret: "x"})
        await call_tool(kernel, "echo", {"text": "x"}, claims={"key": secret, "nested": [secret]})
        await call_tool(
            kernel, "echo", {"text": "postgres://me:opensesame@db/x password=opensesame"}
        )
        await call_tool(kernel, "echo", {"text": "x"}, claims={"password": "opensesame"})
    assert kernel.settings.database_url is not None
    tables = ("kernel.event", "kernel.token", "kernel.stream")
    dump = await asyncio.to_thread(dump_data, kernel.settings.database_url, tables)
    assert token.id in dump
    for secret in (token.secret, *others, "opensesame"):
        assert secret not in dump


async def test_a_token_is_valid_until_it_expires(kernel: Kernel, clock: ManualClock) -> None:
    token = await kernel.tokens.create("ann", Role.WORKER, now=clock.now(), ttl_s=60)
    clock.time += timedelta(seconds=59, microseconds=999_999)
    assert not (await call_tool(kernel, "echo", {"text": "x"}, token=token.secret)).is_error
    clock.time += timedelta(microseconds=1)
    with pytest.raises(RequestError, match="has expired"):
        await call_tool(kernel, "echo", {"text": "x"}, token=token.secret)


async def test_a_revoked_token_is_refused_at_once_and_for_ever(
    kernel: Kernel, clock: ManualClock
) -> None:
    token = await kernel.tokens.create("ann", Role.WORKER, now=clock.now())
    await call_tool(kernel, "echo", {"text": "x"}, token=token.secret)
    revoked_at = await kernel.tokens.revoke(token.id, now=clock.now())
    with pytest.raises(RequestError, match="was revoked"):
        await call_tool(kernel, "echo", {"text": "x"}, token=token.secret)
    clock.time += timedelta(days=1)
    assert await kernel.tokens.revoke(token.id, now=clock.now()) == revoked_at
    with pytest.raises(NotFoundError, match="no token has the id 'TK-NONE'"):
        await kernel.tokens.revoke("TK-NONE", now=clock.now())


@pytest.mark.parametrize("forged", ["", "aos_", "aos_" + "x" * 43, "\ud800", "\x00", "x" * 100_000])
async def test_a_forged_token_is_refused_and_never_taken_for_a_local_caller(
    kernel: Kernel, forged: str
) -> None:
    with pytest.raises(RequestError, match="is not known"):
        await call_tool(kernel, "echo", {"text": "x"}, token=forged)
    assert await kernel.database.fetch_value("select count(*) from kernel.event") == 0


@pytest.mark.parametrize(
    ("worker", "ttl_s", "person"),
    [
        ("", None, None),
        ("x" * 201, None, None),
        ("a\nb", None, None),
        ("\ud800", None, None),
        ("a", 0, None),
        ("a", -1, None),
        ("a", 10**12, None),
        ("a", None, ""),
    ],
)
async def test_a_token_for_nobody_or_for_no_time_is_not_made(
    kernel: Kernel, worker: str, ttl_s: int | None, person: str | None
) -> None:
    with pytest.raises(InvalidArgumentError):
        await kernel.tokens.create(
            worker, Role.WORKER, now=kernel.clock.now(), ttl_s=ttl_s, person=person
        )
    assert await kernel.tokens.list() == []


async def test_handing_out_and_revoking_a_token_are_events_that_name_who_did_it(
    kernel: Kernel,
) -> None:
    now = kernel.clock.now()
    token = await kernel.tokens.create("ann", Role.WORKER, now=now, person="Ann", by="root")
    await kernel.tokens.revoke(token.id, now=now, by="root")
    await kernel.tokens.revoke(token.id, now=now, by="root")
    events = await kernel.bus.reader.read_stream(f"token/{token.id}")
    assert [(event.type, event.actor) for event in events] == [
        ("token.created", "root"),
        ("token.revoked", "root"),
    ]
    assert events[0].data["worker"] == "ann" and token.secret not in str(events)
