"""One cluster on disk: initialise it and start PostgreSQL on it.

The file `server.lock` is inherited by initdb, by the main server process and by every backend,
so its lock is free exactly when no process works on the cluster; that survives kill -9, stale
process-id files, reused ids and unreaped zombies. Above it: `server`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from agentos.database.embedded import processes
from agentos.database.embedded.binaries import Programs, find_programs
from agentos.database.embedded.location import Location, own_directory
from agentos.database.embedded.locks import is_locked, open_private, try_lock
from agentos.errors import ConfigurationError

DEFAULT_SETTINGS: Mapping[str, str] = {
    "max_connections": "100",
    "shared_buffers": "128MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "min_wal_size": "32MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "fsync": "on",
    "synchronous_commit": "on",
    "random_page_cost": "1.1",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    # Parallel index builds need shared memory that containers cut to 64 MB.
    "max_parallel_maintenance_workers": "0",
    "autovacuum_naptime": "15s",
    "restart_after_crash": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_duration_statement": "1s",
    # Values of rows and parameters stay out of the log.
    "log_parameter_max_length": "0",
    "log_error_verbosity": "terse",
}
FIXED_SETTINGS = frozenset(
    {
        "cluster_name",
        "data_directory",
        "listen_addresses",
        "port",
        "unix_socket_directories",
        "unix_socket_permissions",
    }
)
INITDB_TIMEOUT_S = 300.0
LOG_LIMIT_BYTES = 8 * 1024 * 1024
LOG_TAIL_BYTES = 4096
LOG_TAIL_LINES = 12
BUILTIN_LOCALE_SINCE = 17
# Idle backends notice the death of their main process at once; only busy ones take longer.
ORPHAN_GRACE_S = 2.0


class Cluster:
    """The files of one cluster and the programs that work on them; holds no lock by itself."""

    def __init__(self, location: Location, settings: Mapping[str, str]) -> None:
        if refused := FIXED_SETTINGS & settings.keys():
            raise ConfigurationError(
                f"the embedded PostgreSQL decides {', '.join(sorted(refused))} itself; "
                "set AGENTOS_DATABASE_URL to use a server of your own"
            )
        self.location = location
        self.settings = {**DEFAULT_SETTINGS, **settings}
        self.name = f"agentos-{location.digest}"
        self.server_lock = location.directory / "server.lock"
        self.log = location.directory / "postgres.log"
        self._unattended_since: float | None = None

    def is_alive(self) -> bool:
        """Whether any process works on the cluster: a server, its last backends, or initdb."""
        return is_locked(self.server_lock)

    def postmaster(self) -> int | None:
        """Process id of the main server process, or None."""
        return processes.find_postmaster(self.location.data) if self.is_alive() else None

    def clear_orphans(self) -> None:
        """End backends that outlive their main process; to be called repeatedly while waiting."""
        now = time.monotonic()
        if self.postmaster() is not None or self._unattended_since is None:
            self._unattended_since = now
        elif now - self._unattended_since > ORPHAN_GRACE_S:
            processes.kill_orphans(self.name, self.location.account.uid)

    def launch(self) -> subprocess.Popen[bytes] | None:
        """Start the server, initialising the cluster first if needed; None while one is alive.

        The caller holds `start.lock`. Raises ConfigurationError with what the programs said.
        """
        lock = open_private(self.server_lock, self.location.account)
        try:
            if not try_lock(lock):
                return None
            programs = find_programs(self.location.account)
            self._check_version(programs.major)
            if not self.location.data.exists():
                self._initialise(programs, lock)
            own_directory(self.location.socket_directory, self.location.account)
            self._clear_remains()
            return self._spawn(programs, lock)
        finally:
            os.close(lock)

    def log_tail(self, start_bytes: int = 0) -> str:
        """The last lines the server logged after `start_bytes`, in one line."""
        try:
            with self.log.open("rb") as log:
                size_bytes = log.seek(0, os.SEEK_END)
                log.seek(max(0, min(start_bytes, size_bytes), size_bytes - LOG_TAIL_BYTES))
                lines = log.read().decode(errors="replace").splitlines()
        except FileNotFoundError:
            return "no log was written"
        return " | ".join(lines[-LOG_TAIL_LINES:]) or "nothing was logged"

    def log_size_bytes(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0

    def _check_version(self, major: int) -> None:
        recorded = self.location.data / "PG_VERSION"
        if recorded.exists() and (version := recorded.read_text().strip()) != str(major):
            raise ConfigurationError(
                f"{self.location.data} was made by PostgreSQL {version}, the programs are {major}; "
                f"set AGENTOS_PG_BIN to PostgreSQL {version}, or convert it with pg_upgrade"
            )

    def _initialise(self, programs: Programs, lock: int) -> None:
        # PG_VERSION is written first, so it proves nothing; the finished folder is renamed instead.
        draft = self.location.data.with_name("pgdata.part")
        if draft.exists():
            shutil.rmtree(draft)
        own_directory(draft, self.location.account)
        provider = ["--locale-provider=builtin"] if programs.major >= BUILTIN_LOCALE_SINCE else []
        arguments: list[str | Path] = [programs.folder / "initdb", "-D", draft]
        arguments += ["-U", "postgres", "-E", "UTF8"]
        arguments += [*provider, "--locale=C.UTF-8", "--wal-segsize=16"]
        arguments += ["--auth-local=trust", "--auth-host=reject"]
        answer = self.location.account.run(arguments, pass_fds=[lock], timeout_s=INITDB_TIMEOUT_S)
        if answer.returncode != 0:
            said = " | ".join(answer.stderr.strip().splitlines()[-LOG_TAIL_LINES:])
            raise ConfigurationError(f"initdb failed in {self.location.directory}: {said}")
        draft.rename(self.location.data)
        _make_durable(self.location.directory)

    def _clear_remains(self) -> None:
        """Remove what a killed server left; safe only under the server lock."""
        self._refuse_foreign_server()
        socket = self.location.socket_file
        for remains in (self.location.data / "postmaster.pid", socket, Path(f"{socket}.lock")):
            remains.unlink(missing_ok=True)
        if self.log_size_bytes() > LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_name("postgres.log.1"))

    def _refuse_foreign_server(self) -> None:
        pid = processes.find_postmaster(self.location.data)
        if pid is not None:
            raise ConfigurationError(
                f"a PostgreSQL that AgentOS did not start (process {pid}) runs on "
                f"{self.location.data}; stop it first"
            )

    def _spawn(self, programs: Programs, lock: int) -> subprocess.Popen[bytes]:
        arguments: list[str | Path] = [programs.folder / "postgres", "-D", self.location.data]
        settings = {
            **self.settings,
            "cluster_name": self.name,
            "listen_addresses": "",
            "port": "5432",
            "unix_socket_directories": str(self.location.socket_directory),
            "unix_socket_permissions": "0700",
        }
        for name, value in settings.items():
            arguments += ["-c", f"{name}={value}"]
        appended = os.O_WRONLY | os.O_APPEND
        with os.fdopen(open_private(self.log, self.location.account, appended), "ab") as log:
            process = self.location.account.spawn(arguments, log=log, pass_fds=[lock])
        # Reaps the server whenever it ends, and keeps the handle from being collected before.
        threading.Thread(target=process.wait, name="reap-postgres", daemon=True).start()
        return process


def _make_durable(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
