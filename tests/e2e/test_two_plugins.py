"""Governance and memory in one kernel: what a worker notes belongs to its work order (issue 2)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentos import Settings
from tests.agentos_governance.lifecycle import Office, open_office

pytestmark = pytest.mark.anyio

BOTH: dict[str, Any] = {"plugins": ("governance", "memory")}
NOTE = {"title": "The pool leaks", "body": "Seen after a timeout.", "kind": "discovery"}


async def _note(office: Office, who: str, **changes: Any) -> dict[str, Any]:
    made = await office.call(who, "create_observation", **(NOTE | changes))
    observation: dict[str, Any] = made["observation"]
    return observation


async def _packet(office: Office, who: str, order: str) -> dict[str, Any]:
    answer = await office.call(who, "get_resume_packet", work_order=order)
    packet: dict[str, Any] = json.loads(answer["packet"])
    return packet


async def test_the_next_worker_is_told_what_the_last_one_noted(settings: Settings) -> None:
    async with open_office(settings, **BOTH) as office:
        order = await office.create()
        await office.claim("w1", order)
        first = await _note(office, "w1")
        second = await _note(office, "w1", title="It is the retry", supersedes=first["id"])
        assert first["work_order"] == order
        assert await office.expire() == 1
        claim = await office.claim("w2", order)
        packet = json.loads(claim["resume_packet"]["packet"])
        assert packet["observations"] == [
            {
                "observation": first["id"],
                "title": "The pool leaks",
                "kind": "discovery",
                "supersedes": None,
            },
            {
                "observation": second["id"],
                "title": "It is the retry",
                "kind": "discovery",
                "supersedes": first["id"],
            },
        ]
        assert packet["events"]["unknown"] == 0
        found = await office.call("w2", "search_observations", query="pool", work_order=order)
        assert [hit["id"] for hit in found["hits"]] == [second["id"]]
        report = await office.call("planner", "get_work_report", work_order=order)
        noted = report["grounding"]["facts"]["observations"]
        assert [(each["observation"], each["worker"]) for each in noted] == [
            (first["id"], "w1"),
            (second["id"], "w1"),
        ]
        await office.assert_consistent()


async def test_a_worker_that_lost_its_lease_notes_nothing_under_the_work_order(
    settings: Settings,
) -> None:
    async with open_office(settings, **BOTH) as office:
        order = await office.create()
        await office.claim("w1", order)
        assert await office.expire() == 1
        await office.claim("w2", order)
        refused = await office.dispatch("w1", "create_observation", NOTE, under=order)
        assert refused.error_code == "lease_lost"
        assert await office.events(type="observation.recorded") == []
        await _note(office, "w2")
        [noted] = await office.events(type="observation.recorded")
        assert (noted["stream"], noted["actor"]) == (f"work_order/{order}", "w2")


async def test_what_is_noted_without_a_work_order_belongs_to_none(settings: Settings) -> None:
    async with open_office(settings, **BOTH) as office:
        order = await office.create()
        assert (await _note(office, "w1"))["work_order"] is None
        await office.claim("w2", order)
        assert (await _packet(office, "w2", order))["observations"] == []


async def test_a_contract_that_does_not_allow_notes_refuses_them(settings: Settings) -> None:
    async with open_office(settings, **BOTH) as office:
        order = await office.create(contract={"allowed_tools": ["search_*"]})
        await office.claim("w1", order)
        error = await office.refuse("w1", "create_observation", **NOTE)
        assert (error["code"], error["rule"]) == ("call_refused", "allowed_tools")
        found = await office.call("w1", "search_observations", query="pool")
        assert found["hits"] == []
