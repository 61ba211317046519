"""The report of a work order, from its events.

Above: the report tool and command. Below: one module for each group of answers.
"""

from __future__ import annotations

from agentos import Kernel
from agentos_governance.orders import get_order, read_history
from agentos_governance.report.authority import who, why_allowed
from agentos_governance.report.model import WorkReport
from agentos_governance.report.outcome import cost, recovery, reviewed_by
from agentos_governance.report.proof import correctness, grounding


async def build_report(kernel: Kernel, work_order: str) -> WorkReport:
    """The seven answers as the database has them now."""
    row = await get_order(kernel.database, work_order)
    history = await read_history(kernel.database, work_order)
    return WorkReport(
        work_order=work_order,
        title=row["title"],
        state=row["state"],
        who=who(row, history),
        why_allowed=await why_allowed(kernel, row, history),
        grounding=await grounding(kernel, row, history),
        correctness=await correctness(kernel, row, history),
        cost=await cost(kernel, row, history),
        reviewed_by=await reviewed_by(kernel, row, history),
        recovery=recovery(row, history),
    )
