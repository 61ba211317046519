"""A hook that cannot do its work while somebody's work order is active: it never lets tools pass."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.agentos_hook.scene import HOOK, Answer, use

DEEP = b'{"hook_event_name": "PreToolUse", "tool_input": ' + b"[" * 100_000


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data folder that says that `ada` works in `work`; no server runs."""
    home, work = tmp_path / "home", tmp_path / "work"
    (home / "active").mkdir(parents=True)
    (work / "src").mkdir(parents=True)
    said = {"work_order": "WO-1", "worker": "ada", "workspace": str(work), "repo": None}
    (home / "active" / "WO-1.json").write_text(json.dumps(said), "utf-8")
    return home


def run(
    home: Path, cwd: Path, event: object, *options: str, removes_folder: bool = False
) -> Answer:
    """One hook; `removes_folder` takes the folder away under its feet."""
    command = [*HOOK, "hook", "claude-code", "--home", str(home), *options]
    if removes_folder:
        command = ["sh", "-c", 'rmdir "$0" && exec "$@"', str(cwd), *command]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AGENTOS_")}
    sent = event if isinstance(event, bytes) else json.dumps(event).encode()
    done = subprocess.run(
        command, cwd=cwd, env=environment, input=sent, capture_output=True, check=False, timeout=60
    )
    return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_a_folder_that_was_removed_does_not_open_the_gate(home: Path) -> None:
    gone = home.parent / "work" / "src"
    answer = run(home, gone, use("Bash", gone, command="ls"), removes_folder=True)
    assert "WO-1" in answer.denial


@pytest.mark.parametrize("name", ["folder", "pipe", "public", "missing", "\udcff"])
def test_a_token_file_that_cannot_be_read_does_not_open_the_gate(home: Path, name: str) -> None:
    path = home / name
    if name == "folder":
        path.mkdir()
    elif name == "pipe":
        os.mkfifo(path)
    elif name == "public":
        path.write_text("secret")
        path.chmod(0o644)
    answer = run(home, home.parent / "work", use("Bash", home), "--token-file", os.fsdecode(path))
    assert (answer.code, answer.stdout) == (2, "")
    assert "WO-1" in answer.stderr
    # Nobody's work: the hook says what is wrong, and is in nobody's way.
    assert run(home, home, use("Bash", home), "--token-file", os.fsdecode(path)).code == 1


@pytest.mark.parametrize(
    "event",
    [
        b"{",
        DEEP,
        {"tool_name": "Bash", "tool_input": {"command": "ls"}},
        use("exec_command", Path("/"), cmd="rm -r x", command="ls"),
        {"hook_event_name": "PreToolUse", "cwd": "/\0", "tool_name": "Read", "tool_input": {}},
    ],
)
def test_an_event_that_cannot_be_judged_is_refused_wherever_it_comes_from(
    home: Path, event: object
) -> None:
    answer = run(home, home, event)
    assert (answer.code, answer.stdout) == (2, "") and "WO-1" in answer.stderr
    assert run(home, home, event, "--worker", "ada").code == 2
    # Somebody who is known to hold nothing.
    assert run(home, home, event, "--worker", "bob").code == 0
