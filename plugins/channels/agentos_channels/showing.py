"""Shows a review in a channel as it is now: posted once, whoever comes first and dies.

Above: following. Below: the channel, and the tools that keep claims. A claim is a lease; whoever
comes after a dead claimant looks in the channel's history before it posts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

from agentos import ReviewChannel, UnavailableError
from agentos_channels.bot import ChannelBot, ChannelError

CARD = "card"
LEASE_S = 60
Claims: TypeAlias = dict[str, Mapping[str, Any]]
"""What this process has claimed and not recorded yet, by review."""


class PostInHandError(UnavailableError):
    """Somebody else renders the post at this moment, and perhaps an older version."""


async def show(
    channel: ReviewChannel, bot: ChannelBot, review: str, claims: Claims | None = None
) -> None:
    """Post the card, or render it again where what is posted is older.

    Try again with the same `claims` after trouble: a claim is good until its lease ends. Raises
    UnavailableError for what may work later, PostInHandError among them.
    """
    card = await _card(bot, review)
    if card is None:
        return
    if not await _concerns(channel, bot, card):
        return
    version = card["version"]
    claims = {} if claims is None else claims
    claimed = _living(claims, review, bot.kernel.clock.now())
    is_again = claimed is not None
    if claimed is None:
        claimed = await bot.call(
            "claim_post",
            channel=channel.name,
            review=review,
            part=CARD,
            lease_s=LEASE_S,
            version=version,
        )
    if not claimed["claimed"]:
        if (claimed["post"]["version"] or 0) < version:
            raise PostInHandError(f"{review} is being shown in {channel.name} by another process")
        return
    claims[review] = claimed
    looks = is_again or claimed["attempt"] > 1
    reference = await _render(channel, card, claimed["post"]["message_ref"], looks=looks)
    if reference is not None:
        await bot.call(
            "record_post", claim=claimed["claim"], message_ref=reference, version=version
        )
    del claims[review]


def _living(claims: Claims, review: str, now: datetime) -> Mapping[str, Any] | None:
    """The claim that this process still holds, or None."""
    claimed = claims.get(review)
    if claimed is None:
        return None
    if datetime.fromisoformat(claimed["lease_expires_at"]) > now:
        return claimed
    del claims[review]
    return None


async def refresh(channel: ReviewChannel, bot: ChannelBot, review: str) -> bool:
    """Render what is posted again, where the channel's own things have changed; False if nothing is.

    Whoever renders at the same moment renders the same card.
    """
    card, post = await _card(bot, review), await _post_of(channel, bot, review)
    if card is None or post is None or post["message_ref"] is None:
        return False
    await channel.update(card, post["message_ref"])
    return True


async def _concerns(channel: ReviewChannel, bot: ChannelBot, card: Mapping[str, Any]) -> bool:
    """Whether the card is, or may be, shown here: an ended one only where somebody claimed it."""
    if card["state"] == "open" and await channel.find_place(card) is not None:
        return True
    return await _post_of(channel, bot, card["id"]) is not None


async def _render(
    channel: ReviewChannel, card: Mapping[str, Any], reference: str | None, *, looks: bool
) -> str | None:
    """The reference of the message; None for what ended before anybody saw it here."""
    place = await channel.find_place(card) if reference is None else None
    if place is not None and looks:
        reference = await channel.find_posted(card, place)
    if reference is not None:
        await channel.update(card, reference)
        return reference
    is_asked = card["state"] == "open" and place is not None
    return await channel.post(card, str(place)) if is_asked else None


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
