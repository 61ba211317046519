"""Whether two names are the same person's: how they are written and what tokens bind them to.

Above: reviews, approvals, budgets, claims. Below: Unicode tables, `sql/persons.sql`. Case, width, invisible
characters and letters of other alphabets that look the same do not count; otherwise `Alice` and
`alice` would be four eyes. Two persons taken for one are refused and told so; one person taken for
two would not be noticed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from agentos import Queries
from agentos_governance.orders import Reader

_sql = Queries("agentos_governance", "sql/persons.sql")

# Not of category Cf, and yet nothing to see (Unicode's Default_Ignorable_Code_Point, and the blank
# Braille pattern).
_INVISIBLE = frozenset(
    map(
        chr,
        (
            0x034F,
            0x115F,
            0x1160,
            0x17B4,
            0x17B5,
            *range(0x180B, 0x1810),
            0x2800,
            0x3164,
            *range(0xFE00, 0xFE10),
            0xFFA0,
            *range(0xE0100, 0xE01F0),
        ),
    )
)
_LOOKALIKES = str.maketrans(
    # Cyrillic, then Greek, in lower case.
    "аеорсухіјѕԁԛԝһӏвкмнт" + "αεικνορτυχ" + "ıɡ",  # noqa: RUF001
    "aeopcyxijsdqwhlbkmht" + "aeikvoptux" + "ig",
)


def same_person_key(name: str) -> str:
    """Equal for names that read the same: NFKC, case folded, spaces joined, lookalikes as Latin."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    visible = "".join(
        c for c in folded if c not in _INVISIBLE and unicodedata.category(c) != "Cf"
    ).translate(_LOOKALIKES)
    return " ".join(visible.split())


async def keys_behind(reader: Reader, names: Iterable[str | None]) -> set[str]:
    """The keys of names, and of every person to whom a token ever bound one of them.

    A worker whose token names no person is still the person of another token of that worker.
    """
    known = {name for name in names if name}
    rows = await reader.fetch(_sql.list_persons_behind, sorted(known))
    return {same_person_key(name) for name in (*known, *(row["person"] for row in rows))}


async def keys_of_workers(reader: Reader, work_order: str) -> set[str]:
    """The keys of everybody who ever held the work order, or one above it."""
    rows = await reader.fetch(_sql.list_workers_behind, work_order)
    return await keys_behind(reader, [n for row in rows for n in (row["worker"], row["person"])])


async def keys_of_makers(reader: Reader, work_order: str) -> set[str]:
    """Those keys, and the keys of everybody who planned it: made or amended it, or one above it."""
    rows = await reader.fetch(_sql.list_planners_behind, work_order)
    planners = await keys_behind(reader, (row["planner"] for row in rows))
    return planners | await keys_of_workers(reader, work_order)


async def keys_apart(reader: Reader, work_order: str) -> set[str]:
    """The keys of everybody whom `not_by_orders` keeps from the work order."""
    rows = await reader.fetch(_sql.list_workers_apart, work_order)
    return await keys_behind(reader, [n for row in rows for n in (row["worker"], row["person"])])
