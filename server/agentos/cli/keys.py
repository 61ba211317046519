"""`agentos keys`: the keys that sign evidence and the log: listed, given out, rotated, revoked."""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from agentos.cli.call import JsonOption
from agentos.cli.context import without_plugins
from agentos.cli.output import one_line, print_note
from agentos.clock import SystemClock
from agentos.command_line import local_settings, print_json, run_with_kernel
from agentos.errors import ConfigurationError, ConflictError
from agentos.events.model import NewEvent
from agentos.identity.key_ring import KeyRing, load_key_ring, revoke_key, rotate_key
from agentos.identity.revocation import Revocation
from agentos.kernel import Kernel
from agentos.settings import Settings

app = typer.Typer(
    help="List, export, rotate and revoke the keys that sign evidence packets and the audit log."
)


class Purpose(StrEnum):
    """What a ring of keys signs."""

    EVIDENCE = "evidence"
    AUDIT = "audit"


KeyOption = Annotated[
    Purpose,
    typer.Option("--key", help="Which keys: those of evidence packets, or those of signed heads."),
]


@app.command("list")
def list_keys(
    ctx: typer.Context, purpose: KeyOption = Purpose.EVIDENCE, as_json: JsonOption = False
) -> None:
    """List the keys, oldest first, and until when each signed; the last one signs now.

    The first use makes the key, in keys/evidence.key or keys/audit.key of the data folder.
    """
    ring = load_key_ring(_path(local_settings(ctx), purpose))
    if as_json:
        print_json({"key": purpose.value, "keys": _described(ring)})
        return
    for key in _described(ring):
        end = "signs now" if key["not_after"] is None else f"until {key['not_after']}"
        revocation = ring.revocation_of(str(key["key_id"]))
        if revocation is not None:
            end += one_line(f"  revoked at {revocation.at}: {revocation.reason}")
        print(f"{key['key_id']}  from {key['not_before']}  {end}")


@app.command()
def rotate(
    ctx: typer.Context, purpose: KeyOption = Purpose.EVIDENCE, as_json: JsonOption = False
) -> None:
    """Put a new key in place of the one that signs, which vouches for it and signs no more.

    What either signed verifies for whoever pinned the first. The old private key is overwritten; a
    server that runs goes on with the new one.
    """
    ring = rotate_key(_path(local_settings(ctx), purpose), SystemClock().now())
    if as_json:
        print_json({"key": purpose.value, "keys": _described(ring)})
    else:
        print(ring.current.key_id)
        print_note(f"it follows {ring.current.previous}; {len(ring.keys)} keys in all")


@app.command()
def export(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write the public keys.")],
    purpose: KeyOption = Purpose.EVIDENCE,
    as_json: JsonOption = False,
) -> None:
    """Write the public keys and what was revoked to FILE, to be pinned elsewhere.

    `agentos evidence verify --key FILE` takes those of evidence. Bring the file over a way that
    you trust: what it holds is what will be believed.
    """
    from agentos.canonical import canonical_json

    ring = load_key_ring(_path(local_settings(ctx), purpose))
    try:
        file.write_bytes(canonical_json(ring.document()) + b"\n")
    except OSError as error:
        raise ConfigurationError(f"cannot write {file}: {error.strerror}") from None
    if as_json:
        print_json({"key": purpose.value, "file": str(file), "keys": _described(ring)})
    else:
        print(f"{file}: {len(ring.keys)} keys, {ring.current.key_id} signs now")


@app.command()
def revoke(
    ctx: typer.Context,
    key_id: Annotated[str, typer.Argument(metavar="KEYID", help="The key, or its first digits.")],
    reason: Annotated[str, typer.Option(help="Why; it is signed, exported and in the log.")],
    purpose: KeyOption = Purpose.EVIDENCE,
    as_json: JsonOption = False,
) -> None:
    """Revoke a key from now on; what it signed before still verifies, with a note.

    A key in use is rotated out first. What it signs later does not verify, for whoever has the
    ring: export it again. Revoking a key once more completes a revocation that was interrupted.
    """
    settings = local_settings(ctx)
    clock = SystemClock()
    ring = revoke_key(_path(settings, purpose), key_id, reason, clock)
    revocation = ring.revocation_of(ring.find(key_id).key_id)
    assert revocation is not None, "it was revoked just now"
    _record(settings, purpose, revocation)
    if as_json:
        print_json({"key": purpose.value, "revoked": revocation.document()})
    else:
        print(f"{revocation.key_id} is revoked since {revocation.at}")
        print_note(f"{ring.current.key_id} signs now")


def _record(settings: Settings, purpose: Purpose, revocation: Revocation) -> None:
    """One event for each revocation, also where the command is repeated."""

    async def work(kernel: Kernel) -> None:
        data = {"purpose": purpose.value, **revocation.document()}
        stream = f"key/{revocation.key_id}"
        event = NewEvent(
            stream, "key.revoked", settings.worker, kernel.clock.now(), data, expected_seq=0
        )
        with suppress(ConflictError):
            await kernel.writer.submit(event)

    run_with_kernel(without_plugins(settings), work)


def _path(settings: Settings, purpose: Purpose) -> Path:
    return settings.home / "keys" / f"{purpose.value}.key"


def _described(ring: KeyRing) -> list[dict[str, str | bool | None]]:
    ends = [*(key.not_before for key in ring.keys[1:]), None]
    described: list[dict[str, str | bool | None]] = []
    for key, end in zip(ring.keys, ends, strict=True):
        revocation = ring.revocation_of(key.key_id)
        described.append(
            {
                "key_id": key.key_id,
                "public_key": key.public_key,
                "not_before": key.not_before,
                "not_after": end,
                "vouched_by": key.previous,
                "revoked_at": None if revocation is None else revocation.at,
                "reason": None if revocation is None else revocation.reason,
            }
        )
    return described
