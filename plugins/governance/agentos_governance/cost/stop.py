"""The emergency stop: refuses what costs money, or everything that writes, in every process.

Above: the plugin composes the authorizer around tools. Below: `governance.spending_stop`, read on
every such call, so that no process goes on because a message was late.
"""

from __future__ import annotations

from agentos import Authorizer, Tool, ToolCall, Verdict
from agentos_governance.cost.budgets import STOP_RULE, sql, stop_error

REPORTING_TOOLS = frozenset({"record_usage"})
EXEMPT_TOOLS = frozenset({"stop_spending", "resume_spending", "set_budget", "lock_tool"})
"""What ends a stop or narrows what may be done must work during one."""


def stop_authorizer(tool: Tool) -> Authorizer | None:
    """The voter that refuses `tool` while spending is stopped; None where a stop never concerns it.

    A stop concerns tools that declare `max_cost_usd` and record_usage; one for all calls concerns
    every tool that is not read-only.
    """
    is_paid = bool(tool.max_cost_usd) or tool.name in REPORTING_TOOLS
    if tool.name in EXEMPT_TOOLS or (tool.is_read_only and not is_paid):
        return None

    async def decide(call: ToolCall) -> Verdict | None:
        stop = await call.kernel.database.fetch_row(sql.get_stop)
        if stop is None or not (is_paid or stop["is_all"]):
            return None
        error = stop_error(stop["reason"])
        return Verdict.deny(STOP_RULE, error.message, remedy=error.remedy)

    return Authorizer(decide)
