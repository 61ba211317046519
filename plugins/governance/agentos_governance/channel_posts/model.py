"""Posts and cursors of channels as tools answer them.

Above: bots and in-server channels. Below: pydantic.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

Part = Annotated[
    str,
    Field(
        pattern=r"^(card|findings(:[0-9]{1,2})?|(reminder|escalation):[0-9]{1,6}"
        r"|digest:[0-9]{4}-[0-9]{2}-[0-9]{2}:.{1,200}|(question|answer):.{1,60})$",
        max_length=240,
        description="card, findings[:N], reminder:N, escalation:N, digest:DATE:PERSON, question:ID "
        "or answer:ID",
    ),
]
MessageRef = Annotated[
    str, Field(min_length=1, max_length=500, description="Where the channel has it")
]


class PostView(BaseModel):
    """A part of a review in a channel."""

    channel: str
    review: str
    part: str
    message_ref: str | None = Field(description="Null until record_post")
    version: int | None = Field(description="The card's version that was rendered last")
    attempt: int = Field(description="Who claims first is 1; more: somebody died before")
    recorded_at: str | None
    settles_at: str | None = Field(
        default=None,
        description="When it may be claimed although it is current: something older may have arrived "
        "after it",
    )


class ClaimedPost(BaseModel):
    """Whether this caller posts, or renders again, until its lease ends."""

    claimed: bool
    claim: str | None = Field(description="Fencing token for record_post; null where not claimed")
    attempt: int
    lease_expires_at: str | None = Field(description="Of whoever holds the claim")
    is_unsure: bool = Field(
        default=False,
        description="Who claimed before recorded nothing: what they sent may still arrive, so "
        "record_post says look_again_s",
    )
    is_look: bool = Field(
        default=False,
        description="It was recorded with look_again_s: look at what the channel shows, render again "
        "where that is older, and say so in record_post with found_older",
    )
    post: PostView


class RecordedPost(BaseModel):
    """The post as it is recorded now."""

    post: PostView


class UnsettledPost(BaseModel):
    """A part that must be looked at again, and in how many seconds by the server's clock."""

    review: str
    part: str
    message_ref: str
    due_in_s: float


class UnsettledPosts(BaseModel):
    """What may show something older than is recorded, what is due first coming first."""

    posts: list[UnsettledPost]
    truncated: bool


class CursorView(BaseModel):
    """Up to where a channel has read the events; 0 before the first save."""

    channel: str
    position: int
    head: int = Field(description="The newest event; where a first start may begin")
    saved_at: str | None
    saved_by: str | None
