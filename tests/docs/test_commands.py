"""Every `console` command of the pages runs, in their order, as a reader's commands would."""

from __future__ import annotations

import multiprocessing
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from agentos_hook.entry import main
from tests.docs.pages import READ_IN_ORDER, ROOT, console_commands

# What a command imports, so that each process begins with it instead of taking a second for it.
IMPORTED = [
    __name__,
    "agentos.cli.app",
    "agentos_gateway.plugin",
    "agentos_governance.plugin",
    "agentos_memory.plugin",
]
INDEXED = ("bots", "plugins", "docs/example.policy")
"""What the pages ask for; the whole checkout would only take longer to index."""


def test_every_console_command_succeeds_in_the_order_of_the_pages(
    environment: dict[str, str], repository: Path, tmp_path: Path
) -> None:
    failed = []
    for page in READ_IN_ORDER:
        for command in console_commands(page):
            program, *arguments = shlex.split(command)
            assert program == "agentos", command
            printed = tmp_path / "printed"
            exit_code = _run(arguments, environment, repository, printed)
            if exit_code != 0:
                failed.append(f"{page.name}: {command}: {exit_code}: {printed.read_text()[-1500:]}")
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


def _run(
    arguments: list[str], environment: Mapping[str, str], folder: Path, printed: Path
) -> int | None:
    """Run one command in a process of its own; its exit code."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    process = context.Process(target=_command, args=(arguments, environment, folder, printed))
    process.start()
    process.join(timeout=240)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode


def _command(
    arguments: list[str], environment: Mapping[str, str], folder: Path, printed: Path
) -> None:
    with printed.open("wb") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["agentos", *arguments]
    sys.exit(main())
