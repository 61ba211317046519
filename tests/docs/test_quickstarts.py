"""The quick starts, every command from first to last, in a repository of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, console_commands, snippets_of
from tests.ports import held_port

CLIENTS = {"claude-code": "claude", "codex": "codex"}
INSTALLED = Path(sys.prefix) / "clients"

# What a reader does between the commands: the server needs some seconds to answer.
WAIT = """
for _ in $(seq 600); do
    python3 -c "import urllib.request as r; r.urlopen('http://127.0.0.1:$AGENTOS_PORT/readyz')" \
        2>/dev/null && break
    sleep 0.2
done
"""


@pytest.fixture
def port() -> Iterator[int]:
    """Where the server of the page listens."""
    with held_port() as port:
        yield port


def _run(name: str, folder: Path, database_url: str, port: int, *, with_client: bool) -> str:
    """Run a page's commands as one shell script; what they print."""
    page = ROOT / f"docs/quickstart-{name}.md"
    client = CLIENTS[name]
    script = ["set -e", "trap 'kill %1 && wait' EXIT"]
    for command in console_commands(page):
        if with_client or not command.startswith(f"{client} "):
            script.append(command)
        if command.endswith("&"):
            script.append(WAIT)
    repository, home = folder / "repository", folder / "user"
    repository.mkdir()
    home.mkdir()
    (repository / "README.md").write_text("Hello.\n")
    (contract,) = [snippet.text for snippet in snippets_of(page) if snippet.kind == "json"]
    (repository / "contract.json").write_text(contract)
    environment = _environment(name, folder, home, database_url, port)
    git = ["git", "-c", "user.name=ada", "-c", "user.email=ada@example.org"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "Begin"]):
        subprocess.run([*git, *arguments], cwd=repository, env=environment, check=True)
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=repository,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert sorted(path.name for path in repository.iterdir()) == [
        ".git", "README.md", "contract.json",
    ]  # fmt: skip
    return done.stdout


def _environment(
    name: str, folder: Path, home: Path, database_url: str, port: int
) -> dict[str, str]:
    kept = {key: text for key, text in os.environ.items() if not key.startswith("AGENTOS_")}
    for variable in ("CODEX_HOME", "CLAUDE_CONFIG_DIR", "XDG_CONFIG_HOME"):
        kept.pop(variable, None)
    path = [str(Path(sys.executable).parent), str(INSTALLED / name / "node_modules" / ".bin")]
    return kept | {
        "HOME": str(home),
        "AGENTOS_HOME": str(folder / "data"),
        "AGENTOS_DATABASE_URL": database_url,
        "AGENTOS_PORT": str(port),
        "PATH": os.pathsep.join([*path, kept["PATH"]]),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
    }


@pytest.mark.parametrize("name", ["claude-code", pytest.param("codex", marks=pytest.mark.nightly)])
def test_every_command_of_a_quick_start_succeeds(
    tmp_path: Path, database_url: str, port: int, name: str
) -> None:
    """By day one of them: but for the client's name, and its files, their commands are the same."""
    printed = _run(name, tmp_path, database_url, port, with_client=False)
    assert "Greet warmly" in printed
    assert "removed" in printed


@pytest.mark.clients
@pytest.mark.parametrize("name", CLIENTS)
def test_the_commands_of_the_clients_succeed_as_well(
    tmp_path: Path, database_url: str, port: int, name: str
) -> None:
    assert (INSTALLED / name).is_dir(), "the clients are not installed; run `make clients`"
    printed = _run(name, tmp_path, database_url, port, with_client=True)
    assert re.search(r"^agentos\b.*(Connected|enabled)", printed, re.MULTILINE), printed
