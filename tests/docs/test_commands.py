"""Every `console` command of the pages runs, in their order, as a reader's commands would."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import run_command
from tests.docs.pages import READ_IN_ORDER, ROOT, console_commands

GOVERNANCE = "plugins/governance/agentos_governance"
INDEXED = (
    "bots/agentos_bots/slack/listeners",
    "plugins/memory/agentos_memory",
    *(f"{GOVERNANCE}/{part}" for part in ("authority", "migrations", "sql", "tools", "workflows")),
    "docs/example.policy",
)
"""What the pages ask for; the whole checkout would only take longer to index."""


def test_every_console_command_succeeds_in_the_order_of_the_pages(
    environment: dict[str, str], repository: Path
) -> None:
    failed = []
    for page in READ_IN_ORDER:
        for command in console_commands(page):
            program, *arguments = shlex.split(command)
            assert program == "agentos", command
            done = run_command(*arguments, environment=environment, folder=repository)
            if done.returncode != 0:
                said = (done.stdout + done.stderr)[-1500:]
                failed.append(f"{page.name}: {command}: {done.returncode}: {said}")
    assert failed == []


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    """A data folder of its own, so that the commands build on each other as a reader's would."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AGENTOS_")}
    for name in ("CODEX_HOME", "CLAUDE_CONFIG_DIR", "XDG_CONFIG_HOME"):
        kept.pop(name, None)
    home = tmp_path / "user"
    home.mkdir()
    return kept | {
        "AGENTOS_HOME": str(tmp_path / "home"),
        "AGENTOS_DATABASE_URL": database_url,
        "AGENTOS_PORT": "0",
        # The clients' files that `agentos connect` looks at are those of nobody.
        "HOME": str(home),
    }


@pytest.fixture
def repository() -> Iterator[Path]:
    """A repository with the part of this one that the commands ask for."""
    with tempfile.TemporaryDirectory(prefix="agentos-docs-") as made:
        folder = Path(made)
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *INDEXED]
        names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for name in filter(None, names.split("\0")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_file():
                shutil.copy2(ROOT / name, folder / name)
        for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "Begin"]):
            who = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"]
            subprocess.run(["git", *who, *words], cwd=folder, check=True)
        yield folder
