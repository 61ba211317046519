"""A port that stays ours while nobody listens on it.

One that is only looked up may be another process's by the time that a server is started, or started
again. Above: tests of servers that come and go. Below: SO_REUSEADDR, by which a server may listen on
a port that another socket of this user holds without listening, as asyncio and `agentos serve` do.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_port() -> Iterator[int]:
    """A port of the loopback interface that is given to nobody else for as long as the block lasts."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        yield port
