"""Two bots whose clocks are an hour apart post nothing twice, and neither breaks the other's lease.

Whether a lease is over the server says; a bot measures only how long it has taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentos.testing.slack import SlackEmulator
from tests.agentos_bots.slack.gatehouse import Gatehouse, posted
from tests.agentos_bots.slack.processes import (
    Crashing,
    Forks,
    killed_at_the_end,
    open_forks,
    start_bot,
)

pytestmark = pytest.mark.anyio

HOUR_S = 3_600.0


@pytest.fixture
async def forks(tmp_path: Path) -> AsyncIterator[Forks]:
    """What starts bots."""
    async with open_forks(tmp_path) as forks:
        yield forks


async def _bot(gatehouse: Gatehouse, slack: SlackEmulator, forks: Forks, skew_s: float) -> Crashing:
    token = gatehouse.office.tokens["bot"]
    return await start_bot(
        forks, slack, "socket", gatehouse.url, token, skew_s=skew_s, post_lease_s=30
    )


@pytest.mark.nightly
@pytest.mark.parametrize(("holder_s", "other_s"), [(0.0, HOUR_S), (HOUR_S, 0.0)])
async def test_a_bot_an_hour_ahead_or_behind_waits_for_the_lease_of_the_other(
    gatehouse: Gatehouse,
    slack: SlackEmulator,
    forks: Forks,
    holder_s: float,
    other_s: float,
) -> None:
    async with (
        killed_at_the_end(await _bot(gatehouse, slack, forks, holder_s)) as holder,
        slack.hold("chat.postMessage", first=1) as held,
    ):
        works = [await gatehouse.submit("Held")]
        await held.arrived()
        async with killed_at_the_end(await _bot(gatehouse, slack, forks, other_s)) as other:
            # It finds the review that the other one is posting, and everything that comes later.
            works += [await gatehouse.submit(f"Work {n}") for n in range(3)]
            for work in works[1:]:
                await posted(slack, work.review)
            await _until_asked_twice(gatehouse, works[0].review)
            named = {"channel": "slack", "review": works[0].review, "part": "card"}
            assert (await gatehouse.office.call("admin", "get_post", **named))["attempt"] == 1
            held.release()
            cards = [await posted(slack, work.review) for work in works]
            for card in cards:
                await slack.click(card, "approve", user="UADA")
            await slack.wait_until(lambda: not any("approve" in card.buttons for card in cards), 60)
            assert "claim_lost" not in "\n".join([*holder.lines, *other.lines])
    assert slack.n_calls("chat.postMessage") == len(works)


async def _until_asked_twice(gatehouse: Gatehouse, review: str) -> None:
    """Until the other bot, too, wanted to post what the first one is posting."""
    wanted = {"review": review, "part": "card"}
    async with asyncio.timeout(60):
        while True:
            admitted = await gatehouse.office.events(type="call.allowed")
            claims = [e["data"] for e in admitted if e["data"].get("tool") == "claim_post"]
            if len([c for c in claims if wanted.items() <= c["arguments"].items()]) > 1:
                return
            await asyncio.sleep(0.02)


@pytest.mark.nightly
async def test_a_bot_an_hour_ahead_takes_what_slack_signs_for_too_old(
    gatehouse: Gatehouse, slack: SlackEmulator, forks: Forks
) -> None:
    token = gatehouse.office.tokens["bot"]
    skewed = start_bot(forks, slack, "http", gatehouse.url, token, skew_s=HOUR_S)
    async with killed_at_the_end(await skewed) as bot:
        status, _ = await slack.deliver_signed(b"payload=%7B%7D")
        assert status == 401
        assert (await bot.said("request_refused"))["reason"]
