"""Evidence packets: everything a reviewer needs, signed, in one folder that proves itself.

Above: packets (fills them from the database), tests. Below: dsse, durable_files, canonical JSON.

    <folder>/
      statement.json        in-toto Statement v1; its subjects are every other file, by SHA-256
      statement.dsse.json   the same bytes in a DSSE envelope, Ed25519
      claims.jsonl          one claim a line, in canonical JSON
      proofs.jsonl          for each claim, in the same line: its event, and RFC 6962 paths of the
                            event in the signed event tree and of its file in the file tree
      verify_packet.py      verifies the folder; needs Python and `cryptography`, nothing else
      files/<sha256>        what the claims rest on, by content

The signer's public keys stand in the predicate, so a packet verifies offline by itself; whoever
pins keys learns as well that it is the right one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import IO, Any

from agentos import InvalidArgumentError, KeyRing, canonical_json, sha256_hex
from agentos_governance.evidence.dsse import IN_TOTO_PAYLOAD, EncodedPayload
from agentos_governance.evidence.durable_files import (
    file_sha256,
    make_private_folder,
    sync_folder,
    write_durable,
    write_durable_chunks,
)
from agentos_governance.evidence.threads import map_in_threads
from agentos_governance.evidence.verify_packet import (
    CLAIMS_FILE,
    ENVELOPE_FILE,
    FILES_FOLDER,
    PREDICATE_TYPE,
    PROOFS_FILE,
    STATEMENT_FILE,
    STATEMENT_TYPE,
    VERIFIER_FILE,
)

THREADS = 4
_CHUNK_BYTES = 1 << 20

ReadFile = Callable[[str], Iterator[bytes]]
"""The bytes of a digest, piece by piece; raises where they are not what it says."""


@dataclass(frozen=True, slots=True)
class PacketContent:
    """What goes into a packet, besides its signature.

    `claims` and `proofs` are files of lines; whoever writes the packet closes them. `digests` are
    those of the files, sorted.
    """

    work_order: str
    predicate: Mapping[str, Any]
    claims: IO[bytes]
    proofs: IO[bytes]
    digests: Sequence[str]

    def close(self) -> None:
        """Let go of the lines."""
        self.claims.close()
        self.proofs.close()


@dataclass(frozen=True, slots=True)
class PacketSummary:
    """A written packet. `sha256` is the digest of `statement.json` and names the packet."""

    folder: Path
    sha256: str
    key_id: str
    files: int


def write_packet(
    directory: Path, content: PacketContent, *, read_file: ReadFile, keys: KeyRing
) -> PacketSummary:
    """Writes the packet of a work order into `directory` (`evidence/<work order id>`).

    The same content under the same keys gives the same bytes, so writing again after a crash
    completes the packet; writing other content replaces it. Raises InvalidArgumentError for a
    file that is not what its digest says.
    """
    store = directory / FILES_FOLDER
    make_private_folder(directory)
    make_private_folder(store)
    for _ in map_in_threads(partial(_store, store, read_file), content.digests, THREADS):
        pass
    _remove_others(store, content.digests)
    documents = {
        CLAIMS_FILE: _write_lines(directory / CLAIMS_FILE, content.claims),
        PROOFS_FILE: _write_lines(directory / PROOFS_FILE, content.proofs),
        VERIFIER_FILE: _write_verifier(directory / VERIFIER_FILE),
    }
    statement = EncodedPayload(IN_TOTO_PAYLOAD, lambda: _statement(content, documents, keys))
    write_durable_chunks(directory / STATEMENT_FILE, iter([statement.payload]))
    write_durable_chunks(directory / ENVELOPE_FILE, statement.signed_by(keys.private_key))
    for folder in (store, directory, directory.parent):
        sync_folder(folder)
    return PacketSummary(directory, statement.sha256, keys.current.key_id, len(content.digests))


def _statement(
    content: PacketContent, documents: Mapping[str, str], keys: KeyRing
) -> Iterator[bytes]:
    """The statement in canonical JSON; its subjects, the only part that grows, one by one."""
    predicate = {
        **content.predicate,
        "work_order": content.work_order,
        "signer": {
            "key_id": keys.current.key_id,
            "public_key": keys.current.public_key,
            "chain": [key.document() for key in keys.keys],
        },
    }
    rest = {"_type": STATEMENT_TYPE, "predicate": predicate, "predicateType": PREDICATE_TYPE}
    yield canonical_json(rest)[:-1] + b',"subject":['
    stored = ((f"{FILES_FOLDER}/{digest}", digest) for digest in content.digests)
    for number, (name, digest) in enumerate(chain(sorted(documents.items()), stored)):
        subject = canonical_json({"name": name, "digest": {"sha256": digest}})
        yield b"," + subject if number else subject
    yield b"]}"


def _store(store: Path, read_file: ReadFile, digest: str) -> None:
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise InvalidArgumentError(f"{digest[:80]!r} is not a SHA-256 in lower-case hexadecimal")
    path = store / digest
    if path.is_file() and not path.is_symlink() and file_sha256(path) == digest:
        return
    write_durable_chunks(path, read_file(digest))


def _write_lines(path: Path, lines: IO[bytes]) -> str:
    """The SHA-256 of what was written."""
    hasher = hashlib.sha256()
    lines.seek(0)

    def chunks() -> Iterator[bytes]:
        while chunk := lines.read(_CHUNK_BYTES):
            hasher.update(chunk)
            yield chunk

    write_durable_chunks(path, chunks())
    return hasher.hexdigest()


def _write_verifier(path: Path) -> str:
    source = files("agentos_governance.evidence").joinpath(VERIFIER_FILE).read_bytes()
    write_durable(path, source)
    return sha256_hex(source)


def _remove_others(store: Path, kept: Sequence[str]) -> None:
    """Files of an earlier packet, and parts a killed writer left."""
    for folder in (store, store.parent):
        with os.scandir(folder) as entries:
            others = [
                entry.name
                for entry in entries
                if (entry.name.startswith(".") and entry.name.endswith(".part"))
                or (folder is store and entry.name not in kept)
            ]
        for name in others:
            (folder / name).unlink()
