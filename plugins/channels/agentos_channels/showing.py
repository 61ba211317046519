"""Shows a review in a channel as it is now: posted once, whoever comes first and dies.

Above: following. Below: the channel, and the tools that keep claims. A claim is a lease; whoever
comes after a dead claimant looks in the channel's history before it posts. An update that was given up
may be carried out late, over a newer one: the record then says that the post must be looked at again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agentos import ReviewChannel, UnavailableError
from agentos_channels.bot import ChannelBot, ChannelError

CARD = "card"
LEASE_S = 60
LOOK_AGAIN_S = 60
"""How long after an update without an answer is looked for the first time at what is shown."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Where a card is."""

    reference: str
    found_older: bool | None
    """Whether something else was shown before; None where the channel cannot tell."""


@dataclass(slots=True)
class InHand:
    """What this process has begun in one channel."""

    claims: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """What it has claimed and not recorded yet, by review."""
    unsettled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set with each post that is to be looked at again."""


class PostInHandError(UnavailableError):
    """Somebody else renders the post at this moment, and perhaps an older version."""


async def show(
    channel: ReviewChannel, bot: ChannelBot, review: str, in_hand: InHand, *, again: bool = False
) -> bool:
    """Post the card, or render it again where what is posted is older; whether it is shown here.

    `again` renders what is posted in any case, since the channel's own things have changed. Try again
    with the same `in_hand` after trouble: a claim is good until its lease ends. Raises
    UnavailableError for what may work later, PostInHandError among them.
    """
    card = await _card(bot, review)
    if card is None or not await _concerns(channel, bot, card):
        return False
    claimed = _living(in_hand, review, bot.kernel.clock.now())
    is_second = claimed is not None
    claimed = claimed or await _claim(channel, bot, card, again=again)
    if not claimed["claimed"]:
        if again or (claimed["post"]["version"] or 0) < card["version"]:
            raise PostInHandError(f"{review} is being shown in {channel.name} by another process")
        return True
    in_hand.claims[review] = claimed
    looks = is_second or claimed["attempt"] > 1
    shown = await _render(channel, card, claimed["post"]["message_ref"], looks=looks)
    if shown is not None:
        is_unsure = is_second or claimed["is_unsure"]
        await _record(bot, claimed, shown, card["version"], in_hand, is_unsure=is_unsure)
    del in_hand.claims[review]
    return shown is not None


async def is_posted(channel: ReviewChannel, bot: ChannelBot, review: str) -> bool:
    """Whether there is something to render again."""
    post = await _post_of(channel, bot, review)
    return post is not None and post["message_ref"] is not None


async def _claim(
    channel: ReviewChannel, bot: ChannelBot, card: Mapping[str, Any], *, again: bool
) -> Mapping[str, Any]:
    return await bot.call(
        "claim_post",
        channel=channel.name,
        review=card["id"],
        part=CARD,
        lease_s=LEASE_S,
        version=card["version"],
        again=again,
    )


def _living(in_hand: InHand, review: str, now: datetime) -> Mapping[str, Any] | None:
    """The claim that this process still holds, or None."""
    claimed = in_hand.claims.get(review)
    if claimed is None:
        return None
    if datetime.fromisoformat(claimed["lease_expires_at"]) > now:
        return claimed
    del in_hand.claims[review]
    return None


async def _record(
    bot: ChannelBot,
    claimed: Mapping[str, Any],
    shown: Shown,
    version: int,
    in_hand: InHand,
    *,
    is_unsure: bool,
) -> None:
    recorded = {
        "claim": claimed["claim"],
        "message_ref": shown.reference,
        "version": version,
        "found_older": bool(claimed["is_look"] and shown.found_older),
    }
    # What the channel cannot tell, nobody can look at.
    is_unsettled = is_unsure and shown.found_older is not None
    if is_unsettled:
        recorded["look_again_s"] = LOOK_AGAIN_S
    await bot.call("record_post", **recorded)
    if is_unsettled:
        in_hand.unsettled.set()


async def _concerns(channel: ReviewChannel, bot: ChannelBot, card: Mapping[str, Any]) -> bool:
    """Whether the card is, or may be, shown here: an ended one only where somebody claimed it."""
    if card["state"] == "open" and await channel.find_place(card) is not None:
        return True
    return await _post_of(channel, bot, card["id"]) is not None


async def _render(
    channel: ReviewChannel, card: Mapping[str, Any], reference: str | None, *, looks: bool
) -> Shown | None:
    """Where the card is then; None for what ended before anybody saw it here."""
    place = await channel.find_place(card) if reference is None else None
    if place is not None and looks:
        reference = await channel.find_posted(card, place)
    if reference is not None:
        return Shown(reference, await channel.update(card, reference))
    is_asked = card["state"] == "open" and place is not None
    return Shown(await channel.post(card, str(place)), None) if is_asked else None


async def _post_of(
    channel: ReviewChannel, bot: ChannelBot, review: str
) -> Mapping[str, Any] | None:
    """What is known of the card's message; None where nobody ever claimed it."""
    try:
        return await bot.call("get_post", channel=channel.name, review=review, part=CARD)
    except ChannelError as error:
        if error.code == "not_found":
            return None
        raise


async def _card(bot: ChannelBot, review: str) -> Mapping[str, Any] | None:
    try:
        return await bot.call("get_review_card", review=review)
    except ChannelError as error:
        if error.code == "not_found":
            return None
        raise
