"""Real git repositories for tests, made in a temporary folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "LC_ALL": "C",
}


def git(folder: Path, *arguments: str) -> str:
    """Runs git as a worker would, with its own configuration, and returns its output."""
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        check=True,
    )
    return done.stdout.decode("utf-8", "surrogateescape").strip()


def apply_patch(folder: Path, patch: bytes) -> None:
    """Applies a patch to the files in `folder`."""
    subprocess.run(["git", "apply", "-"], input=patch, cwd=folder, env=ENVIRONMENT, check=True)


def start_git(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Starts git in a process group of its own, to be killed half-way."""
    return subprocess.Popen(
        ["git", *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def make_repository(folder: Path) -> Path:
    """A repository with a few files, committed on `main`."""
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "src").mkdir()
    (folder / "src" / "app.py").write_text("print('one')\n" * 20, encoding="utf-8")
    (folder / "src" / "old.py").write_text("".join(f"line {n}\n" for n in range(40)), "utf-8")
    (folder / "README.md").write_text("read me\n", encoding="utf-8")
    (folder / ".gitignore").write_text("build/\n*.pyc\n", encoding="utf-8")
    (folder / "run.sh").write_text("#!/bin/sh\n", encoding="utf-8")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "First")
    return folder
