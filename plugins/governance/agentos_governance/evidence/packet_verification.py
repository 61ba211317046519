"""Whether an evidence packet is complete, unchanged and signed; offline, from its folder alone.

Above: `agentos evidence verify`, reviews. Below: packet (the form), dsse. Every problem found is
listed, not only the first.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentos import InvalidArgumentError, VerificationError, canonical_json, sha256_hex
from agentos_governance.evidence.dsse import envelope_payload, verify_envelope
from agentos_governance.evidence.durable_files import file_sha256, iter_file
from agentos_governance.evidence.keys import key_id
from agentos_governance.evidence.packet import (
    CLAIM_FIELDS,
    CLAIMS_FILE,
    ENVELOPE_FILE,
    FILES_FOLDER,
    PREDICATE_TYPE,
    STATEMENT_FILE,
    STATEMENT_TYPE,
)

MAX_DOCUMENT_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class PacketVerification:
    """The outcome. `ok` without pinned keys means: unchanged since whoever holds the key signed.

    `statement` is None when it cannot be read; `sha256` names the packet; `is_key_pinned` says
    that the signer is one of the `trusted_keys`.
    """

    ok: bool
    problems: list[str]
    statement: dict[str, Any] | None
    sha256: str | None = None
    key_id: str | None = None
    is_key_pinned: bool = False


def verify_packet(
    directory: Path, *, trusted_keys: Collection[str] | None = None
) -> PacketVerification:
    """Checks signature, form, every digest, claims, and that no file is missing or extra.

    `trusted_keys` are key ids (SHA-256 of raw public keys, hexadecimal); given, the signer must
    be one of them. Never raises for what a folder may contain.
    """
    problems: list[str] = []
    names = _list_names(directory, problems)
    statement_bytes = _read(directory, STATEMENT_FILE, problems)
    statement = _parse_canonical(statement_bytes, STATEMENT_FILE, problems)
    envelope = _parse_canonical(_read(directory, ENVELOPE_FILE, problems), ENVELOPE_FILE, problems)
    signer = None
    if statement is not None and statement_bytes is not None and envelope is not None:
        signer = _check_signature(statement, statement_bytes, envelope, problems)
        _check_form(statement, problems)
        _check_subjects(directory, statement, names, problems)
        _check_claims(directory, names, problems)
    is_pinned = signer is not None and trusted_keys is not None and signer in trusted_keys
    if trusted_keys is not None and signer is not None and not is_pinned:
        problems.append(f"the signer {signer} is not a trusted key")
    return PacketVerification(
        ok=not problems,
        problems=problems,
        statement=statement,
        sha256=sha256_hex(statement_bytes) if statement_bytes is not None else None,
        key_id=signer,
        is_key_pinned=is_pinned,
    )


def _list_names(directory: Path, problems: list[str]) -> set[str]:
    """Names of all regular files, relative to the packet; anything else is a problem."""
    names: set[str] = set()
    for folder, prefix in ((directory, ""), (directory / FILES_FOLDER, f"{FILES_FOLDER}/")):
        try:
            if folder is not directory and stat.S_ISLNK(os.lstat(folder).st_mode):
                raise NotADirectoryError(20, "is a symbolic link")
            entries = list(os.scandir(folder))
        except OSError as error:
            problems.append(f"{prefix or 'the packet'} cannot be read: {error.strerror}")
            continue
        for entry in entries:
            if not prefix and entry.name == FILES_FOLDER:
                continue
            if entry.is_file(follow_symlinks=False):
                names.add(prefix + entry.name)
            else:
                problems.append(f"{prefix}{entry.name} is not a regular file")
    return names


def _read(directory: Path, name: str, problems: list[str]) -> bytes | None:
    content = bytearray()
    try:
        for chunk in iter_file(directory / name):
            content += chunk
            if len(content) > MAX_DOCUMENT_BYTES:
                problems.append(f"{name} is larger than {MAX_DOCUMENT_BYTES} bytes")
                return None
    except InvalidArgumentError as error:
        problems.append(error.message)
        return None
    return bytes(content)


def _parse_canonical(
    content: bytes | None, name: str, problems: list[str]
) -> dict[str, Any] | None:
    """The JSON object in `content`, which must be its canonical form: one reading only."""
    if content is None:
        return None
    try:
        value = json.loads(content)
        if isinstance(value, dict) and canonical_json(value) == content:
            return value
    except (ValueError, RecursionError, InvalidArgumentError):
        pass
    problems.append(f"{name} is not an object in canonical JSON")
    return None


def _check_signature(
    statement: dict[str, Any],
    statement_bytes: bytes,
    envelope: dict[str, Any],
    problems: list[str],
) -> str | None:
    """The signer's key id, when the signature holds."""
    try:
        if envelope_payload(envelope) != statement_bytes:
            problems.append(f"{STATEMENT_FILE} is not what {ENVELOPE_FILE} holds")
        raw_key = _signer_key(statement)
        verify_envelope(envelope, raw_key)
    except VerificationError as error:
        problems.append(error.message)
        return None
    return key_id(raw_key)


