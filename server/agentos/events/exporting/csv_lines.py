"""Events as CSV (RFC 4180) that a spreadsheet opens without running anything in it.

Above: export. Below: meaning. A value that a spreadsheet would take for a formula gets an
apostrophe in front (OWASP, CSV injection); every field is quoted.
"""

from __future__ import annotations

import csv
import io

import orjson

from agentos.clock import format_time
from agentos.events.exporting.meaning import meaning_of
from agentos.events.model import Event

COLUMNS = (
    "position",
    "at",
    "stream",
    "seq",
    "type",
    "actor",
    "role",
    "operation",
    "outcome",
    "error_code",
    "rule",
    "work_order",
    "call",
    "message",
    "data",
    "hash",
)
# The last four are the full-width forms of =, +, - and @.
_FORMULA = frozenset("=+-@\t\r\n|%\uff1d\uff0b\uff0d\uff20")


def csv_header() -> str:
    """The names of the columns, without a line feed."""
    return _line(COLUMNS)


def csv_line(event: Event) -> str:
    """One event, without a line feed; a value may hold line feeds inside its quotes."""
    said = meaning_of(event)
    values = (
        str(event.position),
        format_time(event.at),
        event.stream,
        str(event.seq),
        event.type,
        event.actor,
        said.role or "",
        said.operation,
        "success" if said.is_success else "failure",
        said.error_code or "",
        said.rule or "",
        said.work_order or "",
        said.call or "",
        said.message,
        orjson.dumps(event.data, option=orjson.OPT_SORT_KEYS).decode(),
        event.hash,
    )
    return _line([_guarded(value) for value in values])


def _guarded(value: str) -> str:
    # A spreadsheet skips white space before it looks for a formula.
    first = value.lstrip(" \xa0\ufeff")[:1]
    return f"'{value}" if first in _FORMULA and first else value


def _line(values: list[str] | tuple[str, ...]) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="").writerow(values)
    return text.getvalue()
