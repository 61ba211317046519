"""What a blocking finding does to a submission, and what plugins and operators may choose (issue 6)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agentos import (
    ConfigurationError,
    Finding,
    ReviewCheck,
    ReviewedWork,
    Settings,
    hookimpl,
)
from tests.agentos_governance.lifecycle import Office, open_office, sample_repository

pytestmark = pytest.mark.anyio

HIDDEN = (
    "def run(job):\n    try:\n        return job()\n    except Exception:\n        return None\n"
)
WHY = "The job's owner is told elsewhere"


class WordCheck:
    """A plugin with a check that dislikes a word, knowing no more than `agentos`."""

    def __init__(self, name: str = "no_gizmos") -> None:
        self._name = name

    async def _examine(self, work: ReviewedWork) -> Sequence[Finding]:
        return [
            Finding(self._name, "warning", f"{file.path} says gizmo", path=file.path)
            for file in work.files
            if b"gizmo" in (file.new or b"")
        ]

    @hookimpl
    def register_review_checks(self) -> Sequence[ReviewCheck]:
        return [ReviewCheck(self._name, "No gizmos", self._examine)]


async def _begun(office: Office, tmp_path: Path, by: str, text: str = HIDDEN) -> str:
    contract = {"review": {"required": True, "by": by}}
    order = await office.create(repo=sample_repository(tmp_path), contract=contract)
    workspace = Path((await office.claim("w1", order))["workspace"]["path"])
    (workspace / "src" / "jobs.py").write_text(text, "utf-8")
    return order


async def _submit(office: Office, order: str, **arguments: Any) -> dict[str, Any]:
    summary = "Jobs run"
    return await office.call(
        "w1", "submit_work_order", work_order=order, summary=summary, **arguments
    )


async def test_a_blocking_finding_keeps_the_order_with_its_worker_and_is_in_the_resume_packet(
    settings: Settings, tmp_path: Path
) -> None:
    async with open_office(settings) as office:
        order = await _begun(office, tmp_path, "human")
        answer = await _submit(office, order)
        assert (answer["state"], answer["packet_sha256"]) == ("active", None)
        [found] = [f for f in answer["adversarial"]["findings"] if f["severity"] == "blocking"]
        assert (found["check"], found["path"]) == ("no_hidden_failures", "src/jobs.py")
        assert found["id"].startswith("F-") and found["start_line"] == 4
        again = await _submit(office, order)
        assert again["adversarial"] == answer["adversarial"]
        packet = await office.call("w1", "get_resume_packet", work_order=order)
        findings = json.loads(packet["packet"])["findings"]
        assert any(text.startswith("no_hidden_failures: src/jobs.py") for text in findings)
        await office.assert_consistent()


async def test_a_contested_finding_goes_to_a_person_and_stays_blocking(
    settings: Settings, tmp_path: Path
) -> None:
    async with open_office(settings) as office:
        order = await _begun(office, tmp_path, "human")
        arguments = {"work_order": order, "summary": "Jobs run", "contest": "too short"}
        assert await office.code("w1", "submit_work_order", **arguments) == "invalid_argument"
        answer = await _submit(office, order, contest=WHY)
        assert answer["state"] == "in_review"
        assert (answer["adversarial"]["contested"], answer["adversarial"]["contest"]) == (True, WHY)
        [event] = await office.events(f"work_order/{order}", "work_order.submitted")
        data = json.loads(event["data"]) if isinstance(event["data"], str) else event["data"]
        kept = data["adversarial"]
        assert kept["contest"] == WHY
        assert [f["check"] for f in kept["findings"] if f["severity"] == "blocking"] == [
            "no_hidden_failures"
        ]
        assert {"name": "no_new_type_errors", "state": "not_run"}.items() <= next(
            check for check in kept["checks"] if check["name"] == "no_new_type_errors"
        ).items()


async def test_nobody_contests_where_no_person_decides(settings: Settings, tmp_path: Path) -> None:
    async with open_office(settings) as office:
        order = await _begun(office, tmp_path, "either")
        arguments = {"work_order": order, "summary": "Jobs run", "contest": WHY}
        assert await office.code("w1", "submit_work_order", **arguments) == "invalid_argument"
        assert await office.state(order) == "active"


async def test_a_plugin_adds_checks_and_an_operator_leaves_some_out(
    settings: Settings, tmp_path: Path
) -> None:
    table = {"skip": ["no_hidden_failures", "model_review"]}
    async with open_office(settings, plugin=WordCheck(), gatekeeper=table) as office:
        order = await _begun(office, tmp_path, "either", HIDDEN + "\n# a gizmo\n")
        answer = await _submit(office, order)
        assert answer["state"] == "in_review"
        states = {check["name"]: check for check in answer["adversarial"]["checks"]}
        assert states["no_gizmos"]["state"] == "found"
        assert states["no_hidden_failures"]["state"] == "not_run"
        assert "gatekeeper.skip" in states["no_hidden_failures"]["why"]
        assert "model_review" not in states


@pytest.mark.parametrize(
    ("plugin", "table"),
    [
        (WordCheck("no_secrets"), {}),
        (None, {"skip": ["no_such_check"]}),
        (None, {"type_check": "perhaps"}),
    ],
)
async def test_a_name_that_is_taken_or_unknown_stops_the_start(
    settings: Settings, plugin: object, table: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError):
        async with open_office(settings, plugin=plugin, gatekeeper=table):
            raise AssertionError("it started")
