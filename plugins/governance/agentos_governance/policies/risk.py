"""The risk of one call, for the fact `risk_score`: the same for a call and for its simulation.

Above: decisions in force, recorded calls. Below: the declared factors of `contracts.risk`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentos_governance.contracts.actions import OWN_SERVER, Action, command_of
from agentos_governance.contracts.risk import RiskSubject, compute_risk
from agentos_governance.policies.subjects import Subject


def risk_score(
    tool: Mapping[str, object],
    action: Action,
    subjects: Sequence[Subject],
    *,
    n_refusals: int,
    cost_share: float,
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
        )
    ).score
