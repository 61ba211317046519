"""Tells the kernel what became of an approval, so that what waits for it need not ask again.

Above: the plugin offers it as the service `agentos.Reviews`. Below: deciding.
"""

from __future__ import annotations

from agentos import Kernel, ReviewState
from agentos_governance.approvals.deciding import find_approval, outcome_of
from agentos_governance.authority.mandate import ENDED_STATES

_STATES: dict[str, ReviewState] = {
    "pending": "pending",
    "approved": "approved",
    "rejected": "rejected",
}


class ApprovalStates:
    """Implements `agentos.Reviews`."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    async def state_of(self, review_id: str) -> ReviewState:
        """What became of it by now; NotFoundError for an unknown id."""
        row = await find_approval(self._kernel.database, review_id)
        if row["state"] == "pending" and row["work_order_state"] in ENDED_STATES:
            return "ended"
        return _STATES.get(outcome_of(row, self._kernel.clock.now()), "ended")
