"""What each role may do outside a contract, as data.

A tool is judged by the capabilities it declares. Tools of this plugin are the protocol of the
work order itself (claim, record, submit): a role admits them and their bodies check the lease.
Everything else that a worker does is judged by the contract of its work order.
"""

from __future__ import annotations

from agentos import Role, Tool

WORK_ORDERS = "work_orders"
OWN_WORK_ORDER = "own_work_order"
REVIEWS = "reviews"
COSTS = "costs"
AUDIT = "audit"
BUDGETS = "budgets"
SPENDING_STOP = "spending_stop"
UNLOCKS = "unlocks"
APPROVALS = "approvals"
PERSONS = "persons"
IDENTITIES = "identities"
LINK_CODES = "link_codes"
CHANNEL_POSTS = "channel_posts"
DELEGATION = "delegation"
"""Making work orders: any for a planner, only children of what it holds for a worker."""
PROTOCOL = frozenset(
    {
        WORK_ORDERS,
        OWN_WORK_ORDER,
        DELEGATION,
        REVIEWS,
        APPROVALS,
        COSTS,
        AUDIT,
        BUDGETS,
        SPENDING_STOP,
        UNLOCKS,
        PERSONS,
        IDENTITIES,
        LINK_CODES,
        CHANNEL_POSTS,
    }
)
_OWN_PACKAGE = __name__.partition(".")[0]

OBSERVATIONS = "observations"
CODE_INDEX = "code_index"

_WRITES: dict[Role, frozenset[str]] = {
    # Observations also without a work order: a note grants nothing and carries its author.
    Role.WORKER: frozenset({OWN_WORK_ORDER, DELEGATION, COSTS, OBSERVATIONS}),
    Role.REVIEWER: frozenset(
        {
            OWN_WORK_ORDER,
            REVIEWS,
            APPROVALS,
            COSTS,
            OBSERVATIONS,
            SPENDING_STOP,
            UNLOCKS,
            LINK_CODES,
        }
    ),
    Role.PLANNER: frozenset(
        {WORK_ORDERS, OWN_WORK_ORDER, DELEGATION, COSTS, OBSERVATIONS, CODE_INDEX}
    ),
    # By itself a bot decides nothing: it shows what waits, and says who its users are.
    Role.BOT: frozenset({CHANNEL_POSTS, IDENTITIES}),
}
_THROUGH_BOTS = frozenset({REVIEWS, APPROVALS})
"""What persons may change through a bot, where their own role may as well."""
_NOTES_THROUGH_BOTS = frozenset({OBSERVATIONS})


def is_protocol(tool: Tool) -> bool:
    """Whether the tool is part of handling work orders, not of the work itself.

    Capabilities alone do not say so: a tool of another plugin that declares them is still judged
    by the contract.
    """
    is_own = tool.body.__module__.partition(".")[0] == _OWN_PACKAGE
    return is_own and tool.reads | tool.writes <= PROTOCOL


def refused_through_bots(tool: Tool) -> list[str]:
    """The capabilities of the tool that no bot passes on, sorted."""
    # Tools of others may declare the same capabilities for something else.
    passed_on = _THROUGH_BOTS if is_protocol(tool) else _NOTES_THROUGH_BOTS
    return sorted(tool.writes - passed_on)


def refused_writes(role: Role, tool: Tool) -> list[str]:
    """The capabilities of the tool that the role does not have, sorted; empty means admitted."""
    if role is Role.ADMIN:
        return []
    granted = _WRITES[role]
    if role is Role.WORKER and not is_protocol(tool):
        granted -= PROTOCOL
    return sorted(tool.writes - granted)
