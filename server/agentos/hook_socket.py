"""Where hooks of clients ask: a socket in the data folder, for this machine's user only.

Above: the HTTP server and the stdio server, which both offer it. Below: `agentos_hook.events`, which
says what an event asks, and `Kernel.dispatch`, as for every other edge. The socket reaches the tools
for hooks, and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import structlog

from agentos.calls import CallRequest, Credentials
from agentos.errors import AgentOSError
from agentos.kernel import Kernel
from agentos_hook.events import Question, answer_to, question_of, read_event
from agentos_hook.layout import ANSWERED, MAX_EVENT_BYTES, MAX_SOCKET_PATH, SOCKETS
from agentos_hook.marks import read_marks
from agentos_hook.session import CLIENTS, Session

EDGE = "hook"
MAX_CONNECTIONS = 256
READ_TIMEOUT_S = 5.0

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def hook_socket(kernel: Kernel, without_token: Credentials) -> AsyncIterator[None]:
    """Answer hooks while the block runs.

    `without_token` is who a hook without a token is: whom the edge beside it would take it for.
    A socket that cannot be made is a warning: hooks then find no server, and refuse.
    """
    path = kernel.settings.home / SOCKETS / f"{os.getpid()}.sock"
    try:
        listener = _bind(path)
    except OSError as error:
        _log.warning("hook_socket_unavailable", path=str(path), reason=str(error))
        yield
        return
    places = asyncio.Semaphore(MAX_CONNECTIONS)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with places:
            await _serve(kernel, without_token, reader, writer)

    server = await asyncio.start_unix_server(serve, sock=listener)
    try:
        yield
    finally:
        # Closed before the kernel drains, so that no question arrives that nobody answers.
        server.close()
        with contextlib.suppress(OSError):
            path.unlink()


def _bind(path: Path) -> socket.socket:
    folder = path.parent
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    _forget_dead(folder)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short(folder) as reached:
            listener.bind(f"{reached}/{path.name}")
        path.chmod(0o600)
        listener.listen(MAX_CONNECTIONS)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


@contextlib.contextmanager
def _short(folder: Path) -> Iterator[str]:
    """A name of the folder that the address of a socket has room for."""
    if len(os.fsencode(folder)) + len("/4194304.sock") <= MAX_SOCKET_PATH:
        yield str(folder)
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _forget_dead(folder: Path) -> None:
    """Remove the sockets of processes that were killed."""
    for path in folder.glob("*.sock"):
        if path.stem.isdigit() and not _is_alive(int(path.stem)):
            path.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


async def _serve(
    kernel: Kernel,
    without_token: Credentials,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            received = await _read(reader)
        answer = await _answer(kernel, without_token, received)
        writer.write(ANSWERED if answer is None else ANSWERED + orjson.dumps(answer))
        await writer.drain()
    except Exception as error:  # noqa: BLE001 - the hook's own words for it are a refusal
        # Without an answer the hook refuses by itself what may belong to active work.
        _log.info("hook_unanswered", reason=f"{type(error).__name__}: {error}"[:200])
    finally:
        writer.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    received = bytearray()
    while some := await reader.read(65_536):
        received += some
        if len(received) > MAX_EVENT_BYTES + 65_536:
            raise ValueError("the event is too large")
    return bytes(received)


async def _answer(
    kernel: Kernel, without_token: Credentials, received: bytes
) -> Mapping[str, Any] | None:
    *fields, text = received.split(b"\0", 4)
    client, token, worker, cwd = (os.fsdecode(field) for field in fields)
    if client not in CLIENTS:
        raise ValueError("no client of that name has hooks here")
    session = Session(client, str(kernel.settings.home), token, worker, cwd)
    event = read_event(text)
    marks = await asyncio.to_thread(read_marks, session.home)
    question = question_of(session, event, marks)
    if question is None:
        return None
    credentials = Credentials(bearer_token=token) if token else without_token
    found, problem = await _dispatch(kernel, question, credentials)
    if found is None:
        # What cannot be judged is refused to whoever holds the work, wherever they stand.
        with contextlib.suppress(AgentOSError):
            session.worker = (await kernel.identify(credentials)).name
    return answer_to(session, question, marks, found, problem)


async def _dispatch(
    kernel: Kernel, question: Question, credentials: Credentials
) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    """What the tool found, or the problem."""
    try:
        result = await kernel.dispatch(
            CallRequest(question.tool, question.arguments, credentials, EDGE)
        )
    except AgentOSError as error:
        return None, {"message": error.message}
    except Exception as error:  # noqa: BLE001 - the edge's last resort; it logs
        _log.error("hook_failed", tool=question.tool, exc_info=error)
        return None, {"message": "internal error; the server's log has it"}
    return (None, result.structured["error"]) if result.is_error else (result.structured, None)
