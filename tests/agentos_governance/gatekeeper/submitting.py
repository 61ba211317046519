"""Plays a case through the real kernel: a work order, a worktree, evidence, the submission.

Above: the tests, `bench/cheats.py`. Below: trees, junit, the office of the lifecycle tests. The
clock is the real one, so that what reports and files say about time is true.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from agentos import Settings
from tests.agentos_governance.gatekeeper.form import (
    Case,
    Change,
    Claim,
    Command,
    Elsewhere,
    RecordAgain,
    Report,
    Step,
    Tested,
)
from tests.agentos_governance.gatekeeper.junit import REPORTS, other_report, pytest_report
from tests.agentos_governance.gatekeeper.trees import Repositories, apply_change, digest_of_tree
from tests.agentos_governance.lifecycle import FakeClock, Office, open_office

SLOW_CHECKS = ("no_new_lint", "no_new_type_errors")
"""They start programs that take longer than all the other checks together."""
REPORT_PATH = "build/junit.xml"
FILE_CLOCK_S = 0.05
"""More than a tick of the clock by which file systems date what is written."""


class _RealClock(FakeClock):
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the submission of a case answered."""

    state: str
    failed_gates: list[str]
    findings: list[dict[str, Any]]
    checks: list[dict[str, Any]]

    @property
    def blocking(self) -> list[dict[str, Any]]:
        """The findings that stop the submission."""
        return [finding for finding in self.findings if finding["severity"] == "blocking"]

    def is_caught(self, case: Case) -> bool:
        """Whether a check that the case names blocks, and cites the path that it names."""
        return any(
            finding["check"] in case.caught_by and case.at in (None, finding["path"])
            for finding in self.blocking
        )

    @property
    def is_accepted(self) -> bool:
        """Whether a reviewer may look at it."""
        return self.state == "in_review" and not self.blocking

    def __str__(self) -> str:
        shown = [
            f"{f['severity']} {f['check']} {f['path']}:{f['start_line']} {f['message']}"
            for f in self.findings
        ]
        return "; ".join([self.state, *self.failed_gates, *shown])


@dataclass(slots=True)
class Submissions:
    """Submits cases, one after another, to one kernel."""

    office: Office
    repositories: Repositories
    reports: Path
    _last_report: str = field(default="", init=False)

    async def submit(self, case: Case) -> Outcome:
        """Everything the case says, and what the server makes of it."""
        repo = self.repositories.make(case.base)
        order, workspace = await self._claimed("w1", case, repo, case.steps)
        reported = False
        for step in case.steps:
            if reported and isinstance(step, Change):
                # At once it could be dated before the report, and nobody works so fast.
                await asyncio.sleep(FILE_CLOCK_S)
            reported = isinstance(step, Tested | Report | RecordAgain)
            await self._do("w1", step, case, repo, order, workspace)
        answer = await self.office.call(
            "w1", "submit_work_order", work_order=order, summary=case.summary
        )
        review = answer.get("adversarial") or {}
        return Outcome(
            state=answer["state"],
            failed_gates=[gate["name"] for gate in answer["gates"] if not gate["passed"]],
            findings=list(review.get("findings", [])),
            checks=list(review.get("checks", [])),
        )

    async def _claimed(
        self, who: str, case: Case, repo: Path, steps: Sequence[Step]
    ) -> tuple[str, Path]:
        is_tested = any(isinstance(step, Tested | Report | RecordAgain) for step in steps)
        contract = {
            "allowed_roots": ["."],
            "allowed_tools": ["*"],
            "evidence_required": ["test_report"] if is_tested else [],
            "cost_budget_usd": "1.00",
            **case.contract,
        }
        made = await self.office.call(
            "planner",
            "create_work_order",
            title=case.objective[:80],
            objective=case.objective,
            contract=contract,
            repo=str(repo),
        )
        claim = await self.office.claim(who, made["id"])
        return made["id"], Path(claim["workspace"]["path"])

    async def _do(
        self, who: str, step: Step, case: Case, repo: Path, order: str, workspace: Path
    ) -> None:
        """One step by a worker that holds the order."""
        match step:
            case Claim():
                await self._record(who, order, **_claim(step, workspace))
            case Command():
                await self._record(who, order, **_command(step))
            case Tested():
                ran_at = datetime.now(UTC) - timedelta(hours=step.hours_ago)
                report = pytest_report(
                    self.reports, digest_of_tree(workspace, *step.selected), ran_at
                )
                await self._record_report(
                    who,
                    order,
                    workspace,
                    step.edited(report) if step.edited else report,
                    step.claim,
                )
            case Report():
                report = other_report(step, datetime.now(UTC))
                await self._record_report(who, order, workspace, report, step.claim)
            case RecordAgain():
                report = self._last_report
                await self._record_report(
                    who,
                    order,
                    workspace,
                    step.edited(report) if step.edited else report,
                    step.claim,
                )
            case Elsewhere():
                other, there = await self._claimed("w2", case, repo, step.steps)
                for inner in step.steps:
                    await self._do("w2", inner, case, repo, other, there)
            case _:
                assert isinstance(step, Change)
                apply_change(workspace, step)

    async def _record_report(
        self, who: str, order: str, workspace: Path, report: str, claim: str
    ) -> None:
        self._last_report = report
        (workspace / REPORT_PATH).parent.mkdir(exist_ok=True)
        (workspace / REPORT_PATH).write_text(report, "utf-8")
        await self._record(who, order, kind="test_report", claim=claim, path=REPORT_PATH)

    async def _record(self, who: str, order: str, **arguments: Any) -> None:
        await self.office.call(who, "record_evidence", work_order=order, **arguments)


def _claim(step: Claim, workspace: Path) -> dict[str, Any]:
    if step.path is None:
        return {"kind": step.kind, "claim": step.text, "content": step.text}
    found = {"kind": step.kind, "claim": step.text, "path": step.path}
    if step.of is None:
        return found
    text = (workspace / step.path).read_text("utf-8")
    before, found_text, _ = text.partition(step.of)
    assert found_text, f"{step.path} does not contain {step.of!r}"
    first = before.count("\n") + 1
    return {**found, "lines": [first, first + step.of.rstrip("\n").count("\n")]}


def _command(step: Command) -> dict[str, Any]:
    result = {"command": step.command, "exit_code": step.exit_code, "output": step.output}
    return {
        "kind": "command_result",
        "claim": step.claim,
        "content": orjson.dumps(result).decode(),
    }


@asynccontextmanager
async def open_submissions(
    settings: Settings,
    folder: Path,
    *,
    reports: Path = REPORTS,
    skip: Sequence[str] = SLOW_CHECKS,
) -> AsyncIterator[Submissions]:
    """A kernel of its own; a folder for the repositories, and one that holds pytest's reports.

    `skip` names checks that are left out.
    """
    gatekeeper = {"skip": list(skip)}
    async with open_office(settings, clock=_RealClock(), gatekeeper=gatekeeper) as office:
        yield Submissions(office, Repositories(folder), reports)
