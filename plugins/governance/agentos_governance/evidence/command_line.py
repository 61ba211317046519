"""`agentos evidence`: checking packets without a server or a database."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from agentos_governance.evidence.packet_verification import PacketVerification, verify_packet

EXIT_DOES_NOT_VERIFY = 4

evidence = typer.Typer(no_args_is_help=True, help="Evidence packets.")


@evidence.callback()
def _group() -> None:
    """Evidence packets: signed folders that prove what was done."""


@evidence.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="The packet: evidence/<work order id>")],
    trusted_key: Annotated[
        list[str] | None,
        typer.Option(help="Key id that must have signed it (repeatable); any key if absent"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout")] = False,
) -> None:
    """Verify a packet offline: signature, every digest, claims, nothing missing or extra.

    Exit code 0 if it verifies, 4 if not.
    """
    outcome = verify_packet(folder, trusted_keys=trusted_key)
    if as_json:
        sys.stdout.write(json.dumps(_document(outcome)) + "\n")
    elif outcome.ok:
        typer.echo(f"{folder.name}: verified, {_n_files(outcome)} files, key {outcome.key_id}")
    else:
        for problem in outcome.problems:
            typer.echo(f"{folder.name}: {problem}", err=True)
    if not outcome.ok:
        raise typer.Exit(EXIT_DOES_NOT_VERIFY)


def _document(outcome: PacketVerification) -> dict[str, object]:
    statement = outcome.statement or {}
    predicate = statement.get("predicate") or {}
    return {
        "ok": outcome.ok,
        "problems": outcome.problems,
        "work_order": predicate.get("work_order"),
        "sha256": outcome.sha256,
        "key_id": outcome.key_id,
        "is_key_pinned": outcome.is_key_pinned,
        "files": _n_files(outcome),
    }


def _n_files(outcome: PacketVerification) -> int:
    return len((outcome.statement or {}).get("subject") or [])
