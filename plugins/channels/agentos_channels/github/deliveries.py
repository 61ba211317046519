"""What GitHub's webhook delivers, verified and read: reviews, pushes, and codes that link users.

Above: the channel. Below: the standard library. Source: docs.github.com, "Validating webhook
deliveries" and "Webhook events and payloads". The id of a delivery is not signed, so nothing rests
on it: a decision's key is made of what is.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import orjson

from agentos import VerificationError, sha256_hex

MAX_AGE = timedelta(days=7)
"""GitHub redelivers for three days; older ones, and those from the future, are replays."""
MAX_AHEAD = timedelta(minutes=10)
MAX_REASON_CHARS = 2_000
VERDICTS: Mapping[str, str] = {"approved": "approve", "changes_requested": "request_changes"}
_LINK = re.compile(r"\s*/agentos link (\S{8,200})\s*")
_OVERRIDE = re.compile(r"^[ \t]*override:[ \t]*(.+)$", re.IGNORECASE | re.MULTILINE)
_REFRESHING = frozenset({"synchronize", "reopened"})


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A person approved a commit of a pull request, or requested changes."""

    key: str
    pull_request: int
    commit: str
    user: str
    login: str
    verdict: str
    reason: str | None
    override_reason: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Pushed:
    """The newest commit of a pull request is another one."""

    pull_request: int


@dataclass(frozen=True, slots=True)
class Linking:
    """A user wrote `/agentos link CODE` into a comment."""

    user: str
    code: str
    comment: int


@dataclass(frozen=True, slots=True)
class Other:
    """Whatever says nothing to us."""

    why: str


Delivery: TypeAlias = Reviewed | Pushed | Linking | Other


def verify_signature(secret: str, headers: Mapping[str, str], body: bytes) -> None:
    """VerificationError unless `X-Hub-Signature-256` is the body's HMAC under the secret."""
    given = headers.get("x-hub-signature-256", "")
    expected = "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()
    if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
        raise VerificationError("the delivery's X-Hub-Signature-256 does not fit its content")


def read_delivery(event: str, body: bytes, repository: str) -> Delivery:
    """What a verified delivery says; VerificationError for another repository or form."""
    try:
        payload = orjson.loads(body)
        if event == "ping":
            return Other("ping")
        where = str(payload["repository"]["full_name"])
        if where.casefold() != repository.casefold():
            raise VerificationError("the delivery is about another repository")
        return _read(event, payload, body)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        raise VerificationError("the delivery is not in the form of GitHub's events") from None


def _read(event: str, payload: Mapping[str, Any], body: bytes) -> Delivery:
    action = payload.get("action")
    if event == "pull_request_review" and action == "submitted":
        return _reviewed(payload, body)
    if event == "pull_request" and action in _REFRESHING:
        return Pushed(int(payload["pull_request"]["number"]))
    if event == "issue_comment" and action == "created" and "pull_request" in payload["issue"]:
        return _linking(payload["comment"])
    return Other(f"{event[:40]} with action {str(action)[:40]} decides nothing")


def _reviewed(payload: Mapping[str, Any], body: bytes) -> Delivery:
    review, state = payload["review"], str(payload["review"]["state"]).lower()
    if state not in VERDICTS:
        return Other("a comment decides nothing")
    if review["user"]["type"] != "User":
        return Other("only a person's review decides")
    said = (review.get("body") or "").strip()
    override = _OVERRIDE.search(said)
    return Reviewed(
        key=f"github:{int(payload['repository']['id'])}:{int(review['id'])}:{sha256_hex(body)[:16]}",
        pull_request=int(payload["pull_request"]["number"]),
        commit=str(review["commit_id"]),
        user=str(int(review["user"]["id"])),
        login=str(review["user"]["login"]),
        verdict=VERDICTS[state],
        reason=said[:MAX_REASON_CHARS] or None,
        override_reason=None if override is None else override[1].strip()[:MAX_REASON_CHARS],
        at=datetime.fromisoformat(str(review["submitted_at"])),
    )


def _linking(comment: Mapping[str, Any]) -> Delivery:
    found = _LINK.fullmatch(comment["body"] or "")
    if found is None or comment["user"]["type"] != "User":
        return Other("a comment decides nothing")
    return Linking(str(int(comment["user"]["id"])), found[1], int(comment["id"]))
