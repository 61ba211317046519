"""Where bodies of tasks call in, from whatever process, and wait until a test lets them go."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress


class Meeting:
    """One listener for any number of bodies, each under a name."""

    def __init__(self) -> None:
        self.port = 0
        self.arrivals: defaultdict[str, int] = defaultdict(int)
        self.departures: defaultdict[str, int] = defaultdict(int)
        self._released: set[str] = set()
        self._changed = asyncio.Condition()

    async def release(self, name: str) -> None:
        """Let bodies of that name go, now and later."""
        self._released.add(name)
        await self._notify()

    async def arrived(self, name: str, n: int = 1) -> None:
        """Until `n` bodies of that name have begun."""
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: self.arrivals[name] >= n)

    async def left(self, name: str, n: int = 1) -> None:
        """Until `n` bodies of that name have ended, however."""
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: self.departures[name] >= n)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One body, from its arrival to its end."""
        name = (await reader.readline()).decode().strip()
        self.arrivals[name] += 1
        await self._notify()
        ended = asyncio.create_task(reader.read())
        released = asyncio.create_task(self._until_released(name))
        await asyncio.wait([ended, released], return_when=asyncio.FIRST_COMPLETED)
        released.cancel()
        if not ended.done():
            writer.write(b"go\n")
            await writer.drain()
        with suppress(ConnectionError):  # its process was killed
            await ended
        writer.close()
        self.departures[name] += 1
        await self._notify()

    async def _until_released(self, name: str) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: name in self._released)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


async def meet(port: int, name: str) -> None:
    """Call in, and wait to be let go; being cancelled hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"{name}\n".encode())
        if await reader.readline() != b"go\n":
            raise ConnectionError("the meeting is over")
    finally:
        writer.close()
