"""Passes TCP on to a server and notes the protocol revisions in the requests' headers."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_REVISION = re.compile(rb"(?i)mcp-protocol-version:\s*(\d{4}-\d{2}-\d{2})")


@contextmanager
def forwarder(port: int, revisions: list[str]) -> Iterator[int]:
    """The port to use in place of `port`; `revisions` gets each one that is named, in order."""
    listener = socket.create_server(("127.0.0.1", 0))
    sockets = [listener]
    threads: list[threading.Thread] = []

    def start(target: Callable[..., None], *arguments: object) -> None:
        threads.append(threading.Thread(target=target, args=arguments, daemon=True))
        threads[-1].start()

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return  # the listener was shut down: the test is over
            server = socket.create_connection(("127.0.0.1", port))
            sockets.extend((client, server))
            start(_copy, client, server, revisions)
            start(_copy, server, client, None)

    start(accept)
    try:
        yield listener.getsockname()[1]
    finally:
        for end in sockets:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(5)
        for end in sockets:
            end.close()


def _copy(source: socket.socket, target: socket.socket, notes: list[str] | None) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            for found in _REVISION.findall(data) if notes is not None else ():
                if notes is not None and found.decode() not in notes:
                    notes.append(found.decode())
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
