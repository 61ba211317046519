"""A small app of slack-bolt, as the tests of the emulator run it over both transports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import uvicorn
from aiohttp import ClientSession
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.routing import Route

from agentos.http.listener import bind
from agentos.testing.slack import SlackEmulator

Transport = Literal["socket", "http"]
BUTTONS: list[dict[str, Any]] = [
    {
        "type": "button",
        "action_id": name,
        "text": {"type": "plain_text", "text": name.title()},
        "value": "RV-1",
    }
    for name in ("approve", "reject")
]
MENU: dict[str, Any] = {
    "type": "static_select",
    "action_id": "snooze",
    "placeholder": {"type": "plain_text", "text": "Later"},
    "options": [
        {"text": {"type": "plain_text", "text": f"{hours} h"}, "value": str(hours)}
        for hours in (1, 24)
    ],
}
CARD: list[dict[str, Any]] = [
    {"type": "header", "text": {"type": "plain_text", "text": "Review WO-1"}},
    {"type": "actions", "block_id": "gate", "elements": [*BUTTONS, MENU]},
]
REASON: dict[str, Any] = {
    "type": "modal",
    "callback_id": "reason",
    "title": {"type": "plain_text", "text": "Reject"},
    "submit": {"type": "plain_text", "text": "Send"},
    "blocks": [
        {
            "type": "input",
            "block_id": "why",
            "label": {"type": "plain_text", "text": "Reason"},
            "element": {"type": "plain_text_input", "action_id": "text", "min_length": 10},
        }
    ],
}


class ReviewApp:
    """What the app heard, and the app."""

    def __init__(self, client: AsyncWebClient, signing_secret: str) -> None:
        self.heard: list[tuple[str, Any]] = []
        self.client = client
        self.app = AsyncApp(client=client, signing_secret=signing_secret)
        self.app.action("approve")(self.approve)
        self.app.action("reject")(self.ask_reason)
        self.app.action("snooze")(self.snooze)
        self.app.view("reason")(self.reject)
        self.app.command("/agentos")(self.command)
        self.app.event("app_home_opened")(self.home)
        self.app.event("message")(self.message)
        self.app.event("app_mention")(self.message)

    async def approve(self, ack: Any, body: dict[str, Any], respond: Any) -> None:
        await ack()
        self.heard.append(("approve", body["user"]["id"]))
        if body["user"]["id"] == "UEVE":
            await respond("Nobody knows you.", response_type="ephemeral", replace_original=False)
            return
        await self.client.chat_update(
            channel=body["channel"]["id"], ts=body["message"]["ts"], text="approved", blocks=[]
        )

    async def snooze(self, ack: Any, body: dict[str, Any]) -> None:
        await ack()
        self.heard.append(("snooze", body["actions"][0]["selected_option"]["value"]))

    async def ask_reason(self, ack: Any, body: dict[str, Any]) -> None:
        await ack()
        await self.client.views_open(trigger_id=body["trigger_id"], view=REASON)

    async def reject(self, ack: Any, body: dict[str, Any], view: dict[str, Any]) -> None:
        why = view["state"]["values"]["why"]["text"]["value"] or ""
        if len(why) < 10:
            await ack(response_action="errors", errors={"why": "At least 10 characters."})
        elif why.startswith("look"):
            await ack(response_action="update", view={**REASON, "callback_id": "again"})
        elif why.startswith("more"):
            await ack(response_action="push", view={**REASON, "callback_id": "on top"})
        elif why.startswith("broken"):
            await ack(response_action="errors", errors={"nowhere": "No such block."})
        else:
            await ack()
            self.heard.append(("reject", why))

    async def command(self, ack: Any, body: dict[str, Any]) -> None:
        await ack(f"heard {body['text']} from {body['user_name']}")

    async def home(self, event: dict[str, Any]) -> None:
        await self.client.views_publish(
            user_id=event["user"], view={"type": "home", "blocks": CARD[:1]}
        )

    async def message(self, body: dict[str, Any], request: Any) -> None:
        self.heard.append((body["event"]["type"], body["event"]["text"]))
        retry = request.headers.get("x-slack-retry-num", [None])[0]
        self.heard.append(("retry", retry))


@asynccontextmanager
async def client_of(slack: SlackEmulator) -> AsyncIterator[AsyncWebClient]:
    """The real client against the emulator; it repeats a call only for a rate limit."""
    async with ClientSession() as session:
        yield AsyncWebClient(
            token=slack.bot_token,
            base_url=slack.api_url,
            session=session,
            retry_handlers=[AsyncRateLimitErrorRetryHandler(max_retry_count=2)],
        )


@asynccontextmanager
async def running_app(slack: SlackEmulator, transport: Transport) -> AsyncIterator[ReviewApp]:
    """The app, connected to the emulator over one of the transports."""
    async with client_of(slack) as client:
        review = ReviewApp(client, slack.signing_secret)
        running = _over_socket if transport == "socket" else _over_http
        async with running(slack, review):
            yield review


@asynccontextmanager
async def _over_socket(slack: SlackEmulator, review: ReviewApp) -> AsyncIterator[None]:
    handler: Any = AsyncSocketModeHandler(
        review.app, slack.app_token, web_client=AsyncWebClient(base_url=slack.api_url)
    )
    n_before = slack.n_connections
    await handler.connect_async()
    await slack.wait_for_connections(n_before + 1)
    try:
        yield
    finally:
        await handler.close_async()


@asynccontextmanager
async def _over_http(slack: SlackEmulator, review: ReviewApp) -> AsyncIterator[None]:
    handler = AsyncSlackRequestHandler(review.app)
    routes = [Route("/slack/events", handler.handle, methods=["POST", "GET"])]
    listener = bind("127.0.0.1", 0)
    # Without a log configuration: uvicorn's own would stay in this process.
    config = uvicorn.Config(
        Starlette(routes=routes), log_config=None, access_log=False, lifespan="off", ws="none"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    slack.use_http(f"http://127.0.0.1:{listener.getsockname()[1]}/slack/events")
    try:
        yield
    finally:
        server.should_exit = True
        await serving
