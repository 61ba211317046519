"""DSSE envelopes with Ed25519 signatures, as in-toto attestations use them.

Above: packets, observations. Below: cryptography. Source: secure-systems-lab/dsse, protocol.md and envelope.md.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from agentos import VerificationError
from agentos_governance.evidence.keys import key_id, raw_public_key

IN_TOTO_PAYLOAD = "application/vnd.in-toto+json"


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
