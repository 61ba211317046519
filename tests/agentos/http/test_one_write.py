"""A response leaves in one write, and nothing that is written gets lost or out of order."""

from __future__ import annotations

import asyncio

import pytest

from agentos.http.one_write import JoiningTransport

pytestmark = pytest.mark.anyio


class Wire(asyncio.Transport):
    """Remembers each write; closed, it takes none."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.is_closed
        self.writes.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return 0

    def close(self) -> None:
        self.is_closed = True


def on(wire: Wire) -> JoiningTransport:
    return JoiningTransport(wire, asyncio.get_running_loop())


async def test_head_and_body_leave_together() -> None:
    wire = Wire()
    transport = on(wire)
    for part in (b"head ", b"body", b"next head ", b"next body"):
        transport.write(part)
    assert wire.writes == [b"head body", b"next head next body"]
    await asyncio.sleep(0)
    assert len(wire.writes) == 2


async def test_what_stands_alone_leaves_in_the_next_turn_of_the_loop() -> None:
    wire = Wire()
    transport = on(wire)
    transport.write(b"data: 1")
    assert (wire.writes, transport.get_write_buffer_size()) == ([], 7)
    await asyncio.sleep(0)
    assert (wire.writes, transport.get_write_buffer_size()) == ([b"data: 1"], 0)
    transport.write(b"data: 2")
    transport.write(b"data: 3")
    transport.write(b"data: 4")
    await asyncio.sleep(0)
    assert b"".join(wire.writes) == b"data: 1data: 2data: 3data: 4"


async def test_what_is_held_leaves_before_the_end() -> None:
    wire = Wire()
    transport = on(wire)
    transport.write(b"last")
    transport.close()
    assert wire.writes == [b"last"] and wire.is_closed
    await asyncio.sleep(0)
    assert wire.writes == [b"last"]
