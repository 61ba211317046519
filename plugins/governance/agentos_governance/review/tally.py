"""Counts the approvals of a packet against what its contract asks for.

Above: deciding, cards. Below: votes, persons. Persons are counted, not votes: names that tokens
bind to one person are one, and an agent's approval is never a human's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentos_governance.authority.persons import keys_behind, keys_of_makers, same_person_key
from agentos_governance.contracts.model import ReviewPolicy
from agentos_governance.orders import Reader
from agentos_governance.review.queries import sql
from agentos_governance.review.reviewers import is_named, roles_of_vote


@dataclass(frozen=True, slots=True)
class Tally:
    """How many approve, and who is missing."""

    n_approvals: int
    quorum: int
    missing_roles: Mapping[str, int]

    @property
    def is_approved(self) -> bool:
        """Whether nothing is missing."""
        return self.n_approvals >= self.quorum and not self.missing_roles

    def needs(self, policy: ReviewPolicy) -> str:
        """In words, who must still approve; empty where nobody must."""
        parts = []
        if self.n_approvals < self.quorum:
            kind = {"human": " of persons", "persona": " of personas", "either": ""}[policy.by]
            whose = "" if policy.reviewers is None else f" by {', '.join(policy.reviewers[:10])}"
            parts.append(f"{self.quorum - self.n_approvals} more of {self.quorum}{kind}{whose}")
        parts += [f"{n} as {role}" for role, n in sorted(self.missing_roles.items())]
        return "; ".join(parts)


async def count_approvals(
    reader: Reader, work_order: str, packet_sha256: str, policy: ReviewPolicy
) -> Tally:
    """The approvals of one packet, those carried over included, by the roles people have now."""
    makers = await keys_of_makers(reader, work_order)
    counted: set[str] = set()
    n_approvals = 0
    n_of_role: Counter[str] = Counter()
    for vote in await reader.fetch(sql.list_approvals, work_order, packet_sha256):
        keys = {vote["voter"]} | await keys_behind(reader, [vote["reviewer"], vote["person"]])
        if not _is_kind(vote, policy) or not keys.isdisjoint(counted | makers):
            continue
        names = keys if vote["is_human"] else {same_person_key(vote["reviewer"])}
        person = vote["person"] if vote["is_human"] else None
        if not await is_named(reader, policy.reviewers, names, person):
            continue
        n_approvals += 1
        counted |= keys
        n_of_role.update(await roles_of_vote(reader, vote))
    asked = policy.roles or {}
    missing = {role: n - n_of_role[role] for role, n in asked.items() if n_of_role[role] < n}
    return Tally(n_approvals, policy.quorum, missing)


def _is_kind(vote: Mapping[str, Any], policy: ReviewPolicy) -> bool:
    return policy.by == "either" or vote["is_human"] == (policy.by == "human")
