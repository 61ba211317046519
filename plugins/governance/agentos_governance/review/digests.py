"""Says once a day that everybody gets the list of what waits: `digest_at` of `[review]`.

Above: the sweeper. Below: the stream `reviews`, persons. Channels send the lists; which day it is
follows from the time zone of the settings.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from agentos import ConflictError, Kernel, NewEvent
from agentos_governance.review.queries import sql
from agentos_governance.review.settings import ReviewSettings
from agentos_governance.review.times import is_quiet

STREAM = "reviews"
MAX_PERSONS = 1_000


async def announce_digest(kernel: Kernel) -> bool:
    """Whether today's digest fell due now, and this server was the one to say so."""
    settings, now = kernel.service(ReviewSettings), kernel.clock.now()
    date = _due_date(settings, now)
    if date is None:
        return False
    last = await kernel.database.fetch_row(sql.find_last_digest, STREAM)
    if last is not None and last["date"] >= date:
        return False
    rows = await kernel.database.fetch(sql.list_active_persons, MAX_PERSONS)
    data = {"date": date, "persons": [row["name"] for row in rows]}
    seen = 0 if last is None else last["seq"]
    transaction = await kernel.open_transaction()
    try:
        await transaction.append(
            NewEvent(STREAM, "review.digest_due", "system", now, data, expected_seq=seen)
        )
        await transaction.commit()
    except ConflictError:
        # Another server was faster.
        await transaction.rollback()
        return False
    except BaseException:
        await transaction.rollback()
        raise
    kernel.bus.announce()
    return True


def _due_date(settings: ReviewSettings, now: datetime) -> str | None:
    """Today's date where its digest is due by now and nobody is left alone; else None."""
    if settings.digest_at is None or is_quiet(now, settings.quiet_hours):
        return None
    zone = ZoneInfo(settings.digest_zone)
    today = now.astimezone(zone).date()
    due = datetime.combine(today, settings.digest_at, tzinfo=zone)
    return today.isoformat() if now >= due else None
