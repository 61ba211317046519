"""Processes that a test starts, kills and starts again.

Above: the tests of chaos and recovery. Below: `chaos_process`, forked from one parent that has
everything imported.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agentos import Settings

ROOT = Path(__file__).parents[3]


class Crew:
    """The processes, each started again after it was killed."""

    def __init__(self, folder: Path, shared: Mapping[str, Any], tokens: Mapping[str, str]) -> None:
        self._folder = folder
        self._shared = shared
        self._tokens = tokens
        self._random = random.Random(0)
        self.pids: dict[str, int] = {}
        self._zygote = subprocess.Popen(
            [sys.executable, "-m", "tests.agentos_governance.workflows.chaos_process"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, name: str) -> None:
        """Start a member under its name."""
        role = name.rstrip("0123456789")
        job = {"role": role, "name": name, "seed": self._random.random(), **self._shared}
        job["token"] = self._tokens.get(name, "")
        assert self._zygote.stdin is not None and self._zygote.stdout is not None
        self._zygote.stdin.write(json.dumps(job) + "\n")
        self._zygote.stdin.flush()
        self.pids[name] = int(self._zygote.stdout.readline())

    def kill(self, name: str) -> None:
        """Kill a member in the middle of whatever it does."""
        pid = self.pids.pop(name)
        subprocess.run(["kill", "-KILL", str(pid)], check=True)
        self._folder.joinpath(f"{pid}.url").unlink(missing_ok=True)

    def end(self) -> None:
        """Kill them all."""
        for name in list(self.pids):
            self.kill(name)
        assert self._zygote.stdin is not None and self._zygote.stdout is not None
        self._zygote.stdin.close()
        self._zygote.stdout.close()
        self._zygote.wait(60)


@contextmanager
def a_crew(
    settings: Settings, folder: Path, tokens: Mapping[str, str], **job: Any
) -> Iterator[Crew]:
    """A crew whose members know the database, and what else is in their `job`."""
    shared = {
        "home": str(settings.home),
        "database_url": settings.database_url,
        "folder": str(folder),
        **job,
    }
    crew = Crew(folder, shared, tokens)
    try:
        yield crew
    finally:
        crew.end()
