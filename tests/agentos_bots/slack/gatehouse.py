"""A kernel with governance behind real HTTP, people in an emulated Slack, and bots between them.

Above: the tests of the bot. Below: `open_office` (PostgreSQL, a clock that a test moves), the
emulator, and the bot itself, unchanged, over either transport.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from agentos import Role, Settings
from agentos.testing import serve_http
from agentos.testing.slack import Message, SlackEmulator, SlackUser
from agentos_bots.slack.bot import Bot, open_bot
from agentos_bots.slack.settings import Secrets, SlackSettings, Transport
from tests.agentos_governance.lifecycle import Office, open_office
from tests.ports import held_port

USERS = (
    SlackUser("UADA", "ada", "ada@example.com"),
    SlackUser("UBEN", "ben", "ben@example.com"),
    SlackUser("UGRACE", "grace", "grace@example.com"),
    SlackUser("UEVE", "eve", "eve@example.com"),
)


@dataclass(frozen=True)
class Submitted:
    """Work that waits for a review."""

    order: str
    review: str
    sha256: str


class Gatehouse:
    """The server, reached by `url`, and what happens there without Slack."""

    def __init__(self, office: Office, url: str) -> None:
        self.office = office
        self.url = url

    async def submit(self, title: str = "Add a cache", **review: Any) -> Submitted:
        """Work of w1, whose sponsor is Grace, submitted for review."""
        contract = {"review": {"required": True, **review}} if review else None
        order = await self.office.create(title, contract=contract)
        await self.office.claim("w1", order)
        return await self.resubmit(order)

    async def clear(self) -> None:
        """Cancel whatever still waits."""
        orders = (await self.office.call("planner", "list_work_orders"))["work_orders"]
        for order in orders:
            if order["state"] not in ("completed", "failed", "cancelled"):
                await self.office.call(
                    "planner", "cancel_work_order", work_order=order["id"], reason="It is over"
                )

    async def resubmit(self, order: str) -> Submitted:
        """What is submitted of work that w1 holds."""
        submitted = await self.office.submit("w1", order)
        assert submitted["state"] == "in_review", submitted
        for waiting in (await self.office.call("admin", "list_waiting"))["reviews"]:
            if waiting["work_order"] == order:
                return Submitted(order, waiting["id"], waiting["sha256"])
        raise AssertionError(f"{order} waits for nobody")

    async def card(self, review: str) -> dict[str, Any]:
        """What the server says of a review."""
        return await self.office.call("admin", "get_review_card", review=review)

    async def votes(self, review: str) -> list[str]:
        """Who voted."""
        return [vote["person"] for vote in (await self.card(review))["votes"]]

    def settings(self, slack: SlackEmulator, mode: Transport, **changes: Any) -> SlackSettings:
        """A bot's settings for this server and this Slack, impatient."""
        return SlackSettings.model_validate(
            {
                "server": self.url,
                "mode": mode,
                "port": 0,
                "channel": "C1",
                "api_url": slack.api_url,
                "retry_min_s": 0.05,
                "retry_max_s": 0.2,
                "ping_every_s": 0.5,
                "shutdown_timeout_s": 5.0,
                **changes,
            }
        )

    def secrets(self, slack: SlackEmulator) -> Secrets:
        """What proves the bot to both."""
        return Secrets(
            self.office.tokens["bot"],
            slack.bot_token,
            app_token=slack.app_token,
            signing_secret=slack.signing_secret,
        )

    @asynccontextmanager
    async def bot(
        self, slack: SlackEmulator, mode: Transport = "socket", **changes: Any
    ) -> AsyncIterator[Bot]:
        """A running bot, which the emulated Slack reaches by `mode`."""
        async with self.bot_with(slack, self.secrets(slack), mode, **changes) as bot:
            yield bot

    @asynccontextmanager
    async def bot_with(
        self, slack: SlackEmulator, secrets: Secrets, mode: Transport = "socket", **changes: Any
    ) -> AsyncIterator[Bot]:
        """The same with secrets of the test's own."""
        async with open_bot(self.settings(slack, mode, **changes), secrets) as bot:
            if mode == "http":
                slack.use_http(f"{bot.url}/slack/events")
            else:
                slack.use_socket_mode()
            yield bot


@asynccontextmanager
async def open_gatehouse(settings: Settings, **changes: Any) -> AsyncIterator[Gatehouse]:
    """The server with Ada and Ben as reviewers, and Grace, who answers for the worker w1."""
    async with open_office(settings, review={"digest_at": "08:00"}, **changes) as office:
        await office.join("bot", Role.BOT, worker="slack")
        await office.join("w1", Role.WORKER, person="grace")
        for name in ("ada", "ben", "grace"):
            await office.call(
                "admin", "set_person", name=name, email=f"{name}@example.com", roles=["reviewer"]
            )
        async with serve_http(office.kernel) as url:
            yield Gatehouse(office, url)


async def posted(slack: SlackEmulator, review: str, part: str = "card") -> Message:
    """The message of a part of a review, once it is there."""
    wanted = {"review": review, "part": part}
    await slack.wait_until(lambda: _messages(slack, wanted), 60)
    (message,) = _messages(slack, wanted)
    return message


def _messages(slack: SlackEmulator, wanted: dict[str, str]) -> list[Message]:
    """Wherever they are, in the channel or in a thread."""
    roots = slack.messages()
    replies = [each for root in roots for each in slack.messages(thread_ts=root.ts)[1:]]
    return [each for each in [*roots, *replies] if wanted.items() <= _payload(each).items()]


def _payload(message: Message) -> dict[str, Any]:
    return message.metadata["event_payload"] if message.metadata else {}


def told(slack: SlackEmulator, user: str) -> str:
    """All that only this person sees."""
    return "\n".join(message.all_text for message in slack.ephemerals(user))


class Relay:
    """A wire between a bot and the server, which a test cuts and mends."""

    def __init__(self, url: str, own_port: int) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._target = (host, int(port))
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._port = own_port

    @property
    def url(self) -> str:
        """What a bot is told to be the server."""
        return f"http://127.0.0.1:{self._port}"

    async def mend(self) -> None:
        """Let everything through from now on."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)

    async def cut(self) -> None:
        """Break every connection, and refuse new ones."""
        assert self._server is not None
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        await asyncio.gather(self._pass(reader, back), self._pass(there, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            self._open.discard(writer)
            writer.close()


@asynccontextmanager
async def relayed(gatehouse: Gatehouse) -> AsyncIterator[Relay]:
    """A wire to the server that is whole at first."""
    with held_port() as port:
        relay = Relay(gatehouse.url, port)
        await relay.mend()
        try:
            yield relay
        finally:
            await relay.cut()