def _signer_key(statement: dict[str, Any]) -> bytes:
    predicate = statement.get("predicate")
    signer = predicate.get("signer") if isinstance(predicate, dict) else None
    if not isinstance(signer, dict) or not isinstance(signer.get("public_key"), str):
        raise VerificationError("the predicate names no signer")
    try:
        raw_key = base64.b64decode(signer["public_key"], validate=True)
    except (binascii.Error, ValueError):
        raise VerificationError("the signer's public key is not base64") from None
    if len(raw_key) != 32 or signer.get("key_id") != key_id(raw_key):
        raise VerificationError("the signer's key id is not its public key's")
    return raw_key


def _check_form(statement: dict[str, Any], problems: list[str]) -> None:
    if statement.get("_type") != STATEMENT_TYPE:
        problems.append(f"the statement's _type is not {STATEMENT_TYPE}")
    if statement.get("predicateType") != PREDICATE_TYPE:
        problems.append(f"the predicateType is not {PREDICATE_TYPE}")
    predicate = statement.get("predicate")
    if not isinstance(predicate, dict) or not isinstance(predicate.get("work_order"), str):
        problems.append("the predicate names no work order")


def _check_subjects(
    directory: Path, statement: dict[str, Any], names: set[str], problems: list[str]
) -> None:
    expected = names - {STATEMENT_FILE, ENVELOPE_FILE}
    seen: set[str] = set()
    subjects = statement.get("subject")
    for subject in subjects if isinstance(subjects, list) else []:
        name, digest = _subject(subject)
        if name is None or name in seen:
            problems.append("a subject has no name and sha256, or is named twice")
            continue
        seen.add(name)
        if name not in expected:
            problems.append(f"{name} is missing")
        elif not _has_digest(directory / name, digest):
            problems.append(f"{name} was changed: its SHA-256 is not {digest}")
        elif name.startswith(f"{FILES_FOLDER}/") and name != f"{FILES_FOLDER}/{digest}":
            problems.append(f"{name} is not named by its content")
    problems += [f"{name} is in no subject of the statement" for name in sorted(expected - seen)]
    if CLAIMS_FILE not in seen:
        problems.append(f"{CLAIMS_FILE} is in no subject of the statement")


def _has_digest(path: Path, digest: str | None) -> bool:
    try:
        return file_sha256(path) == digest
    except (InvalidArgumentError, OSError):
        return False


def _subject(subject: object) -> tuple[str, str] | tuple[None, None]:
    if isinstance(subject, dict) and isinstance(subject.get("digest"), dict):
        name, digest = subject.get("name"), subject["digest"].get("sha256")
        if isinstance(name, str) and isinstance(digest, str):
            return name, digest
    return None, None


def _check_claims(directory: Path, names: set[str], problems: list[str]) -> None:
    content = _read(directory, CLAIMS_FILE, problems)
    if not content:
        return
    if not content.endswith(b"\n"):
        problems.append(f"{CLAIMS_FILE} ends in the middle of a line")
    for number, line in enumerate(content.removesuffix(b"\n").split(b"\n"), start=1):
        claim = _parse_canonical(line, f"{CLAIMS_FILE} line {number}", problems)
        if claim is None:
            continue
        if not set(CLAIM_FIELDS) <= claim.keys():
            problems.append(f"{CLAIMS_FILE} line {number} lacks fields")
        elif claim.get("stored") is not (f"{FILES_FOLDER}/{claim['sha256']}" in names):
            problems.append(f"{CLAIMS_FILE} line {number}: its file is stored or not as it says")
