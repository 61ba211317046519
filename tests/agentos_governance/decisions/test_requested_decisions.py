"""What running agents ask persons: five kinds, one answer each, and nobody waits.

Required by the issue "Gatekeeper": approve plan, choose option, provide context, authorize action, label
outcome; typed, logged, expiring, answered alike in any channel.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agentos import Role, Settings
from tests.agentos_governance.lifecycle import Office, open_office
from tests.agentos_governance.persons.acting import (
    add_person,
    call_for,
    dispatch_for,
    refuse_for,
)

pytestmark = pytest.mark.anyio

OPTIONS = [
    {"id": "a", "label": "Keep the old API", "detail": "Costs a shim"},
    {"id": "b", "label": "Break it"},
]
REQUESTS: list[dict[str, Any]] = [
    {"kind": "approve_plan", "title": "Split it", "text": "First the parser, then the rest"},
    {"kind": "choose_option", "title": "API", "text": "Which one?", "options": OPTIONS},
    {"kind": "provide_context", "title": "Host", "text": "Where does staging run?"},
    {"kind": "label_outcome", "title": "Run 7", "text": "Was it right?", "options": OPTIONS},
]
ANSWERS: dict[str, dict[str, Any]] = {
    "approve_plan": {"verdict": "approve"},
    "choose_option": {"verdict": "answer", "option": "b"},
    "provide_context": {"verdict": "answer", "text": "On host seven"},
    "label_outcome": {"verdict": "answer", "label": "a"},
}


async def ask(office: Office, who: str = "w1", **fields: Any) -> dict[str, Any]:
    """What an agent is told that asks for a decision."""
    return await office.call(who, "request_decision", **{**REQUESTS[0], **fields})


async def test_each_kind_is_asked_shown_decided_and_told_to_the_agent(settings: Settings) -> None:
    async with open_office(settings) as office:
        ada = await add_person(office, "Ada")
        order = await office.create()
        await office.claim("w1", order)
        for request in REQUESTS:
            kind = request["kind"]
            asked = await office.call("w1", "request_decision", work_order=order, **request)
            waits = await office.call("w1", "get_decision", review=asked["review"])
            assert (waits["state"], waits["outcome"], waits["answer"]) == ("open", None, None)
            card = await call_for(office, ada, "get_review_card", review=asked["review"])
            assert card["kind"] == card["request"]["kind"] == kind
            assert card["sha256"] == asked["sha256"] and card["by"] == "human"
            said = ANSWERS[kind]
            decided = await call_for(
                office, ada, "decide", review=card["id"], sha256=card["sha256"], **said
            )
            assert decided["outcome"] == "approved"
            told = await office.call("w1", "get_decision", review=asked["review"])
            given = {k: v for k, v in said.items() if k != "verdict"}
            shown = {k: v for k, v in (told["answer"] or {}).items() if v is not None}
            assert (told["outcome"], told["by"], shown) == ("approved", "Ada", given)
        packet = (await office.call("w1", "get_resume_packet", work_order=order))["packet"]
        assert '"answer":{"text":"On host seven"}' in packet
        context = await office.call("w1", "get_session_context", work_order=order)
        assert "Host" in context["context"] and "On host seven" in context["context"]
        await office.assert_consistent()


async def test_a_rejection_needs_a_reason_and_reaches_the_agent(settings: Settings) -> None:
    async with open_office(settings) as office:
        ada = await add_person(office, "Ada")
        asked = await ask(office)
        named = {"review": asked["review"], "sha256": asked["sha256"]}
        short = await refuse_for(office, ada, "decide", verdict="reject", reason="no", **named)
        assert short["code"] == "invalid_argument"
        reason = "Start with the tests, please"
        decided = await call_for(
            office, ada, "decide", verdict="request_changes", reason=reason, **named
        )
        assert (decided["outcome"], decided["verdict"]) == ("rejected", "request_changes")
        told = await office.call("w1", "get_decision", review=asked["review"])
        assert (told["outcome"], told["reason"]) == ("rejected", reason)
        late = await refuse_for(office, ada, "decide", verdict="approve", **named)
        assert late["code"] == "invalid_state" and "by Ada" in late["message"]


async def test_of_ten_persons_who_decide_at_once_one_does(settings: Settings) -> None:
    async with open_office(settings) as office:
        people = [await add_person(office, f"Person {n}") for n in range(4)]
        asked = await ask(office, kind="choose_option", options=OPTIONS)

        async def choose(person: str, option: str) -> str | None:
            named = {"review": asked["review"], "sha256": asked["sha256"]}
            result = await dispatch_for(
                office, person, "decide", {"verdict": "answer", "option": option, **named}
            )
            return result.error_code

        codes = await asyncio.gather(
            *(choose(person, "ab"[n % 2]) for n, person in enumerate(people))
        )
        assert sorted(map(str, codes)) == ["None", *["invalid_state"] * 3]
        assert len(await office.events(type="decision.decided")) == 1
        await office.assert_consistent()


async def test_the_same_decision_by_the_same_person_again_is_none(settings: Settings) -> None:
    async with open_office(settings) as office:
        ada = await add_person(office, "Ada")
        asked = await ask(office)
        said = {"review": asked["review"], "sha256": asked["sha256"], "verdict": "approve"}
        first = await call_for(office, ada, "decide", **said)
        again = await call_for(office, ada, "decide", **said)
        assert (first["repeated"], again["repeated"]) == (False, True)
        assert first["version"] == again["version"]
        stale = await refuse_for(office, ada, "decide", **{**said, "sha256": "0" * 64})
        assert stale["code"] == "conflict"


async def test_answers_that_do_not_fit_the_kind_are_refused(settings: Settings) -> None:
    async with open_office(settings) as office:
        ada = await add_person(office, "Ada")
        wrong: list[tuple[int, dict[str, Any]]] = [
            (0, {"verdict": "answer", "text": "fine"}),
            (0, {"verdict": "approve", "option": "a"}),
            (1, {"verdict": "approve"}),
            (1, {"verdict": "answer"}),
            (1, {"verdict": "answer", "option": "c"}),
            (1, {"verdict": "answer", "option": "a", "text": "and more"}),
            (2, {"verdict": "answer", "option": "a"}),
            (2, {"verdict": "request_changes", "reason": "Ask me another thing"}),
            (3, {"verdict": "answer", "label": "z"}),
            (3, {"verdict": "answer", "option": "a"}),
        ]
        asked = [await office.call("w1", "request_decision", **each) for each in REQUESTS]
        for number, said in wrong:
            named = {key: asked[number][key] for key in ("review", "sha256")}
            error = await refuse_for(office, ada, "decide", **named, **said)
            assert error["code"] == "invalid_argument", said
        for bad in (
            {"kind": "choose_option", "options": OPTIONS[:1]},
            {"kind": "choose_option", "options": [OPTIONS[0], OPTIONS[0]]},
            {"kind": "provide_context", "options": OPTIONS},
            {"kind": "approve_plan", "text": "  "},
            {"kind": "authorize_action"},
            {"kind": "approve_plan", "action": {"tool": "Bash", "command": "ls"}},
        ):
            code = await office.code("w1", "request_decision", **{**REQUESTS[0], **bad})
            assert code == "invalid_argument", bad


async def test_only_persons_decide_and_none_their_own_plan(settings: Settings) -> None:
    async with open_office(settings) as office:
        await office.join("agent", Role.WORKER, person="Ada")
        await office.join("persona", Role.REVIEWER)
        ada = await add_person(office, "Ada")
        asked = await ask(office, "agent")
        named = {"review": asked["review"], "sha256": asked["sha256"]}
        assert (await refuse_for(office, ada, "decide", verdict="approve", **named))["rule"] == (
            "four_eyes"
        )
        persona = await office.refuse("persona", "decide", verdict="approve", **named)
        assert persona["rule"] == "review.by"
        assert await office.code("agent", "decide", verdict="approve", **named) == "call_refused"
        # What the agent cannot know, its own person may well tell it.
        asked = await ask(office, "agent", kind="provide_context", text="Where is staging?")
        named = {"review": asked["review"], "sha256": asked["sha256"]}
        told = await call_for(office, ada, "decide", verdict="answer", text="Host 7", **named)
        assert told["outcome"] == "approved"


async def test_nobody_in_time_is_expired_and_no_rejection(settings: Settings) -> None:
    """Required by the trap of the issue: a timeout told as "user denied"."""
    async with open_office(settings) as office:
        ada = await add_person(office, "Ada")
        asked = await ask(office, expires_in_s=60)
        assert asked["expires_at"] == "2026-03-01T09:01:00.000000Z"
        office.clock.advance(60)
        told = await office.call("w1", "get_decision", review=asked["review"])
        assert (told["outcome"], told["by"]) == ("expired", None)
        named = {"review": asked["review"], "sha256": asked["sha256"]}
        late = await refuse_for(office, ada, "decide", verdict="approve", **named)
        assert (late["code"], "expired" in late["message"]) == ("invalid_state", True)
        await office.expire(1)
        (event,) = await office.events(type="decision.expired")
        assert (event["actor"], event["stream"]) == ("system", "decisions/w1")
        told = await office.call("w1", "get_decision", review=asked["review"])
        assert told["reason"] == "nobody decided in time" and "ask again" in told["next_step"]
        assert await office.events(type="decision.decided") == []
        await office.assert_consistent()


async def test_what_was_asked_for_work_that_is_over_is_cancelled(settings: Settings) -> None:
    async with open_office(settings) as office:
        ada = await add_person(office, "Ada")
        order = await office.create()
        await office.claim("w1", order)
        asked = await ask(office, work_order=order)
        await office.call("planner", "cancel_work_order", work_order=order, reason="Not needed")
        named = {"review": asked["review"], "sha256": asked["sha256"]}
        late = await refuse_for(office, ada, "decide", verdict="approve", **named)
        assert late["code"] == "invalid_state" and "cancelled" in late["message"]
        await office.expire(1)
        card = await call_for(office, ada, "get_review_card", review=asked["review"])
        assert card["outcome"] == "cancelled" and order in card["needs"]
        again = await office.code("w1", "request_decision", **REQUESTS[0], work_order=order)
        assert again == "lease_lost"
        await office.assert_consistent()


async def test_an_open_question_is_not_asked_twice_and_twenty_are_enough(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        first = await ask(office)
        assert (await ask(office))["review"] == first["review"]
        assert (await ask(office, "w2"))["review"] != first["review"]
        for number in range(19):
            await ask(office, title=f"Another {number}")
        assert await office.code("w1", "request_decision", **{**REQUESTS[0], "title": "One more"}) == (
            "limit_exceeded"
        )  # fmt: skip


async def test_a_worker_asks_only_for_what_it_holds_and_sees_only_its_own(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        order = await office.create()
        await office.claim("w1", order)
        refused = await office.code("w2", "request_decision", **REQUESTS[0], work_order=order)
        assert refused == "lease_lost"
        asked = await ask(office)
        card = await office.call("w1", "get_review_card", review=asked["review"])
        assert card["work_order"] == order
        for tool in ("get_decision", "get_review_card"):
            assert await office.code("w2", tool, review=asked["review"]) == "not_found"
        assert (await office.call("w2", "list_waiting"))["reviews"] == []
        assert len((await office.call("w1", "list_waiting"))["reviews"]) == 1
        # Whoever goes on with the work order learns what was decided.
        await office.call("w1", "stand_down", work_order=order, reason="Somebody else goes on")
        await office.claim("w2", order)
        assert (await office.call("w2", "get_decision", review=asked["review"]))["state"] == "open"


async def test_an_action_that_policies_ask_about_is_authorised_by_the_same_approval(
    settings: Settings,
) -> None:
    contract = {"constraints": ['ASK execute IF command MATCHES "deploy*"']}
    action = {"tool": "Bash", "command": "deploy staging"}
    async with open_office(settings) as office:
        ada = await add_person(office, "Ada")
        order = await office.create(contract=contract)
        await office.claim("w1", order)
        asked = await ask(office, kind="authorize_action", work_order=order, action=action)
        card = await call_for(office, ada, "get_review_card", review=asked["review"])
        assert card["request"]["arguments"]["command"] == "deploy staging"
        named = {"review": asked["review"], "sha256": card["sha256"]}
        stale = await refuse_for(
            office, ada, "decide", verdict="approve", review=asked["review"], sha256="0" * 64
        )
        assert stale["code"] == "conflict"
        decided = await call_for(office, ada, "decide", verdict="approve", **named)
        assert decided["outcome"] == "approved"
        verdict = await office.call("w1", "check_action", action=action, work_order=order)
        assert verdict["verdict"] == "allow"
        told = await office.call("w1", "get_decision", review=asked["review"])
        assert (told["outcome"], told["by"]) == ("approved", "Ada")
        # What needs nobody, and what is forbidden, is no question for a person.
        harmless = {"tool": "Bash", "command": "ls"}
        free = await office.code(
            "w1",
            "request_decision",
            **{**REQUESTS[0], "kind": "authorize_action", "action": harmless, "work_order": order},
        )
        assert free == "invalid_state"
        await office.assert_consistent()
