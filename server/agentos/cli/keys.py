"""`agentos keys`: the keys that sign evidence, listed, rotated, and given out to be pinned."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentos.cli.call import JsonOption
from agentos.cli.output import print_note
from agentos.clock import SystemClock
from agentos.command_line import local_settings, print_json
from agentos.errors import ConfigurationError
from agentos.identity.key_ring import KeyRing, load_key_ring, rotate_key
from agentos.settings import Settings

app = typer.Typer(help="List, export and rotate the keys that sign evidence packets.")


@app.command("list")
def list_keys(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List the keys, oldest first, and until when each signed; the last one signs now.

    The first use makes the key, in keys/evidence.key of the data folder.
    """
    ring = load_key_ring(_path(local_settings(ctx)))
    if as_json:
        print_json({"keys": _described(ring)})
        return
    for key in _described(ring):
        end = "signs now" if key["not_after"] is None else f"until {key['not_after']}"
        print(f"{key['key_id']}  from {key['not_before']}  {end}")


@app.command()
def rotate(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Put a new key in place of the one that signs, which vouches for it and signs no more.

    Packets of both verify for whoever pinned the first key. The old private key is overwritten.
    """
    ring = rotate_key(_path(local_settings(ctx)), SystemClock().now())
    if as_json:
        print_json({"keys": _described(ring)})
    else:
        print(ring.current.key_id)
        print_note(f"it follows {ring.current.previous}; {len(ring.keys)} keys in all")


@app.command()
def export(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write the public keys.")],
    as_json: JsonOption = False,
) -> None:
    """Write the public keys to FILE, for `agentos evidence verify --key FILE` elsewhere.

    Bring the file over a way that you trust: what it holds is what will be believed.
    """
    from agentos.canonical import canonical_json

    ring = load_key_ring(_path(local_settings(ctx)))
    try:
        file.write_bytes(canonical_json(ring.document()) + b"\n")
    except OSError as error:
        raise ConfigurationError(f"cannot write {file}: {error.strerror}") from None
    if as_json:
        print_json({"file": str(file), "keys": _described(ring)})
    else:
        print(f"{file}: {len(ring.keys)} keys, {ring.current.key_id} signs now")


def _path(settings: Settings) -> Path:
    return settings.home / "keys" / "evidence.key"


def _described(ring: KeyRing) -> list[dict[str, str | bool | None]]:
    ends = [*(key.not_before for key in ring.keys[1:]), None]
    return [
        {
            "key_id": key.key_id,
            "public_key": key.public_key,
            "not_before": key.not_before,
            "not_after": end,
            "vouched_by": key.previous,
        }
        for key, end in zip(ring.keys, ends, strict=True)
    ]
