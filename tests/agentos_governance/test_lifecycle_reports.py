"""The seven answers about a work order, from what really happened."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos import Settings
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
        assert (await office.call("w1", "verify_audit"))["ok"]
        async with office.kernel.database.connection() as connection:
            await connection.execute(
                "update kernel.event set data = jsonb_set(data, '{title}', '\"B\"')"
                " where stream = $1 and type = 'work_order.created'",
                f"work_order/{order}",
            )
        audit = await office.call("w1", "verify_audit")
        assert not audit["ok"]
        assert audit["first_bad"]["stream"] == f"work_order/{order}"
        assert not (await office.call("w1", "verify_audit", stream=f"work_order/{order}"))["ok"]
        assert (await office.call("w1", "verify_audit", stream=f"work_order/{other}"))["ok"]
