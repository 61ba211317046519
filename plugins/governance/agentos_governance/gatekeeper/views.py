"""What the gatekeeper found, as a worker is answered.

Above: submit_work_order. Below: pydantic.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from agentos_governance.gatekeeper.checking import Adversarial


class FindingView(BaseModel):
    """Something in the work that a reviewer must know; blocking ones stop the submission."""

    id: str
    check: str
    severity: Literal["blocking", "warning", "note"]
    claim: str | None
    path: str | None
    start_line: int | None
    end_line: int | None
    message: str
    by: Literal["check", "model"]


class CheckView(BaseModel):
    """How one check ended."""

    name: str
    state: Literal["passed", "found", "not_run"]
    why: str | None


class AdversarialView(BaseModel):
    """The gatekeeper's findings, worst first, and which checks ran."""

    findings: list[FindingView]
    checks: list[CheckView]
    n_dropped: int = Field(description="Findings beyond the limit, or that cite nothing there")
    contested: bool
    contest: str | None


def adversarial_view(found: Adversarial, contest: str | None) -> AdversarialView:
    """The findings for the answer of a tool."""
    return AdversarialView.model_validate(found.document(contest))
