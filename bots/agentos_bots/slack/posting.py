"""Posts every part of a review once and keeps it up to date, however many bots do so at once.

Above: showing. Below: `claim_post` and `record_post` of the server, and Slack. A claim is a lease
with a fencing token: who holds it may post or update the message. A bot that dies between the
message and its record leaves a message that names what it shows in its metadata; the next one finds
it there. The same holds for an answer of Slack that was lost. An update without an answer
may arrive later, over a newer one: the record then says that the card must be looked at again.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import structlog

from agentos import (
    ConflictError,
    InvalidStateError,
    LeaseLostError,
    NotFoundError,
    ToolError,
    UnavailableError,
)
from agentos_bots.slack.actions import METADATA_EVENT_TYPE, message_metadata
from agentos_bots.slack.backoff import Backoff
from agentos_bots.slack.figures import Figures
from agentos_bots.slack.kernel_client import KernelClient
from agentos_bots.slack.messages import Message
from agentos_bots.slack.people import CHANNEL
from agentos_bots.slack.settings import SlackSettings
from agentos_bots.slack.web import SlackRefusedError, SlackWeb

NOT_SHOWN = "none"
"""In place of a message: it was over before anybody could post it, and stays unposted."""

CARD = "card"
"""The only part that changes, and so the only one that something older can overwrite."""
HISTORY_PAGES = 20
MAX_UNFINISHED = 1_000
_GONE = frozenset({"message_not_found", "cant_update_message", "channel_not_found", "is_archived"})

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MessageRef:
    """Where Slack has a message."""

    channel: str
    ts: str

    def __str__(self) -> str:
        return f"{self.channel}:{self.ts}"

    def permalink(self, workspace_url: str) -> str:
        """Its address in a browser; `workspace_url` is what `auth.test` says of the workspace."""
        return f"{workspace_url.rstrip('/')}/archives/{self.channel}/p{self.ts.replace('.', '')}"

    @classmethod
    def parse(cls, text: str | None) -> MessageRef | None:
        """What a record says; None where nothing is posted, and where nothing will be."""
        if text is None or text == NOT_SHOWN:
            return None
        channel, _, ts = text.partition(":")
        return cls(channel, ts)


@dataclass(frozen=True, slots=True)
class Part:
    """What is posted once: a part of a review, in a channel or below a message in it."""

    review: str
    name: str
    channel: str
    thread_ts: str | None = None
    since_s: float = 0.0
    """No message of it is older than this Unix time."""


class Written(NamedTuple):
    """What was done under a claim."""

    ref: MessageRef | None
    """Where the message is; None where nothing is shown."""
    version: int
    found_older: bool = False
    """Whether a look found something older, and this was put over it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to post or update one part, for a while."""

    token: str
    posted: MessageRef | None
    attempt: int
    until_s: float
    """Time of the loop from which on it must not be relied on any more."""
    written: Written | None = None
    """What was done under it, where only the record is missing."""
    is_unsure: bool = False
    """Whether an update that was sent before, by this or another bot, may still arrive."""
    is_look: bool = False
    """Whether such an update may have arrived since, and the message may be right all the same."""


Write = Callable[[Claim], Awaitable[Written]]
"""Makes the message show the newest version."""


class Posting:
    """What one bot posts; `bot_id` is that of the app, as Slack names the author of a message."""

    def __init__(
        self,
        kernel: KernelClient,
        web: SlackWeb,
        settings: SlackSettings,
        figures: Figures,
        bot_id: str,
    ) -> None:
        self._kernel = kernel
        self._web = web
        self._settings = settings
        self._figures = figures
        self._bot_id = bot_id
        self._unfinished: dict[tuple[str, str], Claim] = {}
        self.unsettled = asyncio.Event()
        """Set with each message that is to be looked at again."""

    async def once(self, part: Part, message: Message) -> MessageRef | None:
        """The message of a part that never changes, posted by whoever came first."""

        async def write(claim: Claim) -> Written:
            return Written(claim.posted or await self.post(part, message, claim), 1)

        return await self.written(part, None, write)

    async def written(self, part: Part, version: int | None, write: Write) -> MessageRef | None:
        """The message of a part, once it shows `version` or a newer one; None: it is not shown.

        `write` is called where this bot gets to do it. Raises UnavailableError where Slack or the
        server did not answer in time, and SlackRefusedError where Slack will not have it.
        """
        backoff = Backoff(0.05, 2.0)
        while True:
            claim = self._resumed(part)
            if claim is None:
                # Before it is asked for: the lease cannot have begun earlier.
                began_s = _now_s()
                said = await self._kernel.call(
                    "claim_post", self._arguments(part, version), key=uuid.uuid4().hex
                )
                post = said["post"]
                if said["claimed"]:
                    claim = self._claim_of(said, began_s)
                elif post["message_ref"] is not None and _is_current(post, version):
                    return MessageRef.parse(post["message_ref"])
            if claim is not None:
                ref, is_recorded = await self._use(part, claim, write)
                if is_recorded:
                    return ref
            # Another bot is at it, or was when it died: its lease ends.
            await backoff.wait()

    def _claim_of(self, said: Mapping[str, Any], began_s: float) -> Claim:
        return Claim(
            said["claim"],
            MessageRef.parse(said["post"]["message_ref"]),
            int(said["attempt"]),
            # Never until its end: what is sent later could undo what another bot has shown.
            began_s + self._settings.post_lease_s * 0.8,
            is_unsure=bool(said.get("is_unsure")),
            is_look=bool(said.get("is_look")),
        )

    def _resumed(self, part: Part) -> Claim | None:
        """A claim of this very bot under which something went wrong a moment ago."""
        claim = self._unfinished.pop((part.review, part.name), None)
        if claim is None or (claim.written is None and claim.until_s < _now_s()):
            return None
        return claim

    def _keep(self, part: Part, claim: Claim) -> None:
        if len(self._unfinished) >= MAX_UNFINISHED:
            self._unfinished.clear()
        self._unfinished[part.review, part.name] = claim

    def _arguments(self, part: Part, version: int | None) -> dict[str, Any]:
        return {
            "channel": CHANNEL,
            "review": part.review,
            "part": part.name,
            "lease_s": self._settings.post_lease_s,
            "version": version,
        }

    async def _use(self, part: Part, claim: Claim, write: Write) -> tuple[MessageRef | None, bool]:
        """Where it is now, and whether that is recorded: the lease may be lost meanwhile."""
        try:
            if claim.written is None:
                claim = replace(claim, written=await self._write(part, claim, write))
            return await self._record(part, claim)
        except BaseException:
            # The next try, if there is one, need not wait for the end of its own lease. What was
            # sent may have arrived, so it looks before it posts; or it may arrive later.
            is_unsure = claim.is_unsure or claim.written is None
            attempt = max(claim.attempt, 2)
            self._keep(part, replace(claim, attempt=attempt, is_unsure=is_unsure))
            raise

    async def _write(self, part: Part, claim: Claim, write: Write) -> Written:
        try:
            async with asyncio.timeout_at(claim.until_s):
                return await write(claim)
        except TimeoutError:
            raise UnavailableError(
                f"Slack did not take {part.name} of {part.review} in time", remedy="try again"
            ) from None

    async def _record(self, part: Part, claim: Claim) -> tuple[MessageRef | None, bool]:
        assert claim.written is not None
        ref, version, found_older = claim.written
        is_unsettled = claim.is_unsure and part.name == CARD
        recorded = {
            "claim": claim.token,
            "message_ref": NOT_SHOWN if ref is None else str(ref),
            "version": version,
            "found_older": found_older,
        }
        if is_unsettled:
            recorded["look_again_s"] = self._settings.settle_after_s
        try:
            await self._kernel.call("record_post", recorded, key=f"record-{claim.token}")
        except (ConflictError, LeaseLostError, NotFoundError, InvalidStateError) as error:
            _log.warning("claim_lost", review=part.review, part=part.name, reason=error.message)
            return ref, False
        if is_unsettled:
            self.unsettled.set()
        return ref, True

    async def post(self, part: Part, message: Message, claim: Claim) -> MessageRef:
        """The one message of the part: found where it was posted before, else posted."""
        must_look = claim.attempt > 1
        backoff = Backoff(self._settings.retry_min_s, self._settings.retry_max_s)
        while True:
            try:
                if must_look and (found := await self.find(part)) is not None:
                    self._figures.count_post(part.name, "found")
                    return found
                return await self._post_now(part, message)
            except UnavailableError as error:
                _log.warning(
                    "post_unanswered", review=part.review, part=part.name, reason=error.message
                )
                must_look = True
                await backoff.wait()

    async def _post_now(self, part: Part, message: Message) -> MessageRef:
        answer = await self._web.call(
            "chat.postMessage",
            channel=part.channel,
            thread_ts=part.thread_ts,
            metadata=_metadata(part, message),
            **message.arguments(),
        )
        self._figures.count_post(part.name, "posted")
        _log.info("posted", review=part.review, part=part.name, channel=answer["channel"])
        return MessageRef(answer["channel"], answer["ts"])

    async def update(self, part: Part, ref: MessageRef, message: Message) -> None:
        """Have a posted message show something else; one that somebody deleted stays deleted."""
        try:
            await self._web.call(
                "chat.update",
                channel=ref.channel,
                ts=ref.ts,
                metadata=_metadata(part, message),
                **message.update_arguments(),
            )
        except SlackRefusedError as error:
            if error.error not in _GONE:
                raise
            _log.warning("message_gone", review=part.review, part=part.name, reason=error.error)
            return
        self._figures.count_post(part.name, "updated")

    async def shows(self, part: Part, ref: MessageRef, message: Message) -> bool | None:
        """Whether Slack shows `message` there; None where it does not say."""
        try:
            page = await self._web.call(
                "conversations.history",
                channel=ref.channel,
                oldest=ref.ts,
                latest=ref.ts,
                inclusive=True,
                include_all_metadata=True,
                limit=1,
            )
        except ToolError as error:
            _log.info("post_not_read", review=part.review, part=part.name, reason=error.message)
            return None
        for each in page.get("messages", ()):
            if each.get("ts") == ref.ts:
                return bool(_payload(each).get("digest") == message.digest)
        return None

    async def find(self, part: Part) -> MessageRef | None:
        """The message of a part that is in the channel, though nobody recorded it."""
        cursor: str | None = None
        for _ in range(HISTORY_PAGES):
            page = await self._page(part, cursor)
            for message in page.get("messages", ()):
                # Others may write the same metadata: theirs would stand in the place of the card.
                if message.get("bot_id") == self._bot_id and _shows(message, part):
                    return MessageRef(part.channel, message["ts"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or None
            if cursor is None:
                break
        return None

    async def _page(self, part: Part, cursor: str | None) -> dict[str, Any]:
        method = "conversations.history" if part.thread_ts is None else "conversations.replies"
        return await self._web.call(
            method,
            channel=part.channel,
            ts=part.thread_ts,
            oldest=f"{part.since_s:.6f}" if part.since_s else None,
            include_all_metadata=True,
            limit=200,
            cursor=cursor,
        )


def _is_current(post: Mapping[str, Any], version: int | None) -> bool:
    return version is None or (post["version"] is not None and post["version"] >= version)


def _shows(message: Mapping[str, Any], part: Part) -> bool:
    payload = _payload(message)
    return bool(payload.get("review") == part.review and payload.get("part") == part.name)


def _payload(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a bot of ours wrote into the metadata of a message."""
    metadata = message.get("metadata") or {}
    is_ours = metadata.get("event_type") == METADATA_EVENT_TYPE
    return (metadata.get("event_payload") or {}) if is_ours else {}


def _metadata(part: Part, message: Message) -> dict[str, Any]:
    digest = message.digest if part.name == CARD else None
    return message_metadata(part.review, part.name, digest)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
