"""A key of a ring that counts no more: what it signed after a moment is not believed.

Above: key_ring keeps these, verification asks them. Below: canonical JSON, Ed25519. A key signs the
revocation that is not revoked itself: the ring's current one, at that time.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from agentos.canonical import canonical_json
from agentos.errors import InvalidArgumentError
from agentos.events.model import EventType

CONTEXT = b"agentos-key-revocation/1\n"
MAX_REASON_CHARS = 500

KEY_EVENT_TYPES = (
    EventType("key.revoked", "A signing key was revoked; nothing it signs later is believed."),
)


@dataclass(frozen=True, slots=True)
class Revocation:
    """`key_id` is revoked since `at`, RFC 3339; `signature` is by the key `signed_by`."""

    key_id: str
    at: str
    reason: str
    signed_by: str
    signature: str

    def document(self) -> dict[str, Any]:
        """The revocation as a JSON value."""
        return {name: getattr(self, name) for name in self.__slots__}

    def check(self, public_keys: Mapping[str, str]) -> None:
        """ValueError or InvalidSignature unless a key of the ring, another one, signed it."""
        if self.key_id not in public_keys or self.signed_by not in public_keys:
            raise ValueError(f"the revocation of {self.key_id} names keys that are not in the ring")
        if self.signed_by == self.key_id:
            raise ValueError(f"{self.key_id} revokes itself")
        raw = base64.b64decode(public_keys[self.signed_by], validate=True)
        Ed25519PublicKey.from_public_bytes(raw).verify(
            base64.b64decode(self.signature, validate=True), _message(self)
        )


def sign_revocation(
    key_id: str, at: str, reason: str, *, signed_by: str, key: Ed25519PrivateKey
) -> Revocation:
    """The revocation of a key; InvalidArgumentError for a reason that is none."""
    check_reason(reason)
    unsigned = Revocation(key_id, at, reason, signed_by, "")
    signature = base64.b64encode(key.sign(_message(unsigned))).decode("ascii")
    return Revocation(key_id, at, reason, signed_by, signature)


def check_reason(reason: str) -> None:
    """Raises InvalidArgumentError for what does not say why."""
    if not 3 <= len(reason) <= MAX_REASON_CHARS or not reason.isprintable():
        raise InvalidArgumentError(f"a reason has 3 to {MAX_REASON_CHARS} printable characters")


def _message(revocation: Revocation) -> bytes:
    names = ("key_id", "at", "reason", "signed_by")
    return CONTEXT + canonical_json({name: getattr(revocation, name) for name in names})
