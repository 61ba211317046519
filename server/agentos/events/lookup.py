"""One event by the name that people use for it: `work_order/WO-3F9K2M7Q#12`.

Above: `agentos audit show`. Below: the event table.
"""

from __future__ import annotations

from agentos.database.pool import Database
from agentos.database.queries import Queries
from agentos.errors import InvalidArgumentError, NotFoundError
from agentos.events.model import Event

MAX_SEQ = 2**63 - 1

_sql = Queries("agentos", "sql/lookup.sql")


def parse_reference(text: str) -> tuple[str, int]:
    """Stream and sequence number of `stream#seq`; InvalidArgumentError for other text."""
    stream, separator, number = text.rpartition("#")
    is_number = number.isascii() and number.isdigit() and len(number) <= len(str(MAX_SEQ))
    if not (stream and separator and is_number) or not 1 <= int(number) <= MAX_SEQ:
        raise InvalidArgumentError(
            f"{text[:200]!r} does not name an event",
            remedy="write it as a report does, such as work_order/WO-3F9K2M7Q#12",
        )
    return stream, int(number)


async def get_event(database: Database, reference: str) -> Event:
    """The event of that name; NotFoundError where there is none."""
    rows = await database.fetch(_sql.find_event, *parse_reference(reference))
    if not rows:
        raise NotFoundError(f"there is no event {reference[:200]!r}")
    return Event(**dict(rows[0]))
