"""Hooks that this plugin declares for others: more gates, more prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agentos import GroundingSource, Kernel, ReviewCheck, RiskFactor, hookspec

if TYPE_CHECKING:
    from agentos_governance.evidence.gates import Gate
    from agentos_governance.evidence.kinds import EvidenceKind
    from agentos_governance.workflows.actions import WorkflowAction
    from agentos_governance.workflows.definition import Definition


@hookspec
def register_gates() -> Sequence[Gate]:  # type: ignore[empty-body]
    """Checks that every submission must pass, besides evidence, digests and scope.

    Called once at start. A gate that raises fails the submission.
    """


@hookspec
def register_review_checks() -> Sequence[ReviewCheck]:  # type: ignore[empty-body]
    """Checks of submitted work, besides those that ship with the gatekeeper.

    Called once at start. A name that is taken stops the start. A check that raises, or takes longer
    than it says, is not run and stands against the submission. See `ReviewCheck`.
    """


@hookspec
def register_evidence_kinds() -> Sequence[EvidenceKind]:  # type: ignore[empty-body]
    """Kinds of evidence with their validators, besides those that ship with governance.

    Called once at start. Two kinds of one name stop the start. A validator that raises refuses the
    evidence.
    """


@hookspec
def register_workflows() -> Sequence[Definition | Mapping[str, Any]]:  # type: ignore[empty-body]
    """Workflow definitions, besides those that ship and the operator's own.

    Called once at start. A definition that is not sound, or whose name is taken, stops the start.
    """


@hookspec
def register_workflow_actions() -> Sequence[WorkflowAction]:  # type: ignore[empty-body]
    """Server actions that definitions may name: in transitions, and as compensations.

    Called once at start; a name that is taken stops the start. One that is not transactional may
    run more than once and must be idempotent. Raising fails the step: an action rolls its instance
    back, a compensation waits for a person.
    """


@hookspec
def register_risk_factors(kernel: Kernel) -> Sequence[RiskFactor]:  # type: ignore[empty-body]
    """Further reasons for risk, which policies see in the fact `risk_score`.

    Called once at start, before services exist: a factor asks for them when it is asked. A name
    that is taken, or a weight that is not between 0 and 1, stops the start. See `RiskFactor`.
    """


@hookspec
def register_grounding(kernel: Kernel) -> Sequence[GroundingSource]:  # type: ignore[empty-body]
    """Memories that `claim_work_order` asks for what was noted before about such work.

    Called once at start, before services exist: a source asks for them when it is asked. One that
    raises or takes more than 5 s gives nothing; the claim goes on. See `GroundingSource`.
    """


@hookspec
def register_price_tables(kernel: Kernel) -> Sequence[Mapping[str, Any]]:  # type: ignore[empty-body]
    """Prices of further models; a later table (by plugin name) wins over an earlier one.

    Called once at start, before services exist; an implementation may leave `kernel` out. The key
    `models` of a table maps a model to `input`, `output` and `cached`: decimal strings, USD per
    million tokens.
    """
