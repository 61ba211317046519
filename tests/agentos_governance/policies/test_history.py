"""Rules over what happened before under the same work order (issue 3: sequences)."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos import Settings
from tests.agentos_governance.policies.offices import check, held, open_governed
from tests.agentos_governance.repositories import make_repository

pytestmark = pytest.mark.anyio


async def test_no_write_before_a_search_since_the_claim(settings: Settings, tmp_path: Path) -> None:
    repo = make_repository(tmp_path / "repo")
    policy = "look-first: DENY write IF NOT happened(show_file) SINCE claim"
    async with open_governed(settings, policy) as office:
        order = await held(office, repo=repo)
        for _ in range(2):
            error = await office.refuse("w1", "edit_file", path="src/app.py")
            assert error["rule"] == "organisation:look-first (line 1)"
        await office.call("w1", "show_file")
        await office.call("w1", "edit_file", path="src/app.py")
        await office.call("w1", "stand_down", work_order=order, reason="tired")
        await office.claim("w2", order)
        assert await office.code("w2", "edit_file", path="src/app.py") == "call_refused"
        await office.call("w2", "show_file")
        await office.call("w2", "edit_file", path="src/app.py")


async def test_another_work_order_s_history_does_not_count(settings: Settings) -> None:
    policy = 'DENY write_note IF NOT happened("read_*") SINCE creation'
    async with open_governed(settings, policy) as office:
        await held(office)
        await held(office, who="w2")
        await office.call("w1", "read_note")
        await office.call("w1", "write_note", text="x")
        assert await office.code("w2", "write_note", text="x") == "call_refused"


async def test_counts_forget_what_is_older_than_their_duration(settings: Settings) -> None:
    policy = "busy: DENY write_note IF count(write_note) SINCE 60s >= 2"
    async with open_governed(settings, policy) as office:
        await held(office, contract={"lease_ttl_s": 3600})
        await office.call("w1", "write_note", text="x")
        office.clock.advance(30)
        await office.call("w1", "write_note", text="x")
        error = await office.refuse("w1", "write_note", text="x")
        assert error["rule"] == "organisation:busy (line 1)"
        office.clock.advance(30)
        await office.call("w1", "write_note", text="x")


async def test_refused_calls_are_not_history(settings: Settings) -> None:
    policy = (
        'DENY write_note IF count(write_note) SINCE claim >= 1\nDENY write_note IF role != "worker"'
    )
    async with open_governed(settings, policy) as office:
        await held(office, contract={"forbidden_actions": ["show_file"]})
        await office.refuse("w1", "show_file")
        await office.call("w1", "write_note", text="x")
        for _ in range(2):
            await office.refuse("w1", "write_note", text="x")


async def test_allowed_actions_are_history_and_their_own_question_is_not(
    settings: Settings, tmp_path: Path
) -> None:
    repo = make_repository(tmp_path / "repo")
    policy = (
        "DENY execute IF NOT happened(read) SINCE claim\n"
        "DENY write IF NOT happened(execute) SINCE claim\n"
        "DENY network IF NOT happened(write) SINCE claim\n"
    )
    async with open_governed(settings, policy) as office:
        await held(office, repo=repo)
        assert (await check(office, "Bash", command="ls"))["verdict"] == "deny"
        await check(office, "Read", paths=["src/app.py"])
        assert (await check(office, "Edit", paths=["src/app.py"]))["verdict"] == "deny"
        assert (await check(office, "Bash", command="ls"))["verdict"] == "allow"
        assert (await check(office, "WebFetch"))["verdict"] == "deny"
        assert (await check(office, "Edit", paths=["src/app.py"]))["verdict"] == "allow"
        assert (await check(office, "WebFetch"))["verdict"] == "allow"


async def test_the_call_itself_is_not_its_own_history(settings: Settings) -> None:
    policy = "DENY read_note IF happened(read_note) SINCE claim"
    async with open_governed(settings, policy) as office:
        await held(office)
        await office.call("w1", "read_note")
        assert await office.code("w1", "read_note") == "call_refused"


async def test_money_time_and_attempt_are_facts(settings: Settings) -> None:
    policy = (
        "broke: DENY write_note IF spent_usd >= 0.5 OR budget_usd > 2\n"
        'late: DENY show_file IF hour >= 10 OR weekday != "sunday"\n'
        "again: DENY read_note IF attempt > 1\n"
    )
    async with open_governed(settings, policy) as office:
        order = await held(office, contract={"lease_ttl_s": 7200})
        await office.call("w1", "write_note", text="x")
        await office.usage("w1", order, "r1", cost_usd="0.5")
        error = await office.refuse("w1", "write_note", text="x")
        assert error["rule"] == "organisation:broke (line 1)"
        await office.call("w1", "show_file")
        office.clock.advance(3600)
        assert await office.code("w1", "show_file") == "call_refused"
        await office.call("w1", "read_note")
        await office.call("w1", "stand_down", work_order=order, reason="tired")
        await office.claim("w2", order)
        assert await office.code("w2", "read_note") == "call_refused"


async def test_the_risk_of_a_call_is_a_fact(settings: Settings, tmp_path: Path) -> None:
    repo = make_repository(tmp_path / "repo")
    policy = "calm: ALLOW operation IF risk_score < 0.5"
    async with open_governed(settings, policy) as office:
        await held(office, repo=repo, contract={"allowed_roots": ["."]})
        assert (await check(office, "Bash", command="ls"))["verdict"] == "allow"
        verdict = await check(office, "Bash", command="sudo rm -rf src")
        assert verdict["rule"] == "organisation:default"
