"""Verifies an AgentOS evidence packet from its folder alone; this file needs nothing of AgentOS.

Usage: python verify_packet.py FOLDER [--key FILE]... [--pin KEY_ID]... [--earlier STATEMENT]

Needs Python 3.11 and the package `cryptography`. Exit code 0: it verifies; 4: it does not, and
every problem found is listed. A copy lies in each packet; trust the one you brought yourself.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import itertools
import json
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://agentos.dev/evidence/v2"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
RING_FORMAT = "agentos-key-ring/1"
ROTATION_CONTEXT = b"agentos-key-rotation/1\n"

STATEMENT_FILE = "statement.json"
ENVELOPE_FILE = "statement.dsse.json"
CLAIMS_FILE = "claims.jsonl"
PROOFS_FILE = "proofs.jsonl"
VERIFIER_FILE = "verify_packet.py"
FILES_FOLDER = "files"
DOCUMENTS = frozenset({CLAIMS_FILE, PROOFS_FILE, VERIFIER_FILE})

CLAIM_FIELDS = (
    "id", "kind", "claim", "path", "lines", "sha256", "level", "worker", "event_hash", "stored",
)  # fmt: skip
PROOF_FIELDS = ("claim", "event", "path", "file_index", "file_path")
EVENT_FIELDS = ("position", "stream", "seq", "type", "actor", "at", "data", "prev_hash")
KEY_FIELDS = ("key_id", "public_key", "not_before", "previous", "signature")

MAX_STATEMENT_BYTES = 64 << 20
MAX_LINE_BYTES = 4 << 20
MAX_SIGNATURES_BYTES = 1 << 16
MAX_KEYS = 1_000
MAX_PROBLEMS = 1_000
EXIT_DOES_NOT_VERIFY = 4

_SUBJECTS = b',"subject":['
_SUBJECT = re.compile(rb'\{"digest":\{"sha256":"([0-9a-f]{64})"\},"name":"([!#-\[\]-~]+)"\}')
_ENVELOPE_START = b'{"payload":"'
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PIECE_BYTES = 3 << 16


class Problem(Exception):
    """Why a packet does not verify, in a sentence."""


@dataclass
class Outcome:
    """What was found. `ok` without pinned keys means: unchanged since the signer signed it."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What is no problem, and whoever relies on the packet should know."""
    statement: dict[str, Any] | None = None
    """Without its subjects, which are read one by one."""
    sha256: str | None = None
    key_id: str | None = None
    is_key_pinned: bool = False
    claims: int = 0
    files: int = 0

    @property
    def ok(self) -> bool:
        """Whether it verifies."""
        return not self.problems

    def add(self, problem: str) -> None:
        """Note a problem; beyond MAX_PROBLEMS they are only known to exist."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)


@dataclass(frozen=True)
class Pin:
    """A key somebody trusts, until when it signed, and since when it is not believed, if at all."""

    key_id: str
    not_after: str | None = None
    revoked_at: str | None = None
    reason: str = ""


def check_packet(
    folder: Path, *, pins: list[Pin] | None = None, earlier: Path | None = None
) -> Outcome:
    """Everything that a packet claims of itself; never raises for what a folder may contain.

    With `pins`, the signer must be one of them, or be vouched for by one through its rotations.
    `earlier` is the statement of an earlier packet of the same work order, which this must continue.
    """
    outcome, kept = Outcome(), Digests()
    try:
        statement = read_statement(folder / STATEMENT_FILE)
        outcome.statement = statement.document
        outcome.sha256 = hashlib.sha256(statement.content).hexdigest()
        predicate = _predicate(statement.document)
    except Problem as problem:
        outcome.add(str(problem))
        return outcome
    checks: list[Callable[[], None]] = [
        lambda: _check_signature(statement, folder / ENVELOPE_FILE, pins, outcome),
        lambda: _check_form(statement.document, predicate),
        lambda: _check_subjects(folder, statement, kept, outcome),
        lambda: _check_files(predicate, kept),
        lambda: _check_tree(predicate),
        lambda: _check_earlier(predicate, earlier),
        lambda: _check_claims(folder, predicate, kept, outcome),
    ]
    for check in checks:
        try:
            check()
        except Problem as problem:
            outcome.add(str(problem))
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            outcome.add(f"the packet has another form: {type(error).__name__} {str(error)[:200]}")
    return outcome


# ---- reading ----


def canonical(value: Any) -> bytes:
    """RFC 8785 bytes of a JSON value without fractions; Problem for what has none."""
    try:
        text = json.dumps(_ordered(value), ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8")
    except (ValueError, TypeError, RecursionError):
        raise Problem("a value has no canonical JSON form") from None


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: str(key).encode("utf-16-be"))
        return {key: _ordered(value[key]) for key in keys}
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    if isinstance(value, float) or (isinstance(value, int) and abs(value) >= 2**53):
        raise ValueError("a packet holds whole numbers below 2**53 only")
    return value


def parse(content: bytes, name: str) -> dict[str, Any]:
    """The JSON object in `content`, which must be its canonical form: one reading only."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or canonical(value) != content:
        raise Problem(f"{name} is not an object in canonical JSON")
    return value


