"""A queue of ten thousand reviews is read in pages of bounded size, each review once."""

from __future__ import annotations

import asyncio
import tracemalloc

from agentos import Settings
from tests.agentos_governance.lifecycle import Office, open_office
from tests.agentos_governance.persons.acting import add_person, call_for
from tests.alone import run_alone

N_WAITING = 10_000
PAGE = 200
MOST_BYTES = 4 * 1024 * 1024
"""Of memory for one page: it takes a quarter of that, and all rows of the queue twice as much."""
_FILL = (
    "insert into governance.decision_request (id, kind, state, title, body, options, sha256, stream,"
    " worker, role, opened_at, expires_at) select 'RV-' || n, 'provide_context', 'open',"
    " 'Question ' || n, repeat('why? ', 200), '[]', md5(n::text) || md5(n::text), 'decisions/w',"
    " 'w' || n, 'worker', $1::timestamptz - (n / 50) * interval '1 second',"
    " $1::timestamptz + interval '1 day' from generate_series(1, $2::int) n"
)


async def _fill(office: Office) -> None:
    async with office.kernel.database.connection() as connection:
        await connection.execute(_FILL, office.clock.now(), N_WAITING)


def test_every_review_of_a_long_queue_is_on_one_page_and_pages_are_bounded(
    settings: Settings,
) -> None:
    seen, peak = run_alone(_read_alone, settings)
    assert peak < MOST_BYTES
    assert len(seen) == len(set(seen)) == 5 * PAGE
    opened = [int(review.removeprefix("RV-")) // 50 for review in seen]
    assert opened == sorted(opened, reverse=True)


def _read_alone(settings: Settings) -> tuple[list[str], int]:
    """The reviews of the first pages, and the peak of memory in bytes while these were read."""
    return asyncio.run(_read(settings))


async def _read(settings: Settings) -> tuple[list[str], int]:
    async with open_office(settings) as office:
        ada = await add_person(office, "Ada")
        await _fill(office)
        seen: list[str] = []
        cursor: str | None = None
        tracemalloc.start()
        try:
            while True:
                page = await call_for(
                    office, ada, "list_waiting", mine=True, limit=PAGE, cursor=cursor
                )
                assert len(page["reviews"]) <= PAGE
                assert page["n_open"]["provide_context"] == N_WAITING
                seen += [each["id"] for each in page["reviews"]]
                cursor = page["next_cursor"]
                if cursor is None or len(seen) >= 5 * PAGE:
                    return seen, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
