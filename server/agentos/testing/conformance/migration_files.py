"""Migrations that are numbered without a gap, and never edited once they were released."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from agentos.database.migrations import MigrationSet, load_migrations
from agentos.errors import ConfigurationError
from agentos.testing.conformance.finding import Finding

GIT_TIMEOUT_S = 30


def check_migrations(sets: Sequence[MigrationSet]) -> Iterator[Finding]:
    """Names and numbers of every set; what the newest tag of its git repository has, unchanged."""
    for each in sets:
        try:
            load_migrations(each)
        except ConfigurationError as error:
            remedy = "number them 0001, 0002, ... as NNNN_verb_object.sql"
            yield Finding("migrations", each.schema, error.message, remedy)
            continue
        folder = Path(str(files(each.package).joinpath("migrations")))
        for name in _changed_since_release(folder):
            yield Finding(
                "migrations",
                f"{each.schema}/{name}",
                "was changed after it was released",
                "restore the file and add a new migration: databases that ran it do not run it again",
            )


def _changed_since_release(folder: Path) -> list[str]:
    tag = _git(folder, "describe", "--tags", "--abbrev=0")
    if tag is None:
        return []
    changed = _git(
        folder, "diff", "--name-only", "--diff-filter=MDRT", "--relative", tag, "--", "."
    )
    return [] if changed is None else changed.splitlines()


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says; None where there is no git, no repository or no tag."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=GIT_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
