"""The real NATS server, from its package, on loopback with a store of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats


class NatsServer:
    """One server on a port that is held for it; a test may stop it and start it again."""

    def __init__(self, store: Path, port: int) -> None:
        self.port = port
        self._store = store
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        program = Path(sys.executable).parent / "nats-server"
        options = ["-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", str(self._store)]
        self._process = subprocess.Popen([program, *options], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                    assert connection.recv(4) == b"INFO"
                    return
            except OSError:
                assert time.monotonic() < deadline, "the NATS server does not start"
                time.sleep(0.02)

    def stop(self) -> None:
        """Kill it; what it acknowledged is on disk."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @asynccontextmanager
    async def jetstream(self) -> AsyncIterator[Any]:
        """A client of the test's own."""
        client = await nats.connect(self.url, allow_reconnect=False)
        try:
            yield client.jetstream()
        finally:
            await client.close()

    async def messages(self, stream: str = "AGENTOS") -> list[Any]:
        """Everything in the stream, in its order."""
        async with self.jetstream() as jetstream:
            state = (await jetstream.stream_info(stream)).state
            return [
                await jetstream.get_msg(stream, seq)
                for seq in range(state.first_seq, state.last_seq + 1)
            ]

    async def positions(self) -> list[int]:
        """The positions of the events in the stream."""
        return [json.loads(message.data)["position"] for message in await self.messages()]
