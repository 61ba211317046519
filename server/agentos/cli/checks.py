"""What `agentos doctor` looks at, one function a subject.

Below: settings, the embedded server, plugins, the listener.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict

import asyncpg

from agentos.cli.condition import Condition, connected, describe
from agentos.clock import format_time
from agentos.database.embedded import find_binaries
from agentos.database.migrations import MigrationSet
from agentos.database.pool import Database
from agentos.errors import AgentOSError, ConfigurationError
from agentos.events.store import EventStore
from agentos.isolation import PluginStates
from agentos.plugins import load_plugins
from agentos.registry import SetupCheck as Check
from agentos.settings import Settings

# Earlier releases match possessive quantifiers of patterns wrongly (gh-106052), by which the gatekeeper
# reads settings, and lose time limits in a task whose group has failed once.
OLDEST_PYTHON = (3, 11, 5)
OLDEST_GIT = (2, 30)
OLDEST_POSTGRES = 15
MINIMUM_FREE_BYTES = 2 * 1024**3


async def check_python(settings: Settings) -> Check:
    """The interpreter's version, and whether it was built to be fast."""
    detail = ".".join(str(part) for part in sys.version_info[:3])
    is_optimised = _is_optimised()
    if is_optimised is False:
        detail += ", built without --enable-optimizations: calls and index runs take longer"
    return Check(
        "python",
        sys.version_info >= OLDEST_PYTHON,
        detail,
        "install Python 3.11.5 or newer",
        {"is_optimised": is_optimised},
    )


def _is_optimised() -> bool | None:
    """Whether profiles guided the compiler of this interpreter; None where it does not say."""
    arguments: str | None = sysconfig.get_config_var("CONFIG_ARGS")
    return None if arguments is None else "--enable-optimizations" in arguments


async def check_git(settings: Settings) -> Check:
    """git's version."""
    remedy = "install git 2.30 or newer"
    try:
        answer = await asyncio.to_thread(
            subprocess.run,
            ["git", "--version"],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return Check("git", False, f"does not run ({type(error).__name__})", remedy)
    version = answer.stdout.removeprefix("git version").split()[0]
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    return Check("git", numbers >= OLDEST_GIT, version, remedy)


async def check_home(settings: Settings) -> Check:
    """Whether the data folder takes files."""
    home = settings.home
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home) as file:
            file.write(b"agentos")
    except OSError as error:
        detail = f"{home} cannot be written: {error.strerror}"
        return Check("data folder", False, detail, "choose another with AGENTOS_HOME or --home")
    return Check("data folder", True, str(home))


async def check_disk(settings: Settings) -> Check:
    """Free space below the data folder."""
    folder = next(
        p for p in [settings.home.absolute(), *settings.home.absolute().parents] if p.exists()
    )
    free_bytes = shutil.disk_usage(folder).free
    return Check(
        "disk",
        free_bytes >= MINIMUM_FREE_BYTES,
        f"{free_bytes / 1024**3:.1f} GiB free at {folder}",
        "free at least 2 GiB, or choose another data folder with AGENTOS_HOME",
    )


async def check_plugins(settings: Settings) -> Check:
    """Whether every enabled plugin loads."""
    try:
        load_plugins(settings.plugins)
    except ConfigurationError as error:
        return Check("plugins", False, error.message, "correct the setting `plugins`")
    return Check("plugins", True, ", ".join(sorted(settings.plugins)) or "none enabled")


async def check_binaries(settings: Settings) -> Check:
    """The programs of the embedded server."""
    if settings.database_url is not None:
        return Check("postgres programs", True, "not needed: AGENTOS_DATABASE_URL is set")
    try:
        return Check("postgres programs", True, str(find_binaries()))
    except ConfigurationError as error:
        return Check("postgres programs", False, error.message)


async def checks_of_database(settings: Settings) -> list[Check]:
    """Whether the database answers, is new enough, has pgvector, and which migrations it lacks.

    Then what stands in it: plugins that were disabled, and what plugins tell of their own.
    """
    try:
        async with connected(settings) as database:
            checks = [_judge(await describe(database, _sets(settings), folder=None))]
            return [*checks, *await checks_of_state(settings, database)]
    except (AgentOSError, asyncpg.PostgresError) as error:
        detail = error.message if isinstance(error, AgentOSError) else str(error)
        return [Check("database", False, detail, "start it, or correct AGENTOS_DATABASE_URL")]


