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
from datetime import UTC, datetime, timedelta
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
MAX_NUMBER = 2**53
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LOGIN = re.compile(r"[A-Za-z0-9_-]{1,100}(\[bot\])?")
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
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, OverflowError):
        raise VerificationError("the delivery is not in the form of GitHub's events") from None


def _read(event: str, payload: Mapping[str, Any], body: bytes) -> Delivery:
    action = payload.get("action")
    if event == "pull_request_review" and action == "submitted":
        return _reviewed(payload, body)
    if event == "pull_request" and action in _REFRESHING:
        return Pushed(_number(payload["pull_request"]["number"]))
    if event == "issue_comment" and action == "created" and "pull_request" in payload["issue"]:
        return _linking(payload["comment"])
    return Other(f"{event[:40]} with action {str(action)[:40]} decides nothing")


def _reviewed(payload: Mapping[str, Any], body: bytes) -> Delivery:
    review, state = payload["review"], str(payload["review"]["state"]).lower()
    if state not in VERDICTS:
        return Other("a comment decides nothing")
    if review["user"]["type"] != "User":
        return Other("only a person's review decides")
    said = _text(review.get("body")).strip()
    override = _OVERRIDE.search(said)
    return Reviewed(
        key=f"github:{_number(payload['repository']['id'])}:{_number(review['id'])}:"
        + sha256_hex(body)[:16],
        pull_request=_number(payload["pull_request"]["number"]),
        commit=_matching(_COMMIT, review["commit_id"]),
        user=str(_number(review["user"]["id"])),
        login=_matching(_LOGIN, review["user"]["login"]),
        verdict=VERDICTS[state],
        reason=said[:MAX_REASON_CHARS] or None,
        override_reason=None if override is None else override[1].strip()[:MAX_REASON_CHARS],
        at=_time(review["submitted_at"]),
    )


def _linking(comment: Mapping[str, Any]) -> Delivery:
    found = _LINK.fullmatch(_text(comment["body"]))
    if found is None or comment["user"]["type"] != "User":
        return Other("a comment decides nothing")
    return Linking(str(_number(comment["user"]["id"])), found[1], _number(comment["id"]))


def _number(value: object) -> int:
    """An id or a number as GitHub gives them; ValueError for anything else that Python could count."""
    if type(value) is not int or not 1 <= value <= MAX_NUMBER:
        raise ValueError("not a number of GitHub's")
    return value


def _text(value: object) -> str:
    """What somebody wrote, null where they wrote nothing."""
    if value is not None and not isinstance(value, str):
        raise ValueError("not a text")
    return value or ""


def _matching(pattern: re.Pattern[str], value: object) -> str:
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise ValueError("not in the form of GitHub's")
    return value


def _time(value: object) -> datetime:
    at = datetime.fromisoformat(str(value))
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at.astimezone(UTC)
