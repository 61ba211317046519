"""What stands before slack-bolt on HTTP: only requests that Slack signed just now get through.

bolt verifies signatures too, but turns a timestamp that is no number into a defect of the server.
Above: the HTTP routes. Below: hmac. Source: Slack, "Verifying requests from Slack".
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Literal

from starlette.requests import ClientDisconnect, Request

MAX_BODY_BYTES = 1024 * 1024
MAX_AGE_S = 300

Refusal = Literal["timestamp", "age", "signature", "size", "encoding", "gone"]
STATUS: dict[Refusal, int] = {
    "timestamp": 401,
    "age": 401,
    "signature": 401,
    "size": 413,
    "encoding": 400,
    "gone": 400,
}


class Guard:
    """Checks requests against a signing secret; `now_s` is the time as Slack's headers say it."""

    def __init__(self, signing_secret: str, now_s: Callable[[], float]) -> None:
        self._secret = signing_secret.encode()
        self._now_s = now_s

    async def refusal(self, request: Request) -> Refusal | None:
        """Why the request is not Slack's, or None; its body has been read then."""
        timestamp = request.headers.get("x-slack-request-timestamp", "")
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
            return "timestamp"
        if abs(self._now_s() - int(timestamp)) > MAX_AGE_S:
            return "age"
        try:
            body = await _bounded_body(request)
        except ClientDisconnect:
            return "gone"
        if body is None:
            return "size"
        signature = request.headers.get("x-slack-signature", "")
        if not hmac.compare_digest(self._sign(timestamp, body), signature.encode("latin-1")):
            return "signature"
        return None if _is_text(body) else "encoding"

    def _sign(self, timestamp: str, body: bytes) -> bytes:
        signed = b"v0:" + timestamp.encode() + b":" + body
        return b"v0=" + hmac.new(self._secret, signed, hashlib.sha256).hexdigest().encode()


async def _bounded_body(request: Request) -> bytes | None:
    """The body, or None where it is too large; at most that much of it is ever held."""
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:12]) > MAX_BODY_BYTES:
        return None
    chunks: list[bytes] = []
    n_bytes = 0
    async for chunk in request.stream():
        n_bytes += len(chunk)
        if n_bytes > MAX_BODY_BYTES:
            return None
        chunks.append(chunk)
    # Where Starlette itself keeps what it read: bolt's adapter asks for it again.
    request._body = b"".join(chunks)
    return request._body


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
