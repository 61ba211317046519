"""What channels keep on the server: who posts what, and how far they have read."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from agentos import ToolCall, tool
from agentos_governance.authority.roles import CHANNEL_POSTS, WORK_ORDERS
from agentos_governance.channel_posts import posting
from agentos_governance.channel_posts.model import (
    ClaimedPost,
    CursorView,
    MessageRef,
    Part,
    PostView,
    RecordedPost,
    UnsettledPosts,
)
from agentos_governance.persons.model import Channel

Subject = Annotated[
    str,
    Field(min_length=1, max_length=60, description='Review id; "digest" for the part digest:…'),
]
MAX_POSITION = 2**63 - 1


@tool(reads=[WORK_ORDERS], writes=[CHANNEL_POSTS], profiles=["bot"])
async def claim_post(
    call: ToolCall,
    channel: Channel,
    review: Subject,
    part: Part,
    lease_s: Annotated[int, Field(ge=1, le=600)] = 30,
    version: Annotated[
        int | None, Field(ge=1, description="Render again where what is posted is older")
    ] = None,
    again: Annotated[
        bool,
        Field(description="Render what is posted again in any case: what it is shown on changed"),
    ] = False,
) -> ClaimedPost:
    """Ask to be the only one who posts, or updates, a part of a review in a channel; for its bot.

    Once claimed, post and record_post before the lease ends. After `attempt` 1, first look in the
    channel's history for the message of whoever claimed before.
    """
    return await posting.claim_post(call, channel, review, part, lease_s, version, again=again)


@tool(reads=[WORK_ORDERS], writes=[CHANNEL_POSTS], profiles=["bot"])
async def record_post(
    call: ToolCall,
    claim: Annotated[str, Field(min_length=1, max_length=60)],
    message_ref: MessageRef,
    version: Annotated[int, Field(ge=1, description="Of the card, as rendered")],
    look_again_s: Annotated[
        int | None,
        Field(
            ge=1,
            le=3_600,
            description="An older update may still arrive: look at it after so long, and then again",
        ),
    ] = None,
    found_older: Annotated[
        bool, Field(description="Of a claim that is_look: the channel showed something older")
    ] = False,
) -> RecordedPost:
    """Say where a claimed part is posted and what it shows. Refuses a claim that was overtaken."""
    return await posting.record_post(
        call, claim, message_ref, version, look_again_s, found_older=found_older
    )


@tool(reads=[WORK_ORDERS], profiles=["bot"])
async def list_unsettled_posts(call: ToolCall, channel: Channel) -> UnsettledPosts:
    """List the posts that may show something older than is recorded, to look at them again.

    claim_post admits that with their `version` once they are due, and after a claimant that died.
    """
    return await posting.list_unsettled_posts(call, channel)


@tool(reads=[WORK_ORDERS], profiles=["bot"])
async def get_post(call: ToolCall, channel: Channel, review: Subject, part: Part) -> PostView:
    """Where a part of a review is posted."""
    return await posting.find_post(call, channel, review, part)


@tool(reads=[WORK_ORDERS], profiles=["bot"])
async def get_cursor(call: ToolCall, channel: Channel) -> CursorView:
    """How far a channel's bot has read the events."""
    return await posting.get_cursor(call, channel)


@tool(reads=[WORK_ORDERS], writes=[CHANNEL_POSTS], idempotent=True, profiles=["bot"])
async def save_cursor(
    call: ToolCall,
    channel: Channel,
    position: Annotated[int, Field(ge=0, le=MAX_POSITION)],
) -> CursorView:
    """Say how far a channel's bot has read the events; the cursor never goes back."""
    return await posting.save_cursor(call, channel, position)
