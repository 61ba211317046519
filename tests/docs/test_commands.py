"""Every command in the docs runs."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def _console_commands() -> list[str]:
    blocks = [
        block
        for page in PAGES
        for block in re.findall(
            r"^```console\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
        )
    ]
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def _python_examples() -> list[str]:
    return [
        block
        for page in PAGES
        for block in re.findall(
            r"^```python\n(from .*?)^```",
            page.read_text(encoding="utf-8"),
            re.DOTALL | re.MULTILINE,
        )
    ]


@pytest.fixture(scope="module")
def environment(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """A data folder of its own, so that the commands build on each other as a reader's would."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AGENTOS_")}
    kept["AGENTOS_HOME"] = str(tmp_path_factory.mktemp("docs") / "home")
    kept["AGENTOS_PORT"] = "0"
    return kept


def test_every_console_command_succeeds_in_the_order_of_the_pages(
    environment: dict[str, str],
) -> None:
    failed = []
    try:
        for command in _console_commands():
            program, *arguments = shlex.split(command)
            assert program == "agentos", command
            outcome = subprocess.run(
                [sys.executable, "-m", "agentos", *arguments],
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                stdin=subprocess.DEVNULL,
                timeout=240,
            )
            if outcome.returncode != 0:
                failed.append(f"{command}: {outcome.stdout[-500:]} {outcome.stderr[-1500:]}")
    finally:
        subprocess.run(
            [sys.executable, "-m", "agentos", "db", "stop"],
            env=environment,
            capture_output=True,
            check=False,
        )
    assert failed == []


def test_every_python_example_is_valid_and_imports() -> None:
    examples = _python_examples()
    assert examples
    for example in examples:
        exec(compile(example, "example", "exec", dont_inherit=True), {"__name__": "example"})
