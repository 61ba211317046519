"""The schedule of one review: the deployment's, with what its contract sets, and who is asked next.

Above: rounds, approvals, decisions. Below: settings, the escalation list of the persons.
"""

from __future__ import annotations

from collections.abc import Sequence

from agentos_governance.contracts.model import ReviewPolicy
from agentos_governance.orders import Reader
from agentos_governance.review.queries import sql
from agentos_governance.review.settings import ReviewSettings
from agentos_governance.review.times import Schedule

MAX_ASKED = 50


async def schedule_for(
    reader: Reader, settings: ReviewSettings, policy: ReviewPolicy | None = None
) -> Schedule:
    """The schedule of what opens now.

    Where the settings name nobody, the persons on the escalation list are asked in its order. A
    contract makes an expiry only ever shorter.
    """
    asked: Sequence[str] = settings.escalate_to
    if not asked and settings.escalate_after_s is not None:
        rows = await reader.fetch(sql.list_escalation, MAX_ASKED)
        asked = [row["name"] for row in rows]
    policy = policy or ReviewPolicy()
    ends, reminders = settings.expire_after_s, policy.remind_after_s
    return Schedule(
        remind_after_s=settings.remind_after_s if reminders is None else reminders,
        escalate_after_s=policy.escalate_after_s or settings.escalate_after_s,
        escalate_to=asked,
        expire_after_s=min(ends, policy.expire_after_s or ends),
    )
