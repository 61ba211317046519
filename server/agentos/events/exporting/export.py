"""The log as lines of text, in one of four formats; memory does not grow with the log.

Above: `agentos audit export`. Below: ocsf, cef, csv_lines, a cursor over the log in one snapshot.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

import orjson

from agentos.database.pool import Database
from agentos.database.queries import Queries
from agentos.events.document import event_document
from agentos.events.exporting.cef import cef_line
from agentos.events.exporting.csv_lines import csv_header, csv_line
from agentos.events.exporting.ocsf import ocsf_line
from agentos.events.model import Event
from agentos.events.store import event_from_row
from agentos.redaction import redact

PREFETCH = 500

_sql = Queries("agentos", "sql/export.sql")


class ExportFormat(StrEnum):
    """What the lines are."""

    OCSF = "ocsf"
    CEF = "cef"
    CSV = "csv"
    JSONL = "jsonl"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events; None selects all. `since` is in, `until` is not."""

    since: datetime | None = None
    until: datetime | None = None
    stream: str | None = None
    work_order: str | None = None


def chosen_by(selection: Selection) -> tuple[datetime | str | None, ...]:
    """The arguments of the statement `export_events`."""
    return (selection.since, selection.until, selection.stream, selection.work_order)


async def export_lines(
    database: Database, format: ExportFormat, selection: Selection
) -> AsyncIterator[str]:
    """The selected events in order, a header first for CSV, each without its line feed.

    What looks like a secret is taken out once more: the rules may be newer than the event.
    """
    if format is ExportFormat.CSV:
        yield csv_header()
    write = _WRITERS[format]
    async with (
        database.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        chosen = chosen_by(selection)
        async for row in connection.cursor(_sql.export_events, *chosen, prefetch=PREFETCH):
            event = event_from_row(row)
            yield write(replace(event, data=redact(event.data)))


def jsonl_line(event: Event) -> str:
    """One event with every field that its hash covers."""
    return orjson.dumps(event_document(event)).decode()


_WRITERS: dict[ExportFormat, Callable[[Event], str]] = {
    ExportFormat.OCSF: ocsf_line,
    ExportFormat.CEF: cef_line,
    ExportFormat.CSV: csv_line,
    ExportFormat.JSONL: jsonl_line,
}
