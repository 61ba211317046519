"""Start, share and stop the embedded PostgreSQL of one data folder.

Every user holds a shared lock on `users.lock`; starting and stopping happen one at a time under
`start.lock`; both are released by the kernel when a process dies. Above it: the kernel and the
command line. Below it: `cluster`, `location`, `locks` and `handshake`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from agentos.database.embedded.cluster import Cluster
from agentos.database.embedded.handshake import USER, Readiness, execute, probe
from agentos.database.embedded.location import (
    Location,
    find_location,
    forget_location,
    prepare_location,
)
from agentos.database.embedded.locks import exclusive, open_private, try_lock, unlock
from agentos.database.embedded.processes import find_postmaster
from agentos.errors import ConfigurationError, UnavailableError

DATABASE = "agentos"
MAINTENANCE_DATABASE = "postgres"
START_TIMEOUT_S = 300.0
STOP_TIMEOUT_S = 60.0
IMMEDIATE_STOP_TIMEOUT_S = 20.0
SHORTEST_POLL_S, LONGEST_POLL_S = 0.005, 0.1


class EmbeddedPostgres:
    """One process's use of the PostgreSQL in `data_dir`, which any number of processes share.

    `settings` are postgresql.conf names and values over the defaults; whoever starts the server
    decides. Methods block; call them through `asyncio.to_thread`. Safe to use from threads.
    """

    def __init__(self, data_dir: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self._settings = dict(settings or {})
        self._mutex = threading.RLock()
        self._cluster: Cluster | None = None
        self._users: int | None = None
        self._joined_in: int | None = None

    def start(self, *, timeout_s: float = START_TIMEOUT_S) -> str:
        """The DSN of a running server that stays up at least until `stop`.

        The first use creates the cluster; a running server is joined; a second call changes
        nothing. Raises ConfigurationError with the end of the server's log.
        """
        with self._mutex:
            return self._translate(lambda: self._start(time.monotonic() + timeout_s))

    def ensure_running(self, *, timeout_s: float = START_TIMEOUT_S) -> str:
        """The DSN, after a restart if the server has died; several processes may call at once.

        Raises ConfigurationError like `start`, and UnavailableError after `stop`, so that a late
        reconnect cannot bring the server back.
        """
        with self._mutex:
            if not self._has_joined():
                raise UnavailableError("the embedded PostgreSQL is not in use by this process")
            return self.start(timeout_s=timeout_s)

    def stop(self) -> bool:
        """Leave; the last user to leave stops the server. Whether this call stopped it."""
        with self._mutex:
            if not self._has_joined() or self._users is None or self._cluster is None:
                return False
            users, self._users = self._users, None
            try:
                unlock(users)
                with self._start_lock(self._cluster, time.monotonic() + STOP_TIMEOUT_S):
                    is_last = try_lock(users) and not _keep_mark(self._cluster).exists()
                    return is_last and self._shut_down(self._cluster)
            except TimeoutError:
                # Whoever holds the start lock that long is bringing the server up for itself.
                return False
            finally:
                os.close(users)

    def keep_running(self, keep: bool = True) -> None:
        """Leave the server up when its last user leaves; `keep` false takes that back."""
        with self._mutex:
            cluster = self._known()
            if cluster is None:
                raise UnavailableError(f"{self.data_dir} has no cluster yet; call start first")
            if keep:
                _keep_mark(cluster).touch()
            else:
                _keep_mark(cluster).unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete the cluster and all its data; ConfigurationError while anybody uses it."""
        with self._mutex:
            location = find_location(self.data_dir)
            if location is None:
                return
            cluster = Cluster(location, {})
            with self._start_lock(cluster, time.monotonic() + STOP_TIMEOUT_S):
                if cluster.is_alive() or _has_users(cluster):
                    raise ConfigurationError(f"the cluster in {location.directory} is in use")
                _delete(location, self.data_dir)

    @property
    def dsn(self) -> str:
        """Connection string for asyncpg and libpq: a Unix socket, no password.

        Raises UnavailableError when the data folder has no cluster yet.
        """
        cluster = self._known()
        if cluster is None:
            raise UnavailableError(f"{self.data_dir} has no cluster yet; call start first")
        host = quote(str(cluster.location.socket_directory))
        return f"postgresql://{USER}@/{DATABASE}?host={host}&port=5432"

    @property
    def pid(self) -> int | None:
        """Process id of the main server process; None when no server runs."""
        cluster = self._known()
        return cluster.postmaster() if cluster else None

    @property
    def is_running(self) -> bool:
        """Whether the server accepts connections now."""
        cluster = self._known()
        return cluster is not None and _readiness(cluster) is Readiness.READY

    @property
    def cluster_dir(self) -> Path | None:
        """Folder of the cluster: `data_dir`, or below /var/lib/agentos; None before first use."""
        cluster = self._known()
        return cluster.location.directory if cluster else None

    def _translate(self, action: Callable[[], str]) -> str:
        try:
            return action()
        except (OSError, subprocess.SubprocessError) as error:
            raise ConfigurationError(
                f"the embedded PostgreSQL in {self.data_dir} does not start: {error}; "
                "correct that, or set AGENTOS_DATABASE_URL to a server of your own"
            ) from error

    def _start(self, deadline: float) -> str:
        if self._cluster is None:
            self._cluster = Cluster(prepare_location(self.data_dir), self._settings)
        if not self._has_joined() or _readiness(self._cluster) is not Readiness.READY:
            with self._start_lock(self._cluster, deadline), self._joining(self._cluster):
                _bring_up(self._cluster, deadline)
        return self.dsn

    @contextlib.contextmanager
    def _joining(self, cluster: Cluster) -> Iterator[None]:
        """Register as a user first, so that nobody stops the server; undone if it fails."""
        if self._has_joined():
            yield
            return
        users = open_private(_users_file(cluster), cluster.location.account)
        try:
            if not try_lock(users, shared=True):
                raise TimeoutError("the cluster is locked by another process")
            yield
        except BaseException:
            os.close(users)
            raise
        self._users, self._joined_in = users, os.getpid()

    def _has_joined(self) -> bool:
        # A forked child inherits this object, but the lock is its parent's to give up.
        return self._users is not None and self._joined_in == os.getpid()

    def _known(self) -> Cluster | None:
        if self._cluster is None:
            location = find_location(self.data_dir)
            return Cluster(location, self._settings) if location else None
        return self._cluster

    @contextlib.contextmanager
    def _start_lock(self, cluster: Cluster, deadline: float) -> Iterator[None]:
        path = cluster.location.directory / "start.lock"
        with exclusive(open_private(path, cluster.location.account), deadline=deadline):
            yield

    def _shut_down(self, cluster: Cluster) -> bool:
        was_alive = cluster.is_alive()
        if not _end(cluster, signal.SIGINT, STOP_TIMEOUT_S):
            _end(cluster, signal.SIGQUIT, IMMEDIATE_STOP_TIMEOUT_S)
        if cluster.location.socket_directory.parent != cluster.location.directory:
            with contextlib.suppress(OSError):
                cluster.location.socket_directory.rmdir()
        return was_alive and not cluster.is_alive()


