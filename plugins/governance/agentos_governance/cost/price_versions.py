"""Keeps every price table that priced an entry, and prices old entries again by it.

Above: record_usage, `agentos budget recompute`. Below: prices, `governance.price_table`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from agentos import Database, NewEvent, PluginError, Transaction
from agentos_governance.cost.budgets import sql
from agentos_governance.cost.events import PRICES_STREAM
from agentos_governance.cost.prices import PriceTable, parse_price_table

_PAGE_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class RepricedEntry:
    """A ledger entry and what its own price table says today."""

    work_order: str
    request_id: str
    price_version: str
    booked_usd: Decimal
    computed_usd: Decimal | None
    """None where the table of that version is missing."""

    @property
    def ok(self) -> bool:
        """Whether the entry is what its table makes of its tokens."""
        return self.booked_usd == self.computed_usd


async def adopt(transaction: Transaction, table: PriceTable, actor: str, now: datetime) -> str:
    """The table's version; the table itself is kept the first time it prices anything."""
    version = table.version
    if await transaction.fetch_row(sql.find_price_table, version) is None:
        data = {
            "version": version,
            "effective_from": table.effective_from,
            "document": table.document(),
        }
        await transaction.append(NewEvent(PRICES_STREAM, "prices.adopted", actor, now, data))
    return version


async def find_table(database: Database, version: str) -> PriceTable | None:
    """The table of a version, checked against its digest; None for one that was never used here."""
    row = await database.fetch_row(sql.find_price_table, version)
    if row is None:
        return None
    table = parse_price_table(row["document"])
    if table.version != version:
        raise PluginError(f"the stored price table {version} does not have that digest")
    return table


async def reprice(
    database: Database, work_order: str | None = None
) -> AsyncIterator[RepricedEntry]:
    """Every entry that a table priced, priced again by the version stored with it; oldest first."""
    tables: dict[str, PriceTable | None] = {}
    after: tuple[Any, ...] = (datetime(1970, 1, 1, tzinfo=UTC), "", "")
    while True:
        rows = await database.fetch(sql.list_priced_entries, work_order, _PAGE_ROWS, *after)
        for row in rows:
            version = row["price_version"]
            if version not in tables:
                tables[version] = await find_table(database, version)
            yield _repriced(row, tables[version])
        if len(rows) < _PAGE_ROWS:
            return
        after = (rows[-1]["recorded_at"], rows[-1]["work_order"], rows[-1]["request_id"])


def _repriced(row: Any, table: PriceTable | None) -> RepricedEntry:
    computed = None
    if table is not None:
        computed = table.price_of(
            row["model"], row["input_tokens"], row["output_tokens"], row["cached_input_tokens"]
        )
    return RepricedEntry(
        row["work_order"], row["request_id"], row["price_version"], row["usd"], computed
    )
