"""The seven answers about a work order, from what really happened."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos import Role, Settings
from agentos.cli.answers import QUESTIONS
from tests.agentos_governance.lifecycle import open_office, sample_repository
from tests.agentos_governance.lifecycle_plugin import LifecyclePlugin

pytestmark = pytest.mark.anyio


async def test_the_report_answers_all_seven_questions(settings: Settings, tmp_path: Path) -> None:
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        order = await office.create(
            repo=sample_repository(tmp_path),
            contract={"forbidden_actions": ["git push*"], "cost_budget_usd": "0.15"},
        )
        await office.claim("w1", order)
        await office.call("w1", "write_note", text="x")
        await office.refuse("w1", "edit_file", path="README.md")
        push = {"tool": "Bash", "command": "git push"}
        await office.call("w1", "check_action", action=push)
        await office.usage("w1", order, "r1")
        assert (await office.usage("w1", order, "r2")).error_code == "budget_exceeded"
        first = await office.call("planner", "get_work_report", work_order=order)
        assert first["recovery"]["summary"] == "No interruption."
        await office.expire()
        second = await office.call("planner", "get_work_report", work_order=order)
        assert second["recovery"]["summary"] == "1 interruption(s); it waits to be claimed again."
        workspace = Path((await office.claim("w2", order))["workspace"]["path"])
        (workspace / "src" / "new.py").write_text("new\n", "utf-8")
        await office.call("w2", "stand_down", work_order=order, reason="Tired")
        third = await office.call("planner", "get_work_report", work_order=order)
        assert third["recovery"]["summary"] == "2 interruption(s); it waits to be claimed again."
        await office.claim("w2", order)
        packet = (await office.submit("w2", order))["packet_sha256"]
        assert await office.vote("reviewer", order, packet) == "completed"
        report = await office.call("reviewer", "get_work_report", work_order=order)
        facts = {name: answer["facts"] for name, answer in report.items() if "facts" in answer}
        assert report["who"]["summary"] == "planner asked for it; w1, then w2 did it."
        refusals = facts["why_allowed"]["refusals"]
        assert sorted(item["rule"] for item in refusals) == [
            "allowed_roots",
            "cost_budget_usd",
            "forbidden_actions[0]",
        ]
        assert facts["why_allowed"]["calls_refused"] == 3
        assert report["grounding"]["summary"] == "Nothing was looked up."
        assert facts["correctness"]["diff"]["paths"] == ["src/new.py"]
        assert facts["correctness"]["packet_sha256"] == packet
        assert report["cost"]["summary"] == "0.1 of 0.15 USD (66.7 %) in 1 model requests."
        assert "reviewer: approve" in report["reviewed_by"]["summary"]
        assert report["recovery"]["summary"].startswith(
            "2 interruption(s); w2 continued in epoch 3"
        )
        assert [item["how"] for item in facts["recovery"]["interruptions"]] == [
            "lease_expired",
            "stood_down",
        ]


async def test_each_answer_names_events_and_files_that_a_person_can_open(
    settings: Settings, tmp_path: Path
) -> None:
    async with open_office(settings) as office:
        order = await office.create(
            repo=sample_repository(tmp_path), contract={"evidence_required": ["analysis"]}
        )
        workspace = Path((await office.claim("w1", order))["workspace"]["path"])
        await office.call("w1", "check_action", action={"tool": "Bash", "command": "git push"})
        (workspace / "src" / "new.py").write_text("new\n", "utf-8")
        await office.call(
            "w1",
            "record_evidence",
            work_order=order,
            kind="analysis",
            claim="It is new",
            path="src/new.py",
        )
        packet = (await office.submit("w1", order))["packet_sha256"]
        await office.vote("reviewer", order, packet)
        report = await office.call("reviewer", "get_work_report", work_order=order)
        stored = {f"{event['stream']}#{event['seq']}" for event in await office.events()}
        for question in QUESTIONS:
            found = report[question]["sources"]
            assert found, question
            for source in found:
                if source["event"] is not None:
                    assert source["event"] in stored
                else:
                    assert (settings.home / source["path"]).exists()
        packet_files = [s["path"] for s in report["correctness"]["sources"] if s["path"]]
        assert len(packet_files) == 2 and "/files/" in packet_files[1]


async def test_a_report_about_work_that_nobody_continued_says_so(settings: Settings) -> None:
    async with open_office(settings) as office:
        order = await office.create()
        report = await office.call("planner", "get_work_report", work_order=order)
        assert report["who"]["summary"].endswith("nobody has claimed it yet.")
        assert report["reviewed_by"]["summary"] == "Nobody yet."
        assert report["correctness"]["summary"].endswith("not submitted yet.")
        await office.claim("w1", order)
        await office.expire()
        await office.call("planner", "cancel_work_order", work_order=order, reason="Enough")
        report = await office.call("planner", "get_work_report", work_order=order)
        assert report["recovery"]["summary"] == "1 interruption(s); nobody continued."


async def test_the_audit_names_the_stream_that_was_changed(settings: Settings) -> None:
    async with open_office(settings) as office:
        order, other = await office.create(), await office.create()
        assert (await office.call("reviewer", "verify_audit"))["ok"]
        async with office.kernel.database.connection() as connection:
            await connection.execute(
                "update kernel.event set data = jsonb_set(data, '{title}', '\"B\"')"
                " where stream = $1 and type = 'work_order.created'",
                f"work_order/{order}",
            )
        audit = await office.call("reviewer", "verify_audit")
        assert not audit["ok"]
        assert audit["first_bad"]["stream"] == f"work_order/{order}"
        assert not (await office.call("reviewer", "verify_audit", stream=f"work_order/{order}"))[
            "ok"
        ]
        assert (await office.call("reviewer", "verify_audit", stream=f"work_order/{other}"))["ok"]


async def test_a_worker_verifies_only_the_stream_of_what_it_holds(settings: Settings) -> None:
    async with open_office(settings) as office:
        await office.join("the bot", Role.BOT)
        order, other = await office.create(), await office.create()
        assert (await office.refuse("w1", "verify_audit"))["rule"] == "role:worker"
        assert (await office.refuse("the bot", "verify_audit"))["rule"] == "role:bot"
        await office.claim("w1", order)
        own = await office.call("w1", "verify_audit", stream=f"work_order/{order}")
        assert own["ok"] and own["events"] < (await office.call("admin", "verify_audit"))["events"]
        assert (await office.call("w1", "verify_audit"))["events"] < 10
        for stream in (f"work_order/{other}", "principal/planner"):
            error = await office.refuse("w1", "verify_audit", stream=stream)
            assert error["rule"] == "role:worker"
