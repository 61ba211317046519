"""`agentos ARGUMENTS` as a process of its own, forked from one that has imported what a command needs.

An interpreter that imports everything takes seconds of a busy machine, and a page of commands a minute
of them; a fork takes none. Above: tests of commands. Below: multiprocessing's fork server, one for each
test process. What a command imports, or does not, is for tests that start an interpreter.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess

from agentos import Settings
from agentos_hook.entry import main

IMPORTED = [
    __name__,
    "agentos.cli.app",
    "agentos_gateway.plugin",
    "agentos_governance.plugin",
    "agentos_memory.plugin",
]


def environment_of(settings: Settings, **variables: str) -> dict[str, str]:
    """This process's environment with the data folder and database of the settings, and no others."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("AGENTOS_")}
    chosen = {
        "AGENTOS_HOME": str(settings.home),
        "AGENTOS_DATABASE_URL": settings.database_url or "",
    }
    return kept | chosen | variables


def run_command(
    *arguments: str,
    environment: Mapping[str, str],
    folder: Path | None = None,
    given: str = "",
    timeout_s: float = 240.0,
) -> CompletedProcess[str]:
    """Run a command to its end, with `given` on its standard input; what it wrote and its exit code.

    It is killed after `timeout_s`, which its exit code tells.
    """
    with tempfile.TemporaryDirectory(prefix="agentos-command-") as made:
        streams = Path(made)
        (streams / "in").write_text(given, encoding="utf-8")
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(IMPORTED)
        process = context.Process(
            target=_command, args=(arguments, dict(environment), folder or Path.cwd(), streams)
        )
        process.start()
        process.join(timeout_s)
        if process.is_alive():
            process.kill()
            process.join()
        code = process.exitcode
        process.close()
        assert code is not None
        out, err = ((streams / name).read_text("utf-8") for name in ("out", "err"))
    return CompletedProcess(["agentos", *arguments], code, out, err)


def _command(
    arguments: tuple[str, ...], environment: dict[str, str], folder: Path, streams: Path
) -> None:
    for descriptor, name in enumerate(("in", "out", "err")):
        opened = os.open(streams / name, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        os.dup2(opened, descriptor)
        os.close(opened)
    # multiprocessing has put nothing in its place.
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    os.chdir(folder)
    sys.argv = ["agentos", *arguments]
    sys.exit(main())
