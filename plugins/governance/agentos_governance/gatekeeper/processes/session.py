"""What a process does for one lane of one review: it runs the checks that the server names.

Above: forking forks one for each lane, and one for what a model is asked. Below: the checks, the
model's prompt. Its processor time, memory and files
are limited before it reads a byte of the work; it writes and starts nothing, but where its checks
are programs. The server ends it, with its group, when it is out of time or not needed any more.
"""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import sys
import tempfile
import traceback
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from agentos import Finding, InvalidStateError, ToolError, UnavailableError
from agentos_governance.gatekeeper.model_pass.prompt import ask_about
from agentos_governance.gatekeeper.processes.asked_work import AskedWork, receive_work
from agentos_governance.gatekeeper.processes.frames import (
    MAX_FINDINGS,
    MAX_REASON_CHARS,
    SEVERITIES,
    QuestionOrder,
    document_of,
    pack_said,
    receive_order,
)
from agentos_governance.gatekeeper.registry import CHECKS

MAX_MEMORY_BYTES = 4 << 30
MAX_CPU_S = 400
MAX_WRITTEN_BYTES = 64 << 20
"""Of one file: copies of what is checked, and caches of checkers."""
_FORBIDDEN = ("socket.connect", "socket.bind", "subprocess.", "os.system", "os.exec", "os.fork",
              "os.posix_spawn", "os.spawn", "os.remove", "os.rename", "os.mkdir", "os.rmdir",
              "os.link", "os.symlink", "os.truncate", "os.kill", "shutil.")  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def run_session(descriptor: int, *, starts_programs: bool) -> None:
    """Serve the server at the other end of the socket until it is gone."""
    _limit(0 if not starts_programs else MAX_WRITTEN_BYTES)
    with (
        socket.socket(fileno=descriptor) as connection,
        suppress(asyncio.IncompleteReadError, ConnectionError),
    ):
        asyncio.run(_serve(connection, starts_programs))


def _limit(written_bytes: int) -> None:
    for what, amount in (
        (resource.RLIMIT_AS, MAX_MEMORY_BYTES),
        (resource.RLIMIT_CPU, MAX_CPU_S),
        (resource.RLIMIT_FSIZE, written_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        # Systems without a limit go without it; lower ones stay.
        with suppress(OSError, ValueError):
            resource.setrlimit(what, (amount, amount))


async def _serve(connection: socket.socket, starts_programs: bool) -> None:
    reader, writer = await asyncio.open_connection(sock=connection)
    if not starts_programs:
        sys.addaudithook(_refuse_effects)
    asking = asyncio.Lock()

    async def ask(what: str, about: Any) -> Any:
        async with asking:
            writer.write(pack_said({"ask": what, "about": about}))
            await writer.drain()
            is_answer, value = await receive_order(reader)
        if is_answer:
            return value
        is_unavailable, message = value
        raise UnavailableError(message) if is_unavailable else InvalidStateError(message)

    work = await receive_work(_orders(reader), ask)
    while True:
        asked, tempfile.tempdir = await receive_order(reader)
        if isinstance(asked, QuestionOrder):
            said = asdict(ask_about(work, work.contract, asked.suspicions, asked.max_chars))
        else:
            said = await _examine(asked, work)
        writer.write(pack_said(said))
        await writer.drain()


async def _orders(reader: asyncio.StreamReader) -> AsyncIterator[Any]:
    while True:
        yield await receive_order(reader)


async def _examine(name: str, work: AskedWork) -> dict[str, Any]:
    (check,) = [each for each in CHECKS if each.name == name]
    try:
        found = list(await check.examine(work))
        return {**_told(found), "blast_radius": work.blast_radius}
    except UnavailableError as error:
        return {"unavailable": error.message}
    except ToolError as error:
        return {"failed": error.message}
    except Exception as error:  # noqa: BLE001 - a broken check must not silence the others
        lines = "".join(traceback.format_exception(error))[-MAX_REASON_CHARS:]
        return {"failed": type(error).__name__, "traceback": lines}


def _told(found: Sequence[Finding]) -> dict[str, Any]:
    # The server makes them fit to be shown, once for all checks.
    ordered = sorted(dict.fromkeys(found), key=lambda each: SEVERITIES.index(each.severity))
    return {
        "findings": [document_of(each) for each in ordered[:MAX_FINDINGS]],
        "n_dropped": max(len(ordered) - MAX_FINDINGS, 0),
    }


def _refuse_effects(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: whatever a file makes a parser do, it reads modules and nothing else."""
    if event.startswith(_FORBIDDEN):
        raise PermissionError(f"{event} is not allowed here")
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING:
        raise PermissionError("writing files is not allowed here")
