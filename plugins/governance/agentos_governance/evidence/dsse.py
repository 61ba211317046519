"""DSSE envelopes with Ed25519 signatures, as in-toto attestations use them.

Above: packets, observations. Below: cryptography. Source: secure-systems-lab/dsse, protocol.md and envelope.md.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from agentos import VerificationError, canonical_json
from agentos_governance.evidence.keys import key_id, raw_public_key

IN_TOTO_PAYLOAD = "application/vnd.in-toto+json"
_PIECE_BYTES = 3 << 16
"""A multiple of three, so that the pieces' base64 is that of the whole."""


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed: type and payload, each with its length in bytes."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign_envelope(
    payload: bytes, key: Ed25519PrivateKey, payload_type: str = IN_TOTO_PAYLOAD
) -> dict[str, Any]:
    """An envelope around an in-toto statement, or another payload, with one signature."""
    signature = key.sign(pre_authentication_encoding(payload_type, payload))
    return {
        "payload": base64.b64encode(payload).decode("ascii"),
        "payloadType": payload_type,
        "signatures": [
            {
                "keyid": key_id(raw_public_key(key.public_key())),
                "sig": base64.b64encode(signature).decode("ascii"),
            }
        ],
    }


class EncodedPayload:
    """A large payload, held once, as the bytes that its signature is over."""

    def __init__(self, payload_type: str, chunks: Callable[[], Iterable[bytes]]) -> None:
        """`chunks` gives the same payload each time: its length stands before it."""
        size = sum(len(chunk) for chunk in chunks())
        kind = payload_type.encode("utf-8")
        self._type = payload_type
        self._encoded = bytearray(b"DSSEv1 %d %b %d " % (len(kind), kind, size))
        self._start = len(self._encoded)
        for chunk in chunks():
            self._encoded += chunk

    @property
    def payload(self) -> memoryview:
        """The payload itself."""
        return memoryview(self._encoded)[self._start :]

    @property
    def sha256(self) -> str:
        """The payload's SHA-256, in hexadecimal."""
        return hashlib.sha256(self.payload).hexdigest()

    def signed_by(self, key: Ed25519PrivateKey) -> Iterator[bytes]:
        """An envelope around it in canonical JSON, piece by piece."""
        signature = {
            "keyid": key_id(raw_public_key(key.public_key())),
            "sig": base64.b64encode(key.sign(self._encoded)).decode("ascii"),
        }
        rest = canonical_json({"payloadType": self._type, "signatures": [signature]})
        yield b'{"payload":"'
        for start in range(0, len(self.payload), _PIECE_BYTES):
            yield base64.b64encode(self.payload[start : start + _PIECE_BYTES])
        yield b'",' + rest[1:]


def envelope_payload(envelope: object, payload_type: str = IN_TOTO_PAYLOAD) -> bytes:
    """The payload of an envelope, not yet verified; VerificationError for another form."""
    if not isinstance(envelope, dict) or envelope.get("payloadType") != payload_type:
        raise VerificationError(f"not a DSSE envelope of {payload_type}")
    return _decoded(envelope.get("payload"), "payload")


def verify_envelope(
    envelope: dict[str, Any], raw_key: bytes, payload_type: str = IN_TOTO_PAYLOAD
) -> None:
    """Raises VerificationError unless the envelope's one signature is by the key."""
    signatures = envelope.get("signatures")
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise VerificationError("the envelope must have exactly one signature")
    entry = signatures[0]
    if not isinstance(entry, dict) or entry.get("keyid") != key_id(raw_key):
        raise VerificationError("the signature names another key")
    signature = _decoded(entry.get("sig"), "signature")
    payload = envelope_payload(envelope, payload_type)
    signed = pre_authentication_encoding(payload_type, payload)
    try:
        Ed25519PublicKey.from_public_bytes(raw_key).verify(signature, signed)
    except (InvalidSignature, ValueError) as error:
        raise VerificationError("the signature does not fit the statement") from error


def _decoded(value: object, what: str) -> bytes:
    try:
        if isinstance(value, str):
            decoded = base64.b64decode(value, validate=True)
            if base64.b64encode(decoded).decode("ascii") == value:
                return decoded
    except binascii.Error:
        pass
    raise VerificationError(f"the envelope's {what} is not base64")