def _judge(found: Condition) -> Check:
    detail = f"PostgreSQL {found.server_version}, pgvector {found.vector_version or 'missing'}"
    detail += f", {found.events} events"
    if found.pending:
        detail += f"; {len(found.pending)} migrations will be applied at the next start"
    major = int((found.server_version or "0").split(".")[0].split()[0])
    if major < OLDEST_POSTGRES:
        return Check("database", False, detail, f"use PostgreSQL {OLDEST_POSTGRES} or newer")
    remedy = "install the extension pgvector on the database server"
    return Check("database", found.vector_version is not None, detail, remedy)


def _sets(settings: Settings) -> list[MigrationSet]:
    try:
        answers = load_plugins(settings.plugins).hook.register_migrations()
    except ConfigurationError:
        return []  # its own check tells
    return [migration_set for answer in answers for migration_set in answer or ()]


async def checks_of_state(settings: Settings, database: Database) -> list[Check]:
    """What the database says of plugins; nothing where no server has made its tables yet."""
    try:
        disabled = await _check_disabled(settings, database)
    except asyncpg.UndefinedTableError:
        return []
    found = [disabled]
    try:
        plugins = load_plugins(settings.plugins)
    except ConfigurationError:
        return found  # its own check tells
    try:
        answers = plugins.hook.check_state(settings=settings)
    except ConfigurationError as error:
        return [*found, Check("settings of plugins", False, error.message)]
    for ask in answers:
        try:
            found.extend(await ask(database))
        except asyncpg.UndefinedTableError:
            continue  # its migrations are among those that the next start applies
    return found


async def _check_disabled(settings: Settings, database: Database) -> Check:
    states = PluginStates(database, EventStore(()))
    disabled = await states.list_disabled(sorted(settings.plugins))
    facts = {
        "disabled": [
            {**asdict(each), "since": format_time(each.since), "remedy": _enabling(each.name)}
            for each in disabled
        ]
    }
    if not disabled:
        return Check("disabled plugins", True, "none", facts=facts)
    told = (f"{each.name} since {format_time(each.since)}: {each.reason}" for each in disabled)
    remedies = ", ".join(_enabling(each.name) for each in disabled)
    remedy = f"their hooks are not called; mend what failed, then {remedies}"
    return Check("disabled plugins", False, "; ".join(told), remedy, facts)


def _enabling(plugin: str) -> str:
    return f"`agentos plugins enable {plugin}`"


async def check_port(settings: Settings) -> Check:
    """Whether `agentos serve` could listen, or a server already does."""
    from agentos.http.listener import bind

    where = f"{settings.host}:{settings.port}"
    try:
        bind(settings.host, settings.port).close()
    except ConfigurationError as error:
        if await asyncio.to_thread(_is_agentos, settings):
            return Check("port", True, f"an AgentOS server answers at {where}")
        return Check("port", False, error.message, "or set AGENTOS_PORT")
    return Check("port", True, f"{where} is free")


def _is_agentos(settings: Settings) -> bool:
    request = f"GET /healthz HTTP/1.1\r\nHost: {settings.host}\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection((settings.host, settings.port), timeout=3) as connection:
            connection.sendall(request.encode())
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def checks_of_plugins(settings: Settings) -> Sequence[Check]:
    """What plugins tell of themselves; nothing where they do not load, which its own check tells."""
    try:
        hook = load_plugins(settings.plugins).hook
    except ConfigurationError:
        return []
    try:
        answers = hook.check_setup(settings=settings)
    except ConfigurationError as error:
        return [Check("settings of plugins", False, error.message)]
    return [check for answer in answers for check in answer or ()]


CHECKS: tuple[Callable[[Settings], Awaitable[Check]], ...] = (
    check_python,
    check_git,
    check_home,
    check_disk,
    check_plugins,
    check_binaries,
    check_port,
)