def _bring_up(cluster: Cluster, deadline: float) -> None:
    """Return when the server serves the database; the caller holds the start lock."""
    launched: subprocess.Popen[bytes] | None = None
    log_start_bytes = cluster.log_size_bytes()
    pause_s = SHORTEST_POLL_S
    while (readiness := _readiness(cluster)) is not Readiness.READY:
        if readiness is Readiness.DATABASE_MISSING:
            _create_database(cluster)
            continue
        if time.monotonic() > deadline:
            raise ConfigurationError(
                f"the embedded PostgreSQL in {cluster.location.directory} did not become ready in "
                f"time; it may still be recovering: {cluster.log_tail(log_start_bytes)}"
            )
        if not cluster.is_alive():
            _check_exit(cluster, launched, log_start_bytes)
            launched = cluster.launch()
        else:
            cluster.clear_orphans()
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, LONGEST_POLL_S)
    _check_lock(cluster)


def _check_exit(
    cluster: Cluster, launched: subprocess.Popen[bytes] | None, log_start_bytes: int
) -> None:
    # A server that was killed (negative status) is started again; one that gave up is not.
    if launched is not None and launched.wait(timeout=10) > 0:
        raise ConfigurationError(
            f"the embedded PostgreSQL in {cluster.location.directory} does not start: "
            f"{cluster.log_tail(log_start_bytes)}"
        )


def _check_lock(cluster: Cluster) -> None:
    if cluster.is_alive() or (pid := find_postmaster(cluster.location.data)) is None:
        return
    # Some network file systems do not hand locks to child processes; two servers could then
    # run on one cluster.
    os.kill(pid, signal.SIGINT)
    raise ConfigurationError(
        f"the file system of {cluster.location.directory} does not keep file locks; "
        "put AGENTOS_HOME on a local disk"
    )


def _create_database(cluster: Cluster) -> None:
    with contextlib.suppress(OSError):
        execute(cluster.location.socket_file, MAINTENANCE_DATABASE, f"CREATE DATABASE {DATABASE}")


def _readiness(cluster: Cluster) -> Readiness:
    return probe(cluster.location.socket_file, DATABASE)


def _end(cluster: Cluster, order: signal.Signals, timeout_s: float) -> bool:
    """Signal the main server process and wait; whether every process of the cluster has gone."""
    signalled: int | None = None
    deadline = time.monotonic() + timeout_s
    while cluster.is_alive():
        if time.monotonic() > deadline:
            return False
        pid = cluster.postmaster()
        if pid is not None and pid != signalled:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, order)
            signalled = pid
        cluster.clear_orphans()
        time.sleep(SHORTEST_POLL_S)
    return True


def _users_file(cluster: Cluster) -> Path:
    return cluster.location.directory / "users.lock"


def _keep_mark(cluster: Cluster) -> Path:
    """The file whose presence keeps the server up without users."""
    return cluster.location.directory / "keep-running"


def _has_users(cluster: Cluster) -> bool:
    # Users lock it shared, so ask for the exclusive lock.
    fd = open_private(_users_file(cluster), cluster.location.account)
    try:
        return not try_lock(fd)
    finally:
        os.close(fd)


def _delete(location: Location, data_dir: Path) -> None:
    if location.directory != data_dir.resolve():
        forget_location(data_dir)
        shutil.rmtree(location.directory)
        return
    shutil.rmtree(location.data)
    for log in location.directory.glob("postgres.log*"):
        log.unlink()