def _open(path: Path) -> int:
    """A descriptor of a regular file; Problem for links, pipes, folders and what is not there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Problem(f"{path.name} cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Problem(f"{path.name} is not a regular file")
    return descriptor


@dataclass(frozen=True)
class Statement:
    """A statement as it was signed, read without making an object of each of its subjects."""

    encoded: bytearray
    """What the signature is over: the DSSE pre-authentication encoding."""
    start: int
    """Where the statement begins in it."""
    subjects_at: int
    """Where its first subject begins."""
    document: dict[str, Any]
    """The rest of it."""

    @property
    def content(self) -> memoryview:
        """The bytes of the statement."""
        return memoryview(self.encoded)[self.start :]

    def subjects(self) -> Iterator[tuple[str, str]]:
        """Name and SHA-256 of each subject; Problem where one is not in canonical JSON."""
        at, end = self.subjects_at, len(self.encoded) - 2
        if self.encoded[end:] != b"]}":
            raise Problem(f"{STATEMENT_FILE} does not end with its subjects")
        while at < end:
            found = _SUBJECT.match(self.encoded, at, end)
            if found is None:
                raise Problem("a subject has another form")
            yield found[2].decode("ascii"), found[1].decode("ascii")
            at = found.end()
            if at < end:
                if self.encoded[at] != ord(",") or at + 1 == end:
                    raise Problem("a subject has another form")
                at += 1


def read_statement(path: Path) -> Statement:
    """Memory is that of the file, once: a packet may hold a subject for each of many files."""
    with os.fdopen(_open(path), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > MAX_STATEMENT_BYTES:
            raise Problem(f"{path.name} is larger than {MAX_STATEMENT_BYTES} bytes")
        kind = b"DSSEv1 %d %b %d " % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), size)
        start = len(kind)
        encoded = bytearray(start + size)
        encoded[:start] = kind
        with memoryview(encoded) as view:
            n_read = file.readinto(view[start:])
        if n_read != size or file.read(1):
            raise Problem(f"{path.name} changes while it is read")
    # Names of subjects hold no quotation mark, so the last place is the only one that can be it.
    at = encoded.rfind(_SUBJECTS)
    if at < start:
        raise Problem(f"{path.name} is no statement with subjects in canonical JSON")
    document = parse(bytes(encoded[start:at]) + b"}", path.name)
    if set(document) != {"_type", "predicate", "predicateType"}:
        raise Problem(f"{path.name} lacks members of a statement, or has others")
    return Statement(encoded, start, at + len(_SUBJECTS), document)


class Digests:
    """SHA-256 digests in ascending order, 32 bytes each."""

    def __init__(self) -> None:
        self._packed = bytearray()

    def __len__(self) -> int:
        return len(self._packed) // 32

    def __getitem__(self, index: int) -> bytes:
        if not 0 <= index < len(self):
            raise IndexError(index)
        return bytes(self._packed[32 * index : 32 * index + 32])

    def __contains__(self, digest: bytes) -> bool:
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self[middle] < digest else (low, middle)
        return low < len(self) and self[low] == digest

    def append(self, digest: bytes) -> None:
        """Add the next one; Problem where it does not follow."""
        if len(self) and digest <= self[len(self) - 1]:
            raise Problem("the subjects are not in the order of their digests, or one is twice")
        self._packed += digest


def _lines(path: Path) -> Iterator[bytes]:
    """The lines of a file without their ends, one at a time."""
    with os.fdopen(_open(path), "rb") as file:
        while line := file.readline(MAX_LINE_BYTES):
            if not line.endswith(b"\n"):
                raise Problem(f"{path.name} ends in the middle of a line, or one is too long")
            yield line[:-1]


def _sha256(path: Path) -> str:
    with os.fdopen(_open(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _predicate(statement: dict[str, Any]) -> dict[str, Any]:
    predicate = statement.get("predicate")
    if not isinstance(predicate, dict):
        raise Problem(f"{STATEMENT_FILE} has no predicate")
    return predicate


# ---- signature and keys ----


def _check_signature(
    statement: Statement, envelope: Path, pins: list[Pin] | None, outcome: Outcome
) -> None:
    predicate = _predicate(statement.document)
    signatures = read_signatures(envelope, statement.content)
    chain = check_chain(_signer(predicate))
    signer = chain[-1]
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise Problem("the envelope must have exactly one signature")
    if not isinstance(signatures[0], dict) or signatures[0].get("keyid") != signer["key_id"]:
        raise Problem("the signature names another key")
    signature = _decoded(signatures[0].get("sig"), "signature")
    if not _is_signed(signer["public_key"], signature, statement.encoded):
        raise Problem("the signature does not fit the statement")
    outcome.key_id = signer["key_id"]
    if pins is not None:
        _check_pinned(chain, pins, str(predicate["event_head"]["at"]), outcome)
        outcome.is_key_pinned = True


def read_signatures(path: Path, content: memoryview) -> Any:
    """The signatures in an envelope, which must hold `content`; compared piece by piece."""
    with os.fdopen(_open(path), "rb") as file:
        if file.read(len(_ENVELOPE_START)) != _ENVELOPE_START:
            raise Problem(f"{path.name} is not a DSSE envelope in canonical JSON")
        for at in range(0, len(content), _PIECE_BYTES):
            piece = base64.b64encode(content[at : at + _PIECE_BYTES])
            if file.read(len(piece)) != piece:
                raise Problem(f"{STATEMENT_FILE} is not what {path.name} holds")
        envelope = parse(_ENVELOPE_START + file.read(MAX_SIGNATURES_BYTES), path.name)
    if set(envelope) != {"payload", "payloadType", "signatures"}:
        raise Problem(f"{path.name} is not a DSSE envelope")
    if envelope["payloadType"] != PAYLOAD_TYPE:
        raise Problem(f"{path.name} is not an envelope of {PAYLOAD_TYPE}")
    if envelope["payload"] != "":
        raise Problem(f"{path.name} holds more than {STATEMENT_FILE}")
    return envelope["signatures"]


def _signer(predicate: dict[str, Any]) -> list[Any]:
    signer = predicate.get("signer")
    chain = signer.get("chain") if isinstance(signer, dict) else None
    if not isinstance(signer, dict) or not isinstance(chain, list) or not chain:
        raise Problem("the predicate names no signer")
    if len(chain) > MAX_KEYS or not isinstance(chain[-1], dict):
        raise Problem("the signer's chain of keys has another form")
    if any(signer.get(name) != chain[-1].get(name) for name in ("key_id", "public_key")):
        raise Problem("the signer is not the last key of its chain")
    return chain


def check_chain(chain: list[Any]) -> list[dict[str, Any]]:
    """The keys of a chain, each vouched for by the one before; Problem where one is not."""
    previous: dict[str, Any] | None = None
    for key in chain:
        if not isinstance(key, dict) or not set(KEY_FIELDS) <= key.keys():
            raise Problem("a key of the chain lacks fields")
        raw = _decoded(key["public_key"], "public key")
        if len(raw) != 32 or key["key_id"] != hashlib.sha256(raw).hexdigest():
            raise Problem("a key's id is not its public key's")
        if previous is None:
            if key["previous"] is not None or key["signature"] is not None:
                raise Problem("the first key of a chain names a key before it")
        else:
            _check_rotation(previous, key)
        previous = key
    return chain


def rotation_message(key: dict[str, Any]) -> bytes:
    """What the old key signs to vouch for a new one."""
    names = ("key_id", "public_key", "not_before", "previous")
    return ROTATION_CONTEXT + canonical({name: key[name] for name in names})


def _check_rotation(previous: dict[str, Any], key: dict[str, Any]) -> None:
    vouched = key["previous"] == previous["key_id"] and _is_signed(
        previous["public_key"], _decoded(key["signature"], "signature"), rotation_message(key)
    )
    if not vouched:
        raise Problem(f"key {key['key_id']} is not vouched for by the key before it")
    if str(key["not_before"]) < str(previous["not_before"]):
        raise Problem(f"key {key['key_id']} begins before the key that vouches for it")


def _check_pinned(
    chain: list[dict[str, Any]], pins: list[Pin], signed_at: str, outcome: Outcome
) -> None:
    by_id = {pin.key_id: pin for pin in pins}
    # When each key of the chain was last used here: to vouch for the next, or to sign.
    uses = [*(str(key["not_before"]) for key in chain[1:]), signed_at]
    for key, used_at in zip(chain, uses, strict=True):
        pin = by_id.get(key["key_id"])
        if pin is None or pin.revoked_at is None:
            continue
        since = f"key {pin.key_id} was revoked at {pin.revoked_at} ({pin.reason[:200]})"
        if used_at > pin.revoked_at:
            raise Problem(f"{since}, before it was used at {used_at}")
        outcome.notes.append(f"{since}, after it was used at {used_at}")
    for key, following in itertools.pairwise(chain):
        pin = by_id.get(key["key_id"])
        if pin is not None and pin.not_after is not None and following["key_id"] not in by_id:
            raise Problem(f"key {pin.key_id} vouches for a key that its ring does not know")
    signer = chain[-1]["key_id"]
    if not any(key["key_id"] in by_id for key in chain):
        raise Problem(f"the signer {signer} is not a pinned key, and no pinned key vouches for it")
    pin = by_id.get(signer)
    if pin is not None and pin.not_after is not None and signed_at > pin.not_after:
        raise Problem(f"key {signer} was retired at {pin.not_after}, before this packet")


def _is_signed(public_key: str, signature: bytes, message: bytes | bytearray) -> bool:
    try:
        raw = _decoded(public_key, "public key")
        Ed25519PublicKey.from_public_bytes(raw).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _decoded(value: object, what: str) -> bytes:
    try:
        if isinstance(value, str):
            decoded = base64.b64decode(value, validate=True)
            if base64.b64encode(decoded).decode("ascii") == value:
                return decoded
    except (binascii.Error, ValueError):
        pass
    raise Problem(f"a {what} is not base64")


# ---- the statement ----


def _check_form(statement: dict[str, Any], predicate: dict[str, Any]) -> None:
    if statement.get("_type") != STATEMENT_TYPE:
        raise Problem(f"the statement's _type is not {STATEMENT_TYPE}")
    if statement.get("predicateType") != PREDICATE_TYPE:
        raise Problem(f"the predicateType is not {PREDICATE_TYPE}; a packet of another version")
    if not isinstance(predicate.get("work_order"), str):
        raise Problem("the predicate names no work order")


def _check_subjects(folder: Path, statement: Statement, kept: Digests, outcome: Outcome) -> None:
    """Every subject is there with its digest, and nothing else is; fills `kept` with the files."""
    documents: set[str] = set()
    for name, digest in statement.subjects():
        if name in DOCUMENTS and name not in documents:
            documents.add(name)
        elif name == f"{FILES_FOLDER}/{digest}":
            kept.append(bytes.fromhex(digest))
        else:
            raise Problem(f"{name[:200]} is twice, or is not named by its content")
        try:
            if _sha256(folder / name) != digest:
                outcome.add(f"{name} was changed: its SHA-256 is not {digest}")
        except Problem as problem:
            outcome.add(f"{FILES_FOLDER}/{problem}" if name not in documents else str(problem))
    outcome.files = len(documents) + len(kept)
    for name in sorted(DOCUMENTS - documents):
        outcome.add(f"{name} is in no subject of the statement")
    own = {*documents, STATEMENT_FILE, ENVELOPE_FILE}
    _check_entries(folder, "", lambda name: name in own, outcome)
    _check_entries(
        folder / FILES_FOLDER,
        f"{FILES_FOLDER}/",
        lambda name: bool(_DIGEST.fullmatch(name)) and bytes.fromhex(name) in kept,
        outcome,
    )


def _check_entries(
    folder: Path, prefix: str, is_known: Callable[[str], bool], outcome: Outcome
) -> None:
    """Only regular files are in a folder, and only known ones."""
    try:
        if prefix and stat.S_ISLNK(os.lstat(folder).st_mode):
            raise NotADirectoryError(20, "is a symbolic link")
        with os.scandir(folder) as entries:
            for entry in entries:
                if not prefix and entry.name == FILES_FOLDER:
                    continue
                if not entry.is_file(follow_symlinks=False):
                    outcome.add(f"{prefix}{entry.name} is not a regular file")
                elif not is_known(entry.name):
                    outcome.add(f"{prefix}{entry.name} is in no subject of the statement")
    except OSError as error:
        outcome.add(f"{prefix or 'the packet'} cannot be read: {error.strerror}")


# ---- Merkle trees: RFC 6962 section 2.1, verified as RFC 9162 sections 2.1.3.2 and 2.1.4.2 do ----


def _leaf(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def is_included(entry: bytes, index: int, size: int, path: list[bytes], root: bytes) -> bool:
    """Whether `entry` is number `index` (from 0) of the tree with this size and root."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, _leaf(entry)
    for sibling in path:
        if last == 0:
            return False
        if at % 2 == 1 or at == last:
            found = _node(sibling, found)
            while at % 2 == 0 and at != 0:
                at, last = at >> 1, last >> 1
        else:
            found = _node(found, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def is_consistent(
    old_size: int, old_root: bytes, size: int, root: bytes, path: list[bytes]
) -> bool:
    """Whether the old tree is a beginning of the new one."""
    if old_size == size:
        return not path and old_root == root
    if not 0 < old_size < size or not path:
        return False
    if old_size & (old_size - 1) == 0:
        path = [old_root, *path]
    at, last = old_size - 1, size - 1
    while at % 2 == 1:
        at, last = at >> 1, last >> 1
    old, new = path[0], path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if at % 2 == 1 or at == last:
            old, new = _node(sibling, old), _node(sibling, new)
            while at % 2 == 0 and at != 0:
                at, last = at >> 1, last >> 1
        else:
            new = _node(new, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and old == old_root and new == root


def _hashes(values: list[str]) -> list[bytes]:
    return [_hash(value) for value in values]


def _hash(value: str) -> bytes:
    raw = bytes.fromhex(value)
    if len(raw) != 32 or raw.hex() != value:
        raise Problem("a hash is not SHA-256 in lower-case hexadecimal")
    return raw


def _check_tree(predicate: dict[str, Any]) -> None:
    """The signed head is the last leaf of the tree, and the tree continues the one before."""
    head, tree = predicate["event_head"], predicate["event_tree"]
    size, root = tree["size"], _hash(tree["root"])
    if head["stream"] != f"work_order/{predicate['work_order']}" or head["seq"] != size:
        raise Problem("the event head is not the end of the work order's event tree")
    path = _hashes(tree["head_path"])
    if not is_included(_hash(head["hash"]), size - 1, size, path, root):
        raise Problem("the event head is not in the event tree")
    before = tree["previous"]
    if before is not None:
        path = _hashes(before["path"])
        if not is_consistent(before["size"], _hash(before["root"]), size, root, path):
            raise Problem("the event tree does not continue the one of the packet before")


def _check_earlier(predicate: dict[str, Any], earlier: Path | None) -> None:
    if earlier is None:
        return
    old = _predicate(read_statement(earlier).document)
    tree, before = old["event_tree"], predicate["event_tree"]["previous"]
    if old["work_order"] != predicate["work_order"]:
        raise Problem("the earlier statement is of another work order")
    same = predicate["event_tree"]
    is_same = (tree["size"], tree["root"]) == (same["size"], same["root"])
    is_before = before is not None and all(tree[name] == before[name] for name in ("size", "root"))
    if not is_same and not is_before:
        raise Problem("the event tree does not continue the earlier statement's")


def _check_files(predicate: dict[str, Any], kept: Digests) -> None:
    """The file tree is over exactly the files that are there, in the order of their digests."""
    tree = predicate["file_tree"]
    if tree["size"] != len(kept) or _hash(tree["root"]) != _root(kept):
        raise Problem("the files are not those of the file tree")


def _root(entries: Digests) -> bytes:
    """The Merkle tree hash of the entries; only complete subtrees are kept on the way."""
    peaks: list[bytes] = []
    for size in range(len(entries)):
        node, rest = _leaf(entries[size]), size
        while rest & 1:
            node, rest = _node(peaks.pop(), node), rest >> 1
        peaks.append(node)
    if not peaks:
        return hashlib.sha256(b"").digest()
    root = peaks.pop()
    while peaks:
        root = _node(peaks.pop(), root)
    return root


# ---- claims ----


def _check_claims(folder: Path, predicate: dict[str, Any], kept: Digests, outcome: Outcome) -> None:
    """Every claim is what an event of the tree says, in the order of the events."""
    proofs = _lines(folder / PROOFS_FILE)
    last_seq, number = 0, 0
    for number, line in enumerate(_lines(folder / CLAIMS_FILE), start=1):
        where = f"{CLAIMS_FILE} line {number}"
        proof_line = next(proofs, None)
        try:
            if proof_line is None:
                raise Problem(f"has no proof in {PROOFS_FILE}")
            claim = parse(line, "it")
            proof = parse(proof_line, "its proof")
            seq = _check_claim(claim, proof, predicate, kept)
            if seq <= last_seq:
                raise Problem("is not in the order of the events, or is there twice")
            last_seq = seq
        except Problem as problem:
            outcome.add(f"{where}: {problem}")
    if next(proofs, None) is not None:
        outcome.add(f"{PROOFS_FILE} has more lines than {CLAIMS_FILE}")
    outcome.claims = number
    if predicate["claims"] != number:
        outcome.add(f"there are {number} claims; the statement says {predicate['claims']}")


def _check_claim(
    claim: dict[str, Any], proof: dict[str, Any], predicate: dict[str, Any], kept: Digests
) -> int:
    """The sequence number of the event that a claim rests on."""
    if set(claim) != set(CLAIM_FIELDS) or set(proof) != set(PROOF_FIELDS):
        raise Problem("it or its proof lacks fields, or has others")
    event = proof["event"]
    if set(event) != set(EVENT_FIELDS) or proof["claim"] != claim["id"]:
        raise Problem("its proof is of another claim")
    if hashlib.sha256(canonical(event)).hexdigest() != claim["event_hash"]:
        raise Problem("its event is not the one with its event_hash")
    _check_event(claim, event, predicate)
    tree, seq = predicate["event_tree"], int(event["seq"])
    path = _hashes(proof["path"])
    entry = _hash(claim["event_hash"])
    if not is_included(entry, seq - 1, tree["size"], path, _hash(tree["root"])):
        raise Problem("its event is not in the signed event tree")
    if claim["stored"] is not (_hash(claim["sha256"]) in kept):
        raise Problem("its file is stored or not as it says")
    _check_file_proof(claim, proof, predicate["file_tree"])
    return seq


def _check_event(claim: dict[str, Any], event: dict[str, Any], predicate: dict[str, Any]) -> None:
    data = event["data"]
    if event["stream"] != f"work_order/{predicate['work_order']}":
        raise Problem("its event belongs to another work order")
    if event["type"] != "evidence.recorded" or data["evidence"] != claim["id"]:
        raise Problem("its event records something else")
    for name in ("kind", "claim", "path", "lines", "sha256", "worker"):
        if data[name] != claim[name]:
            raise Problem(f"its {name} is not what its event recorded")
    if claim["level"] == data["level"]:
        return
    is_approved = any(vote["verdict"] == "approve" for vote in predicate["votes"])
    if (data["level"], claim["level"]) != ("reported", "reviewed") or not is_approved:
        raise Problem(f"its level is {claim['level']}; its event recorded {data['level']}")


def _check_file_proof(claim: dict[str, Any], proof: dict[str, Any], tree: dict[str, Any]) -> None:
    index = proof["file_index"]
    if not claim["stored"]:
        if index is not None or proof["file_path"]:
            raise Problem("it proves a file that is not stored")
        return
    path, entry = _hashes(proof["file_path"]), _hash(claim["sha256"])
    if not isinstance(index, int) or not is_included(
        entry, index, tree["size"], path, _hash(tree["root"])
    ):
        raise Problem("its file is not in the signed file tree")


# ---- pins and the command line ----


def read_pins(path: Path) -> list[Pin]:
    """The keys in a file: a PEM public key, 64 hexadecimal digits, base64, or an AgentOS key ring.

    Of a ring, each key is pinned until it was rotated out.
    """
    with os.fdopen(_open(path), "rb") as file:
        content = file.read(1 << 20)
    if content.lstrip().startswith(b"{"):
        return _ring_pins(json.loads(content))
    raw = raw_key_of(content)
    return [Pin(hashlib.sha256(raw).hexdigest())]


def raw_key_of(content: bytes) -> bytes:
    """The 32 bytes of the public key in PEM, hexadecimal or base64; Problem for anything else."""
    try:
        if b"-----BEGIN" in content:
            key = load_pem_public_key(content)
            if isinstance(key, Ed25519PublicKey):
                return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        text = content.decode("ascii").strip()
        raw = bytes.fromhex(text) if len(text) == 64 else base64.b64decode(text, validate=True)
        if len(raw) == 32:
            return raw
    except (ValueError, UnsupportedAlgorithm):
        pass
    raise Problem("a pinned key file holds no Ed25519 public key")


def _ring_pins(ring: Any) -> list[Pin]:
    if not isinstance(ring, dict) or ring.get("format") != RING_FORMAT:
        raise Problem("a pinned key file is no AgentOS key ring")
    keys = check_chain(ring["keys"])
    ends: list[str | None] = [*(str(key["not_before"]) for key in keys[1:]), None]
    revoked = {str(each["key_id"]): each for each in ring.get("revoked", [])}
    return [
        Pin(
            key["key_id"],
            end,
            str(revoked[key["key_id"]]["at"]) if key["key_id"] in revoked else None,
            str(revoked.get(key["key_id"], {}).get("reason", "")),
        )
        for key, end in zip(keys, ends, strict=True)
    ]


def main(arguments: list[str] | None = None) -> int:
    """Verify a folder and print what was found; the exit code."""
    parser = argparse.ArgumentParser(description="Verify an AgentOS evidence packet offline.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--key", type=Path, action="append", help="file with a key to pin")
    parser.add_argument("--pin", action="append", help="key id to pin")
    parser.add_argument("--earlier", type=Path, help="statement.json of an earlier packet")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    chosen = parser.parse_args(arguments)
    try:
        outcome = check_packet(
            chosen.folder, pins=pins_of(chosen.key, chosen.pin), earlier=chosen.earlier
        )
    except (Problem, ValueError, KeyError, TypeError) as problem:
        outcome = Outcome([str(problem)])
    if chosen.json:
        print(json.dumps(document_of(outcome)))
    elif outcome.ok:
        print(f"verified: {outcome.claims} claims, {outcome.files} files, key {outcome.key_id}")
        for note in outcome.notes:
            print(f"note: {note}", file=sys.stderr)
    else:
        print("\n".join(outcome.problems), file=sys.stderr)
    return 0 if outcome.ok else EXIT_DOES_NOT_VERIFY


def pins_of(files: list[Path] | None, key_ids: list[str] | None) -> list[Pin] | None:
    """The pins of the options; None where nothing is pinned. Problem for a file without keys."""
    if not files and not key_ids:
        return None
    read = [pin for path in files or [] for pin in read_pins(path)]
    return read + [Pin(key_id) for key_id in key_ids or []]


def document_of(outcome: Outcome) -> dict[str, Any]:
    """The outcome as JSON."""
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


if __name__ == "__main__":
    sys.exit(main())
