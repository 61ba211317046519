"""The risk of one call, for the fact `risk_score`: the same for a call and for its simulation.

Above: decisions in force, recorded calls. Below: the declared factors of `contracts.risk`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog

from agentos import ConfigurationError, RiskFactor, RiskQuestion
from agentos_governance.contracts.actions import OWN_SERVER, Action, command_of
from agentos_governance.contracts.risk import FACTORS, RiskSubject, compute_risk
from agentos_governance.policies.subjects import Subject

_log = structlog.get_logger(__name__)


def risk_score(
    tool: Mapping[str, object],
    action: Action,
    subjects: Sequence[Subject],
    *,
    n_refusals: int,
    cost_share: float,
    further: Sequence[tuple[str, float]] = (),
) -> float:
    """The score, 0 to 1, of an action with the facts of its tool and all that it touches."""
    own = [each for each in subjects if not each.is_derived]
    return compute_risk(
        RiskSubject(
            capabilities=frozenset(each.capability for each in own),
            is_destructive=action.server == OWN_SERVER and bool(tool["tool.destructive"]),
            # Where they lead: a link or `cd` must not make a delicate path look harmless.
            paths=[each.leads_to for each in subjects if each.leads_to],
            command=command_of(action),
            n_refusals=n_refusals,
            cost_share=cost_share,
        ),
        further,
    ).score


class RiskFactors:
    """The factors that plugins declare; ConfigurationError for one that cannot be used."""

    def __init__(self, factors: Sequence[RiskFactor] = ()) -> None:
        taken = {factor.name for factor in FACTORS}
        for factor in factors:
            if factor.name in taken or not 0 < factor.weight < 1:
                raise ConfigurationError(
                    f"risk factor {factor.name!r}: its name is taken, or its weight is not between "
                    "0 and 1"
                )
            taken.add(factor.name)
        self._factors = tuple(factors)

    def contributions(
        self, repo: str | None, subjects: Sequence[Subject]
    ) -> list[tuple[str, float]]:
        """Name and w v of every factor that knows something about the call, and sees a risk."""
        if not self._factors:
            return []
        question = RiskQuestion(
            repo,
            tuple(dict.fromkeys(each.leads_to for each in subjects if each.leads_to)),
            frozenset(each.capability for each in subjects),
        )
        found = []
        for factor in self._factors:
            value = _assessed(factor, question)
            if value:
                found.append((factor.name, factor.weight * min(1.0, max(0.0, value))))
        return found


def _assessed(factor: RiskFactor, question: RiskQuestion) -> float | None:
    try:
        return factor.assess(question)
    except Exception as error:  # noqa: BLE001 - a factor only informs, and blocks nothing
        _log.error("risk_factor_failed", factor=factor.name, exc_info=error)
        return None
