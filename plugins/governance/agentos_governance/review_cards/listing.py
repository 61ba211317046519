"""One queue of all that waits for people, page by page.

Above: list_waiting. Below: `sql/review_cards.sql`. What is one's own to decide is told from who made
what is on the page; deciding looks closer, and may still refuse.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, get_args

from agentos import InvalidArgumentError, Principal, format_time
from agentos_governance.authority.persons import keys_behind, same_person_key
from agentos_governance.orders import Reader
from agentos_governance.review.reviewers import is_named
from agentos_governance.review_cards.model import Kind, WaitingList, WaitingReview
from agentos_governance.review_cards.subjects import sql

Wanted = Literal["open", "ended", "any"]
KINDS: tuple[Kind, ...] = get_args(Kind)


async def list_waiting(
    reader: Reader,
    now: datetime,
    *,
    kinds: Sequence[Kind] | None,
    state: Wanted,
    limit: int,
    cursor: str | None,
    worker: str | None = None,
    mine: Principal | None = None,
) -> WaitingList:
    """A page, of one worker's where named.

    With `mine`, of it only what this caller may probably decide and has not yet.
    """
    after = _parse_cursor(cursor)
    rows = await reader.fetch(
        sql.list_waiting, list(kinds or KINDS), state, now, *after, worker, limit + 1
    )
    page = rows[:limit]
    is_cut = len(rows) > limit
    shown = page if mine is None else await _own(reader, page, mine)
    counts = await reader.fetch(sql.count_waiting, now)
    return WaitingList(
        reviews=[_view(row, now) for row in shown],
        n_open={kind: 0 for kind in KINDS} | {row["kind"]: row["n"] for row in counts},
        truncated=is_cut,
        next_cursor=_cursor_of(page[-1]) if is_cut else None,
    )


async def _own(reader: Reader, rows: Sequence[Any], caller: Principal) -> list[Any]:
    own = await keys_behind(reader, (caller.answerable, caller.name))
    orders = sorted({row["work_order"] for row in rows if row["work_order"] is not None})
    parties = await _parties(reader, orders, [row["worker"] for row in rows])
    voted = {
        (vote["work_order"], vote["packet_sha256"], vote["voter"])
        for vote in await reader.fetch(sql.list_voters, orders)
    }
    return [
        row
        for row in rows
        if parties.get(row["work_order"], set()).isdisjoint(own)
        and parties.get(row["worker"], set()).isdisjoint(own)
        and not any((row["work_order"], row["sha256"], key) in voted for key in own)
        and await is_named(reader, row["reviewers"], own, caller.person)
    ]


async def _parties(
    reader: Reader, orders: Sequence[str], workers: Sequence[str | None]
) -> dict[str | None, set[str]]:
    """The keys of who made each work order, by its id, and of each worker, by its name."""
    rows = await reader.fetch(sql.list_parties, list(orders))
    names = {name for name in workers if name} | {row["name"] for row in rows}
    bound: dict[str, set[str]] = {name: {same_person_key(name)} for name in names}
    for row in await reader.fetch(sql.list_bound_persons, sorted(names)):
        bound[row["name"]].add(same_person_key(row["person"]))
    parties: dict[str | None, set[str]] = {name: keys for name, keys in bound.items()}
    for row in rows:
        keys = parties.setdefault(row["work_order"], set())
        keys |= bound[row["name"]]
        if row["person"]:
            keys.add(same_person_key(row["person"]))
    return parties


def _view(row: Any, now: datetime) -> WaitingReview:
    is_open = row["is_open"]
    ended_at = None if is_open else row["ended_at"]
    return WaitingReview(
        id=row["id"],
        kind=row["kind"],
        title=row["title"],
        work_order=row["work_order"],
        state="open" if is_open else "ended",
        outcome=None if is_open else _outcome(row, now),
        sha256=row["sha256"],
        worker=row["worker"],
        opened_at=format_time(row["opened_at"]),
        due_at=_time(row["due_at"]),
        expires_at=_time(row["expires_at"]),
        snoozed_until=_time(row["snoozed_until"]),
        assigned_to=row["assigned_to"],
        waiting_s=max(0, int(((ended_at or now) - row["opened_at"]).total_seconds())),
        n_blocking=row["n_blocking"],
        version=row["version"],
    )


def _outcome(row: Any, now: datetime) -> Any:
    state = row["state"]
    if state in ("open", "pending"):
        # Over, and not swept yet.
        return "expired" if row["expires_at"] <= now else "cancelled"
    is_used_up = state == "used" or (state == "expired" and row["is_decided"])
    return "approved" if is_used_up else state


def _parse_cursor(cursor: str | None) -> tuple[datetime | None, str | None]:
    if cursor is None:
        return None, None
    try:
        opened_at, id = cursor.split("|")
        at = datetime.fromisoformat(opened_at)
        if at.tzinfo is None:
            raise ValueError(cursor)
        return at, id
    except ValueError:
        raise InvalidArgumentError(
            "argument `cursor` is not one that list_waiting returned",
            remedy="pass next_cursor of the page before, or leave it out",
        ) from None


def _cursor_of(row: Any) -> str:
    return f"{format_time(row['opened_at'])}|{row['id']}"


def _time(at: datetime | None) -> str | None:
    return None if at is None else format_time(at)
