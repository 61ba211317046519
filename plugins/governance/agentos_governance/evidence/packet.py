"""Evidence packets: everything a reviewer needs, signed, in one folder that proves itself.

Above: submit_work_order, `agentos evidence verify`. Below: dsse, durable_files, canonical JSON.

    <folder>/
      statement.json        in-toto Statement v1; its subjects are every other file, by SHA-256
      statement.dsse.json   the same bytes in a DSSE envelope, Ed25519
      claims.jsonl          one claim a line, in canonical JSON
      files/<sha256>        what the claims rest on, by content

The signer's public key stands in the predicate, so a packet verifies offline by itself; whoever
pins keys (`trusted_keys`) learns as well that it is the right one.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agentos import InvalidArgumentError, canonical_json, sha256_hex
from agentos_governance.evidence.dsse import sign_envelope
from agentos_governance.evidence.durable_files import (
    file_sha256,
    iter_file,
    make_private_folder,
    sync_folder,
    write_durable,
    write_durable_chunks,
)
from agentos_governance.evidence.keys import key_id, raw_public_key

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://agentos.dev/evidence/v1"

STATEMENT_FILE = "statement.json"
ENVELOPE_FILE = "statement.dsse.json"
CLAIMS_FILE = "claims.jsonl"
FILES_FOLDER = "files"

CLAIM_FIELDS = ("id", "kind", "claim", "path", "lines", "sha256", "level", "event_hash")


@dataclass(frozen=True, slots=True)
class PacketSummary:
    """A written packet. `sha256` is the digest of `statement.json` and names the packet."""

    folder: Path
    sha256: str
    key_id: str
    files: int


def write_packet(
    directory: Path,
    *,
    work_order: str,
    predicate: Mapping[str, Any],
    claims: Sequence[Mapping[str, Any]],
    files: Mapping[str, bytes | Path],
    signing_key: Ed25519PrivateKey,
) -> PacketSummary:
    """Writes the packet of a work order into `directory` (`evidence/<work order id>`).

    `files` maps SHA-256 to content or to a regular file. The same arguments give the same bytes,
    so writing again after a crash completes the packet; writing other arguments replaces it.
    Raises InvalidArgumentError for content that is not what its digest says.
    """
    store = directory / FILES_FOLDER
    make_private_folder(directory)
    make_private_folder(store)
    for digest, content in sorted(files.items()):
        _store(store, digest, content)
    claims_bytes = b"".join(_claim_line(claim, files) for claim in claims)
    raw_key = raw_public_key(signing_key.public_key())
    statement = canonical_json(
        {
            "_type": STATEMENT_TYPE,
            "subject": _subjects(claims_bytes, files),
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                **predicate,
                "work_order": work_order,
                "signer": {
                    "key_id": key_id(raw_key),
                    "public_key": base64.b64encode(raw_key).decode("ascii"),
                },
            },
        }
    )
    _remove_others(store, files)
    write_durable(directory / CLAIMS_FILE, claims_bytes)
    write_durable(directory / STATEMENT_FILE, statement)
    envelope = canonical_json(sign_envelope(statement, signing_key))
    write_durable(directory / ENVELOPE_FILE, envelope)
    for folder in (store, directory, directory.parent):
        sync_folder(folder)
    return PacketSummary(directory, sha256_hex(statement), key_id(raw_key), len(files))


def _claim_line(claim: Mapping[str, Any], files: Mapping[str, bytes | Path]) -> bytes:
    """One line of claims.jsonl; `stored` says whether the packet holds what it rests on."""
    missing = [name for name in CLAIM_FIELDS if name not in claim]
    if missing:
        raise InvalidArgumentError(f"a claim lacks {', '.join(missing)}")
    return canonical_json({**claim, "stored": claim["sha256"] in files}) + b"\n"


def _subjects(claims_bytes: bytes, files: Mapping[str, bytes | Path]) -> list[dict[str, Any]]:
    named = [(CLAIMS_FILE, sha256_hex(claims_bytes))]
    named += [(f"{FILES_FOLDER}/{digest}", digest) for digest in sorted(files)]
    return [{"name": name, "digest": {"sha256": digest}} for name, digest in named]


def _store(store: Path, digest: str, content: bytes | Path) -> None:
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise InvalidArgumentError(f"{digest[:80]!r} is not a SHA-256 in lower-case hexadecimal")
    path = store / digest
    if path.is_file() and not path.is_symlink() and file_sha256(path) == digest:
        return
    chunks = iter([content]) if isinstance(content, bytes) else iter_file(content)
    write_durable_chunks(path, _checked(chunks, digest))


def _checked(chunks: Iterator[bytes], digest: str) -> Iterator[bytes]:
    """The chunks; raises before the last is durable when they are not what `digest` says."""
    hasher = hashlib.sha256()
    for chunk in chunks:
        hasher.update(chunk)
        yield chunk
    if hasher.hexdigest() != digest:
        raise InvalidArgumentError(f"content given as {digest} has SHA-256 {hasher.hexdigest()}")


def _remove_others(store: Path, files: Mapping[str, bytes | Path]) -> None:
    """Files of an earlier packet, and parts a killed writer left."""
    for folder, kept in ((store, set(files)), (store.parent, {FILES_FOLDER})):
        for path in folder.iterdir():
            is_part = path.name.startswith(".") and path.name.endswith(".part")
            if is_part or (folder is store and path.name not in kept):
                path.unlink()
