"""LIMITs are counted with the admission: exact from several processes, untouched by refusals."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agentos import Settings
from agentos_governance.policies.simulation import list_shadow_refusals
from tests.agentos_governance.policies.offices import (
    check,
    held,
    last_decision,
    open_governed,
    repository_with_policy,
    write_policy,
)
from tests.agentos_governance.repositories import make_repository

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]


async def _many(office: Any, n: int, tool: str = "read_note", who: str = "w1") -> int:
    """How many of `n` calls at once were allowed; the others were refused by a limit."""
    results = await asyncio.gather(*(office.dispatch(who, tool, {}) for _ in range(n)))
    refused = [each.structured["error"] for each in results if each.is_error]
    assert {error["code"] for error in refused} <= {"call_refused"}, refused
    return n - len(refused)


async def test_of_many_concurrent_calls_exactly_as_many_as_the_limit_are_allowed(
    settings: Settings,
) -> None:
    async with open_governed(settings, "few: LIMIT calls(read_note) TO 7 PER 60s") as office:
        await held(office)
        assert await _many(office, 40) == 7
        error = await office.refuse("w1", "read_note")
        assert error["rule"] == "organisation:few (line 1)"
        assert "limit of 7" in error["message"]
        decision = await last_decision(office, "call.refused", "read_note")
        assert (decision["effect"], decision["limit"]) == ("deny", "organisation:few (line 1)")
        events = await office.events(type="call.allowed")
        assert sum(event["data"]["tool"] == "read_note" for event in events) == 7
        await office.assert_consistent()


async def test_a_window_slides(settings: Settings) -> None:
    async with open_governed(settings, "LIMIT calls(read_note) TO 2 PER 60s") as office:
        await held(office, contract={"lease_ttl_s": 3600})
        assert await _many(office, 1) == 1
        office.clock.advance(40)
        assert await _many(office, 3) == 1
        office.clock.advance(19)
        assert await _many(office, 2) == 0
        office.clock.advance(1)
        assert await _many(office, 3) == 1
        office.clock.advance(39)
        assert await _many(office, 3) == 0
        office.clock.advance(1)
        assert await _many(office, 3) == 1


async def test_a_call_that_something_else_refuses_uses_nothing_up(settings: Settings) -> None:
    policy = (
        'DENY write_note IF role == "worker"\nLIMIT calls(any) TO 2 PER 60s IF capability == "read"'
    )
    contract = {"forbidden_actions": ["show_file"], "cost_budget_usd": "0.1"}
    async with open_governed(settings) as office:
        await held(office, contract=contract)
        write_policy(settings, policy)
        for _ in range(3):
            assert await office.code("w1", "show_file") == "call_refused"
            assert await office.code("w1", "write_note", text="x") == "call_refused"
            assert await office.code("w1", "read_note", nonsense=1) == "invalid_argument"
            assert await office.code("w1", "ask_model", cost="1") == "budget_exceeded"
        assert await _many(office, 5) == 2


async def test_when_one_of_two_limits_is_full_the_other_is_not_counted(settings: Settings) -> None:
    policy = 'two: LIMIT calls("*_note") TO 2 PER 60s\nwrites: LIMIT calls(write_note) TO 1 PER 60s'
    async with open_governed(settings, policy) as office:
        await held(office)
        await office.call("w1", "write_note", text="x")
        for _ in range(3):
            error = await office.refuse("w1", "write_note", text="x")
            assert error["rule"] == "organisation:writes (line 2)"
        await office.call("w1", "read_note")
        error = await office.refuse("w1", "read_note")
        assert error["rule"] == "organisation:two (line 1)"


async def test_a_limit_per_claim_begins_anew_and_one_per_work_order_does_not(
    settings: Settings,
) -> None:
    policy = (
        "a: LIMIT calls(read_note) TO 2 PER claim\nb: LIMIT calls(read_note) TO 3 PER work_order"
    )
    async with open_governed(settings, policy) as office:
        order = await held(office)
        assert await _many(office, 5) == 2
        await office.call("w1", "stand_down", work_order=order, reason="tired")
        await office.claim("w2", order)
        assert await _many(office, 5, who="w2") == 1
        assert (await office.refuse("w2", "read_note"))["rule"] == "organisation:b (line 2)"
        await held(office, who="w1")
        assert await _many(office, 5) == 2


async def test_a_contract_s_limit_counts_its_work_order_and_all_below_it(
    settings: Settings,
) -> None:
    limit = {"constraints": ["few: LIMIT calls(read_note) TO 3 PER work_order"]}
    async with open_governed(settings) as office:
        parent = await office.create(contract=limit)
        await held(office, who="w1", parent=parent)
        await held(office, who="w2", parent=parent)
        await held(office, who="w3", contract=limit)
        assert await _many(office, 2, who="w1") == 2
        assert await _many(office, 4, who="w2") == 1
        assert await _many(office, 4, who="w3") == 3


async def test_an_organisation_s_limit_counts_all_and_a_repository_s_its_own(
    settings: Settings, tmp_path: Path
) -> None:
    repo = repository_with_policy(tmp_path / "repo", "r: LIMIT calls(read_note) TO 3 PER 60s")
    async with open_governed(settings, "o: LIMIT calls(read_note) TO 5 PER 60s") as office:
        await held(office, who="w1", repo=repo)
        await held(office, who="w2", repo=repo)
        await held(office, who="w3", repo=make_repository(tmp_path / "other"))
        assert await _many(office, 2, who="w1") == 2
        assert await _many(office, 4, who="w2") == 1
        assert await _many(office, 4, who="w3") == 2


async def test_actions_are_counted_with_their_answer(settings: Settings, tmp_path: Path) -> None:
    repo = make_repository(tmp_path / "repo")
    async with open_governed(settings, "few: LIMIT calls(Bash) TO 2 PER claim") as office:
        await held(office, repo=repo)
        answers = await asyncio.gather(
            *(check(office, "Bash", command="git status") for _ in range(6))
        )
        verdicts = Counter(answer["verdict"] for answer in answers)
        assert verdicts == {"allow": 2, "deny": 4}
        assert {a["rule"] for a in answers if a["verdict"] == "deny"} == {
            "organisation:few (line 1)"
        }
        assert (await check(office, "Read", paths=["src/app.py"]))["verdict"] == "allow"


async def test_an_approval_is_left_where_a_limit_refuses_the_action_after_all(
    settings: Settings, tmp_path: Path
) -> None:
    """Issue 3: an approval was lost when the limit then refused."""
    policy = 'tags: ASK execute IF command MATCHES "git tag*"\nLIMIT calls(Bash) TO 1 PER 60s'
    repo = make_repository(tmp_path / "repo")
    async with open_governed(settings, policy) as office:
        await held(office, repo=repo, contract={"lease_ttl_s": 3600})
        asked = await check(office, "Bash", command="git tag v1")
        review = asked["review_id"]
        decision = {"review_id": review, "verdict": "approve", "reason": "I looked"}
        await office.call("reviewer", "decide_review", **decision)
        assert (await check(office, "Bash", command="git status"))["verdict"] == "allow"

        refused = await check(office, "Bash", command="git tag v1")
        assert (refused["verdict"], refused["rule"]) == ("deny", "organisation:#2 (line 2)")
        shown = await office.call("reviewer", "get_review", review_id=review)
        assert shown["state"] == "approved"

        office.clock.advance(61)
        assert (await check(office, "Bash", command="git tag v1"))["verdict"] == "allow"
        shown = await office.call("reviewer", "get_review", review_id=review)
        assert shown["state"] == "used"
        again = await check(office, "Bash", command="git tag v1")
        assert again["verdict"] == "ask"
        assert again["review_id"] != review
        await office.assert_consistent()


async def test_one_approval_admits_one_of_many_actions_at_once(
    settings: Settings, tmp_path: Path
) -> None:
    policy = 'ASK execute IF command MATCHES "git tag*"\nLIMIT calls(Bash) TO 50 PER claim'
    repo = make_repository(tmp_path / "repo")
    async with open_governed(settings, policy) as office:
        await held(office, repo=repo)
        review = (await check(office, "Bash", command="git tag v1"))["review_id"]
        decision = {"review_id": review, "verdict": "approve", "reason": "I looked"}
        await office.call("reviewer", "decide_review", **decision)
        answers = await asyncio.gather(
            *(check(office, "Bash", command="git tag v1") for _ in range(6))
        )
        assert Counter(answer["verdict"] for answer in answers) == {"allow": 1, "ask": 5}
        used = await office.kernel.database.fetch_value("select used from governance.limit_counter")
        assert used == 1
        assert len(await office.events(type="approval.used")) == 1


async def test_limits_in_shadow_count_exactly_what_is_admitted_and_refuse_nothing(
    settings: Settings,
) -> None:
    """Issue 3: shadow mode shows what would be refused, limits included."""
    write_policy(settings, "few: LIMIT calls(read_note) TO 7 PER claim", "a.shadow.policy")
    async with open_governed(settings, "LIMIT calls(read_note) TO 30 PER claim") as office:
        await held(office)
        assert await _many(office, 40) == 30
        events = [
            event["data"]["decision"]["shadow"][0]
            for event in await office.events(type="call.allowed")
            if event["data"]["tool"] == "read_note"
        ]
        full = [said for said in events if said["effect"] == "deny"]
        assert (len(events), len(full)) == (30, 23)
        assert {said["limit"] for said in full} == {"organisation/a.shadow.policy:few (line 1)"}
        rows = await office.kernel.database.fetch(
            "select used from governance.limit_counter order by 1"
        )
        assert [row["used"] for row in rows] == [7, 30]
        _, refusals = await list_shadow_refusals(office.kernel, work_order=None, since=None)
        assert len(refusals) == 23
        assert refusals[0].rules == ["organisation/a.shadow.policy:few (line 1)"]
        await office.assert_consistent()


async def test_when_one_limit_in_shadow_is_full_no_other_in_shadow_counts(
    settings: Settings, tmp_path: Path
) -> None:
    shadow = (
        'two: LIMIT calls(any) TO 2 PER claim IF tool == "Bash"\nLIMIT calls(Bash) TO 9 PER claim'
    )
    write_policy(settings, shadow, "a.shadow.policy")
    async with open_governed(settings) as office:
        await held(office, repo=make_repository(tmp_path / "repo"))
        for _ in range(5):
            assert (await check(office, "Bash", command="git status"))["verdict"] == "allow"
        rows = await office.kernel.database.fetch("select used from governance.limit_counter")
        assert [row["used"] for row in rows] == [2, 2]
        decision = await last_decision(office, "action.judged")
        assert decision["effect"] == "allow"
        assert decision["shadow"][0]["limit"] == "organisation:two (line 1)"


async def _process(settings: Settings, **job: Any) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.agentos_governance.policies.limit_process",
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    document = {"settings": settings.model_dump(mode="json", exclude_unset=True), **job}
    process.stdin.write(json.dumps(document).encode() + b"\n")
    await process.stdin.drain()
    process.stdin.close()
    return process


async def test_two_processes_together_never_exceed_a_limit_also_where_one_is_killed(
    settings: Settings,
) -> None:
    policy = "few: LIMIT calls(read_note) TO 60 PER work_order"
    async with open_governed(settings, policy) as office:
        order = await held(office, contract={"lease_ttl_s": 3600})
        job = {"token": office.tokens["w1"], "order": order, "n_calls": 60}
        processes = [await _process(settings, **job) for _ in range(2)]
        victim, survivor = processes
        assert victim.stdout is not None
        # Both import everything first.
        async with asyncio.timeout(300):
            n_allowed = 0
            # On a busy machine the other may have all of them before this one has five.
            while n_allowed < 5 and (line := await victim.stdout.readline()):
                n_allowed += line == b"allowed\n"
            if victim.returncode is None:
                victim.send_signal(signal.SIGKILL)
            await victim.wait()
            await survivor.communicate()
        # What the killed process had sent may still be committed now, and counts as well.
        await _many(office, 80)
        allowed = await office.kernel.database.fetch_value(
            "select count(*) from kernel.event where type = 'call.allowed'"
            " and data ->> 'tool' = 'read_note'"
        )
        used = await office.kernel.database.fetch_value("select used from governance.limit_counter")
        # Every slot belongs to a stored admission, although a process died between calls.
        assert used == allowed == 60
