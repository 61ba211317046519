"""Signatures of webhooks, after Standard Webhooks 1.0: HMAC-SHA256 over id, time and body.

Above: sending, and receivers, who verify with `verify_webhook`. Below: the standard library.
Source: https://github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from agentos.errors import InvalidArgumentError, VerificationError

SECRET_PREFIX = "whsec_"
SECRET_BYTES = 32
TOLERANCE_S = 300
MAX_SIGNATURES = 16


def new_webhook_secret() -> str:
    """A fresh secret, `whsec_` and 32 random bytes in base64."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sign_webhook(secret: str, id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers that let a receiver verify `body`."""
    timestamp = str(int(at.timestamp()))
    return {
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{_signature(_key(secret), id, timestamp, body)}",
    }


def verify_webhook(
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: datetime | None = None,
    tolerance_s: float = TOLERANCE_S,
) -> dict[str, Any]:
    """The event that AgentOS sent, for receivers of webhooks: pass the raw body, before parsing.

    Raises VerificationError for a signature that does not fit, and for a time more than
    `tolerance_s` seconds away from `now`, such as that of a request recorded and sent again.
    An event may arrive twice, with the same `webhook-id`: remember the ids.
    """
    found = {name.lower(): value for name, value in headers.items()}
    try:
        id, timestamp = found["webhook-id"], found["webhook-timestamp"]
        signatures = found["webhook-signature"].split(" ")[:MAX_SIGNATURES]
    except KeyError as missing:
        raise VerificationError(f"the webhook has no header {missing.args[0]}") from None
    expected = f"v1,{_signature(_key(secret), id, timestamp, body)}".encode()
    matches = [hmac.compare_digest(expected, s.encode("utf-8", "replace")) for s in signatures]
    if not any(matches):
        raise VerificationError("the webhook's signature does not fit its content")
    _check_time(timestamp, now or datetime.now(UTC), tolerance_s)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise VerificationError("the webhook's body is not JSON") from None
    if not isinstance(document, dict):
        raise VerificationError("the webhook's body is not a JSON object")
    return document


def _check_time(timestamp: str, now: datetime, tolerance_s: float) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise VerificationError("the webhook's timestamp is not in whole seconds")
    if abs(now.timestamp() - int(timestamp)) > tolerance_s:
        raise VerificationError(
            f"the webhook was signed more than {tolerance_s:g} s away from now: a replay, or a "
            "clock that is wrong"
        )


def _signature(key: bytes, id: str, timestamp: str, body: bytes) -> str:
    signed = f"{id}.{timestamp}.".encode("utf-8", "replace") + body
    return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not 24 <= len(key) <= 64:
        raise InvalidArgumentError("a webhook secret is whsec_ and 24 to 64 bytes in base64")
    return key
