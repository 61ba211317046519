"""What a comment of ours is about, hidden in it, and proof that we wrote it.

Above: the channel. Below: the standard library. Anybody may write comments into a pull request, also
with such a marker; only the server can make its code. A copy of a true one comes later than the
original, so that the oldest comment of a review is ours.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from agentos import canonical_json

_PURPOSE = b"agentos review marker\0"
_MARKER = re.compile(r"<!-- agentos-review ([A-Za-z0-9_=-]{1,2000})\.([0-9a-f]{64}) -->")


@dataclass(frozen=True, slots=True)
class Marker:
    """What the person who reads the comment sees."""

    repository: str
    pull_request: int
    review: str
    sha256: str
    """Of the card."""
    commit: str | None
    """The pull request's newest commit, where it shows exactly the submitted work."""

    def text(self, secret: str) -> str:
        """The marker, invisible in a comment."""
        payload = base64.urlsafe_b64encode(canonical_json(asdict(self)))
        return f"<!-- agentos-review {payload.decode()}.{_code(secret, payload)} -->"


def read_marker(body: str, secret: str, repository: str, pull_request: int) -> Marker | None:
    """The marker of a comment in this pull request; None where there is none that we made."""
    found = _MARKER.search(body)
    if found is None:
        return None
    payload = found[1].encode()
    if not hmac.compare_digest(_code(secret, payload), found[2]):
        return None
    try:
        marker = Marker(**_loaded(payload))
    except (TypeError, ValueError, binascii.Error):
        return None
    is_here = (marker.repository, marker.pull_request) == (repository, pull_request)
    return marker if is_here else None


def _loaded(payload: bytes) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(payload))
    return document


def _code(secret: str, payload: bytes) -> str:
    return hmac.digest(secret.encode(), _PURPOSE + payload, "sha256").hex()
