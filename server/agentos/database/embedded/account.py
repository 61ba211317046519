"""The operating-system account PostgreSQL runs as; PostgreSQL refuses to run as root.

Above it: everything of the package that starts a program or creates a file for the server.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from agentos.errors import ConfigurationError

CANDIDATES = ("agentos-pg", "postgres", "nobody")
PASSED_ON = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


@dataclass(frozen=True)
class ServerAccount:
    """Who owns the cluster; `drops` says that this process is root and must step down to it."""

    uid: int
    gid: int
    drops: bool

    def run(
        self, arguments: Sequence[str | Path], *, pass_fds: Sequence[int] = (), timeout_s: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end as this account; its output is captured.

        Raises OSError or subprocess.SubprocessError when it cannot be started or takes too long.
        """
        return subprocess.run(
            [os.fspath(argument) for argument in arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            cwd="/",
            env=_environment(),
            umask=0o077,
            pass_fds=pass_fds,
            start_new_session=True,
            timeout=timeout_s,
            user=self.uid if self.drops else None,
            group=self.gid if self.drops else None,
            extra_groups=[] if self.drops else None,
        )

    def spawn(
        self, arguments: Sequence[str | Path], *, log: IO[bytes], pass_fds: Sequence[int]
    ) -> subprocess.Popen[bytes]:
        """Start a program as this account in a session of its own, so no Ctrl-C reaches it."""
        return subprocess.Popen(
            [os.fspath(argument) for argument in arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=_environment(),
            umask=0o077,
            pass_fds=pass_fds,
            start_new_session=True,
            user=self.uid if self.drops else None,
            group=self.gid if self.drops else None,
            extra_groups=[] if self.drops else None,
        )

    def reaches(self, directory: Path) -> bool:
        """Whether this account can enter `directory`; asked of the kernel, so ACLs count."""
        if not self.drops:
            return True
        return self.run(["/bin/sh", "-c", 'cd "$0"', directory], timeout_s=30).returncode == 0

    def own(self, path: Path) -> None:
        """Give a file or directory that this process just created to the account."""
        if self.drops:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def account_for(cluster_data: Path) -> ServerAccount:
    """The account of an existing cluster, else the one a new cluster gets.

    Raises ConfigurationError when the cluster belongs to somebody this process cannot act for.
    """
    euid = os.geteuid()
    try:
        owner = cluster_data.stat()
    except FileNotFoundError:
        return _unprivileged() if euid == 0 else ServerAccount(euid, os.getegid(), drops=False)
    if euid == 0 and owner.st_uid != 0:
        return ServerAccount(owner.st_uid, owner.st_gid, drops=True)
    if euid == 0:
        return _unprivileged()
    if owner.st_uid != euid:
        raise ConfigurationError(
            f"{cluster_data} belongs to uid {owner.st_uid}, this process is uid {euid}; "
            "run as that user, or choose another data folder with AGENTOS_HOME"
        )
    return ServerAccount(euid, os.getegid(), drops=False)


def _unprivileged() -> ServerAccount:
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerAccount(entry.pw_uid, entry.pw_gid, drops=True)
    raise ConfigurationError(
        f"PostgreSQL does not run as root, and none of the accounts {', '.join(CANDIDATES)} "
        "exists; create one, run AgentOS as a normal user, or set AGENTOS_DATABASE_URL"
    )


def _environment() -> dict[str, str]:
    # A minimal environment: PGPORT and LC_ALL would change the server, and API keys of this
    # process have no business in another account's /proc entry.
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **passed_on}
