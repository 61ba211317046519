"""A reviewer asks, the worker hears of it wherever it looks, and the answer comes back on the card."""

from __future__ import annotations

import json

import pytest

from agentos import Role, Settings
from tests.agentos_governance.lifecycle import open_office
from tests.agentos_governance.persons.acting import (
    add_person,
    call_for,
    refuse_for,
    waiting_work,
)

pytestmark = pytest.mark.anyio


async def test_a_question_reaches_the_worker_and_its_answer_the_card(settings: Settings) -> None:
    async with open_office(settings, plugins=("governance", "memory")) as office:
        ada = await add_person(office, "Ada")
        waiting = await waiting_work(office)
        order, review = waiting["work_order"], waiting["id"]
        asked = await call_for(office, ada, "ask_about_review", review=review, text="Why no test?")
        found = await office.call("w1", "search_observations", query="Why no test")
        noted = {each["id"]: each for each in found["hits"]}[asked["observation"]]
        assert noted["kind"] == "question" and order in noted["title"]
        packet = await office.call("w1", "get_resume_packet", work_order=order)
        (question,) = json.loads(packet["packet"])["questions"]
        assert (question["text"], question["by"], question["answer"]) == (
            "Why no test?", "Ada", None,
        )  # fmt: skip
        before = await call_for(office, ada, "get_review_card", review=review)
        answered = await office.call(
            "w1", "answer_question", question=asked["question"], text="It is in test_app"
        )
        assert answered["review"] == review
        card = await call_for(office, ada, "get_review_card", review=review)
        (shown,) = card["questions"]
        assert (shown["answer"], shown["answered_by"]) == ("It is in test_app", "w1")
        assert card["version"] == before["version"] + 1 == waiting["version"] + 2
        # The worker that goes on is told with the claim.
        await office.call(
            "reviewer",
            "decide",
            review=review,
            sha256=card["sha256"],
            verdict="request_changes",
            reason="Please add a test",
        )
        claim = await office.claim("w2", order)
        (told,) = json.loads(claim["resume_packet"]["packet"])["questions"]
        assert told["answer"] == "It is in test_app"
        (event,) = await office.events(type="question.answered")
        assert event["data"]["review"] == event["data"]["review_id"] == review
        await office.assert_consistent()


async def test_an_open_question_stands_at_the_start_of_the_workers_session(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        ada = await add_person(office, "Ada")
        order = await office.create()
        await office.claim("w1", order)
        request = {"kind": "approve_plan", "title": "Split it", "text": "First the parser"}
        plan = await office.call("w1", "request_decision", work_order=order, **request)
        asked = await call_for(
            office, ada, "ask_about_review", review=plan["review"], text="And the printer?"
        )
        assert asked["observation"] is None
        context = await office.call("w1", "get_session_context")
        assert f"Ada asks ({asked['question']}): And the printer?" in context["context"]


async def test_only_whoever_works_on_it_answers_and_once(settings: Settings) -> None:
    async with open_office(settings) as office:
        await office.join("agent", Role.WORKER, person="Cy")
        await office.join("cy", Role.REVIEWER, person="Cy")
        ada = await add_person(office, "Ada")
        order = await office.create()
        await office.claim("agent", order)
        await office.submit("agent", order)
        (waiting,) = (await call_for(office, ada, "list_waiting"))["reviews"]
        asked = await call_for(
            office, ada, "ask_about_review", review=waiting["id"], text="Why no test?"
        )
        answer = {"question": asked["question"], "text": "Because"}
        assert await office.code("w2", "answer_question", **answer) == "call_refused"
        assert (await refuse_for(office, ada, "answer_question", **answer))["rule"] == "role:bot"
        await office.call("cy", "answer_question", **answer)
        again = await office.call("cy", "answer_question", **answer)
        assert again["question"] == asked["question"]
        assert await office.code("agent", "answer_question", **answer) == "invalid_state"
        unknown = await office.code("agent", "answer_question", question="QU-0", text="x")
        assert unknown == "not_found"
        assert len(await office.events(type="question.answered")) == 1


async def test_nobody_is_asked_about_what_has_ended_nor_without_end(settings: Settings) -> None:
    async with open_office(settings) as office:
        ada = await add_person(office, "Ada")
        waiting = await waiting_work(office)
        for number in range(20):
            await call_for(
                office, ada, "ask_about_review", review=waiting["id"], text=f"Why {number}?"
            )
        error = await refuse_for(
            office, ada, "ask_about_review", review=waiting["id"], text="Why 21?"
        )
        assert error["code"] == "limit_exceeded"
        await call_for(
            office,
            ada,
            "decide",
            review=waiting["id"],
            sha256=waiting["sha256"],
            verdict="approve",
        )
        ended = await refuse_for(
            office, ada, "ask_about_review", review=waiting["id"], text="Still there?"
        )
        assert ended["code"] == "invalid_state"
