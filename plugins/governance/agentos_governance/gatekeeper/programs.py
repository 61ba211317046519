"""Runs a checker as a program of its own: bounded in time, fed a copy, with nobody's configuration.

Above: the linters. Below: subprocesses. What is checked is a copy of the changed files in
an empty folder, so that no configuration, plugin or link of the repository takes part.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agentos import UnavailableError

MAX_OUTPUT_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One remark: its place, the rule's code, and the text."""

    path: str
    line: int
    code: str
    message: str


def find_program(name: str) -> str:
    """Where a program is: beside this Python, else on PATH. UnavailableError where it is not."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which(name)
    if found is None:
        raise UnavailableError(f"{name} is not installed; the extra `review` brings it")
    return found


async def run_program(command: Sequence[str], folder: Path, *, timeout_s: float) -> bytes:
    """What it prints; its exit status says only whether it found something.

    It stays in the group of this process, with which the server ends it. UnavailableError where it
    takes longer, prints too much, or breaks.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=_environment(folder),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=MAX_OUTPUT_BYTES,
    )
    name = Path(command[0]).name
    try:
        async with asyncio.timeout(timeout_s):
            output, errors = await process.communicate()
    except TimeoutError:
        raise UnavailableError(f"{name} took longer than {timeout_s:g} s and was stopped") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode not in {0, 1} and not output.strip():
        said = errors.decode("utf-8", "replace").strip()[-300:]
        raise UnavailableError(f"{name} ended with {process.returncode}: {said}")
    return output


def write_copies(folder: Path, files: Mapping[str, bytes]) -> None:
    """Put files below an empty folder; paths that would lead out of it are left out."""
    for path, content in files.items():
        if path.startswith("/") or ".." in path.split("/"):
            continue
        target = folder / path
        with contextlib.suppress(OSError):
            # A file of the base may be a folder now; one copy holds one state only.
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


def _environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "NO_COLOR": "1",
    }
