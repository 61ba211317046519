"""Anchors that an operator takes and keeps elsewhere: the newest signed head, and every stream's.

Above: `agentos audit anchor` and `audit verify --anchor`. Below: the signed head, the signing key.
Whoever can write the database can recompute every hash in it; what they cannot do is make the log
fit an anchor that was taken before and lies elsewhere. The signed head in it names the one before,
so an anchor vouches for the earlier ones.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agentos.canonical import canonical_json, sha256_hex
from agentos.clock import format_time
from agentos.database.pool import Database
from agentos.database.queries import Queries
from agentos.errors import VerificationError
from agentos.events.head import SignedHead, read_head
from agentos.events.verification import BadEvent

FORMAT: Literal["agentos-audit-anchor/2"] = "agentos-audit-anchor/2"

_sql = Queries("agentos", "sql/anchor.sql")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Head(_Strict):
    """Where a stream ended."""

    seq: Annotated[int, Field(ge=0)]
    hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Anchor(_Strict):
    """The heads of all streams at one moment, and over how many events they stood.

    Format 1 had no `signed_head`.
    """

    format: Literal["agentos-audit-anchor/1", "agentos-audit-anchor/2"]
    at: str
    events: Annotated[int, Field(ge=0)]
    heads: dict[str, Head]
    signed_head: SignedHead | None = None

    def document(self) -> dict[str, Any]:
        """What is signed."""
        excluded = {"signed_head"} if self.format == "agentos-audit-anchor/1" else None
        return self.model_dump(exclude=excluded)


class SignedAnchor(_Strict):
    """An anchor with an Ed25519 signature over its canonical JSON, both in base64."""

    anchor: Anchor
    public_key: str
    signature: str

    @property
    def key(self) -> Ed25519PublicKey:
        """The key that signed; ValueError for bytes that are none."""
        return Ed25519PublicKey.from_public_bytes(_bytes(self.public_key))


@dataclass(frozen=True, slots=True)
class AnchorReport:
    """How the log stands against an anchor; `first_bad` is None where it continues it."""

    at: str
    events: int
    streams: int
    key_id: str
    is_own_key: bool
    """Whether the key is this installation's; another's proves only that the file is whole."""
    first_bad: BadEvent | None

    @property
    def ok(self) -> bool:
        """Whether everything anchored is still there, unchanged."""
        return self.first_bad is None


async def take_anchor(
    database: Database,
    key: Ed25519PrivateKey,
    *,
    now: datetime,
    signed_head: SignedHead | None = None,
) -> bytes:
    """The signed heads of a log that the caller has verified, as canonical JSON."""
    rows = await database.fetch(_sql.read_heads)
    anchor = Anchor(
        format=FORMAT,
        at=format_time(now),
        events=sum(row["seq"] for row in rows),
        heads={row["stream"]: Head(seq=row["seq"], hash=row["hash"]) for row in rows},
        signed_head=None if signed_head is None else signed_head.published(),
    ).document()
    return canonical_json(
        {
            "anchor": anchor,
            "public_key": _base64(_raw(key.public_key())),
            "signature": _base64(key.sign(canonical_json(anchor))),
        }
    )


def read_anchor(document: bytes) -> SignedAnchor:
    """The anchor in a file, its signature checked; VerificationError for anything else."""
    try:
        signed = SignedAnchor.model_validate_json(document)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"]) or "the file"
        raise VerificationError(f"not an audit anchor: {where}: {problem['msg']}") from None
    try:
        signed.key.verify(_bytes(signed.signature), canonical_json(signed.anchor.document()))
    except (InvalidSignature, ValueError):
        raise VerificationError("the anchor's signature does not fit its content") from None
    if signed.anchor.signed_head is not None:
        read_head(signed.anchor.signed_head.line())
    return signed


async def compare_anchor(
    database: Database, signed: SignedAnchor, own_key: Ed25519PublicKey | None
) -> AnchorReport:
    """Whether the log still contains everything that the anchor saw; nothing is changed."""
    raw_key = _bytes(signed.public_key)
    return AnchorReport(
        at=signed.anchor.at,
        events=signed.anchor.events,
        streams=len(signed.anchor.heads),
        key_id=sha256_hex(raw_key),
        is_own_key=own_key is not None and _raw(own_key) == raw_key,
        first_bad=await _first_difference(database, signed.anchor.heads),
    )


async def _first_difference(database: Database, heads: Mapping[str, Head]) -> BadEvent | None:
    anchored = {stream: head for stream, head in heads.items() if head.seq > 0}
    rows = await database.fetch(
        _sql.compare_events, list(anchored), [head.seq for head in anchored.values()]
    )
    for row in rows:
        if row["hash"] is None:
            reason = "the anchor saw this event, the log has it no more"
        elif row["hash"] != anchored[row["stream"]].hash:
            reason = "the log was rewritten since the anchor: the hash differs"
        else:
            continue
        return BadEvent(None, row["stream"], row["seq"], reason)
    return None


def describe(bad: BadEvent) -> str:
    """A bad event in one line."""
    if not bad.seq:
        return bad.reason
    position = "" if bad.position is None else f" (position {bad.position})"
    return f"event {bad.seq} of stream {bad.stream}{position}: {bad.reason}"


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def document_of(report: AnchorReport) -> dict[str, Any]:
    """The report as JSON."""
    bad = report.first_bad
    return {
        "ok": report.ok,
        "at": report.at,
        "events": report.events,
        "streams": report.streams,
        "key_id": report.key_id,
        "is_own_key": report.is_own_key,
        "first_bad": None
        if bad is None
        else {
            "position": bad.position,
            "stream": bad.stream,
            "seq": bad.seq,
            "reason": bad.reason,
        },
    }
