"""The card of submitted work, the queue, and deciding by what the card shows.

Required by the issue "Gatekeeper": decide well in thirty seconds, and never about something else than
what was seen; five distinct outcomes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from agentos import Role, Settings
from agentos_governance.review_cards.cards import get_card
from tests.agentos_governance.lifecycle import Office, open_office, sample_repository
from tests.agentos_governance.persons.acting import add_person, call_for, waiting_work

pytestmark = pytest.mark.anyio


async def card_of(office: Office, review: str) -> dict[str, Any]:
    """The card as a reviewer gets it."""
    return await office.call("reviewer", "get_review_card", review=review)


async def submitted_in(office: Office, repo: Path) -> tuple[str, dict[str, Any]]:
    """A work order with one changed file, submitted by w1, and its review's card."""
    contract = {"review": {"quorum": 2, "by": "human"}, "cost_budget_usd": "2.50"}
    order = await office.create("Rename", repo=repo, contract=contract)
    claim = await office.claim("w1", order)
    path = Path(claim["workspace"]["path"]) / "src" / "app.py"
    path.write_text("print('two')\n", encoding="utf-8")
    await office.usage("w1", order, "r1", model="some-model")
    submitted = await office.submit("w1", order)
    assert submitted["state"] == "in_review", submitted
    page = await office.call("reviewer", "list_waiting")
    (waiting,) = [each for each in page["reviews"] if each["work_order"] == order]
    return order, await card_of(office, waiting["id"])


async def test_a_card_of_work_shows_who_did_what_under_which_contract(
    settings: Settings, tmp_path: Path
) -> None:
    async with open_office(settings, review={"link": "https://a.example/r/{review}"}) as office:
        repo = sample_repository(tmp_path)
        order, card = await submitted_in(office, repo)
        assert card["repo"] == str(repo)
        assert (card["kind"], card["state"], card["outcome"]) == ("work", "open", None)
        assert card["work_order"] == order and card["title"] == "Rename"
        (worker,) = card["workers"]
        assert (worker["worker"], worker["model"]) == ("w1", "some-model")
        assert "may write src/" in card["contract_line"] and "2.5 USD" in card["contract_line"]
        assert card["diff"]["paths"] == ["src/app.py"] and card["diff"]["insertions"] == 1
        assert card["cost"] == {"spent_usd": "0.1", "budget_usd": "2.5"}
        assert all(gate["passed"] for gate in card["gates"]) and card["gates"]
        assert (card["quorum"], card["by"]) == (2, "human")
        assert "2 more of 2" in card["needs"]
        assert card["link"] == f"https://a.example/r/{card['id']}"
        view = await office.call("planner", "get_work_order", work_order=order)
        assert card["sha256"] == view["packet_sha256"]
        office.clock.advance(90)
        assert (await card_of(office, card["id"]))["waiting_s"] == 90


async def test_each_vote_shows_on_the_card_and_raises_its_version(settings: Settings) -> None:
    async with open_office(settings) as office:
        ada, ben = await add_person(office, "Ada"), await add_person(office, "Ben")
        waiting = await waiting_work(office, contract={"review": {"quorum": 2}})
        before = await card_of(office, waiting["id"])
        vote = {"review": waiting["id"], "sha256": waiting["sha256"], "verdict": "approve"}
        first = await call_for(office, ada, "decide", **vote)
        between = await card_of(office, waiting["id"])
        assert between["version"] == first["version"] > before["version"]
        assert [each["person"] for each in between["votes"]] == ["Ada"]
        assert first["outcome"] is None and "1 more of 2" in first["needs"]
        repeated = await call_for(office, ada, "decide", **vote)
        assert repeated["version"] == first["version"]
        last = await call_for(office, ben, "decide", reason="Looks right", **vote)
        after = await card_of(office, waiting["id"])
        assert (after["state"], after["outcome"], after["verdict"]) == (
            "ended", "approved", "approve",
        )  # fmt: skip
        assert after["version"] == last["version"] and after["needs"] == "approved by Ben"
        await office.assert_consistent()


