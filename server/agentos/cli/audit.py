"""`agentos audit`: is the log what was written, and do the read models follow from it?"""

from __future__ import annotations

import os
import secrets
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from agentos.cli.call import JsonOption
from agentos.cli.context import local_settings, run_with_kernel, without_plugins
from agentos.cli.output import one_line, print_error, print_json
from agentos.errors import ConfigurationError
from agentos.events.anchor import (
    AnchorReport,
    SignedAnchor,
    compare_anchor,
    describe,
    document_of,
    read_anchor,
    take_anchor,
)
from agentos.events.rebuild import RebuildReport, check_read_models, rebuild_read_models
from agentos.events.verification import AuditReport, verify_events
from agentos.identity.signing_key import find_key, load_or_create_signing_key
from agentos.kernel import Kernel
from agentos.settings import Settings

TAMPERED = 4

app = typer.Typer(help="Verify the log, anchor it outside the database, check the read models.")


@app.command()
def verify(
    ctx: typer.Context,
    stream: Annotated[
        str | None, typer.Option(metavar="S", help="One stream; by default all.")
    ] = None,
    anchor: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also compare with the heads in this anchor."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute the hash chain over every field of every event.

    Exit code 4 where something was changed or is missing, naming the first bad event.
    """
    settings = local_settings(ctx)
    signed = None if anchor is None else read_anchor(_content(anchor))

    async def work(kernel: Kernel) -> tuple[AuditReport, AnchorReport | None]:
        report = await verify_events(kernel.database, stream)
        return report, None if signed is None else await _compare(kernel, signed)

    report, anchored = run_with_kernel(without_plugins(settings), work)
    if as_json:
        document = asdict(report)
        if anchored is not None:
            document |= {"ok": report.ok and anchored.ok, "anchor": document_of(anchored)}
        print_json(document)
    else:
        _print_verification(report, anchored)
    if not report.ok or (anchored is not None and not anchored.ok):
        raise typer.Exit(TAMPERED)


@app.command()
def anchor(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write the anchor.")],
    as_json: JsonOption = False,
) -> None:
    """Write the signed heads of all streams to FILE, to be kept where this database is not.

    The log is verified first; one that fails is not anchored (exit code 4). The key is made at
    the first use, in keys/audit.key of the data folder.
    """
    settings = local_settings(ctx)
    key = load_or_create_signing_key(_key_path(settings))

    async def work(kernel: Kernel) -> bytes:
        return await take_anchor(kernel.database, key, now=kernel.clock.now())

    document = run_with_kernel(without_plugins(settings), work)
    _write(file, document)
    taken = read_anchor(document).anchor
    if as_json:
        print_json({"file": str(file), "at": taken.at, "events": taken.events})
    else:
        print(f"{file}: {taken.events} events in {len(taken.heads)} streams at {taken.at}")


@app.command()
def rebuild(
    ctx: typer.Context,
    check: Annotated[
        bool, typer.Option("--check", help="Compare only; exit code 4 where a table differs.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Recompute the read models from the events; without --check, put them in place.

    The live tables are exchanged in one transaction.
    """

    async def work(kernel: Kernel) -> RebuildReport:
        run = check_read_models if check else rebuild_read_models
        return await run(kernel.database, kernel.events, kernel.read_models)

    report = run_with_kernel(local_settings(ctx), work)
    if as_json:
        print_json({"ok": report.ok, **asdict(report), "replaced": not check})
    else:
        print(f"{report.events} events replayed into {report.tables} tables")
        for table in report.differences:
            print(
                f"{table.table}: {table.only_live} rows were in the live table only, "
                f"{table.only_rebuilt} in the rebuilt one only"
            )
    if check and not report.ok:
        raise typer.Exit(TAMPERED)


async def _compare(kernel: Kernel, signed: SignedAnchor) -> AnchorReport:
    key = find_key(_key_path(kernel.settings))
    return await compare_anchor(kernel.database, signed, None if key is None else key.public_key())


def _print_verification(report: AuditReport, anchored: AnchorReport | None) -> None:
    if report.first_bad is not None:
        print_error(describe(report.first_bad))
    if anchored is not None and anchored.first_bad is not None:
        print_error(f"against the anchor of {anchored.at}: {describe(anchored.first_bad)}")
    if report.ok and (anchored is None or anchored.ok):
        print(f"{report.events} events verify")
        if anchored is not None:
            key = "our key" if anchored.is_own_key else f"a key of others ({anchored.key_id[:16]})"
            print(one_line(f"{anchored.events} of them are as anchored at {anchored.at}, by {key}"))


def _key_path(settings: Settings) -> Path:
    return settings.home / "keys" / "audit.key"


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from None


def _write(path: Path, document: bytes) -> None:
    """Whole or not at all: an anchor that was there before stays until the new one is durable."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            file.write(document)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ConfigurationError(f"cannot write {path}: {error.strerror}") from None
