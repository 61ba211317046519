"""Edges in processes of their own, with the edge plugin installed for them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from agentos import Settings

ROOT = Path(__file__).parents[3]


def install_edge_plugin(folder: Path) -> dict[str, str]:
    """The environment in which the plugin `edge_test` is an installed distribution."""
    info = folder / "edge_test-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: edge-test\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[agentos.plugins]\nedge_test = tests.agentos.mcp.edge_plugin\n"
    )
    given = os.environ.get("PYTHONPATH", "")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT), given])}


def command(edge: str, settings: Settings) -> list[str]:
    """The command that runs an edge with `settings`."""
    return [sys.executable, "-m", "tests.agentos.mcp.run_edge", edge, settings.model_dump_json()]
