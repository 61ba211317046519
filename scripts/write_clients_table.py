"""Writes the table of docs/clients.md from what the last `make clients` found.

Usage: python scripts/write_clients_table.py. Rows come from .venv/clients/results; a step that did
not hold says so.
"""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/clients.md"
RESULTS = Path(sys.prefix) / "clients" / "results"
BLOCK = re.compile(r"(<!-- results: .*? -->\n).*?(<!-- end of results -->)", re.DOTALL)


def main() -> None:
    """Put the table between its marks."""
    rows = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(RESULTS.glob("*.json"))]
    if not rows:
        raise SystemExit(f"{RESULTS} holds no results; run `make clients`")
    last = max(file.stat().st_mtime for file in RESULTS.glob("*.json"))
    at = datetime.fromtimestamp(last, UTC).date().isoformat()
    page = PAGE.read_text(encoding="utf-8")
    table = f"<!-- results: `make clients`, {at} -->\n\n{_table(rows)}\n"
    PAGE.write_text(BLOCK.sub(lambda found: table + found[2], page), encoding="utf-8")


def _table(rows: list[dict[str, Any]]) -> str:
    """Clients as columns, so that the steps have room."""
    steps = list(dict.fromkeys(step for row in rows for step in row["held"]))
    heads = [_head(row) for row in rows]
    lines = [["", *heads], ["---"] * (len(rows) + 1)]
    lines.append(["revision spoken", *(row["revision"] for row in rows)])
    lines += [[step, *(_cell(row["held"].get(step)) for row in rows)] for step in steps]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _head(row: dict[str, Any]) -> str:
    name, _, option = row["program"].partition(", ")
    return ", ".join(filter(None, [f"{name} {row['version']}", option, row["transport"]]))


def _cell(held: bool | None) -> str:
    return "" if held is None else ("yes" if held else "**no**")


if __name__ == "__main__":
    main()
