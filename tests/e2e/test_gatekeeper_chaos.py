"""Bots and servers that are killed at any moment lose no review and show none twice (issue 6)."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest

from agentos import Kernel, Role, Settings, open_kernel
from agentos.events.rebuild import check_read_models
from agentos.testing import Caller, caller_as
from agentos.testing.slack import SlackEmulator
from agentos.testing.slack.block_kit.surfaces import texts_of
from agentos_bots.slack.cards import render_card
from agentos_bots.slack.documents import parse_card
from tests.e2e.gatehouse import REVIEWERS, Gatehouse, open_gatehouse, users
from tests.e2e.reviewers import Reviewer, cards, open_cards, review_of

pytestmark = pytest.mark.anyio

SUBMITTED_AT_ONCE = 4
DECIDED_TIMEOUT_S, LAST_TIMEOUT_S = 300.0, 300.0
ROUNDS = "select id, work_order, state from governance.review_round"
ENDINGS = (
    "select data->>'review' as review, type from kernel.event where type in"
    " ('review.decided', 'review.expired', 'review.cancelled', 'review.superseded')"
)
VOTES = """
select r.id, v.person, v.verdict, r.verdict as outcome
  from governance.vote v join governance.review_round r using (work_order, packet_sha256)
"""


async def _kill_and_restart(gatehouse: Gatehouse, number: int, chance: random.Random) -> None:
    """kill -9 a server, a bot, or now and then one of each, and have them back."""
    choices = [(gatehouse.servers,), (gatehouse.bots,), (gatehouse.servers, gatehouse.bots)]
    victims = [chance.choice(programs) for programs in choices[number % len(choices)]]
    await asyncio.gather(*(victim.kill() for victim in victims))
    await asyncio.gather(*(victim.start() for victim in victims))


async def _trouble(slack: SlackEmulator, number: int) -> None:
    """What Slack does now and then, one after the other."""
    match number % 5:
        case 0:
            slack.post_but_lose_answer()
        case 1:
            slack.drop_next_ack()
        case 2:
            slack.rate_limit("chat.update", retry_after_s=1)
        case 3:
            await slack.disconnect()
        case _:
            slack.fail_http("chat.postMessage")


async def _until_decided(slack: SlackEmulator, n: int) -> None:
    def are_decided() -> bool:
        return len(cards(slack)) - len(open_cards(slack)) >= n

    await slack.wait_until(are_decided, DECIDED_TIMEOUT_S)


async def _kill_often(
    gatehouse: Gatehouse, slack: SlackEmulator, n_kills: int, n_reviews: int, chance: random.Random
) -> None:
    """Spread over the whole run: the next ones die when so many more cards are decided."""
    for number in range(n_kills):
        await _until_decided(slack, n_reviews * number // n_kills)
        await _trouble(slack, number)
        # Anywhere in what they do, not only right after a card changed.
        await asyncio.sleep(chance.uniform(0.0, 0.5))
        await _kill_and_restart(gatehouse, number, chance)


async def _submit_all(gatehouse: Gatehouse, n_reviews: int) -> list[str]:
    room = asyncio.Semaphore(SUBMITTED_AT_ONCE)

    async def submit(number: int) -> str:
        async with room:
            return await gatehouse.submit(number, quorum=2 if number % 4 == 0 else 1)

    return list(await asyncio.gather(*(submit(number) for number in range(n_reviews))))


@pytest.mark.parametrize(
    ("n_reviews", "n_kills"),
    [(12, 3), pytest.param(200, 60, marks=pytest.mark.nightly)],
)
async def test_every_review_ends_once_and_shows_it_whoever_is_killed(
    settings: Settings, tmp_path: Path, n_reviews: int, n_kills: int
) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    async with (
        SlackEmulator(users=users(), seed=seed) as slack,
        open_gatehouse(settings, tmp_path, slack) as gatehouse,
    ):
        over = asyncio.Event()
        reviewers = [Reviewer(slack, name, seed) for name in REVIEWERS]
        try:
            async with asyncio.TaskGroup() as tasks:
                for reviewer in reviewers:
                    tasks.create_task(reviewer.run(over))
                killing = tasks.create_task(
                    _kill_often(gatehouse, slack, n_kills, n_reviews, random.Random(seed))
                )
                orders = await _submit_all(gatehouse, n_reviews)
                await killing
                await slack.wait_until(
                    lambda: len(cards(slack)) >= n_reviews and not open_cards(slack),
                    LAST_TIMEOUT_S,
                )
                over.set()
        except BaseException:
            _tell(gatehouse, slack)
            raise
        finally:
            print([dict(reviewer.did) for reviewer in reviewers])
            print({program.name: program.n_killed for program in gatehouse.programs})
        async with open_kernel(gatehouse.settings) as kernel:
            taken = [sent for reviewer in reviewers for sent in reviewer.sent]
            await _check(kernel, slack, set(orders), taken)


async def _check(
    kernel: Kernel, slack: SlackEmulator, orders: set[str], taken: list[tuple[str, str, str]]
) -> None:
    """The log, the read models and Slack agree on one outcome for each review."""
    rounds = await kernel.database.fetch(ROUNDS)
    assert {row["work_order"] for row in rounds} == orders
    assert len(rounds) == len(orders), "something was submitted twice"
    assert {row["state"] for row in rounds} <= {"approved", "rejected"}
    endings = Counter(row["review"] for row in await kernel.database.fetch(ENDINGS))
    assert endings == {row["id"]: 1 for row in rounds}
    votes = await kernel.database.fetch(VOTES)
    assert len(votes) == len({(row["id"], row["person"]) for row in votes})
    recorded = {(row["id"], row["person"], row["verdict"]) for row in votes}
    outcomes = {row["id"]: row["outcome"] for row in votes}
    for review, person, verdict in taken:
        assert (review, person, verdict) in recorded, "a form that was taken was not recorded"
        assert outcomes[review] == verdict, "somebody was told of another outcome than the one"
    assert (await kernel.verify_log()).ok
    assert (await check_read_models(kernel.database, kernel.events, kernel.read_models)).ok
    shown = Counter(review_of(card) for card in cards(slack))
    assert shown == {row["id"]: 1 for row in rounds}
    reader = await caller_as(kernel, Role.REVIEWER)
    for card in cards(slack):
        assert card.all_text == await _committed(reader, review_of(card))


async def _committed(reader: Caller, review: str) -> str:
    """The text of a card, made of the committed row alone."""
    message = render_card(parse_card(await reader.ok("get_review_card", review=review)))
    return "\n".join([message.text, *texts_of(list(message.blocks))])


def _tell(gatehouse: Gatehouse, slack: SlackEmulator) -> None:
    """What is needed to understand a failure; pytest shows it then."""
    shown = Counter(review_of(card) for card in cards(slack))
    print(f"posted twice: {[review for review, n in shown.items() if n > 1]}")
    print(f"still open: {[review_of(card) for card in open_cards(slack)]}")
    for program in gatehouse.programs:
        print(f"--- {program.name}, killed {program.n_killed} times")
        print("\n".join(list(program.lines)[-40:]))
