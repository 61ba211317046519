"""Recovery: resume packets that are the same everywhere, and servers killed between any two steps."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agentos import Settings
from agentos.canonical import canonical_json
from agentos_governance.evidence.packet_verification import verify_packet
from agentos_governance.evidence.packets import packet_folder
from agentos_governance.sweeper import repair_packets
from tests.agentos_governance.lifecycle import Office, open_office, sample_repository
from tests.agentos_governance.lifecycle_plugin import LifecyclePlugin
from tests.agentos_governance.repositories import git

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]


def _run_jobs(jobs: list[dict[str, Any]], **environment: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.agentos_governance.lifecycle_process"],
        cwd=ROOT,
        env={**os.environ, **environment},
        input=json.dumps(jobs).encode(),
        stdout=subprocess.PIPE,
        check=True,
        timeout=600,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith((b'{"job', b'{"answer'))]
    return [json.loads(line) for line in lines]


def _job(office: Office, settings: Settings, name: str, calls: list[Any]) -> dict[str, Any]:
    return {
        "name": name,
        "home": str(settings.home),
        "database_url": settings.database_url,
        "tokens": office.tokens,
        "at": office.clock.now().isoformat(),
        "calls": calls,
    }


async def test_the_resume_packet_is_the_same_for_everyone_everywhere(
    settings: Settings, tmp_path: Path
) -> None:
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        order = await office.create(
            "Schöne Übung ☃", repo=sample_repository(tmp_path), contract={"allowed_tools": ["*"]}
        )
        await office.claim("w1", order)
        await office.call("w1", "read_note")
        await office.refuse("w1", "edit_file", path="README.md")
        await office.usage("w1", order, "r1")
        note = {"kind": "note", "claim": "Größe stimmt", "content": "x"}
        await office.call("w1", "record_evidence", work_order=order, **note)
        assert await office.expire() == 1
        claim = await office.claim("w2", order)
        packet = claim["resume_packet"]
        seen = [
            await office.call(who, "get_resume_packet", work_order=order)
            for who in ("w2", "w1", "w3", "planner", "admin", "reviewer", "w2")
        ]
        call = {"who": "planner", "tool": "get_resume_packet", "arguments": {"work_order": order}}
        places = {"TZ": "Pacific/Kiritimati", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "7"}
        elsewhere = await asyncio.to_thread(
            lambda: _run_jobs([_job(office, settings, "read", [call])], **places)
        )
        seen.append(elsewhere[0]["answer"])
        assert all(each == packet for each in seen)
        text = packet["packet"]
        assert hashlib.sha256(text.encode()).hexdigest() == packet["sha256"]
        document = json.loads(text)
        assert canonical_json(document).decode() == text
        steps = [step["tool"] for step in document["steps"]]
        assert "read_note" in steps and "record_evidence" in steps
        assert document["refusals"][0]["tool"] == "edit_file"
        assert [a["ended"] for a in document["attempts"]] == ["lease_expired", None]
        assert document["evidence"][0]["claim"] == "Größe stimmt"
        # The holder's own calls do not change what it continues from; what it records does.
        await office.call("w2", "read_note")
        await office.refuse("w2", "edit_file", path="README.md")
        assert await office.call("w2", "get_resume_packet", work_order=order) == packet
        await office.call("w2", "record_evidence", work_order=order, **note)
        assert await office.call("w2", "get_resume_packet", work_order=order) != packet


async def test_the_packet_of_a_worker_that_stands_down_is_what_others_then_see(
    settings: Settings,
) -> None:
    plugin = LifecyclePlugin()
    async with open_office(settings, plugin=plugin) as office:
        order = await office.create()
        await office.claim("w1", order)
        late = asyncio.create_task(
            office.dispatch("w1", "write_note", {"text": "late", "wait": True})
        )
        await plugin.probe.wait_for_body()
        answer = await office.call("w1", "stand_down", work_order=order, reason="Tired")
        packet = answer["resume_packet"]
        assert await office.call("w2", "get_resume_packet", work_order=order) == packet
        # The outcome of a call that ends late belongs to no attempt any more.
        plugin.probe.let_go()
        assert (await late).error_code == "lease_lost"
        assert await office.call("w2", "get_resume_packet", work_order=order) == packet
        document = json.loads((await office.claim("w2", order))["resume_packet"]["packet"])
        assert document["attempts"][0]["reason"] == "Tired"


CLAIM_FAULTS = (
    "before the record",
    "before the body",
    "after the worktree",
    "inside the transaction",
    "before the commit",
    "after the commit",
)
RECORD_FAULTS = (
    "before the body",
    "after the blob",
    "inside the transaction",
    "before the commit",
    "after the commit",
)
SUBMIT_FAULTS = (
    "before the body",
    "in a gate",
    "after the packet",
    "inside the transaction",
    "before the commit",
    "after the commit",
)


async def test_a_server_killed_at_any_step_of_a_claim_leaves_one_claim_after_a_repeat(
    settings: Settings, tmp_path: Path
) -> None:
    repo = sample_repository(tmp_path)
    async with open_office(settings) as office:
        orders = {fault: await office.create(fault, repo=repo) for fault in CLAIM_FAULTS}
    calls = {
        fault: {
            "who": "w1",
            "tool": "claim_work_order",
            "arguments": {"work_order": order},
            "key": f"claim {order}",
        }
        for fault, order in orders.items()
    }
    jobs = [
        _job(office, settings, fault, [{**call, "fault": fault}]) for fault, call in calls.items()
    ]
    ended = await asyncio.to_thread(_run_jobs, jobs)
    assert ended == [{"job": fault, "signal": 9} for fault in CLAIM_FAULTS]
    async with open_office(settings, clock=office.clock, tokens=office.tokens) as office:
        await office.assert_consistent()
        for fault, order in orders.items():
            is_done = fault == "after the commit"
            assert await office.state(order) == ("active" if is_done else "ready"), fault
            again = await office.dispatch(
                "w1", "claim_work_order", {"work_order": order}, key=f"claim {order}"
            )
            assert not again.is_error, (fault, again.text)
            assert again.structured["lease"]["epoch"] == 1
            assert len(await office.events(f"work_order/{order}", "work_order.claimed")) == 1
            workspace = Path(again.structured["workspace"]["path"])
            assert git(workspace, "rev-parse", "HEAD") == git(repo, "rev-parse", "main")
            assert git(workspace, "status", "--porcelain") == ""
        await office.assert_consistent()


async def test_a_server_killed_at_any_step_of_a_record_keeps_what_was_answered(
    settings: Settings, tmp_path: Path
) -> None:
    repo = sample_repository(tmp_path)
    jobs = []
    orders: dict[str, str] = {}
    async with open_office(settings) as office:
        for fault in RECORD_FAULTS:
            orders[fault] = order = await office.create(fault, repo=repo)
            await office.claim("w1", order)
            first, second = (_record(order, number) for number in (1, 2))
            jobs.append(_job(office, settings, fault, [first, {**second, "fault": fault}]))
    ended = await asyncio.to_thread(_run_jobs, jobs)
    answers = [line["answer"]["evidence"] for line in ended if "answer" in line]
    assert [line["signal"] for line in ended if "job" in line] == [9] * len(jobs)
    async with open_office(settings, clock=office.clock, tokens=office.tokens) as office:
        await office.assert_consistent()
        for answer, (fault, order) in zip(answers, orders.items(), strict=True):
            shown = await office.call("w1", "get_work_order", work_order=order)
            assert answer in shown["evidence"], fault
            assert len(shown["evidence"]) == (2 if fault == "after the commit" else 1), fault
            for number in (1, 2):
                call = _record(order, number)
                again = await office.dispatch(
                    "w1", call["tool"], call["arguments"], key=call["key"]
                )
                assert not again.is_error, (fault, again.text)
            shown = await office.call("w1", "get_work_order", work_order=order)
            assert sorted(e["claim"] for e in shown["evidence"]) == ["Claim 1", "Claim 2"]
            assert (await office.submit("w1", order))["state"] == "in_review"
        await office.assert_consistent()


def _record(order: str, number: int) -> dict[str, Any]:
    fields = {"kind": "note", "claim": f"Claim {number}", "path": "src/app.py"}
    return {
        "who": "w1",
        "tool": "record_evidence",
        "arguments": {"work_order": order, **fields},
        "key": f"record {order} {number}",
    }


async def test_a_server_killed_at_any_step_of_a_submission_leaves_one_packet(
    settings: Settings, tmp_path: Path
) -> None:
    repo = sample_repository(tmp_path)
    jobs, orders = [], {}
    async with open_office(settings) as office:
        for fault in SUBMIT_FAULTS:
            orders[fault] = order = await office.create(fault, repo=repo)
            workspace = Path((await office.claim("w1", order))["workspace"]["path"])
            (workspace / "src" / "new.py").write_text("new\n", "utf-8")
            call = {
                "who": "w1",
                "tool": "submit_work_order",
                "arguments": {"work_order": order, "summary": "It is done"},
                "key": f"submit {order}",
                "fault": fault,
            }
            jobs.append(_job(office, settings, fault, [call]))
    ended = await asyncio.to_thread(_run_jobs, jobs)
    assert ended == [{"job": fault, "signal": 9} for fault in SUBMIT_FAULTS]
    async with open_office(settings, clock=office.clock, tokens=office.tokens) as office:
        await office.assert_consistent()
        for fault, order in orders.items():
            is_done = fault == "after the commit"
            assert await office.state(order) == ("in_review" if is_done else "active"), fault
            arguments = {"work_order": order, "summary": "It is done"}
            again = await office.dispatch(
                "w1", "submit_work_order", arguments, key=f"submit {order}"
            )
            assert not again.is_error, (fault, again.text)
            assert len(await office.events(f"work_order/{order}", "work_order.submitted")) == 1
            packet = again.structured["packet_sha256"]
            verification = verify_packet(settings.home / "evidence" / order)
            assert (verification.ok, verification.sha256) == (True, packet), fault
            assert await office.vote("reviewer", order, packet) == "completed"
        await office.assert_consistent()


async def test_a_server_killed_after_the_end_of_work_writes_its_final_packet_when_it_starts(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        order = await office.create()
        await office.claim("w1", order)
        packet = (await office.submit("w1", order))["packet_sha256"]
    vote = {"packet_sha256": packet, "verdict": "approve", "reason": "I looked"}
    call = {
        "who": "reviewer",
        "tool": "review_work_order",
        "arguments": {"work_order": order, **vote},
        "fault": "after the commit",
    }
    ended = await asyncio.to_thread(_run_jobs, [_job(office, settings, "vote", [call])])
    assert ended == [{"job": "vote", "signal": 9}]
    folder = packet_folder(settings, order)
    assert json.loads((folder / "statement.json").read_bytes())["predicate"]["votes"] == []
    async with open_office(settings, clock=office.clock, tokens=office.tokens) as office:
        await repair_packets(office.kernel)
        [vote] = json.loads((folder / "statement.json").read_bytes())["predicate"]["votes"]
        assert vote["reviewer"] == "reviewer"
        assert await office.state(order) == "completed"
    assert verify_packet(folder).ok


async def test_a_killed_worker_is_silence_and_a_sweep_releases_what_it_held(
    settings: Settings,
) -> None:
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        order = await office.create()
        await office.claim("w1", order)
        call = {"who": "w1", "tool": "ask_model", "arguments": {"cost": "0.1"}}
        jobs = [_job(office, settings, "ask", [{**call, "fault": "before the body"}])]
        assert (await asyncio.to_thread(_run_jobs, jobs))[0]["signal"] == 9
        cost = (await office.call("w1", "get_work_order", work_order=order))["cost"]
        assert cost == {"spent_usd": "0", "held_usd": "0.4", "budget_usd": "1"}
        await office.assert_consistent()
        await office.expire()
        cost = (await office.call("w1", "get_work_order", work_order=order))["cost"]
        assert cost == {"spent_usd": "0", "held_usd": "0", "budget_usd": "1"}
        claim = await office.claim("w2", order)
        assert claim["lease"]["epoch"] == 2
        document = json.loads(claim["resume_packet"]["packet"])
        assert document["attempts"][0]["ended"] == "lease_expired"
        await office.assert_consistent()
