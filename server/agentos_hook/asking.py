"""Hands an event to a running server on this machine, and gets back what to print.

Above: command. Below: the sockets in the data folder, one for each server process. `_socket` is
what `socket` wraps; the wrapper and what it imports take as long as the question itself.
"""

from __future__ import annotations

import os
import stat
from _socket import AF_UNIX, SHUT_WR, SOCK_STREAM, socket

from agentos_hook.layout import ANSWERED, SOCKETS
from agentos_hook.session import Session

TIMEOUT_S = 5.0
"""For each step; clients let a hook that takes too long pass, so this must end before."""
MAX_ANSWER_BYTES = 1 << 20


class UnreachableError(Exception):
    """No server gave an answer; the text says why."""


def ask(session: Session, event: bytes) -> bytes:
    """What to print for an event, perhaps nothing; UnreachableError where no server answers.

    A server that took the event and went away is not asked a second time elsewhere.
    """
    connection = _connect(session.home)
    try:
        connection.sendall(packed(session) + event)
        connection.shutdown(SHUT_WR)
        answer = _read(connection)
    except OSError as error:
        raise UnreachableError(f"the server went away ({error})") from error
    finally:
        connection.close()
    if not answer.startswith(ANSWERED):
        raise UnreachableError("the server ended before it answered")
    return answer[len(ANSWERED) :]


def packed(session: Session) -> bytes:
    """What stands before the event: four texts, each ended by NUL."""
    fields = (session.client, session.token, session.worker, session.cwd)
    return b"".join(os.fsencode(field.replace("\0", "")) + b"\0" for field in fields)


def _connect(home: str) -> socket:
    folder = os.path.join(home, SOCKETS)
    try:
        # Relative from here on: the address of a socket may not be long.
        os.chdir(folder)
        names = [name for name in os.listdir(".") if name.endswith(".sock")]
    except OSError:
        names = []
    for name in names:
        if not _is_own(name):
            continue
        connection = socket(AF_UNIX, SOCK_STREAM)
        connection.settimeout(TIMEOUT_S)
        try:
            connection.connect(name)
        except OSError:  # left by a server that was killed
            connection.close()
            continue
        return connection
    raise UnreachableError("no AgentOS server runs here")


def _is_own(name: str) -> bool:
    """Whether the socket is this user's: another's would be told the token."""
    try:
        status = os.lstat(name)
    except OSError:
        return False
    return stat.S_ISSOCK(status.st_mode) and status.st_uid == os.getuid()


def _read(connection: socket) -> bytes:
    received = bytearray()
    while some := connection.recv(65_536):
        received += some
        if len(received) > MAX_ANSWER_BYTES:
            raise OSError("the answer is too long")
    return bytes(received)
