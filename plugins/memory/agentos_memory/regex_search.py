"""Lines that match a regular expression, within a time limit that the expression cannot break.

The expression runs in a process of its own, which is killed: Python's matcher may take years and
keeps every other thread waiting. Texts go there as they are read, and neither end holds more than
a few of them. Above: search. Below: the program `regex_scan`.
"""

from __future__ import annotations

import asyncio
import signal
import struct
import sys
from collections.abc import AsyncIterable, Sequence
from contextlib import suppress
from pathlib import Path

from agentos import InvalidArgumentError, LimitExceededError, UnavailableError
from agentos_memory.process_limits import child_environment

TIME_LIMIT_S = 3
"""CPU seconds of the matcher."""
WALL_LIMIT_S = 15.0
"""All of it, with the reading of the files, on a machine that is busy."""
MAX_MATCHES = 5_000

_PROGRAM = Path(__file__).with_name("regex_scan.py")
_NOT_COMPILED = 3


async def find_lines(pattern: str, texts: AsyncIterable[Sequence[bytes]]) -> list[tuple[int, int]]:
    """Position of the text and line of each match in order, MAX_MATCHES lines at most.

    `texts` come in steps and are counted through; each step is asked for when the one before has
    been taken. Raises InvalidArgumentError for an expression that Python's `re` does not accept,
    LimitExceededError when it took longer than TIME_LIMIT_S or more memory than it may have.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", str(_PROGRAM), str(MAX_MATCHES), str(TIME_LIMIT_S),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, env=child_environment(),
    )  # fmt: skip
    assert process.stdin and process.stdout and process.stderr
    try:
        async with asyncio.timeout(WALL_LIMIT_S):
            _, output, errors = await asyncio.gather(
                _send(process.stdin, pattern, texts), process.stdout.read(), process.stderr.read()
            )
            status = await process.wait()
    except TimeoutError:
        raise _too_long() from None
    finally:
        process.stdin.close()
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if status != 0:
        raise _failure(status, errors)
    return [(int(text), int(line)) for text, _, line in map(_parts, output.splitlines())]


async def _send(
    stdin: asyncio.StreamWriter, pattern: str, texts: AsyncIterable[Sequence[bytes]]
) -> None:
    """Send all texts, or as many as the program wants: it ends when it has found enough."""
    with suppress(BrokenPipeError, ConnectionResetError):
        stdin.write(_framed(pattern.encode("utf-8", "backslashreplace")))
        async for step in texts:
            for text in step:
                stdin.write(_framed(text))
                await stdin.drain()
            if stdin.transport.is_closing():
                break
        stdin.close()
        await stdin.wait_closed()


def _framed(text: bytes) -> bytes:
    return struct.pack("<I", len(text)) + text


def _failure(status: int, errors: bytes) -> Exception:
    if status == _NOT_COMPILED:
        said = errors.decode("utf-8", "replace").strip()[-200:]
        return InvalidArgumentError(
            f"the regular expression is not valid: {said}", remedy="give one that Python accepts"
        )
    if status in (-signal.SIGXCPU, -signal.SIGKILL):
        return _too_long()
    if b"MemoryError" in errors:
        return LimitExceededError("the regular expression needs too much memory")
    return UnavailableError("the search for the regular expression ended early; repeat it")


def _too_long() -> LimitExceededError:
    return LimitExceededError(
        f"the regular expression took longer than {TIME_LIMIT_S} s",
        remedy="make it more specific (no nested repetition), or narrow the search by `path`",
    )


def _parts(line: bytes) -> tuple[bytes, bytes, bytes]:
    return line.partition(b" ")
