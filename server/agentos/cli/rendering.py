"""Draws a JSON document for a person: fields as a grid, lists of objects as tables.

Above: commands that print without `--json`. Below: rich. All text is data here, never markup.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from agentos.cli.output import printable

MAX_COLUMNS = 8
MAX_DEPTH = 6

# The wire has microseconds; a person reads seconds.
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\.\d{6}Z")


def console() -> Console:
    """stdout, without rich's guesses about what text means."""
    return Console(markup=False, highlight=False, emoji=False, soft_wrap=False)


def print_document(document: Mapping[str, Any]) -> None:
    """Print a structured result."""
    console().print(draw(document))


def draw(value: Any, depth: int = 0) -> RenderableType:
    """What rich prints for a JSON value."""
    if isinstance(value, Mapping):
        return _fields(value, depth) if value and depth < MAX_DEPTH else _scalar(value)
    if isinstance(value, list):
        return _items(value, depth) if depth < MAX_DEPTH else _scalar(value)
    return _scalar(value)


def _fields(fields: Mapping[str, Any], depth: int) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    nested: list[RenderableType] = []
    for name, value in fields.items():
        if _is_flat(value):
            grid.add_row(Text(printable(name)), _scalar(value))
        else:
            nested.append(Text(printable(name), style="bold"))
            nested.append(Padding(draw(value, depth + 1), (0, 0, 0, 2)))
    return Group(*([grid] if grid.row_count else []), *nested)


def _items(items: Sequence[Any], depth: int) -> RenderableType:
    if all(isinstance(item, Mapping) and item for item in items) and items:
        columns = list(dict.fromkeys(name for item in items for name in item))
        if len(columns) <= MAX_COLUMNS and all(
            _is_flat(item.get(column)) for item in items for column in columns
        ):
            return _table(columns, items)
    return Group(*(_bullet(item, depth) for item in items))


def _bullet(item: Any, depth: int) -> RenderableType:
    line = Table.grid(padding=(0, 1))
    line.add_column(no_wrap=True)
    line.add_column(overflow="fold")
    line.add_row(Text("-"), draw(item, depth + 1))
    return line


def _table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        values = [row.get(column) for row in rows]
        is_number = any(v is not None for v in values) and all(map(_is_number, values))
        table.add_column(
            Text(printable(column)), justify="right" if is_number else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*(_scalar(row.get(column)) for column in columns))
    return table


def _is_flat(value: Any) -> bool:
    if isinstance(value, list):
        return all(not isinstance(item, Mapping | list) for item in value)
    return not isinstance(value, Mapping) or not value


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _scalar(value: Any) -> Text:
    if value is None or value == [] or value == {}:
        return Text("-", style="dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, list):
        return Text(", ".join(printable(str(item)) for item in value))
    time = _TIME.fullmatch(value) if isinstance(value, str) else None
    return Text(f"{time[1]} {time[2]}Z" if time else printable(str(value)))
