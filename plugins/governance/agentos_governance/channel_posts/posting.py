"""Posting each part of a review once in a channel, whoever of several bots comes first, and dies.

Above: the tools that bots call. Below: `sql/channel_posts.sql`. A claim is a lease with a fencing
token: whoever comes after a dead claimant has a higher attempt, and looks in the channel's history for
the message before it posts another one. The lease also keeps two from rendering at once.

A channel may carry out an update after its bot gave up on it, over a newer one. Whoever records a
post while such an update may be under way says so; then what the channel shows is looked at again, though
it is current, by whichever bot is there, until it has agreed for long enough (`looks`). Leases and pauses
are measured by the server's clock alone.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from agentos import (
    ConflictError,
    InvalidArgumentError,
    NotFoundError,
    Queries,
    ToolCall,
    format_time,
    new_id,
)
from agentos_governance.channel_posts.looks import Looks, looks_of
from agentos_governance.channel_posts.model import (
    ClaimedPost,
    CursorView,
    PostView,
    RecordedPost,
    UnsettledPost,
    UnsettledPosts,
)
from agentos_governance.review_cards.subjects import find_subject

DIGEST = "digest"
"""The subject of digests, which are about no single review."""
MAX_UNSETTLED = 500
_CLAIM_CHARS = 16

sql = Queries("agentos_governance", "sql/channel_posts.sql")


async def claim_post(
    call: ToolCall,
    channel: str,
    review: str,
    part: str,
    lease_s: int,
    version: int | None,
    *,
    again: bool = False,
) -> ClaimedPost:
    """Whether the caller posts the part, or renders it again, until its lease ends.

    Not where somebody else's lease lives, nor where it is posted and `version` is not newer than what
    was rendered, unless it is to be rendered `again` in any case.
    """
    is_digest = part.startswith(f"{DIGEST}:")
    if is_digest != (review == DIGEST):
        raise InvalidArgumentError(f"digests, and only they, have the review {DIGEST!r}")
    if not is_digest:
        await find_subject(call.kernel.database, review)
    transaction, key = await call.begin(), (channel, review, part)
    await transaction.execute(sql.ensure_post, *key)
    row = await transaction.fetch_row(sql.lock_post, *key)
    assert row is not None
    if _is_free(row, call.now(), version, again=again):
        ends = call.now() + timedelta(seconds=lease_s)
        claim = new_id("CP", _CLAIM_CHARS)
        is_unsure = row["claim"] is not None
        now = call.now()
        await transaction.execute(sql.set_claim, *key, claim, call.principal.name, ends, now)
        row = await transaction.fetch_row(sql.lock_post, *key)
        assert row is not None
        return _claimed(row, claim, is_unsure=is_unsure)
    return _claimed(row, None)


async def record_post(
    call: ToolCall,
    claim: str,
    message_ref: str,
    version: int,
    look_again_s: int | None,
    *,
    found_older: bool = False,
) -> RecordedPost:
    """Say where the part is posted, and which version; ConflictError for a claim that is over.

    With `look_again_s` it may be claimed after so long though nothing is newer, and then again, as
    `looks` says. `found_older` is what a look found, and has mended. A claim that was overtaken is
    refused: whoever came after it has posted, or will. One whose lease ended, but that nobody overtook,
    is still good.
    """
    transaction = await call.begin()
    row = await transaction.fetch_row(sql.lock_claim, claim)
    if row is None:
        known = await transaction.fetch_row(sql.find_recorded, message_ref, version)
        if known is not None and known["last_claim"] == claim:
            return RecordedPost(post=_view(known))
        raise ConflictError(
            f"the claim {claim} is over: somebody else took the post, or it was recorded",
            remedy="claim_post again; it says where the message is",
        )
    if row["message_ref"] not in (None, message_ref):
        raise ConflictError(
            f"{row['subject']} {row['part']} is posted as {row['message_ref']} already",
            remedy="take the other message away, and update this one",
        )
    key = (row["channel"], row["subject"], row["part"])
    newest = max(version, row["rendered_version"] or 0)
    looks = _looks_after(row, call.now(), look_again_s, found_older=found_older)
    await transaction.execute(
        sql.set_recorded, *key, message_ref, newest, call.now(), claim,
        looks.at, looks.n_done, looks.pause_s,
    )  # fmt: skip
    stored = await transaction.fetch_row(sql.lock_post, *key)
    return RecordedPost(post=_view(stored))


async def list_unsettled_posts(call: ToolCall, channel: str) -> UnsettledPosts:
    """The posts to look at again: those recorded so, and those whose claimant was not heard of."""
    now = call.now()
    rows = await call.kernel.database.fetch(sql.list_unsettled, channel, now, MAX_UNSETTLED + 1)
    posts = [
        UnsettledPost(
            review=row["subject"],
            part=row["part"],
            message_ref=row["message_ref"],
            due_in_s=max(0.0, (row["due_at"] - now).total_seconds()),
        )
        for row in rows[:MAX_UNSETTLED]
    ]
    return UnsettledPosts(posts=posts, truncated=len(rows) > MAX_UNSETTLED)


async def get_cursor(call: ToolCall, channel: str) -> CursorView:
    """How far a channel has read the events."""
    head = await call.kernel.database.fetch_value(sql.last_position)
    row = await call.kernel.database.fetch_row(sql.get_cursor, channel)
    if row is None:
        return CursorView(channel=channel, position=0, head=head, saved_at=None, saved_by=None)
    return _cursor(row, head)


async def save_cursor(call: ToolCall, channel: str, position: int) -> CursorView:
    """Move the cursor on; never back, so that a slow bot does not make others read again."""
    transaction = await call.begin()
    last = await transaction.fetch_value(sql.last_position)
    if position > last:
        raise InvalidArgumentError(f"there is no event {position} yet; the last is {last}")
    row = await transaction.fetch_row(
        sql.save_cursor, channel, position, call.now(), call.principal.name
    )
    return _cursor(row, last)


async def find_post(call: ToolCall, channel: str, review: str, part: str) -> PostView:
    """Where a part is; NotFoundError where nobody ever claimed it."""
    row = await call.kernel.database.fetch_row(sql.get_post, channel, review, part)
    if row is None:
        raise NotFoundError(f"{part} of {review} was never posted in {channel}")
    return _view(row)


def _is_free(row: Any, now: datetime, version: int | None, *, again: bool) -> bool:
    if row["claim"] is not None and row["lease_expires_at"] > now:
        return False
    if row["message_ref"] is None or again:
        return True
    if version is None:
        return False
    is_unsettled = row["claim"] is not None or (
        row["settles_at"] is not None and row["settles_at"] <= now
    )
    return bool(version > row["rendered_version"] or is_unsettled)


def _looks_after(row: Any, now: datetime, look_again_s: int | None, *, found_older: bool) -> Looks:
    looks = looks_of(row)
    if look_again_s is not None:
        return looks.begun(now, look_again_s)
    return looks.done(now, found_older=found_older) if row["is_look"] else looks


def _claimed(row: Any, claim: str | None, *, is_unsure: bool = False) -> ClaimedPost:
    ends = row["lease_expires_at"]
    return ClaimedPost(
        claimed=claim is not None,
        claim=claim,
        attempt=row["attempt"],
        lease_expires_at=None if ends is None else format_time(ends),
        is_unsure=is_unsure,
        is_look=claim is not None and row["is_look"],
        post=_view(row),
    )


def _view(row: Any) -> PostView:
    recorded_at = row["recorded_at"]
    return PostView(
        channel=row["channel"],
        review=row["subject"],
        part=row["part"],
        message_ref=row["message_ref"],
        version=row["rendered_version"],
        attempt=row["attempt"],
        recorded_at=None if recorded_at is None else format_time(recorded_at),
        settles_at=None if row["settles_at"] is None else format_time(row["settles_at"]),
    )


def _cursor(row: Any, head: int) -> CursorView:
    return CursorView(
        channel=row["channel"],
        position=row["position"],
        head=head,
        saved_at=format_time(row["saved_at"]),
        saved_by=row["saved_by"],
    )
