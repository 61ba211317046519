"""A program as an MCP server: its process, its standard streams, its end.

Above: sessions. Below: asyncio. Unlike the SDK's transport it bounds how long a message may be,
gives the process no environment but its own, and keeps only the end of what it writes to stderr.
The process leads a group of its own, which is killed as a whole.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp.types import jsonrpc_message_adapter

from agentos_gateway.protocol.server_log import MAX_LINE_CHARS, ServerLog, printable_line

MAX_MESSAGE_BYTES = 32 * 1024 * 1024
"""Of one message of the server; a longer one ends the connection."""
CLOSE_GRACE_S = 2.0
END_GRACE_S = 1.0
TERMINATE_GRACE_S = 2.0
KEPT_STDERR_LINES = 20
_POLL_S = 0.05

Incoming = MemoryObjectReceiveStream[SessionMessage | Exception]
Outgoing = MemoryObjectSendStream[SessionMessage]


class Program:
    """A running program, as far as others are told of it."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._stderr: deque[str] = deque(maxlen=KEPT_STDERR_LINES)
        self._log = ServerLog(name)
        self.trouble: str | None = None
        """Why the connection ended, where the program is not to blame for its own end."""

    @property
    def pid(self) -> int:
        """Its process id, which is that of its group as well."""
        return self._process.pid

    def describe_end(self) -> str:
        """Why nobody answers any more, with the last line it said."""
        code = self._process.returncode
        if self.trouble is not None:
            said = self.trouble
        elif code is None:
            said = "the program closed its output"
        elif code < 0:
            said = f"the program was ended by {signal.Signals(-code).name}"
        else:
            said = f"the program ended with exit code {code}"
        return f"{said}; its last line: {self._stderr[-1]}" if self._stderr else said

    async def wait_for_end(self) -> None:
        """Wait a moment for an end that its output has told of already."""
        await self._ended_within(END_GRACE_S)

    async def keep_stderr(self) -> None:
        """Take what it writes to stderr, so that it never waits for a reader."""
        assert self._process.stderr is not None
        rest = b""
        while chunk := await self._process.stderr.read(4_096):
            *lines, rest = (rest + chunk).split(b"\n")
            rest = rest[-MAX_LINE_CHARS:]
            for line in lines:
                self._keep(line)
        self._keep(rest)

    def _keep(self, line: bytes) -> None:
        text = printable_line(line.decode("utf-8", "replace"))
        if text:
            self._stderr.append(text)
            self._log.say(text)

    async def stop(self) -> None:
        """Have it end: its input closes, then its group is told to, then it is killed."""
        process = self._process
        assert process.stdin is not None
        with suppress(OSError):
            process.stdin.close()
        if not await self._ended_within(CLOSE_GRACE_S):
            self._signal(signal.SIGTERM)
            await self._ended_within(TERMINATE_GRACE_S)
        # Whoever of its group is left, also where the program itself has ended.
        self._signal(signal.SIGKILL)
        await self._ended_within(TERMINATE_GRACE_S)

    async def _ended_within(self, seconds: float) -> bool:
        # Process.wait() would also wait for whoever inherited its pipes.
        with anyio.move_on_after(seconds):
            while self._process.returncode is None:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(_POLL_S)
        return self._process.returncode is not None

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


@asynccontextmanager
async def run_program(
    name: str,
    command: str,
    args: tuple[str, ...],
    *,
    environment: Mapping[str, str],
    cwd: Path | None,
    on_start: Callable[[Program], None],
    on_end: Callable[[], None],
) -> AsyncIterator[tuple[Incoming, Outgoing]]:
    """The streams of a program that runs for as long as the block; OSError where it cannot start."""
    process = await asyncio.create_subprocess_exec(
        command,
        *args,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(environment),
        cwd=cwd,
        start_new_session=True,
        limit=MAX_MESSAGE_BYTES,
    )
    program = Program(name, process)
    on_start(program)
    arriving, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, leaving = anyio.create_memory_object_stream[SessionMessage](0)
    async with arriving, incoming, outgoing, leaving, anyio.create_task_group() as tasks:
        tasks.start_soon(_read, process, program, arriving)
        tasks.start_soon(_write, process, leaving, arriving)
        tasks.start_soon(program.keep_stderr)
        tasks.start_soon(_watch, process, arriving, on_end)
        try:
            yield incoming, outgoing
        finally:
            with anyio.CancelScope(shield=True):
                await program.stop()
            tasks.cancel_scope.cancel()
    # The pipes of a process that others inherited stay open otherwise.
    process._transport.close()  # type: ignore[attr-defined]


async def _read(
    process: asyncio.subprocess.Process,
    program: Program,
    arriving: MemoryObjectSendStream[SessionMessage | Exception],
) -> None:
    assert process.stdout is not None
    with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
        async with arriving:
            while True:
                try:
                    line = await process.stdout.readline()
                except ValueError:
                    program.trouble = f"it sent a message of more than {MAX_MESSAGE_BYTES} bytes"
                    return
                if not line:
                    return
                await arriving.send(_message(line))


def _message(line: bytes) -> SessionMessage | Exception:
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError as error:
        return error


async def _write(
    process: asyncio.subprocess.Process,
    leaving: MemoryObjectReceiveStream[SessionMessage],
    arriving: MemoryObjectSendStream[SessionMessage | Exception],
) -> None:
    assert process.stdin is not None
    try:
        async for message in leaving:
            text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            process.stdin.write(text.encode() + b"\n")
            await process.stdin.drain()
    except OSError:
        # Otherwise a request would wait for an answer that cannot come.
        arriving.close()


async def _watch(
    process: asyncio.subprocess.Process,
    arriving: MemoryObjectSendStream[SessionMessage | Exception],
    on_end: Callable[[], None],
) -> None:
    """Close the connection when the program ends, though a child of it may hold its output open."""
    while process.returncode is None:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(_POLL_S)
    # What it wrote before its end still arrives.
    await asyncio.sleep(2 * _POLL_S)
    arriving.close()
    on_end()
