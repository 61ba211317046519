"""How one check of a submission ended, and what stands against work that it could not look at.

Above: checking, lanes. Below: `agentos.Finding`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentos import Finding, ReviewCheck


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
class CheckOutcome:
    """What one check says; `n_dropped` are findings that it had besides."""

    state: CheckState
    findings: Sequence[Finding] = ()
    n_dropped: int = 0
    blast_radius: Mapping[str, object] | None = None


def ended(check: ReviewCheck, findings: Sequence[Finding], n_dropped: int = 0) -> CheckOutcome:
    """A check that looked at the work."""
    foreign = [finding for finding in findings if finding.check != check.name]
    if foreign:
        return given_up(check, f"it speaks for {foreign[0].check!r}")
    state = CheckState(check.name, "found" if findings else "passed")
    return CheckOutcome(state, findings, n_dropped)


def not_run(check: ReviewCheck, why: str) -> CheckOutcome:
    """A check that could not run, which is nobody's work's fault."""
    return CheckOutcome(CheckState(check.name, "not_run", why))


def given_up(check: ReviewCheck, why: str) -> CheckOutcome:
    """What stands against work that a check could not look at, for a person to decide."""
    finding = Finding(
        check.name,
        "warning" if check.only_informs else "blocking",
        f"{check.name} could not look at this work: {why}. Leave out generated and unusual files, "
        "or contest it",
        "not checked",
    )
    return CheckOutcome(CheckState(check.name, "not_run", why), [finding])
