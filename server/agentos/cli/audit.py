"""`agentos audit`: is the log what was written, and do the read models follow from it?"""

from __future__ import annotations

import os
import secrets
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from agentos.cli.audit_export import export
from agentos.cli.audit_show import show
from agentos.cli.call import JsonOption
from agentos.cli.context import without_plugins
from agentos.cli.output import one_line, print_error, print_note
from agentos.command_line import local_settings, print_json, run_with_kernel
from agentos.errors import ConfigurationError, VerificationError
from agentos.events.anchor import (
    AnchorReport,
    SignedAnchor,
    compare_anchor,
    describe,
    document_of,
    read_anchor,
    take_anchor,
)
from agentos.events.git_notes import publish_head, read_notes
from agentos.events.head import SignedHead
from agentos.events.log_verification import LogReport, LogVerifier
from agentos.events.rebuild import RebuildReport, check_read_models, rebuild_read_models
from agentos.events.verification import verify_events
from agentos.identity.key_ring import load_key_ring
from agentos.kernel import Kernel

TAMPERED = 4
MAX_REASON_CHARS = 2_000

app = typer.Typer(
    help="Verify the log, anchor it elsewhere, show and export it, check the read models."
)
app.command()(export)
app.command()(show)

RepositoryOption = Annotated[
    Path | None,
    typer.Option("--git-notes", metavar="REPO", help="A repository with refs/notes/agentos-audit."),
]


@app.command()
def verify(
    ctx: typer.Context,
    stream: Annotated[
        str | None, typer.Option(metavar="S", help="One stream's chain; by default the whole log.")
    ] = None,
    anchor: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also compare with the heads in this anchor."),
    ] = None,
    git_notes: RepositoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute the hash chain over every field of every event, and hold it against signed heads.

    The heads in the data folder's `anchors` are always used. Exit code 4 where something was
    changed, added or is missing, naming the first bad event.
    """
    settings = local_settings(ctx)
    signed = None if anchor is None else read_anchor(_content(anchor))

    async def work(kernel: Kernel) -> tuple[LogReport, AnchorReport | None]:
        kernel.heads.pause()
        witnesses = [] if git_notes is None else await read_notes(git_notes)
        if signed is not None and signed.anchor.signed_head is not None:
            witnesses.append(signed.anchor.signed_head)
        report = await _verifier(kernel).verify(stream, witnesses)
        return report, None if signed is None else await _compare(kernel, signed)

    report, anchored = run_with_kernel(without_plugins(settings), work)
    if as_json:
        print_json(_document(report, anchored))
    else:
        _print_verification(report, anchored)
    if not report.ok or (anchored is not None and not anchored.ok):
        raise typer.Exit(TAMPERED)


@app.command()
def anchor(
    ctx: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Where to write the anchor.")
    ] = None,
    git_notes: RepositoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign the head of the log and write it to FILE, to a repository's git notes, or to both.

    The log is verified first; one that fails is not anchored (exit code 4). Keep the anchor where
    neither this database nor this data folder is.
    """
    if file is None and git_notes is None:
        raise ConfigurationError("name a FILE, or a repository with --git-notes")
    settings = local_settings(ctx)

    async def work(kernel: Kernel) -> tuple[bytes, SignedHead | None, str | None]:
        kernel.heads.pause()
        _require_ok(await _verifier(kernel).verify())
        signed = await kernel.heads.sign("anchor")
        key = load_key_ring(kernel.heads.key_path).private_key
        document = await take_anchor(
            kernel.database, key, now=kernel.clock.now(), signed_head=signed
        )
        if git_notes is None:
            return document, signed, None
        if signed is None:
            raise ConfigurationError("the log is empty: there is no head to publish")
        return document, signed, await publish_head(git_notes, signed)

    document, signed, commit = run_with_kernel(without_plugins(settings), work)
    if file is not None:
        _write(file, document)
    taken = read_anchor(document).anchor
    number = 0 if signed is None else signed.head.number
    if as_json:
        written = {"file": None if file is None else str(file), "commit": commit}
        written["key_id"] = None if signed is None else signed.key_id
        print_json({**written, "at": taken.at, "events": taken.events, "head": number})
        return
    where = [] if file is None else [str(file)]
    where += [] if commit is None else [f"{git_notes} (note on {commit[:12]})"]
    for place in where:
        print(
            one_line(
                f"{place}: {taken.events} events in {len(taken.heads)} streams at {taken.at}, "
                f"head {number}"
            )
        )


