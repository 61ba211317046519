"""One story in an emulated Slack, told with two emulators: ours, and local-slack from npm.

    python -m tests.clients.slack_story BINARY socket|http

Prints a JSON object with what the same app of slack-bolt heard in both, and what the Web API refused.
local-slack listens on every interface, so this runs in a network namespace of its own, of which it
brings up the loopback interface. Above: `test_independent_slack`.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import socket
import struct
import sys
import tempfile
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, cast

import uvicorn
from aiohttp import ClientError, ClientSession
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.routing import Route

from agentos.testing.slack import SlackEmulator, SlackUser
from tests.agentos.testing.slack.review_app import CARD, ReviewApp, Transport, running_app

SET_FLAGS, UP = 0x8914, 0x1 | 0x40
PORT, APP_PORT = 3100, 4100
TIMEOUT_S = 20.0
SECRET = "test-signing-secret"
USERS = ("ada", "eve")
VIEW = {"type": "modal", "title": {"type": "plain_text", "text": "x"}, "blocks": []}
# What both refuse; local-slack takes blocks and tokens as they come.
REFUSED: dict[str, dict[str, Any]] = {
    "chat.postMessage": {"channel": "C9", "text": "x"},
    "chat.update": {"channel": "C1", "ts": "1.1", "text": "x"},
    "chat.shout": {},
    "users.info": {"user": "UX"},
    "users.lookupByEmail": {"email": "nobody@example.com"},
    "views.open": {"trigger_id": "1.2.x", "view": VIEW},
}


class People(Protocol):
    """The people of an emulated Slack."""

    async def approve(self, user: str) -> None: ...
    async def command(self, text: str) -> None: ...
    async def open_home(self) -> None: ...
    async def say(self, text: str) -> None: ...
    async def card(self) -> str: ...


async def tell(app: ReviewApp, people: People) -> dict[str, Any]:
    """The story; what the app heard, the keys of what it was sent, and what was refused."""
    bodies: dict[str, Any] = {}

    async def keep(body: dict[str, Any], next: Callable[[], Awaitable[None]]) -> None:
        event = body.get("event", {}).get("type")
        bodies[str(event or body.get("type") or "command")] = body
        await next()

    app.app.use(keep)
    await app.client.chat_postMessage(channel="C1", text="Review", blocks=CARD)
    await people.approve("UEVE")
    await _until(lambda: ("approve", "UEVE") in app.heard)
    await people.approve("UADA")
    await _until(lambda: _is("approved", people))
    await people.command("status")
    await people.open_home()
    await people.say("hello <@UBOT>")
    await _until(lambda: any(kind == "app_mention" for kind, _ in app.heard))
    await _until(lambda: "app_home_opened" in bodies)
    sent = {kind: sorted(_keys(bodies[kind])) for kind in bodies if kind != "block_actions"}
    return {"heard": app.heard, "sent": sent, "refused": await _refused(app.client)}


async def _refused(client: AsyncWebClient) -> dict[str, str]:
    refused = {}
    for method, arguments in REFUSED.items():
        is_form = method.startswith("users.")
        try:
            if is_form:
                await client.api_call(method, params=arguments)
            else:
                await client.api_call(method, json=arguments)
        except SlackApiError as error:
            refused[method] = str(error.response["error"])
    return refused


def _keys(part: object, place: str = "") -> set[str]:
    found: set[str] = set()
    if isinstance(part, dict):
        for name, value in part.items():
            found |= {f"{place}/{name}", *_keys(value, f"{place}/{name}")}
    elif isinstance(part, list) and part:
        found |= _keys(part[0], f"{place}/0")
    return found


async def _is(text: str, people: People) -> bool:
    return await people.card() == text


async def _until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            said = condition()
            if said if isinstance(said, bool) else await said:
                return
            await asyncio.sleep(0.02)


class OurPeople:
    """The people of our emulator."""

    def __init__(self, slack: SlackEmulator) -> None:
        self._slack = slack

    async def approve(self, user: str) -> None:
        seen = self._slack.messages()[0]
        assert (await self._slack.click(seen, "approve", user=user)).acknowledged

    async def command(self, text: str) -> None:
        assert (await self._slack.command(f"/agentos {text}", user="UADA")).acknowledged

    async def open_home(self) -> None:
        assert (await self._slack.open_home("UADA")).acknowledged

    async def say(self, text: str) -> None:
        assert (await self._slack.say(text, user="UADA")).acknowledged

    async def card(self) -> str:
        return self._slack.messages()[0].text


class TheirPeople:
    """The people of local-slack, over its control API."""

    def __init__(self, session: ClientSession) -> None:
        self._session = session

    async def _do(self, path: str, **what: Any) -> None:
        url = f"http://localhost:{PORT}/_control/{path}"
        async with self._session.post(url, json=what) as answer:
            assert answer.status == 200, await answer.text()

    async def _messages(self) -> list[dict[str, Any]]:
        async with self._session.get(f"http://localhost:{PORT}/_control/messages/C1") as answer:
            return list((await answer.json())["messages"])

    async def approve(self, user: str) -> None:
        ts = (await self._messages())[0]["ts"]
        action = {**CARD[1]["elements"][0], "block_id": "gate"}
        await self._do("interact", channel="C1", messageTs=ts, user=user, action=action)

    async def command(self, text: str) -> None:
        await self._do("command", channel="C1", user="UADA", command="/agentos", text=text)

    async def open_home(self) -> None:
        await self._do("open-home", user="UADA")

    async def say(self, text: str) -> None:
        await self._do("message", channel="C1", user="UADA", text=text)

    async def card(self) -> str:
        return str((await self._messages())[0]["text"])


async def ours(transport: Transport) -> dict[str, Any]:
    """The story with our emulator."""
    users = [SlackUser(f"U{name.upper()}", name) for name in USERS]
    async with SlackEmulator(users=users) as slack, running_app(slack, transport) as app:
        return await tell(app, OurPeople(slack))


async def theirs(binary: str, transport: Transport) -> dict[str, Any]:
    """The story with local-slack."""
    async with _local_slack(binary, transport), ClientSession() as session:
        base = f"http://localhost:{PORT}"
        await _until(lambda: _answers(session, f"{base}/_control/state"))
        client = AsyncWebClient(token="xoxb-test", base_url=f"{base}/api/", session=session)
        app = ReviewApp(client, SECRET)
        async with _connected(app, transport, f"{base}/api/"):
            return await tell(app, TheirPeople(session))


@asynccontextmanager
async def _local_slack(binary: str, transport: Transport) -> AsyncIterator[None]:
    people = [{"id": f"U{name.upper()}", "name": name, "real_name": name} for name in USERS]
    config = {
        "workspace": {"name": "Test", "domain": "emulated", "teamId": "T1"},
        "app": {
            "appId": "A1",
            "botUserId": "UBOT",
            "botName": "bot",
            "botToken": "xoxb-test",
            "appToken": "xapp-test",
            "signingSecret": SECRET,
            "mode": "socket" if transport == "socket" else "events",
            "requestUrl": f"http://127.0.0.1:{APP_PORT}/slack/events",
        },
        "users": people,
        "channels": [{"id": "C1", "name": "reviews", "members": ["UADA", "UEVE", "UBOT"]}],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        words = ("--config", str(path), "--port", str(PORT))
        process = await asyncio.create_subprocess_exec(
            binary, *words, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
        )
        try:
            yield
        finally:
            process.terminate()
            await process.wait()


async def _answers(session: ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.status == 200
    except ClientError:
        return False


def _connected(
    app: ReviewApp, transport: Transport, api_url: str
) -> AbstractAsyncContextManager[None]:
    return _over_socket(app, api_url) if transport == "socket" else _over_http(app)


@asynccontextmanager
async def _over_socket(app: ReviewApp, api_url: str) -> AsyncIterator[None]:
    handler: Any = AsyncSocketModeHandler(
        app.app, "xapp-test", web_client=AsyncWebClient(base_url=api_url)
    )
    await handler.connect_async()
    try:
        yield
    finally:
        await handler.close_async()


@asynccontextmanager
async def _over_http(app: ReviewApp) -> AsyncIterator[None]:
    handle = AsyncSlackRequestHandler(app.app).handle
    served = Starlette(routes=[Route("/slack/events", handle, methods=["POST"])])
    server = uvicorn.Server(
        uvicorn.Config(served, port=APP_PORT, log_level="warning", lifespan="off", ws="none")
    )
    serving = asyncio.create_task(server.serve())
    await _until(lambda: server.started)
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def _bring_up_loopback() -> None:
    """`ip link set lo up`, where there may be no `ip`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh14x", b"lo", UP))


async def _both(binary: str, transport: Transport) -> dict[str, Any]:
    return {"theirs": await theirs(binary, transport), "ours": await ours(transport)}


if __name__ == "__main__":
    _bring_up_loopback()
    print(json.dumps(asyncio.run(_both(sys.argv[1], cast("Transport", sys.argv[2])))))
