"""Finds text that looks like a secret: known forms, and random values given to telling names."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agentos import sha256_hex

MIN_ENTROPY_BITS = 3.5
"""Per character; English words have about 2.5 to 3, random base64 has over 4."""

_FORMS = re.compile(
    r"(?P<private_key>-----BEGIN (?:[A-Z]{2,12} ){0,2}PRIVATE KEY-----)"
    r"|(?P<aws_key>\b(?:AKIA|ASIA)[0-9A-Z]{16}\b)"
    r"|(?P<github_token>\bgh[pousr]_[A-Za-z0-9]{36,255}\b)"
    r"|(?P<slack_token>\bxox[abprs]-[A-Za-z0-9-]{10,200})"
    r"|(?P<stripe_key>\b[sr]k_live_[A-Za-z0-9]{16,200}\b)"
    r"|(?i:password|passwd|secret|token|api_?key)[\"']?\s{0,3}[:=]\s{0,3}[\"']?"
    r"(?P<assigned>[A-Za-z0-9+/_=-]{20,200})"
)
_PLACEHOLDER = re.compile(r"(?i)example|changeme|placeholder|your[_-]|x{6,}|0{6,}|(.)\1{7,}")


@dataclass(frozen=True)
class Found:
    """A secret by its kind and place; `fingerprint` names it without telling it."""

    kind: str
    argument: str
    fingerprint: str


def find_secrets(arguments: Mapping[str, Any]) -> Iterator[Found]:
    """What looks like a secret in any text of a call's arguments, names of fields included."""
    for place, text in _texts(arguments, ""):
        for match in _FORMS.finditer(text):
            kind = match.lastgroup or ""
            value = match[kind]
            if not _PLACEHOLDER.search(value) and (kind != "assigned" or _is_random(value)):
                yield Found(kind.replace("_", " "), place, sha256_hex(value.encode())[:16])


def _texts(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            inner = f"{place}.{name}" if place else str(name)
            # {"password": "..."} says as much as `password = ...`.
            yield from _texts(f"{name}={item}" if isinstance(item, str) else item, inner)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{place}[{index}]")


def _is_random(text: str) -> bool:
    counts = Counter(text)
    bits = -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())
    return bits >= MIN_ENTROPY_BITS and any(each.isdigit() for each in text)
