"""Runs the checks of a submission and says what came of it, as events and packets keep it.

Above: submit_work_order. Below: lanes, the registry, work. The checks that ship run in processes of
their own, those of plugins in this one, all beside each other. A check that fails or takes too long
over the work is told as not run, does not let the others go unheard, and stands against the work: else
whoever makes a check fail is not checked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import structlog

from agentos import Finding, ReviewCheck, ToolError, UnavailableError
from agentos_governance.gatekeeper.finding import as_document, is_blocking, merged, numbered
from agentos_governance.gatekeeper.processes.asked_work import pack_work
from agentos_governance.gatekeeper.processes.lanes import Lane
from agentos_governance.gatekeeper.processes.outcome import (
    CheckOutcome,
    CheckState,
    ended,
    given_up,
    not_run,
)
from agentos_governance.gatekeeper.registry import LANES, STARTING_PROGRAMS
from agentos_governance.gatekeeper.work import Work

MAX_FINDINGS = 200
"""Shown and kept; the worst are."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Adversarial:
    """What the checks found. `n_dropped` are findings that cite nothing or are too many."""

    findings: tuple[Finding, ...]
    checks: tuple[CheckState, ...]
    n_dropped: int = 0
    blast_radius: Mapping[str, Any] | None = None

    @property
    def blocking(self) -> list[Finding]:
        """The findings that stop a submission that nobody contests."""
        return [finding for finding in self.findings if is_blocking(finding)]

    def document(self, contest: str | None) -> dict[str, Any]:
        """As events and packets keep it; `contest` is what the worker says against it."""
        return {
            "findings": [as_document(finding) for finding in self.findings],
            "checks": [check.to_document() for check in self.checks],
            "n_dropped": self.n_dropped,
            "contested": contest is not None and bool(self.blocking),
            "contest": contest if self.blocking else None,
            "blast_radius": None if self.blast_radius is None else dict(self.blast_radius),
        }

    def with_findings(
        self, findings: Sequence[Finding], check: CheckState, n_dropped: int
    ) -> Adversarial:
        """The same with what another pass found."""
        every = merged([*self.findings, *numbered(findings)])
        return Adversarial(
            tuple(every[:MAX_FINDINGS]),
            (*self.checks, check),
            self.n_dropped + n_dropped + max(len(every) - MAX_FINDINGS, 0),
            self.blast_radius,
        )


async def run_checks(
    work: Work,
    checks: Sequence[ReviewCheck],
    skipped: frozenset[str] = frozenset(),
    slots: asyncio.Semaphore | None = None,
) -> Adversarial:
    """Every check's findings in the order of `checks`, whatever order they ended in.

    `slots` bounds how many processes run at once. UnavailableError where none can be had.
    """
    running = [check for check in checks if check.name not in skipped]
    lanes = [
        Lane(own, lane in STARTING_PROGRAMS)
        for lane, names in LANES.items()
        if (own := [check for check in running if _is_one_of(names, check)])
    ]
    others = [check for check in running if not any(check in lane.checks for lane in lanes)]
    answers = await _together(work, lanes, others, slots)
    for check in checks:
        if check.name in skipped:
            answers[check.name] = not_run(check, "the setting `gatekeeper.skip` leaves it out")
    outcomes = [answers[check.name] for check in checks]
    for outcome in outcomes:
        work.blast_radius = outcome.blast_radius or work.blast_radius
    ordered = await asyncio.to_thread(numbered, [f for each in outcomes for f in each.findings])
    n_dropped = sum(each.n_dropped for each in outcomes) + max(len(ordered) - MAX_FINDINGS, 0)
    states = tuple(each.state for each in outcomes)
    return Adversarial(tuple(ordered[:MAX_FINDINGS]), states, n_dropped, work.blast_radius)


def _is_one_of(names: Mapping[str, ReviewCheck], check: ReviewCheck) -> bool:
    """Whether the check is the one that ships, and not a plugin's of any name."""
    return check.name in names and names[check.name].examine is check.examine


async def _together(
    work: Work,
    lanes: Sequence[Lane],
    others: Sequence[ReviewCheck],
    slots: asyncio.Semaphore | None,
) -> dict[str, CheckOutcome]:
    """The outcome of each check by its name; one lane that cannot run ends them all."""
    frames = await asyncio.to_thread(lambda: list(pack_work(work))) if lanes else []

    async def in_lane(lane: Lane) -> list[CheckOutcome]:
        async with slots or nullcontext():
            return await lane.run(work, frames)

    async with _first_error(), asyncio.TaskGroup() as group:
        in_lanes = [group.create_task(in_lane(lane)) for lane in lanes]
        here = [group.create_task(_run(check, work)) for check in others]
    found = [outcome for task in in_lanes for outcome in task.result()]
    found += [task.result() for task in here]
    return {outcome.state.name: outcome for outcome in found}


@asynccontextmanager
async def _first_error() -> AsyncIterator[None]:
    """A group wraps what its tasks raise; callers expect the error itself."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None


async def _run(check: ReviewCheck, work: Work) -> CheckOutcome:
    """A check of a plugin: whatever object it is, it is asked here."""
    try:
        async with asyncio.timeout(check.timeout_s):
            return ended(check, list(await check.examine(work)))
    except TimeoutError:
        return given_up(check, f"it took longer than {check.timeout_s:g} s")
    except UnavailableError as error:
        return not_run(check, error.message)
    except ToolError as error:
        return given_up(check, f"it failed: {error.message}")
    except Exception as error:  # noqa: BLE001 - a broken check must not silence the others
        _log.error("review_check_failed", check=check.name, exc_info=error)
        return given_up(check, f"it failed: {type(error).__name__}")
