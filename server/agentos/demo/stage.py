"""Where the demo plays: a clone of the repository, an embedded database, a server process.

Everything lies in one temporary folder and is gone afterwards; the user's repository is only read.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

import agentos
from agentos.calls import Role
from agentos.clock import SystemClock
from agentos.database.embedded import EmbeddedPostgres
from agentos.database.pool import Database
from agentos.errors import ConfigurationError
from agentos.events.store import EventStore
from agentos.identity.tokens import TOKEN_EVENT_TYPES, Tokens

START_TIMEOUT_S = 60.0
_GIT_IDENTITY = ("-c", "user.name=AgentOS demo", "-c", "user.email=demo@localhost")


@dataclass(frozen=True, slots=True)
class Stage:
    """A running server over a clone, and how to reach it."""

    home: Path
    repository: Path
    source: Path
    url: str
    tokens: Tokens
    environment: dict[str, str]

    async def token(self, worker: str, role: Role, person: str | None = None) -> str:
        """A bearer token for a principal of the demo."""
        now = SystemClock().now()
        issued = await self.tokens.create(
            worker, role, now=now, ttl_s=3600, person=person, by="demo"
        )
        return issued.secret

    async def run_cli(self, *arguments: str, token: str | None = None) -> tuple[int, str]:
        """Exit code and output of an `agentos` command in a process of its own."""
        environment = dict(self.environment)
        if token is not None:
            environment["AGENTOS_TOKEN"] = token
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "agentos",
            *arguments,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        text = output.decode("utf-8", "replace")
        return process.returncode or 0, text or errors.decode("utf-8", "replace")


@asynccontextmanager
async def open_stage(source: Path | None, *, keep: bool) -> AsyncIterator[Stage]:
    """Clone, start database and server, and take everything down again (unless `keep`)."""
    home = Path(tempfile.mkdtemp(prefix="agentos-demo-"))
    # PostgreSQL may run as another user than root; it needs to pass through, not to read.
    home.chmod(0o711)
    postgres = EmbeddedPostgres(home / "postgres")
    try:
        origin = source if source else await asyncio.to_thread(_own_repository, home)
        repository = await asyncio.to_thread(_clone, origin, home / "repository")
        dsn = await asyncio.to_thread(postgres.start)
        environment = _environment(home)
        port = _free_port()
        async with _server(environment, port, home / "server.log"):
            database = Database(dsn, pool_size=2)
            await database.open()
            try:
                url = f"http://127.0.0.1:{port}/mcp"
                tokens = Tokens(database, EventStore(TOKEN_EVENT_TYPES))
                yield Stage(home, repository, origin, url, tokens, environment)
            finally:
                await database.close()
    finally:
        await asyncio.to_thread(postgres.stop)
        if not keep:
            with contextlib.suppress(agentos.AgentOSError, OSError):
                await asyncio.to_thread(postgres.remove)
            await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)


def _environment(home: Path) -> dict[str, str]:
    """The user's environment without AgentOS settings, so that none of them leaks in."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AGENTOS_")}
    kept["AGENTOS_HOME"] = str(home)
    kept["AGENTOS_LOG_LEVEL"] = "warning"
    return kept


def _own_repository(home: Path) -> Path:
    return _own_checkout() or _package_as_repository(home)


def _own_checkout() -> Path | None:
    """The git checkout this package runs from, if it is tracked in one."""
    package = Path(agentos.__file__).resolve().parent
    found = _git(package, "ls-files", "--error-unmatch", "--", "kernel.py", check=False)
    if found.returncode != 0:
        return None
    return Path(_git(package, "rev-parse", "--show-toplevel").stdout.strip())


def _package_as_repository(home: Path) -> Path:
    """The installed package as a repository of its own, where there is no checkout."""
    target = home / "package"
    package = Path(agentos.__file__).resolve().parent
    shutil.copytree(package, target / "agentos", ignore=shutil.ignore_patterns("__pycache__"))
    _git(target, "init", "--quiet")
    _git(target, "add", "--all")
    _git(target, *_GIT_IDENTITY, "commit", "--quiet", "--message", "AgentOS as installed")
    return target


def _clone(source: Path, target: Path) -> Path:
    """A clone to work on, with its own branches; the source is only read."""
    if not source.is_dir():
        raise ConfigurationError(f"--repo: there is no folder {str(source)!r}")
    inside = _git(source, "rev-parse", "--git-dir", check=False)
    if inside.returncode != 0:
        raise ConfigurationError(f"--repo: {source} is not a git repository")
    if _git(source, "rev-parse", "--verify", "--quiet", "HEAD", check=False).returncode != 0:
        raise ConfigurationError(f"--repo: {source} has no commit yet; make a first commit there")
    top = _git(source, "rev-parse", "--show-toplevel", check=False).stdout.strip() or str(source)
    cloned = _git(
        target.parent, "clone", "--quiet", "--no-hardlinks", "--", top, str(target), check=False
    )
    if cloned.returncode != 0:
        raise ConfigurationError(f"--repo: cannot clone {source}: {cloned.stderr.strip()[-300:]}")
    return target


def _git(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["git", "-c", "safe.directory=*", *arguments],
            cwd=folder,
            check=check,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
        )
    except FileNotFoundError:
        raise ConfigurationError("git is not installed; the demo needs it") from None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def _server(environment: dict[str, str], port: int, log: Path) -> AsyncIterator[None]:
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "agentos",
            "serve",
            "--port",
            str(port),
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Ctrl-C in the terminal reaches the demo, which then ends the server in order.
            start_new_session=True,
        )
    try:
        await _wait_until_ready(process, port, log)
        yield
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(30):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


async def _wait_until_ready(process: asyncio.subprocess.Process, port: int, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    async with httpx2.AsyncClient(timeout=2) as http:
        while time.monotonic() < deadline and process.returncode is None:
            with contextlib.suppress(httpx2.HTTPError):
                answer = await http.get(f"http://127.0.0.1:{port}/readyz")
                if answer.status_code == 200:
                    return
            await asyncio.sleep(0.05)
    tail = log.read_text(errors="replace")[-1_000:]
    raise ConfigurationError(f"the demo's server did not become ready: {tail}")
