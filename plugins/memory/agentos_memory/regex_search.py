"""Lines that match a regular expression, within a time limit that the expression cannot break.

The expression runs in a process of its own, which is killed: Python's matcher may take years and
keeps every other thread waiting. Above: search. Below: the program `regex_scan`.
"""

from __future__ import annotations

import asyncio
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

from agentos import InvalidArgumentError, LimitExceededError, UnavailableError

TIME_LIMIT_S = 3.0
MAX_MATCHES = 5_000

_PROGRAM = Path(__file__).with_name("regex_scan.py")
_NOT_COMPILED = 3


async def find_lines(pattern: str, texts: Sequence[bytes]) -> list[tuple[int, int]]:
    """Position of the text and line of each match in order, MAX_MATCHES lines at most.

    Raises InvalidArgumentError for an expression that Python's `re` does not accept,
    LimitExceededError when it took longer than TIME_LIMIT_S or more memory than it may have.
    """
    framed = [pattern.encode("utf-8", "backslashreplace"), *texts]
    sent = b"".join(part for text in framed for part in (struct.pack("<I", len(text)), text))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-S",
        str(_PROGRAM),
        str(MAX_MATCHES),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(TIME_LIMIT_S):
            output, errors = await process.communicate(sent)
    except TimeoutError:
        raise LimitExceededError(
            f"the regular expression took longer than {TIME_LIMIT_S:g} s",
            remedy="make it more specific (no nested repetition), or narrow the search by `path`",
        ) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == _NOT_COMPILED:
        said = errors.decode("utf-8", "replace").strip()[-200:]
        raise InvalidArgumentError(
            f"the regular expression is not valid: {said}", remedy="give one that Python accepts"
        )
    if process.returncode != 0:
        if b"MemoryError" in errors:
            raise LimitExceededError("the regular expression needs too much memory")
        raise UnavailableError("the search for the regular expression ended early; repeat it")
    return [(int(text), int(line)) for text, _, line in map(_parts, output.splitlines())]


def _parts(line: bytes) -> tuple[bytes, bytes, bytes]:
    return line.partition(b" ")