async def test_a_decision_about_another_packet_is_refused_and_changes_nothing(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        waiting = await waiting_work(office)
        vote = {"review": waiting["id"], "verdict": "approve"}
        assert await office.code("reviewer", "decide", sha256="0" * 64, **vote) == "conflict"
        assert await office.state(waiting["work_order"]) == "in_review"


async def test_saying_no_needs_ten_characters_of_reason(settings: Settings) -> None:
    async with open_office(settings) as office:
        waiting = await waiting_work(office)
        named = {"review": waiting["id"], "sha256": waiting["sha256"]}
        for verdict in ("reject", "request_changes"):
            for reason in (None, "too short", "   short    "):
                code = await office.code(
                    "reviewer", "decide", verdict=verdict, reason=reason, **named
                )
                assert code == "invalid_argument"
        for wrong in ({"verdict": "answer", "text": "yes"}, {"verdict": "approve", "option": "a"}):
            assert await office.code("reviewer", "decide", **named, **wrong) == "invalid_argument"
        decided = await office.call(
            "reviewer",
            "decide",
            verdict="request_changes",
            reason="Please add a test",
            categories=["tests"],
            **named,
        )
        assert (decided["outcome"], decided["verdict"]) == ("rejected", "request_changes")
        card = await card_of(office, waiting["id"])
        assert card["reason"] == "Please add a test" and "rejected by" in card["needs"]
        assert (
            await office.code("reviewer", "decide", verdict="approve", **named) == "invalid_state"
        )


async def test_of_ten_simultaneous_clicks_of_one_person_one_counts(settings: Settings) -> None:
    """Required by the traps of the issue: a double click is one vote."""
    async with open_office(settings) as office:
        ada = await add_person(office, "Ada")
        waiting = await waiting_work(office, contract={"review": {"quorum": 2}})
        vote = {"review": waiting["id"], "sha256": waiting["sha256"], "verdict": "approve"}
        answers = await asyncio.gather(
            *(call_for(office, ada, "decide", **vote) for _ in range(10))
        )
        assert {each["outcome"] for each in answers} == {None}
        assert len(await office.events(type="work_order.reviewed")) == 1


async def test_an_ended_review_says_in_which_of_five_ways(settings: Settings) -> None:
    async with open_office(settings) as office:
        approved = await waiting_work(office)
        rejected = await waiting_work(office)
        cancelled = await waiting_work(office)
        for waiting, said in (
            (approved, {"verdict": "approve"}),
            (rejected, {"verdict": "reject", "reason": "It is the wrong thing"}),
        ):
            await office.call(
                "reviewer", "decide", review=waiting["id"], sha256=waiting["sha256"], **said
            )
        await office.call(
            "planner",
            "cancel_work_order",
            work_order=cancelled["work_order"],
            reason="No longer needed",
        )
        expired = await waiting_work(office)
        office.clock.advance(8 * 86_400)
        # Also before the sweeper came by.
        card = await card_of(office, expired["id"])
        assert (card["state"], card["outcome"]) == ("ended", "expired")
        assert "nobody decided" in card["needs"] and card["decided_by"] is None
        outcomes = {
            each["id"]: each["outcome"]
            for each in (await office.call("reviewer", "list_waiting", state="ended"))["reviews"]
        }
        assert outcomes == {
            approved["id"]: "approved",
            rejected["id"]: "rejected",
            cancelled["id"]: "cancelled",
            expired["id"]: "expired",
        }
        await office.expire(1)
        assert (await card_of(office, expired["id"]))["outcome"] == "expired"
        await office.assert_consistent()


async def test_the_queue_pages_through_everything_once_oldest_first(settings: Settings) -> None:
    async with open_office(settings) as office:
        made = []
        for _ in range(5):
            made.append((await waiting_work(office))["id"])
            office.clock.advance(1)
        seen: list[str] = []
        cursor = None
        while True:
            page = await office.call("reviewer", "list_waiting", limit=2, cursor=cursor)
            seen += [each["id"] for each in page["reviews"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == made and page["n_open"]["work"] == 5
        newest = await office.call("reviewer", "list_waiting", state="any", limit=1)
        assert newest["reviews"][0]["id"] == made[-1]
        assert await office.code("reviewer", "list_waiting", cursor="x|y") == "invalid_argument"


async def test_my_queue_leaves_out_what_i_made_and_what_i_voted_on(settings: Settings) -> None:
    async with open_office(settings) as office:
        await office.join("agent", Role.WORKER, person="Ada")
        ada, ben = await add_person(office, "Ada"), await add_person(office, "Ben")
        order = await office.create(contract={"review": {"quorum": 2}})
        await office.claim("agent", order)
        packet = (await office.submit("agent", order))["packet_sha256"]
        (waiting,) = (await call_for(office, ben, "list_waiting", mine=True))["reviews"]
        assert waiting["work_order"] == order
        assert (await call_for(office, ada, "list_waiting", mine=True))["reviews"] == []
        await call_for(
            office, ben, "decide", review=waiting["id"], sha256=packet, verdict="approve"
        )
        assert (await call_for(office, ben, "list_waiting", mine=True))["reviews"] == []
        cy = await add_person(office, "Cy", "reviewer", "security")
        office.clock.advance(1)
        named = await waiting_work(office, contract={"review": {"reviewers": ["role:security"]}})
        assert (await call_for(office, ben, "list_waiting", mine=True))["reviews"] == []
        mine = (await call_for(office, cy, "list_waiting", mine=True))["reviews"]
        assert [each["id"] for each in mine] == [waiting["id"], named["id"]]


async def test_the_card_of_an_unknown_review_is_not_found(settings: Settings) -> None:
    async with open_office(settings) as office:
        assert await office.code("reviewer", "get_review_card", review="RV-NOPE") == "not_found"


async def test_what_the_gatekeeper_found_stands_on_the_card_and_needs_an_override(
    settings: Settings, tmp_path: Path
) -> None:
    """The event of a submission is what the card shows, blocking findings first."""
    async with open_office(settings) as office:
        _, card = await submitted_in(office, sample_repository(tmp_path))
        event = (await office.events(type="work_order.submitted"))[0]
        stored = event["data"]["adversarial"]
        assert len(card["findings"]) == len(stored["findings"])
        assert card["dropped_findings"] == stored["n_dropped"]
        severities = [each["severity"] for each in card["findings"]]
        order = ["blocking", "warning", "note"]
        assert severities == sorted(severities, key=order.index)
        assert card["n_blocking"] == severities.count("blocking")
        assert (card["blast_radius"] is None) == (stored["blast_radius"] is None)


class Interrupted:
    """The database, to which something is committed after each read until it happened once."""

    def __init__(self, office: Office, happens: Callable[[], Awaitable[None]]) -> None:
        self._database = office.kernel.database
        self._happens: Callable[[], Awaitable[None]] | None = happens

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def fetch_row(self, *arguments: Any) -> Any:
        row = await self._database.fetch_row(*arguments)
        happens, self._happens = self._happens, None
        if happens is not None:
            await happens()
        return row


async def test_a_card_that_is_read_while_it_is_decided_is_never_newer_than_what_it_says(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        ada = await add_person(office, "Ada")
        waiting = await waiting_work(office)

        async def decide() -> None:
            vote = {"review": waiting["id"], "sha256": waiting["sha256"], "verdict": "approve"}
            await call_for(office, ada, "decide", **vote)

        card = await get_card(office.kernel, Interrupted(office, decide), waiting["id"])
        newest = await card_of(office, waiting["id"])
        assert newest["state"] == "ended"
        assert card.state == "ended" or card.version < newest["version"]
