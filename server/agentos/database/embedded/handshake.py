"""Ask a PostgreSQL server over its socket whether it serves a database, and create the database.

Only the first messages of the protocol are spoken here, synchronously; queries go through
asyncpg. Above it: `server`. Source: PostgreSQL documentation, "Message Flow" and "Message
Formats"; error codes in its appendix A.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from agentos.errors import ConfigurationError

USER = "postgres"
PROTOCOL_3_0 = 196608
INVALID_CATALOG_NAME = "3D000"
TOO_MANY_CONNECTIONS = "53300"


class Readiness(Enum):
    """What a connection attempt told."""

    READY = "ready"
    DATABASE_MISSING = "database missing"
    NOT_READY = "not ready"


class _ServerRefusedError(Exception):
    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(fields.get("M", "no message"))
        self.sqlstate = fields.get("C", "")


def probe(socket_file: Path, database: str, *, timeout_s: float = 5.0) -> Readiness:
    """Whether the server behind `socket_file` accepts sessions for `database` now."""
    try:
        with _session(socket_file, database, timeout_s):
            return Readiness.READY
    except OSError:
        return Readiness.NOT_READY
    except _ServerRefusedError as refusal:
        if refusal.sqlstate == INVALID_CATALOG_NAME:
            return Readiness.DATABASE_MISSING
        # A full server is up: its sessions work, and ours will queue in the pool.
        if refusal.sqlstate == TOO_MANY_CONNECTIONS:
            return Readiness.READY
        return Readiness.NOT_READY


def execute(socket_file: Path, database: str, statement: str, *, timeout_s: float = 60.0) -> None:
    """Run one statement without parameters; ConfigurationError tells what the server objected to.

    Raises OSError when the connection breaks.
    """
    try:
        with _session(socket_file, database, timeout_s) as connection:
            connection.sendall(_message(b"Q", statement.encode() + b"\0"))
            _read_until_ready(connection)
    except _ServerRefusedError as refusal:
        raise ConfigurationError(f"the embedded PostgreSQL refuses {statement!r}: {refusal}") from (
            refusal
        )


@contextlib.contextmanager
def _session(socket_file: Path, database: str, timeout_s: float) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        connection.connect(str(socket_file))
        parameters = f"user\0{USER}\0database\0{database}\0\0".encode()
        version = struct.pack("!I", PROTOCOL_3_0)
        connection.sendall(_message(b"", version + parameters))
        _read_until_ready(connection)
        yield connection
        connection.sendall(_message(b"X", b""))


def _message(kind: bytes, payload: bytes) -> bytes:
    return kind + struct.pack("!I", len(payload) + 4) + payload


def _read_until_ready(connection: socket.socket) -> None:
    while True:
        kind, size_bytes = struct.unpack("!cI", _read_exactly(connection, 5))
        payload = _read_exactly(connection, size_bytes - 4)
        if kind == b"E":
            raise _ServerRefusedError(_error_fields(payload))
        if kind == b"Z":
            return


def _read_exactly(connection: socket.socket, size_bytes: int) -> bytes:
    received = b""
    while len(received) < size_bytes:
        part = connection.recv(size_bytes - len(received))
        if not part:
            raise ConnectionResetError("the server closed the connection")
        received += part
    return received


def _error_fields(payload: bytes) -> dict[str, str]:
    fields = (field.decode(errors="replace") for field in payload.split(b"\0") if field)
    return {field[0]: field[1:] for field in fields}
