"""Whether one contract lies within another: field by field, and by how much not.

Above: delegation (a child within its parent), amendments (a version within the one before).
Below: inclusion of globs. What cannot be decided here is still held at run time, where a call
must be admitted by every contract of its mandate.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agentos_governance.contracts.actions import OWN_SERVER
from agentos_governance.contracts.inclusion import (
    Outside,
    find_outside_globs,
    find_outside_roots,
)
from agentos_governance.contracts.model import Contract, ReviewPolicy, usd_text

_OWN_PREFIX = f"mcp__{OWN_SERVER}__"
_MAX_SHOWN = 5
# The keyword of the one statement that can admit what was refused before.
_ALLOW = re.compile(r"(?<![\w.])ALLOW(?![\w.])")


@dataclass(frozen=True, slots=True)
class Excess:
    """A field in which a contract goes beyond another."""

    field: str
    value: str
    limit: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason_in_full}"

    @property
    def reason_in_full(self) -> str:
        """The value, the limit, and why the one is not within the other."""
        return f"{self.value} is not within {self.limit}: {self.reason}"


Rule = Callable[[Any, Any], str | None]
"""Why a field's value is not within another's; None where it is, or where nobody can tell."""


def find_child_excess(child: Contract, parent: Contract) -> list[Excess]:
    """Where a child's contract allows more than its parent's, or asks for less review.

    `forbidden_actions` and `constraints` need no repeating, since the parent's bind the child's
    calls as well; `evidence_required` is what each work order owes for itself.
    """
    return _find(child, parent, DELEGATION_RULES)


def find_amendment_excess(new: Contract, old: Contract) -> list[Excess]:
    """Where a new version allows more, forbids less, or asks for less than the one before."""
    return _find(new, old, AMENDMENT_RULES)


def _find(inner: Contract, outer: Contract, rules: Mapping[str, Rule]) -> list[Excess]:
    found = []
    for field, rule in rules.items():
        value, limit = getattr(inner, field), getattr(outer, field)
        reason = None if value == limit else rule(value, limit)
        if reason is not None:
            found.append(Excess(field, _shown(value), _shown(limit), reason))
    return found


def _roots(value: list[str], limit: list[str]) -> str | None:
    outside = find_outside_roots(value, limit)
    return _example(outside)


def _tools(value: list[str], limit: list[str]) -> str | None:
    # A tool of this server is known by two names; the run time compares both.
    names = [*limit, *(each.removeprefix(_OWN_PREFIX) for each in limit)]
    outside = find_outside_globs([each.removeprefix(_OWN_PREFIX) for each in value], names)
    return _example(outside)


def _commands(value: list[str] | None, limit: list[str] | None) -> str | None:
    if limit is None:
        return None
    if value is None:
        return "null allows every command"
    outside = find_outside_globs(value, limit)
    return _example(outside)


def _example(outside: Outside | None) -> str | None:
    return None if outside is None else f"{outside.pattern!r} includes {outside.example!r}"


def _at_most(value: Any, limit: Any) -> str | None:
    if limit is None or (value is not None and value <= limit):
        return None
    return "null is no limit" if value is None else "it is more"


def _network(value: bool | None, limit: bool | None) -> str | None:
    return "only false refuses the network" if limit is False else None


def _review(value: ReviewPolicy, limit: ReviewPolicy) -> str | None:
    if not limit.required:
        return None
    if not value.required:
        return "a review is required"
    if value.quorum < limit.quorum:
        return "its quorum is smaller"
    if limit.by not in ("either", value.by):
        return f"it must be by {limit.by}"
    return _reviewers(value, limit) or _stickiness(value, limit) or _waiting(value, limit)


def _reviewers(value: ReviewPolicy, limit: ReviewPolicy) -> str | None:
    if limit.reviewers is not None:
        others = [each for each in value.reviewers or [] if each not in limit.reviewers]
        if value.reviewers is None or others:
            return f"{others[0] if others else 'anybody'!r} is not among the reviewers"
    for role, count in sorted((limit.roles or {}).items()):
        if (value.roles or {}).get(role, 0) < count:
            return f"it needs {count} of the role {role!r}"
    return None


def _stickiness(value: ReviewPolicy, limit: ReviewPolicy) -> str | None:
    # What is left out is the deployment's to choose, which nobody may choose for it.
    allowed = {True: (True, False, None), False: (False,), None: (None, False)}[limit.sticky]
    return None if value.sticky in allowed else "approvals would hold for later packets"


def _waiting(value: ReviewPolicy, limit: ReviewPolicy) -> str | None:
    for name in ("escalate_after_s", "expire_after_s"):
        if _at_most(getattr(value, name), getattr(limit, name)) is not None:
            return f"its {name} is longer"
    reminders = limit.remind_after_s or []
    if value.remind_after_s is None and reminders:
        return "its remind_after_s is missing"
    if not set(reminders) <= set(value.remind_after_s or reminders):
        return "its remind_after_s has fewer reminders"
    return None


def _keeps_all(value: list[str], limit: list[str]) -> str | None:
    missing = [entry for entry in limit if entry not in value]
    return f"{missing[0]!r} is missing" if missing else None


def _constraints(value: list[str], limit: list[str]) -> str | None:
    permits = next((e for e in value if e not in limit and _ALLOW.search(e)), None)
    if permits is not None:
        return f"{permits!r} may allow more"
    return _keeps_all(value, limit)


DELEGATION_RULES: Mapping[str, Rule] = {
    "allowed_roots": _roots,
    "allowed_tools": _tools,
    "commands_allowed": _commands,
    "cost_budget_usd": _at_most,
    "token_budget": _at_most,
    "wall_clock_s": _at_most,
    "lease_ttl_s": _at_most,
    "network": _network,
    "review": _review,
}

AMENDMENT_RULES: Mapping[str, Rule] = {
    **DELEGATION_RULES,
    "forbidden_actions": _keeps_all,
    "constraints": _constraints,
    "evidence_required": _keeps_all,
}


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, list):
        more = f", ... ({len(value)} in all)" if len(value) > _MAX_SHOWN else ""
        return f"[{', '.join(value[:_MAX_SHOWN])}{more}]"
    if isinstance(value, ReviewPolicy):
        return _shown_review(value)
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else usd_text(value)


def _shown_review(policy: ReviewPolicy) -> str:
    if not policy.required:
        return "none"
    parts = [f"{policy.quorum} by {policy.by}"]
    if policy.reviewers is not None:
        parts.append(f"of {_shown(policy.reviewers)}")
    parts += [f"{count} as {role}" for role, count in sorted((policy.roles or {}).items())]
    if policy.sticky is not None:
        parts.append("sticky" if policy.sticky else "not sticky")
    for name in ("remind_after_s", "escalate_after_s", "expire_after_s"):
        value = getattr(policy, name)
        if value is not None:
            parts.append(f"{name} {value}")
    return ", ".join(parts)
