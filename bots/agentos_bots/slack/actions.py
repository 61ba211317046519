"""The names that Slack sends back: actions, modals, blocks, and what a button carries.

A button carries which review it is about and the digest of what was shown, so that a decision is
never about something else than what the person saw. Above: cards and modals, which write these
names, and the listeners, which register them. Below: `limits`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from agentos import InvalidArgumentError
from agentos_bots.slack.limits import METADATA_BYTES

METADATA_EVENT_TYPE: Final = "agentos_review"
"""`metadata.event_type` of every message that shows a review; its payload is {review, part}."""
COMMAND: Final = "/agentos"

_MAX_VALUE: Final = 1_900
_REVIEW = re.compile(r"[A-Za-z0-9_.:-]{1,60}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class ActionId(StrEnum):
    """Elements of messages, modals and the App Home that send `block_actions`."""

    APPROVE = "approve"
    APPROVE_OVERRIDING = "approve_overriding"
    """Approve while blocking findings are open: a modal asks for the override reason."""
    REQUEST_CHANGES = "request_changes"
    REJECT = "reject"
    MORE = "more"
    """The overflow menu; the value of the selected option is a `MenuValue`."""
    CHOOSE = "choose"
    ANSWER = "answer"
    LABEL = "label"
    HOME_SHOW = "home.show"
    HOME_PREVIOUS = "home.previous"
    HOME_NEXT = "home.next"
    HOME_REFRESH = "home.refresh"


class MenuChoice(StrEnum):
    """What the overflow menu of a card offers."""

    ASK = "ask"
    TAKE_OVER = "take_over"
    SNOOZE_HOUR = "snooze_1h"
    SNOOZE_TOMORROW = "snooze_day"
    SNOOZE_UNTIL = "snooze_until"
    """Opens a modal that asks until when."""


class CallbackId(StrEnum):
    """Modals; the ones that are submitted name what the submission does."""

    LOADING = "agentos.loading"
    NOTICE = "agentos.notice"
    CARD = "agentos.card"
    APPROVE = "agentos.approve"
    REQUEST_CHANGES = "agentos.request_changes"
    REJECT = "agentos.reject"
    CHOOSE = "agentos.choose"
    ANSWER = "agentos.answer"
    LABEL = "agentos.label"
    ASK = "agentos.ask"
    TAKE_OVER = "agentos.take_over"
    SNOOZE = "agentos.snooze"


class BlockId(StrEnum):
    """Inputs of modals, each with the one element `INPUT`; errors of a submission name these."""

    REASON = "reason"
    CATEGORIES = "categories"
    OVERRIDE_REASON = "override_reason"
    OPTION = "option"
    TEXT = "text"
    LABEL = "label"
    UNTIL = "until"


INPUT: Final = "input"
"""The action_id of the element of every input block."""
CARD_ACTIONS: Final = "agentos.decide"
"""The block_id of a card's buttons."""


@dataclass(frozen=True, slots=True)
class ReviewRef:
    """Which review, and the digest of what was shown."""

    review: str
    sha256: str

    def to_value(self) -> str:
        """The value of a button."""
        return _compact({"review": self.review, "sha256": self.sha256})


@dataclass(frozen=True, slots=True)
class MenuValue:
    """An entry of the overflow menu, about one review."""

    choice: MenuChoice
    ref: ReviewRef

    def to_value(self) -> str:
        """The value of the entry: within Slack's 150 characters for every well-formed id."""
        return f"{self.choice} {self.ref.review} {self.ref.sha256}"


