"""Whether an evidence packet is what was signed; offline, from its folder alone.

Above: `agentos evidence verify`, reviews. Below: verify_packet, the one file that verifies, here
and wherever a packet is taken: there is no second opinion that could differ.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentos import InvalidArgumentError
from agentos_governance.evidence import verify_packet as standalone


@dataclass(frozen=True, slots=True)
class PacketVerification:
    """The outcome. `ok` without pinned keys means: unchanged since whoever holds the key signed.

    `statement` is without its subjects, and None when it cannot be read; `sha256` names the packet; `is_key_pinned` says
    that the signer is a pinned key, or one that a pinned key vouches for.
    """

    ok: bool
    problems: list[str]
    notes: list[str]
    statement: dict[str, Any] | None
    sha256: str | None = None
    key_id: str | None = None
    is_key_pinned: bool = False
    claims: int = 0
    files: int = 0


def verify_packet(
    directory: Path,
    *,
    trusted_keys: Collection[str] | None = None,
    key_files: Sequence[Path] | None = None,
    earlier: Path | None = None,
) -> PacketVerification:
    """Checks signature, form, every digest, every claim's proof, and that no file is extra.

    `trusted_keys` are key ids (SHA-256 of raw public keys, hexadecimal), `key_files` hold keys or
    key rings; given, one of them must have signed or vouch for the signer. `earlier` is the
    statement of an earlier packet that this one must continue. Never raises for what a folder may
    contain; InvalidArgumentError for a key file without a key.
    """
    try:
        pins = standalone.pins_of(list(key_files or ()), list(trusted_keys or ()))
    except (standalone.Problem, ValueError, KeyError, TypeError) as error:
        raise InvalidArgumentError(str(error)) from None
    if trusted_keys is not None and pins is None:
        pins = []
    outcome = standalone.check_packet(directory, pins=pins, earlier=earlier)
    return PacketVerification(
        ok=outcome.ok,
        problems=outcome.problems,
        notes=outcome.notes,
        statement=outcome.statement,
        sha256=outcome.sha256,
        key_id=outcome.key_id,
        is_key_pinned=outcome.is_key_pinned,
        claims=outcome.claims,
        files=outcome.files,
    )
