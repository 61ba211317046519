"""`agentos db`: the database in use, its migrations, its backups."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from agentos.cli.backups import backup_database, restore_database
from agentos.cli.call import JsonOption
from agentos.cli.condition import Condition, connected, describe_database, embedded_of
from agentos.cli.output import print_note
from agentos.command_line import local_settings, log_only_trouble, print_json
from agentos.database.migrations import MigrationSet, migrate
from agentos.errors import ConfigurationError, VerificationError
from agentos.events.anchor import describe
from agentos.events.head_file import HeadFile, anchor_file
from agentos.events.verification import AuditReport, verify_events
from agentos.plugins import load_plugins
from agentos.settings import Settings

app = typer.Typer(help="Look after the database.")

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The backup file.")]


@app.command()
def status(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Say which database is in use and what is in it; starts nothing."""
    settings = local_settings(ctx)
    log_only_trouble(settings)
    condition = asyncio.run(describe_database(settings, migration_sets(settings)))
    if as_json:
        print_json(condition.document())
    else:
        _print_condition(condition)


@app.command()
def url(ctx: typer.Context) -> None:
    """Print the connection string of the database in use.

    The embedded server is started if it does not run, and goes on running after this command, so
    that the string can be used, until `agentos db stop`. A password in AGENTOS_DATABASE_URL is
    printed too.
    """
    settings = local_settings(ctx)
    if settings.database_url is not None:
        print(settings.database_url)
        return
    embedded = embedded_of(settings)
    dsn = embedded.start()
    # Whoever asked for the string is about to connect, perhaps after other commands have ended.
    embedded.keep_running()
    print(dsn)


@app.command()
def stop(ctx: typer.Context) -> None:
    """Stop the embedded server, unless another AgentOS process uses it."""
    settings = local_settings(ctx)
    if settings.database_url is not None:
        raise ConfigurationError("AGENTOS_DATABASE_URL names an own server; stop it yourself")
    embedded = embedded_of(settings)
    if not embedded.is_running:
        print("the embedded server does not run")
        return
    embedded.start()
    embedded.keep_running(False)
    print("stopped" if embedded.stop() else "left running: other AgentOS processes use it")


@app.command("migrate")
def migrate_database(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Apply the migrations of the kernel and of every enabled plugin that are missing."""
    settings = local_settings(ctx)
    sets = migration_sets(settings)

    async def work() -> list[str]:
        async with connected(settings) as database:
            return await migrate(database, sets)

    applied = asyncio.run(work())
    if as_json:
        print_json({"applied": applied})
    else:
        print("\n".join(applied) or "nothing to apply")


@app.command()
def backup(ctx: typer.Context, file: FileArgument, as_json: JsonOption = False) -> None:
    """Write the whole database to FILE (pg_dump, custom format), consistent at one moment.

    Worktrees, evidence files and keys are not in it; they lie in the data folder.
    """
    settings = local_settings(ctx)

    async def work() -> int:
        async with connected(settings) as database:
            return await asyncio.to_thread(backup_database, database.dsn, file)

    size_bytes = asyncio.run(work())
    if as_json:
        print_json({"file": str(file), "size_bytes": size_bytes})
    else:
        print(f"{file}: {size_bytes} bytes")


@app.command()
def restore(
    ctx: typer.Context,
    file: FileArgument,
    replace: Annotated[
        bool, typer.Option("--replace", help="Delete what the database holds now.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Put the backup in FILE in place of the database, in one transaction, and verify its log.

    Refuses a database that holds events, unless --replace says to delete them. Stop servers
    first. Exit code 4 where the restored log does not verify.
    """
    settings = local_settings(ctx)
    log_only_trouble(settings)
    report = asyncio.run(_restore(settings, file, replace=replace))
    if report.first_bad is not None:
        raise VerificationError(f"restored, but {describe(report.first_bad)}")
    if HeadFile(anchor_file(settings.home, settings.database_url)).newest() is not None:
        print_note(
            "what was signed before does not fit a restored log: "
            "`agentos audit acknowledge --reason ...` accepts it"
        )
    if as_json:
        print_json({"file": str(file), "events": report.events})
    else:
        print(f"{file}: restored, {report.events} events verify")


async def _restore(settings: Settings, file: Path, *, replace: bool) -> AuditReport:
    async with connected(settings) as database:
        await restore_database(database, file, replace=replace)
        return await verify_events(database)


def migration_sets(settings: Settings) -> list[MigrationSet]:
    """The migrations of every enabled plugin."""
    answers = load_plugins(settings.plugins).hook.register_migrations()
    return [migration_set for answer in answers for migration_set in answer or ()]


def _print_condition(condition: Condition) -> None:
    from agentos.cli.rendering import print_document

    document: dict[str, Any] = condition.document()
    print_document({name: value for name, value in document.items() if value is not None})
