"""What a registered person is for: roles in reviews, and the kernel's role when a bot acts for them.

Above: delegates, votes, reviewers of contracts. Below: `sql/identities.sql`.
"""

from __future__ import annotations

from collections.abc import Collection

from agentos import Role
from agentos_governance.authority.persons import same_person_key
from agentos_governance.orders import Reader
from agentos_governance.persons.events import sql

# Whatever else a person may do with a token of their own: through a bot they review.
_STRONGEST_FIRST = (
    ("reviewer", Role.REVIEWER),
    ("admin", Role.REVIEWER),
    ("planner", Role.PLANNER),
)


async def roles_of_person(reader: Reader, person: str) -> frozenset[str]:
    """The roles of a registered, active person, whatever way the name is written; else none."""
    row = await reader.fetch_row(sql.get_person, same_person_key(person))
    return frozenset(row["roles"]) if row is not None and row["is_active"] else frozenset()


def kernel_role(roles: Collection[str]) -> Role:
    """As what a bot acts for a person with these roles: a reviewer at most.

    Who is neither reviewer, admin nor planner decides nothing, whatever review roles they have.
    """
    return next((role for name, role in _STRONGEST_FIRST if name in roles), Role.WORKER)
