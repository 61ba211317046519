"""Response URLs: for half an hour and five times, an app may answer what somebody did."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from agentos.testing.slack.arguments import Arguments
from agentos.testing.slack.calls import Happenings
from agentos.testing.slack.messages import Message
from agentos.testing.slack.methods.chat import read_blocks
from agentos.testing.slack.people import BOT, BOT_USER
from agentos.testing.slack.refusal import SlackRefusalError
from agentos.testing.slack.workspace import Workspace

MAX_USES = 5
LIFETIME = timedelta(minutes=30)


@dataclass(frozen=True)
class Response:
    """What the app said to a response URL; `message` is None where it deleted the original."""

    user: str
    payload: Mapping[str, Any]
    message: Message | None


@dataclass
class _Url:
    user: str
    channel: str
    message: Message | None
    issued_at: datetime
    n_uses: int = 0


class ResponseUrls:
    """The response URLs that were given out, and what came over them."""

    def __init__(self, workspace: Workspace, happenings: Happenings) -> None:
        self.responses: list[Response] = []
        self.base_url = ""
        self._workspace = workspace
        self._happenings = happenings
        self._urls: dict[str, _Url] = {}

    def issue(self, user: str, channel: str, message: Message | None = None) -> str:
        """A URL for what this person did now, at a message if at one."""
        token = secrets.token_urlsafe(16)
        self._urls[token] = _Url(user, channel, message, self._workspace.clock.now())
        return f"{self.base_url}/respond/{token}"

    async def handle(self, request: web.Request) -> web.Response:
        """One answer of the app."""
        payload = await request.json()
        try:
            url = self._use(request.match_info["token"])
            message = self.say(url.user, url.channel, payload, url.message)
        except SlackRefusalError as refusal:
            status = 404 if refusal.error in ("expired_url", "used_url") else 400
            return web.json_response(refusal.to_json(), status=status)
        self.responses.append(Response(url.user, payload, message))
        self._happenings.tell()
        return web.Response(text="ok")

    def say(
        self, user: str, channel: str, payload: Mapping[str, Any], original: Message | None
    ) -> Message | None:
        """Do what an answer says: replace or delete the original, or post a message."""
        blocks = read_blocks(Arguments(payload))
        text = str(payload.get("text") or "")
        if payload.get("delete_original") and original is not None:
            original.is_deleted = True
            return None
        if not text and not blocks:
            raise SlackRefusalError("no_text")
        if payload.get("replace_original") and original is not None:
            original.text, original.blocks = text, blocks or []
            original.n_edits += 1
            return original
        is_public = payload.get("response_type") == "in_channel"
        message = Message(
            channel=channel,
            ts=self._workspace.messages.next_ts(),
            user=BOT_USER,
            text=text,
            blocks=blocks or [],
            thread_ts=payload.get("thread_ts"),
            bot_id=BOT,
            visible_to=None if is_public else user,
        )
        return self._workspace.messages.add(message)

    def _use(self, token: str) -> _Url:
        url = self._urls.get(token)
        if url is None or self._workspace.clock.now() - url.issued_at > LIFETIME:
            raise SlackRefusalError("expired_url")
        if url.n_uses >= MAX_USES:
            raise SlackRefusalError("used_url")
        url.n_uses += 1
        return url
