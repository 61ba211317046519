"""The example plugins pass their own tests, as whoever copies one runs them (issue 5)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "plugins"
NAMES = ["lua", "secrets", "tracker"]
MAX_LINES = 150


def test_every_example_is_tested_here() -> None:
    assert sorted(path.parent.name for path in EXAMPLES.glob("*/pyproject.toml")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_an_example_passes_its_own_tests(name: str) -> None:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AGENTOS_", "PYTEST"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=EXAMPLES / name,
        env=kept,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0 and " passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_short_enough_to_be_read(name: str) -> None:
    package = EXAMPLES / name / f"agentos_{name}"
    assert sum(len(path.read_text().splitlines()) for path in package.rglob("*.py")) < MAX_LINES
