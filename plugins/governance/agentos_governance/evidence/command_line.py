"""`agentos evidence`: checking packets without a server or a database, and signing observations."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agentos import (
    ConfigurationError,
    InvalidArgumentError,
    SystemClock,
    load_or_create_signing_key,
)
from agentos_governance.evidence.keys import public_key_text
from agentos_governance.evidence.observations import sign_observation
from agentos_governance.evidence.packet_verification import PacketVerification, verify_packet

EXIT_DOES_NOT_VERIFY = 4

evidence = typer.Typer(no_args_is_help=True, help="Evidence packets.")


@evidence.callback()
def _group() -> None:
    """Evidence packets: signed folders that prove what was done."""


@evidence.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="The packet: evidence/<work order id>")],
    key: Annotated[
        list[Path] | None,
        typer.Option(
            "--key",
            metavar="FILE",
            help="Trust the key or key ring in FILE, and what it vouches for (repeatable)",
        ),
    ] = None,
    pin: Annotated[
        list[str] | None,
        typer.Option(
            "--pin", "--trusted-key", metavar="KEY_ID", help="The same, by key id (repeatable)"
        ),
    ] = None,
    earlier: Annotated[
        Path | None,
        typer.Option(metavar="STATEMENT", help="An earlier packet's statement.json to continue"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout")] = False,
) -> None:
    """Verify a packet offline: signature, every digest, every claim's proof, nothing extra.

    Without --key or --pin any signer is accepted. Exit code 0 if it verifies, 4 if not.
    """
    outcome = verify_packet(folder, trusted_keys=pin or None, key_files=key, earlier=earlier)
    if as_json:
        sys.stdout.write(json.dumps(_document(outcome)) + "\n")
    elif outcome.ok:
        typer.echo(
            f"{folder.name}: verified, {outcome.claims} claims, {outcome.files} files, "
            f"key {outcome.key_id}"
        )
        for note in outcome.notes:
            typer.echo(f"{folder.name}: {note}", err=True)
    else:
        for problem in outcome.problems:
            typer.echo(f"{folder.name}: {problem}", err=True)
    if not outcome.ok:
        raise typer.Exit(EXIT_DOES_NOT_VERIFY)


def _document(outcome: PacketVerification) -> dict[str, object]:
    predicate = (outcome.statement or {}).get("predicate")
    return {
        "ok": outcome.ok,
        "problems": outcome.problems,
        "notes": outcome.notes,
        "work_order": predicate.get("work_order") if isinstance(predicate, dict) else None,
        "sha256": outcome.sha256,
        "key_id": outcome.key_id,
        "is_key_pinned": outcome.is_key_pinned,
        "claims": outcome.claims,
        "files": outcome.files,
    }


@evidence.command("observer-key")
def observer_key(
    file: Annotated[Path, typer.Argument(help="The hook's private key; made where there is none")],
) -> None:
    """Print the public key of a hook, to be put in keys/observers/NAME.pub of the server's data.

    Keep FILE where the agent cannot read it: whoever signs with it is believed.
    """
    typer.echo(public_key_text(load_or_create_signing_key(file).public_key()))


@evidence.command()
def observe(
    file: Annotated[Path, typer.Argument(help="What the hook saw, as it was")],
    key: Annotated[Path, typer.Option(metavar="FILE", help="The hook's private key")],
    work_order: Annotated[str, typer.Option(metavar="ID", help="Where it belongs")],
    kind: Annotated[str, typer.Option(help="The kind of evidence, such as test_report")],
) -> None:
    """Sign what a hook saw; pass the line as `observation` of record_evidence, with the content.

    Evidence with it is of level "observed". It is good for one work order, one kind, one use.
    """
    private = _existing_key(key)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InvalidArgumentError(f"{file} cannot be read: {error.strerror}") from None
    now = SystemClock().now()
    typer.echo(sign_observation(private, work_order=work_order, kind=kind, content=content, at=now))


def _existing_key(file: Path) -> Ed25519PrivateKey:
    """The hook's key; ConfigurationError where there is none: a new one would not be trusted."""
    if not file.is_file():
        raise ConfigurationError(
            f"there is no key {file}; `agentos evidence observer-key {file}` makes one"
        )
    return load_or_create_signing_key(file)
