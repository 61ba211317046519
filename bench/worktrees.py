"""Repositories and small changes in their worktrees, for benchmarks of reviews."""

from __future__ import annotations

import subprocess
from pathlib import Path


def change_worktree(worktree: Path, *, is_committed: bool) -> None:
    """A small difference: two files changed, one added."""
    for number in range(2):
        with (worktree / f"src/part_{number}.py").open("a") as file:
            file.write("\n\nCACHE: dict[str, int] = {}\n")
    (worktree / "src/cache.py").write_text("SIZE = 3\n")
    if is_committed:
        _git(worktree, "add", "--all")
        _git(worktree, "commit", "--quiet", "-m", "Add a cache")


def make_repository(repo: Path, n_files: int) -> Path:
    """A repository of so many Python files below `src`."""
    (repo / "src").mkdir(parents=True)
    for number in range(n_files):
        lines = (f"def part_{number}_{each}():\n    return {each}\n" for each in range(40))
        (repo / f"src/part_{number}.py").write_text("\n\n".join(lines))
    (repo / ".gitignore").write_text("build/\n__pycache__/\n")
    _git(repo, "init", "--quiet", "--initial-branch=main")
    _git(repo, "add", "--all")
    _git(repo, "commit", "--quiet", "-m", "Base")
    return repo


def _git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=b", "-c", "user.email=b@example.com")
    subprocess.run(["git", *who, *words], cwd=folder, check=True)
