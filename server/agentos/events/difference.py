"""Which event it is that a signed head saw and the log no longer has, or has otherwise.

Above: log_verification. Below: the list of events inside a head, the log.
"""

from __future__ import annotations

from agentos.database.pool import Database
from agentos.database.queries import Queries
from agentos.errors import VerificationError
from agentos.events.head import FINGERPRINT_CHARS, Entry, SignedHead, unpack_entries
from agentos.events.verification import BadEvent

_sql = Queries("agentos", "sql/heads.sql")


async def first_difference(database: Database, signed: SignedHead, after: int) -> BadEvent | None:
    """The first event after a position that is not as the head lists it; None for no list."""
    head = signed.head
    if signed.contents is None:
        return None
    try:
        listed = {entry.position: entry for entry in unpack_entries(signed.contents)}
    except VerificationError:
        return None
    rows = await database.fetch(_sql.list_interval, after, head.position, None)
    stored = {
        row["position"]: Entry(
            row["position"], row["stream"], row["seq"], row["hash"][:FINGERPRINT_CHARS]
        )
        for row in rows
    }
    for position in sorted(listed.keys() | stored.keys()):
        was, now = listed.get(position), stored.get(position)
        if was == now:
            continue
        if now is None:
            assert was is not None
            reason = f"it was there when the log was signed at {head.at}, and is no more"
            return BadEvent(position, was.stream, was.seq, reason)
        if was is None:
            reason = f"it was put in after the log was signed at {head.at}"
        else:
            reason = f"it was rewritten since the log was signed at {head.at}"
        return BadEvent(position, now.stream, now.seq, reason)
    return None
