"""An anchor is worth its signature: nothing in it can be changed unseen."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agentos import NewEvent, Settings, VerificationError, open_kernel
from agentos.events.anchor import compare_anchor, read_anchor, take_anchor

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 1, tzinfo=UTC)


async def _anchored(settings: Settings, key: Ed25519PrivateKey) -> bytes:
    async with open_kernel(settings) as kernel:
        for stream in ("a", "b", "a"):
            await kernel.writer.submit(NewEvent(stream, "call.finished", "ada", NOW, {}))
        return await take_anchor(kernel.database, key, now=NOW)


async def test_an_anchor_names_the_head_of_every_stream(settings: Settings) -> None:
    anchor = read_anchor(await _anchored(settings, Ed25519PrivateKey.generate())).anchor

    assert anchor.events == 3
    assert {stream: head.seq for stream, head in anchor.heads.items()} == {"a": 2, "b": 1}
    assert anchor.at == "2026-03-01T00:00:00.000000Z"


async def test_a_changed_anchor_does_not_verify(settings: Settings) -> None:
    document = orjson.loads(await _anchored(settings, Ed25519PrivateKey.generate()))
    document["anchor"]["heads"]["a"]["seq"] = 1

    with pytest.raises(VerificationError, match="signature"):
        read_anchor(orjson.dumps(document))


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b"\xff", b'{"anchor": {"heads": 3}}'])
async def test_what_is_no_anchor_is_refused(document: bytes) -> None:
    with pytest.raises(VerificationError, match="not an audit anchor"):
        read_anchor(document)


async def test_an_anchor_signed_by_another_key_is_told_apart(settings: Settings) -> None:
    ours, theirs = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    signed = read_anchor(await _anchored(settings, theirs))

    async with open_kernel(settings) as kernel:
        by_ours = await compare_anchor(kernel.database, signed, ours.public_key())
        by_theirs = await compare_anchor(kernel.database, signed, theirs.public_key())

    assert (by_ours.ok, by_ours.is_own_key) == (True, False)
    assert (by_theirs.ok, by_theirs.is_own_key) == (True, True)
