"""A signed head: at one moment, these were all events up to one position.

Above: the signer makes heads, the anchor file and git notes keep them, verification holds the log
against them. Below: canonical JSON, Ed25519. Each head names the digest of the one before it, so a
head vouches for every earlier one of its chain.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable
from functools import cached_property
from typing import Annotated, Literal, NamedTuple

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agentos.canonical import canonical_json, digest_of, sha256_hex
from agentos.errors import VerificationError
from agentos.events.model import GENESIS_HASH
from agentos.identity.key_ring import key_id_of, public_key_text

FORMAT: Literal["agentos-signed-head/1"] = "agentos-signed-head/1"
NO_HEAD = GENESIS_HASH
MAX_CONTENTS_BYTES = 64 * 1024 * 1024
FINGERPRINT_CHARS = 8

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Head(_Strict):
    """What is signed. `root` is the RFC 6962 tree over the hashes of all `events` events."""

    format: Literal["agentos-signed-head/1"] = FORMAT
    chain: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    number: Annotated[int, Field(ge=1)]
    at: str
    position: Annotated[int, Field(ge=0)]
    """Every event at this position or before is covered; none can come later."""
    events: Annotated[int, Field(ge=0)]
    root: _Digest
    previous: _Digest
    """Digest of the head before; zeros for the first of a chain."""
    contents_sha256: _Digest | None
    """Digest of the list of events that this head adds to the one before."""
    reason: Annotated[str, Field(max_length=2_000)]
    is_restart: bool = False
    """An operator accepted the log as it stood: nothing before this head is held against it."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, which the next head names."""
        return digest_of(self.model_dump())


class SignedHead(_Strict):
    """A head with an Ed25519 signature over its canonical JSON; key and signature in base64."""

    head: Head
    public_key: str
    signature: str
    frontier: list[str] = []
    """Not signed: the subtrees whose root is in the head."""
    contents: str | None = None
    """Not signed, but its digest is: what the head adds, to name the event that differs."""

    @property
    def key_id(self) -> str:
        """SHA-256 of the public key's bytes."""
        return sha256_hex(base64.b64decode(self.public_key))

    def published(self) -> SignedHead:
        """The same head without the names of streams: for places that others may read."""
        return self.model_copy(update={"frontier": [], "contents": None})

    def line(self) -> bytes:
        """One line of JSON, canonical."""
        return canonical_json(self.model_dump()) + b"\n"


class Entry(NamedTuple):
    """One event that a head covers; `fingerprint` is the beginning of its hash."""

    position: int
    stream: str
    seq: int
    fingerprint: str


def sign_head(
    head: Head,
    key: Ed25519PrivateKey,
    *,
    frontier: Iterable[str] = (),
    contents: str | None = None,
) -> SignedHead:
    """`head` with the key's signature."""
    return SignedHead(
        head=head,
        public_key=public_key_text(key.public_key()),
        signature=base64.b64encode(key.sign(canonical_json(head.model_dump()))).decode("ascii"),
        frontier=list(frontier),
        contents=contents,
    )


def read_head(line: bytes | str) -> SignedHead:
    """The signed head in a line of JSON, its signature checked; VerificationError otherwise."""
    try:
        signed = SignedHead.model_validate_json(line)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"]) or "the line"
        raise VerificationError(f"not a signed head: {where}: {problem['msg']}") from None
    number = signed.head.number
    try:
        raw = base64.b64decode(signed.public_key, validate=True)
        signature = base64.b64decode(signed.signature, validate=True)
        key = Ed25519PublicKey.from_public_bytes(raw)
        key.verify(signature, canonical_json(signed.head.model_dump()))
    except (InvalidSignature, ValueError):
        raise VerificationError(
            f"the signature of head {number} does not fit its content"
        ) from None
    if signed.contents is not None and signed.head.contents_sha256 != sha256_hex(
        signed.contents.encode()
    ):
        raise VerificationError(f"the list of events of head {number} was changed")
    return signed


def pack_entries(entries: Iterable[tuple[int, str, int, str]]) -> str:
    """Entries as compressed text, some 15 bytes each; the same entries give the same text."""
    return base64.b64encode(zlib.compress(orjson.dumps(list(entries)), 1)).decode("ascii")


def unpack_entries(contents: str) -> list[Entry]:
    """The entries of a head; VerificationError for text that holds none."""
    try:
        inflate = zlib.decompressobj()
        text = inflate.decompress(base64.b64decode(contents), MAX_CONTENTS_BYTES)
        return [Entry(*entry) for entry in orjson.loads(text)]
    except (ValueError, TypeError, zlib.error):
        raise VerificationError("the list of events of a signed head cannot be read") from None


def key_id_text(key: Ed25519PrivateKey) -> str:
    """The id under which heads name the key."""
    return key_id_of(key.public_key())