@app.command()
def acknowledge(
    ctx: typer.Context,
    reason: Annotated[str, typer.Option(help="Why the log may differ from what was signed.")],
    as_json: JsonOption = False,
) -> None:
    """Accept the log as it stands, after a restore that you made yourself.

    The reason is signed and stays on record in the anchor file. The chain of every stream must
    verify (exit code 4); what earlier heads said is not held against the log any more.
    """
    if not reason.strip() or len(reason) > MAX_REASON_CHARS:
        raise ConfigurationError(f"a reason has 1 to {MAX_REASON_CHARS} characters")

    async def work(kernel: Kernel) -> SignedHead:
        kernel.heads.pause()
        report = await verify_events(kernel.database)
        if report.first_bad is not None:
            raise VerificationError(f"not accepted: {describe(report.first_bad)}")
        restarted = await kernel.heads.restart(reason)
        return await kernel.heads.sign("acknowledge") or restarted

    signed = run_with_kernel(without_plugins(local_settings(ctx)), work)
    if as_json:
        print_json({"head": signed.head.number, "events": signed.head.events, "at": signed.head.at})
    else:
        print(f"accepted as it stands: {signed.head.events} events, head {signed.head.number}")


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


def _verifier(kernel: Kernel) -> LogVerifier:
    return LogVerifier(kernel.database, kernel.heads.file, kernel.heads.key_path)


async def _compare(kernel: Kernel, signed: SignedAnchor) -> AnchorReport:
    path = kernel.heads.key_path
    ring = load_key_ring(path) if path.exists() else None
    key = ring and next((k for k in ring.keys if k.public_key == signed.public_key), None)
    revocation = ring.revocation_of(key.key_id) if ring and key else None
    if revocation is not None and signed.anchor.at > revocation.at:
        raise VerificationError(
            f"the anchor of {signed.anchor.at} was signed by a key that was revoked at "
            f"{revocation.at}: {revocation.reason}"
        )
    own = signed.key if key else None
    return await compare_anchor(kernel.database, signed, own)


def _require_ok(report: LogReport) -> None:
    if report.first_bad is not None:
        raise VerificationError(f"not anchored: {describe(report.first_bad)}")
    if report.problems:
        raise VerificationError(f"not anchored: {report.problems[0]}")


def _document(report: LogReport, anchored: AnchorReport | None) -> dict[str, Any]:
    document: dict[str, Any] = {
        "ok": report.ok,
        "events": report.events,
        "first_bad": None if report.first_bad is None else asdict(report.first_bad),
        "problems": list(report.problems),
        "heads": report.heads,
        "signed_events": report.signed_events,
        "signed_at": report.signed_at,
        "notes": list(report.notes),
    }
    if anchored is not None:
        document |= {"ok": report.ok and anchored.ok, "anchor": document_of(anchored)}
    return document


def _print_verification(report: LogReport, anchored: AnchorReport | None) -> None:
    if report.first_bad is not None:
        print_error(describe(report.first_bad))
    for problem in report.problems:
        print_error(problem)
    for note in report.notes:
        print_note(note)
    if anchored is not None and anchored.first_bad is not None:
        print_error(f"against the anchor of {anchored.at}: {describe(anchored.first_bad)}")
    if report.ok and (anchored is None or anchored.ok):
        print(f"{report.events} events verify")
        if report.heads:
            print(
                f"{report.signed_events} of them fit {report.heads} signed heads, the newest of "
                f"{report.signed_at}"
            )
        if anchored is not None:
            key = "our key" if anchored.is_own_key else f"a key of others ({anchored.key_id[:16]})"
            print(one_line(f"{anchored.events} of them are as anchored at {anchored.at}, by {key}"))


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
