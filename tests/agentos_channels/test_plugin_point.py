"""The plugin point: a third channel, by another plugin, is run like those that ship."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from agentos import (
    Card,
    ConfigurationError,
    InboundRequest,
    Kernel,
    NothingReceived,
    Received,
    ReceivedDecision,
    ReceivedLink,
    RefusedDecision,
    ReviewChannel,
    Role,
    Settings,
    ToolResult,
    UnavailableError,
    VerificationError,
    hookimpl,
    open_kernel,
)
from agentos.testing import caller_as, open_test_kernel, serve_http
from agentos_channels import plugin as channels
from tests.agentos_governance.lifecycle import START, FakeClock, Office, open_office

pytestmark = pytest.mark.anyio


class Board:
    """What everybody sees, wherever it is written."""

    def __init__(self) -> None:
        self.notes: list[dict[str, Any]] = []
        self._changed = asyncio.Event()

    def changed(self) -> None:
        self._changed.set()

    async def wait_until(self, condition: Any) -> None:
        async with asyncio.timeout(60):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


class BoardChannel:
    """A channel that writes to a board; `dies` while it posts, after the effect."""

    name = "board"

    def __init__(self, board: Board, *, dies: bool = False, n_failures: int = 0) -> None:
        self.board = board
        self.dies = dies
        self.n_failures = n_failures
        self.answers: list[str | None] = []
        self.is_closed = False

    @hookimpl
    def register_review_channels(self, kernel: Kernel) -> Sequence[ReviewChannel]:
        return [self]

    async def find_place(self, card: Card) -> str | None:
        return "board" if card["kind"] == "work" else None

    async def find_posted(self, card: Card, place: str) -> str | None:
        found = [n for n, note in enumerate(self.board.notes) if note["id"] == card["id"]]
        return str(found[0]) if found else None

    async def post(self, card: Card, place: str) -> str:
        if self.n_failures:
            self.n_failures -= 1
            raise UnavailableError("the board is away")
        self.board.notes.append(dict(card))
        self.board.changed()
        if self.dies:
            await asyncio.Event().wait()
        return str(len(self.board.notes) - 1)

    async def update(self, card: Card, message_ref: str) -> None:
        self.board.notes[int(message_ref)] = dict(card)
        self.board.changed()

    async def receive(self, request: InboundRequest) -> Received:
        if request.headers.get("x-word") != "sesame":
            raise VerificationError("the word is another one")
        if not request.body:
            return NothingReceived("an empty note")
        card = self.board.notes[0]
        given = {"sha256": card["sha256"], "verdict": "approve"}
        return ReceivedDecision(request.body.decode(), "u-1", card["id"], given)

    async def answer(
        self, received: ReceivedDecision | RefusedDecision | ReceivedLink, result: ToolResult
    ) -> None:
        self.answers.append(result.error_code)

    async def close(self) -> None:
        self.is_closed = True


@asynccontextmanager
async def open_board(
    settings: Settings, channel: BoardChannel, *, after_s: float = 0.0
) -> AsyncIterator[Office]:
    clock = FakeClock(START + timedelta(seconds=after_s))
    plugins = ("governance", "channels")
    async with open_office(settings, clock=clock, plugin=channel, plugins=plugins) as office:
        yield office


async def _submit(office: Office) -> str:
    order = await office.create(contract={"review": {"required": True}})
    await office.claim("w1", order)
    await office.submit("w1", order)
    return order


async def test_another_plugin_s_channel_shows_and_decides(settings: Settings) -> None:
    board = Board()
    channel = BoardChannel(board, n_failures=2)
    async with open_board(settings, channel) as office, serve_http(office.kernel) as url:
        order = await _submit(office)
        await board.wait_until(lambda: board.notes)
        await office.call("admin", "set_person", name="Ada", roles=["reviewer"])
        code = (await office.call("admin", "create_link_code", person="Ada"))["code"]
        async with httpx2.AsyncClient(timeout=60) as client:

            async def say(body: bytes, word: str = "sesame") -> httpx2.Response:
                headers = {"x-word": word}
                return await client.post(f"{url}/channels/board", content=body, headers=headers)

            assert (await say(b"n-1", "open")).status_code == 401
            assert (await say(b"")).status_code == 202
            assert (await say(b"n-1")).status_code == 404
            await office.join("bot", Role.BOT)
            linked = {"channel": "board", "external_id": "u-1", "code": code}
            await office.call("bot", "link_identity", **linked)
            assert (await say(b"n-2")).json()["outcome"] == "approved"
        await board.wait_until(lambda: board.notes[0]["state"] == "ended")
        assert await office.state(order) == "completed"
        assert channel.answers == ["not_found", None]
    assert channel.is_closed and len(board.notes) == 1


async def test_a_card_is_posted_once_although_its_first_poster_died(settings: Settings) -> None:
    board = Board()
    async with open_board(settings, BoardChannel(board, dies=True)) as office:
        order = await _submit(office)
        await board.wait_until(lambda: board.notes)
    async with open_board(settings, BoardChannel(board), after_s=61) as office:
        await office.call("planner", "cancel_work_order", work_order=order, reason="Not needed")
        await board.wait_until(lambda: board.notes[0]["state"] == "ended")
    assert [note["outcome"] for note in board.notes] == ["cancelled"]


async def test_what_a_dead_poster_left_open_is_ended_although_nobody_recorded_it(
    settings: Settings,
) -> None:
    board = Board()
    async with open_board(settings, BoardChannel(board, dies=True)) as office:
        order = await _submit(office)
        await board.wait_until(lambda: board.notes)
    async with open_office(settings, clock=FakeClock(START + timedelta(seconds=61))) as office:
        await office.call("planner", "cancel_work_order", work_order=order, reason="Not needed")
    async with open_board(settings, BoardChannel(board), after_s=122):
        await board.wait_until(lambda: board.notes[0]["state"] == "ended")
    assert len(board.notes) == 1


@pytest.mark.nightly
async def test_what_happened_while_no_server_ran_is_shown_later(settings: Settings) -> None:
    board = Board()
    async with open_board(settings, BoardChannel(board)) as office:
        first = await _submit(office)
        await board.wait_until(lambda: board.notes)
    async with open_office(settings, clock=FakeClock(START + timedelta(seconds=61))) as office:
        await office.call("planner", "cancel_work_order", work_order=first, reason="Not needed")
        order = await office.create("B", contract={"review": {"required": True}})
        await office.claim("w2", order)
        await office.submit("w2", order)
    async with open_board(settings, BoardChannel(board), after_s=122):
        await board.wait_until(lambda: [note["state"] for note in board.notes] == ["ended", "open"])


async def test_a_short_command_leaves_it_to_servers_to_post(settings: Settings) -> None:
    board = Board()
    async with open_office(settings) as office:
        await _submit(office)
    extra = {"board": BoardChannel(board)}
    chosen = settings.model_copy(update={"plugins": ("governance", "channels")})
    short = open_kernel(chosen, clock=FakeClock(), extra_plugins=extra, publishes=False)
    async with short as kernel:
        caller = await caller_as(kernel, "admin")
        assert len((await caller.ok("list_waiting"))["reviews"]) == 1
    assert board.notes == []


async def test_two_channels_of_one_name_or_a_bad_name_stop_the_start(
    settings: Settings,
) -> None:
    named = BoardChannel(Board())
    named.name = "No Good"
    for plugins, said in (
        ((BoardChannel(Board()), BoardChannel(Board())), "two"),
        ((named,), "named"),
    ):
        extra = {f"p{n}": each for n, each in enumerate(plugins)} | {"channels": channels}
        with pytest.raises(ConfigurationError, match=said):
            async with open_test_kernel(
                settings.home, extra_plugins=extra, database_url=settings.database_url
            ):
                raise AssertionError("started")


async def test_without_governance_a_channel_waits_and_the_server_goes_on(
    settings: Settings,
) -> None:
    extra = {"board": BoardChannel(Board()), "channels": channels}
    with capture_logs() as logs:
        async with open_test_kernel(
            settings.home, extra_plugins=extra, database_url=settings.database_url
        ) as kernel:
            async with asyncio.timeout(60):
                while not any(line["event"] == "channel_paused" for line in logs):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert await kernel.is_ready() == []
