"""What a client's hook saw, signed with a key that the worker does not have.

Above: record_evidence, `agentos evidence observe`. Below: dsse, keys. A hook runs beside the agent
and sees what it cannot change: how a command ended, what a file held. It signs that with its own
key; the server believes the keys in `keys/observers` and nobody's word. Each observation is about
one work order and one kind, and is used once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agentos import (
    CallRefusedError,
    InvalidArgumentError,
    VerificationError,
    canonical_json,
    format_time,
    sha256_hex,
)
from agentos_governance.evidence.dsse import envelope_payload, sign_envelope, verify_envelope

PAYLOAD_TYPE = "application/vnd.agentos.observation+json"
FORMAT = "agentos-observation/1"
MAX_ENVELOPE_CHARS = 16_000
MAX_AHEAD_S = 300
"""How far a hook's clock may run ahead of the server's."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What an observer saw: bytes with this digest, as evidence of a kind for a work order."""

    work_order: str
    kind: str
    sha256: str
    at: str

    def payload(self) -> bytes:
        """What is signed."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return canonical_json({"format": FORMAT, **fields})


@dataclass(frozen=True, slots=True)
class Observed:
    """An observation that an observer signed. `sha256` names it."""

    observer: str
    key_id: str
    sha256: str


def sign_observation(
    key: Ed25519PrivateKey, *, work_order: str, kind: str, content: bytes, at: datetime
) -> str:
    """The signed observation of `content`, as the text that record_evidence takes."""
    seen = Observation(work_order, kind, sha256_hex(content), format_time(at))
    return canonical_json(sign_envelope(seen.payload(), key, PAYLOAD_TYPE)).decode("ascii")


def verify_observation(
    text: str,
    observers: Mapping[str, tuple[str, bytes]],
    *,
    work_order: str,
    kind: str,
    content: bytes,
    not_before: datetime,
    now: datetime,
) -> Observed:
    """Who saw `content`; `observers` maps key ids to names and raw public keys.

    InvalidArgumentError for text that is no observation, CallRefusedError (rule `observation`)
    for one that is not believed: another key, another subject, or another time.
    """
    try:
        envelope = json.loads(text)
        payload = envelope_payload(envelope, PAYLOAD_TYPE)
        signer = str(envelope["signatures"][0]["keyid"])
    except (ValueError, RecursionError, KeyError, IndexError, TypeError, VerificationError):
        raise InvalidArgumentError(
            "argument `observation` is not a signed observation",
            remedy="pass what `agentos evidence observe` printed",
        ) from None
    if signer not in observers:
        raise _refused(f"its key {signer[:64]} is not in keys/observers")
    name, raw_key = observers[signer]
    try:
        verify_envelope(envelope, raw_key, PAYLOAD_TYPE)
    except VerificationError as error:
        raise _refused(error.message) from None
    expected = Observation(work_order, kind, sha256_hex(content), _time(payload))
    if payload != expected.payload():
        raise _refused("it is about another work order, another kind, or other bytes")
    latest = format_time(now + timedelta(seconds=MAX_AHEAD_S))
    if not format_time(not_before) <= expected.at <= latest:
        raise _refused("it was not made during this work order")
    return Observed(name, signer, sha256_hex(payload))


def _time(payload: bytes) -> str:
    """The time that a payload names, in the one form that sorts as text."""
    try:
        text = json.loads(payload)["at"]
        return format_time(datetime.fromisoformat(text))
    except (ValueError, RecursionError, KeyError, TypeError):
        raise _refused("it names no time") from None


def _refused(reason: str) -> CallRefusedError:
    return CallRefusedError(
        f"the observation is not believed: {reason}",
        rule="observation",
        remedy="record the evidence without it, as reported; or have the hook observe it again",
    )
