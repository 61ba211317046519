"""Delivery over HTTP: signed requests to the app's request URL.

Signatures carry the machine's time, not the emulator's clock, since the app compares them with its
own. Source: Slack's "verifying requests", version v0.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from aiohttp import ClientError, ClientSession, ClientTimeout

from agentos.testing.slack.delivering import Attempt, Kind, Retry

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
_RETRY_REASONS = {"timeout": "http_timeout", "http_error": "http_error"}


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The signature of a body at a time."""
    text = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


class SignedHttp:
    """Posts to one request URL."""

    def __init__(self, url: str, secret: str, session: ClientSession, ack_timeout_s: float) -> None:
        self.url = url
        self._secret = secret
        self._session = session
        self._ack_timeout_s = ack_timeout_s

    async def send(self, kind: Kind, payload: Mapping[str, Any], retry: Retry | None) -> Attempt:
        """Deliver once; an answer of status 200 is the acknowledgement."""
        body, content_type = _encoded(kind, payload)
        headers = {} if retry is None else _retry_headers(retry)
        try:
            status, text, answered = await self.post(
                body, content_type=content_type, headers=headers
            )
        except TimeoutError:
            return Attempt("timeout")
        except ClientError:
            return Attempt("connection_failed")
        if status != 200:
            may_retry = answered.get("X-Slack-No-Retry") != "1"
            return Attempt("http_error", status=status, may_retry=may_retry)
        return Attempt(answer=_answer(text, answered.get("Content-Type", "")), status=status)

    async def post(
        self,
        body: bytes,
        *,
        content_type: str,
        timestamp: str | None = None,
        signature: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, str, Mapping[str, str]]:
        """Post a body, signed unless it brings its own signature: status, text and headers."""
        timestamp = str(int(time.time())) if timestamp is None else timestamp
        signature = sign(self._secret, timestamp, body) if signature is None else signature
        proof = {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": signature}
        fields = {"Content-Type": content_type, **proof, **(headers or {})}
        return await self._post(body, fields)

    async def post_unsigned(self, body: bytes) -> tuple[int, str, Mapping[str, str]]:
        """Post a form without any signature."""
        return await self._post(body, {"Content-Type": FORM})

    async def _post(
        self, body: bytes, fields: Mapping[str, str]
    ) -> tuple[int, str, Mapping[str, str]]:
        limit = ClientTimeout(total=self._ack_timeout_s)
        async with self._session.post(
            self.url, data=body, headers=fields, timeout=limit
        ) as response:
            return response.status, await response.text(), dict(response.headers)


def _encoded(kind: Kind, payload: Mapping[str, Any]) -> tuple[bytes, str]:
    if kind == "events_api":
        return json.dumps(payload).encode(), JSON
    if kind == "slash_commands":
        return urlencode(payload).encode(), FORM
    return urlencode({"payload": json.dumps(payload)}).encode(), FORM


def _retry_headers(retry: Retry) -> dict[str, str]:
    reason = _RETRY_REASONS.get(retry.reason, "connection_failed")
    return {"X-Slack-Retry-Num": str(retry.number), "X-Slack-Retry-Reason": reason}


def _answer(text: str, content_type: str) -> Mapping[str, Any] | None:
    """What the acknowledgement says; plain text is a message."""
    if not text:
        return None
    if content_type.startswith(JSON):
        answer = json.loads(text)
        return answer if isinstance(answer, dict) else None
    return {"text": text}
