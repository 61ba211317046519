"""Standard input and output as the protocol's alone, one JSON-RPC message a line.

Whatever else the process or its children print goes to stderr: the two descriptors are taken
aside before anything starts. A line that is no message is answered here, since the SDK drops it
and leaves the client waiting. Reading happens in a daemon thread, so that a server that is told to
stop does not wait for a line that never comes.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mcp.types import INVALID_REQUEST

from agentos.mcp.envelope import MalformedMessage, read_envelope

CHUNK_BYTES = 65_536


@contextmanager
def claim_standard_streams() -> Iterator[tuple[int, int]]:
    """The descriptors of the wire; inside the block, 0 reads nothing and 1 writes to stderr."""
    wire_in, wire_out = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    try:
        yield wire_in, wire_out
    finally:
        os.dup2(wire_in, 0)
        os.dup2(wire_out, 1)


class WireWriter:
    """What the SDK writes its messages to; whole lines, one at a time."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = asyncio.Lock()
        self._is_broken = False

    async def write(self, text: str) -> None:
        """Write all of `text`; what is written after the client left is dropped."""
        async with self._lock:
            if self._is_broken:
                return
            try:
                await asyncio.to_thread(self._write_all, text.encode())
            except OSError:
                self._is_broken = True

    async def flush(self) -> None:
        """Nothing is ever buffered."""

    def _write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]


class WireReader:
    """The client's messages, line by line, until it closes the stream; malformed ones answered."""

    def __init__(self, descriptor: int, writer: WireWriter, max_bytes: int) -> None:
        self._descriptor = descriptor
        self._writer = writer
        self._max_bytes = max_bytes
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, name="stdin", daemon=True).start()

    def __aiter__(self) -> WireReader:
        return self

    async def __anext__(self) -> str:
        while (line := await self._lines.get()) is not None:
            try:
                self._check(line)
            except MalformedMessage as error:
                await self._writer.write(error.body().decode() + "\n")
                continue
            return line.decode()
        raise StopAsyncIteration

    def _check(self, line: bytes) -> None:
        if len(line) > self._max_bytes:
            raise MalformedMessage(
                INVALID_REQUEST, f"the message is larger than {self._max_bytes} bytes"
            )
        read_envelope(line)

    def _read(self) -> None:
        pending = b""
        while True:
            try:
                chunk = os.read(self._descriptor, CHUNK_BYTES)
            except OSError:
                chunk = b""
            if not chunk:
                break
            *lines, pending = (pending + chunk).split(b"\n")
            # Of a line over the limit, only enough is kept to see that it is.
            pending = pending[: self._max_bytes + 1]
            for line in lines:
                self._hand_over(line)
        self._hand_over(pending)
        self._hand_over(None)

    def _hand_over(self, line: bytes | None) -> None:
        if line is not None and not line.strip():
            return
        try:
            self._loop.call_soon_threadsafe(self._lines.put_nowait, line)
        except RuntimeError:
            return  # the loop has ended; nobody waits for the line
