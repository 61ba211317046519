"""The listening socket, bound before anything else starts, and shared by every server process."""

from __future__ import annotations

import errno
import socket

from agentos.errors import ConfigurationError

BACKLOG = 2048
"""Connections that may wait to be accepted; a whole fleet may connect at once."""


def bind(host: str, port: int) -> socket.socket:
    """A listening TCP socket; ConfigurationError with one line where that is not possible.

    Port 0 takes a free port.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or "0.0.0.0", port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # Not socket.create_server: asyncio sets TCP_NODELAY only where the protocol is named, and
        # without it every answer of two writes waits 40 ms for a delayed acknowledgement.
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigurationError(_reason(host, port, error)) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigurationError(_reason(host, port, error)) from error
    return listener


def _reason(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is already in use; choose another with --port"
    if error.errno == errno.EACCES:
        return f"port {port} on {host} needs privileges; choose one above 1023 with --port"
    return f"cannot listen on {host} port {port}: {error.strerror or error}"
