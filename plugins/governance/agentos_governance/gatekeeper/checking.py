"""Runs the checks of a submission and says what came of it, as events and packets keep it.

Above: submit_work_order. Below: the registry, work. Checks run beside each other; one that fails or
takes too long over the work is told as not run, does not let the others go unheard, and stands against
the work: else whoever makes a check fail is not checked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from agentos import Finding, ReviewCheck, ToolError, UnavailableError
from agentos_governance.gatekeeper.finding import as_document, is_blocking, numbered
from agentos_governance.gatekeeper.work import Work

MAX_FINDINGS = 200
"""Shown and kept; the worst are."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CheckState:
    """How one check ended: passed, found or not_run, and why it did not run."""

    name: str
    state: str
    why: str | None = None

    def to_document(self) -> dict[str, Any]:
        """As a JSON value."""
        return {"name": self.name, "state": self.state, "why": self.why}


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
        every = numbered([*self.findings, *findings])
        return Adversarial(
            tuple(every[:MAX_FINDINGS]),
            (*self.checks, check),
            self.n_dropped + n_dropped + max(len(every) - MAX_FINDINGS, 0),
            self.blast_radius,
        )


async def run_checks(
    work: Work, checks: Sequence[ReviewCheck], skipped: frozenset[str] = frozenset()
) -> Adversarial:
    """Every check's findings in one order, whatever order they ended in."""
    answers = await asyncio.gather(*(_run(check, work, skipped) for check in checks))
    found = [finding for findings, _ in answers for finding in findings]
    ordered = numbered(found)
    return Adversarial(
        tuple(ordered[:MAX_FINDINGS]),
        tuple(state for _, state in answers),
        max(len(ordered) - MAX_FINDINGS, 0),
        work.blast_radius,
    )


async def _run(
    check: ReviewCheck, work: Work, skipped: frozenset[str]
) -> tuple[list[Finding], CheckState]:
    if check.name in skipped:
        return [], CheckState(check.name, "not_run", "the setting `gatekeeper.skip` leaves it out")
    try:
        async with asyncio.timeout(check.timeout_s):
            found = list(await check.examine(work))
    except TimeoutError:
        return _given_up(check, f"it took longer than {check.timeout_s:g} s")
    except UnavailableError as error:
        return [], CheckState(check.name, "not_run", error.message)
    except ToolError as error:
        return _given_up(check, f"it failed: {error.message}")
    except Exception as error:  # noqa: BLE001 - a broken check must not silence the others
        _log.error("review_check_failed", check=check.name, exc_info=error)
        return _given_up(check, f"it failed: {type(error).__name__}")
    foreign = [finding for finding in found if finding.check != check.name]
    if foreign:
        return _given_up(check, f"it speaks for {foreign[0].check!r}")
    return found, CheckState(check.name, "found" if found else "passed")


def _given_up(check: ReviewCheck, why: str) -> tuple[list[Finding], CheckState]:
    """What stands against work that a check could not look at, for a person to decide."""
    finding = Finding(
        check.name,
        "warning" if check.only_informs else "blocking",
        f"{check.name} could not look at this work: {why}. Leave out generated and unusual files, "
        "or contest it",
        "not checked",
    )
    return [finding], CheckState(check.name, "not_run", why)