@dataclass(frozen=True, slots=True)
class ModalContext:
    """What a modal must remember of the card that it was opened from: its `private_metadata`."""

    ref: ReviewRef
    channel: str = ""
    ts: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)

    def to_metadata(self) -> str:
        """Compact JSON. Raises InvalidArgumentError above the 3,000 bytes that Slack keeps."""
        text = _compact(
            {
                **self.extra,
                "review": self.ref.review,
                "sha256": self.ref.sha256,
                "channel": self.channel,
                "ts": self.ts,
            }
        )
        if len(text.encode()) > METADATA_BYTES:
            raise InvalidArgumentError(
                f"the context of a modal takes {len(text.encode())} bytes; Slack keeps "
                f"{METADATA_BYTES}"
            )
        return text


def parse_value(value: str) -> ReviewRef:
    """What a button carries. Raises InvalidArgumentError for what no card of ours wrote."""
    return _ref_of(_loads(value))


def parse_menu_value(value: str) -> MenuValue:
    """What an entry of the overflow menu carries. Raises InvalidArgumentError."""
    parts = value.split(" ")
    if len(parts) != 3 or parts[0] not in list(MenuChoice):
        raise InvalidArgumentError(f"not an entry of a review's menu: {value[:80]!r}")
    return MenuValue(MenuChoice(parts[0]), check_ref(parts[1], parts[2]))


def parse_metadata(metadata: str) -> ModalContext:
    """The `private_metadata` of one of our modals. Raises InvalidArgumentError."""
    found = _loads(metadata)
    known = {"review", "sha256", "channel", "ts"}
    return ModalContext(
        ref=_ref_of(found),
        channel=str(found.get("channel", "")),
        ts=str(found.get("ts", "")),
        extra={name: str(value) for name, value in found.items() if name not in known},
    )


@dataclass(frozen=True, slots=True)
class HomePage:
    """Where a person is in their queue: the page's cursor, and those of the pages before."""

    cursor: str | None = None
    before: tuple[str | None, ...] = ()

    def next(self, cursor: str) -> HomePage:
        """The page after this one."""
        return HomePage(cursor, (*self.before, self.cursor))

    def previous(self) -> HomePage:
        """The page before this one; of the first page, itself."""
        return HomePage(self.before[-1], self.before[:-1]) if self.before else HomePage()

    def to_value(self) -> str:
        """The value of a button; far pages forget how they were reached, and lead to the first."""
        value = _compact({"cursor": self.cursor, "before": list(self.before)})
        return value if len(value) <= _MAX_VALUE else HomePage(self.cursor).to_value()


def parse_home_page(value: str) -> HomePage:
    """What a button of the App Home carries. Raises InvalidArgumentError."""
    found = _loads(value)
    cursor, before = found.get("cursor"), found.get("before", [])
    if not isinstance(before, list) or any(_is_no_cursor(one) for one in [cursor, *before]):
        raise InvalidArgumentError(f"not a page of the App Home: {value[:80]!r}")
    return HomePage(cursor, tuple(before))


def check_ref(review: object, sha256: object) -> ReviewRef:
    """A reference with a well-formed id and digest. Raises InvalidArgumentError."""
    if not isinstance(review, str) or not _REVIEW.fullmatch(review):
        raise InvalidArgumentError(f"not the id of a review: {str(review)[:80]!r}")
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise InvalidArgumentError(f"not a SHA-256 in lower-case hex: {str(sha256)[:80]!r}")
    return ReviewRef(review, sha256)


def message_metadata(review: str, part: str, digest: str | None = None) -> dict[str, Any]:
    """The `metadata` of a message that shows `part` of a review; by it a bot finds its own post.

    `digest` is that of what is shown, where it may change.
    """
    payload = {"review": review, "part": part}
    if digest is not None:
        payload["digest"] = digest
    return {"event_type": METADATA_EVENT_TYPE, "event_payload": payload}


def _ref_of(found: Mapping[str, Any]) -> ReviewRef:
    return check_ref(found.get("review"), found.get("sha256"))


def _loads(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InvalidArgumentError(f"not a JSON object: {text[:80]!r}")
    return found


def _is_no_cursor(value: object) -> bool:
    return value is not None and not isinstance(value, str)


def _compact(document: Mapping[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))
