"""Which processes belong to a cluster, told by what they say they are rather than by number.

Process ids are reused and their files go stale, so an id counts only when the command line of
that process names the cluster. Command lines are readable without ptrace rights, unlike working
directories and open files, which matters for root in a container. Above it: `cluster`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

PROC = Path("/proc")


def find_postmaster(cluster_data: Path) -> int | None:
    """Process id of the live main server process on `cluster_data`, or None."""
    try:
        pid = int((cluster_data / "postmaster.pid").read_text().split(maxsplit=1)[0])
    except (OSError, ValueError, IndexError):
        return None
    arguments = _command_line(pid)
    names_cluster = os.fspath(cluster_data) in arguments
    return pid if names_cluster and "postgres" in arguments.split("\0")[0] else None


def kill_orphans(cluster_name: str, uid: int) -> None:
    """End the backends of `cluster_name`, whose main process must be dead (Linux only).

    A busy backend outlives its main process until it next waits for its client, and the cluster
    cannot be restarted before. Its transaction is lost either way.
    """
    title = f"postgres: {cluster_name}:"
    for entry in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if entry.stat().st_uid == uid and _command_line(int(entry.name)).startswith(title):
                os.kill(int(entry.name), signal.SIGKILL)


def _command_line(pid: int) -> str:
    if PROC.joinpath("self").exists():
        with contextlib.suppress(OSError):
            return os.fsdecode(PROC.joinpath(str(pid), "cmdline").read_bytes())
        return ""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout
