"""Messages that are nearly right: for tests that nothing a stranger can send breaks a channel.

Above: the fuzz tests. Below: a seeded generator; the same seed makes the same messages.
"""

from __future__ import annotations

import copy
import json
import random
from typing import Any

LARGE = 200_000
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    2**31,
    2**63,
    10**40,
    1.5,
    1e308,
    "",
    " ",
    "0",
    "-1",
    "null",
    "\x00",
    "\x1b[2J",
    "\u202eabc",
    "\ufeff",
    "💥" * 50,
    "a\u0301" * 200,
    "../../etc/passwd",
    "x" * LARGE,
    "2026-03-01T09:00:00",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00+23:59",
    [],
    [[]],
    {},
    {"": {}},
    [None] * 1_000,
    {"id": {"id": {"id": 1}}},
)
RAW: tuple[bytes, ...] = (
    b"",
    b" ",
    b"null",
    b"[]",
    b'"text"',
    b"{",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b"NaN",
    b"1e999",
    b'{"a": "\\ud800"}',
    b"[" * 5_000,
    b'{"a":' * 5_000,
    b"x" * LARGE,
)


def mutated(random: random.Random, document: dict[str, Any]) -> bytes:
    """The document as JSON with one to three things in it wrong, or no document at all."""
    if random.random() < 0.1:
        return random.choice(RAW)
    changed = copy.deepcopy(document)
    for _ in range(random.randint(1, 3)):
        _change(random, changed)
    body = json.dumps(changed, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")
    if random.random() < 0.1:
        at = random.randrange(len(body))
        body = body[:at] + bytes([random.randrange(256)]) + body[at + 1 :]
    return body[: random.randrange(len(body))] if random.random() < 0.05 else body


def _change(random: random.Random, document: dict[str, Any]) -> None:
    """Replace, drop or add something, at any depth."""
    here: Any = document
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        if not keys:
            return
        key = random.choice(keys)
        below = here[key]
        if isinstance(below, dict | list) and below and random.random() < 0.7:
            here = below
            continue
        break
    if random.random() < 0.2:
        del here[key]
    elif random.random() < 0.1 and isinstance(here, dict):
        here[random.choice(["extra", "type", "", "__class__", "a" * 500])] = copy.deepcopy(
            random.choice(VALUES)
        )
    else:
        here[key] = copy.deepcopy(random.choice(VALUES))
