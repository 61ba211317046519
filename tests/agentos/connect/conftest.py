"""A home, a repository, and `agentos connect` run in this process on a database of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.agentos.cli.conftest import (
    Answer,
    RunAgentos,
    agentos,
    database_url,
    environment,
    installed_plugin,
)

__all__ = ["agentos", "database_url", "environment", "installed_plugin"]


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a user sits."""

    run: RunAgentos
    home: Path
    repository: Path
    data: Path

    def connect(self, *arguments: str, **variables: str) -> Answer:
        """`agentos connect ARGUMENTS`, in the repository."""
        return self.run("connect", *arguments, HOME=str(self.home), **variables)

    def files(self) -> dict[str, str]:
        """Every file of the home and the repository, by its path."""
        return {
            str(path.relative_to(self.home.parent)): path.read_text()
            for folder in (self.home, self.repository)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and ".git" not in path.parts
        }

    def folders(self) -> set[str]:
        """Every folder of them."""
        return {
            str(path.relative_to(self.home.parent))
            for folder in (self.home, self.repository)
            for path in folder.rglob("*")
            if path.is_dir() and ".git" not in path.parts
        }

    def tokens(self) -> list[dict[str, Any]]:
        """The tokens there are, newest first."""
        listed: list[dict[str, Any]] = self.run("token", "list", "--json").json()["tokens"]
        return listed

    def secrets(self) -> list[str]:
        """The tokens that connections keep."""
        return [path.read_text().strip() for path in self.data.glob("connections/*/token")]


@pytest.fixture
def desk(agentos: RunAgentos, environment: dict[str, str], tmp_path: Path) -> Iterator[Desk]:
    home, repository = tmp_path / "user", tmp_path / "repository"
    home.mkdir()
    repository.mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=repository, check=True)
    environment["AGENTOS_PLUGINS"] = ""
    for name in ("CODEX_HOME", "CLAUDE_CONFIG_DIR", "XDG_CONFIG_HOME"):
        environment.pop(name, None)
    started = Path.cwd()
    os.chdir(repository)
    yield Desk(agentos, home, repository, Path(environment["AGENTOS_HOME"]))
    os.chdir(started)
