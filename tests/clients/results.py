"""Keeps what the runs found, for `scripts/write_clients_table.py`."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tests.clients.programs import INSTALLED

RESULTS = INSTALLED / "results"


def keep(
    program: str, version: str, transport: str, revision: str, held: Mapping[str, bool]
) -> None:
    """Write one outcome, in place of an earlier one of the same client and transport."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    row = {
        "program": program,
        "version": version,
        "transport": transport,
        "revision": revision,
        "held": dict(held),
    }
    name = "".join(c if c.isalnum() else "-" for c in f"{program} {version} {transport}")
    (RESULTS / f"{name}.json").write_text(json.dumps(row, indent=1), encoding="utf-8")
