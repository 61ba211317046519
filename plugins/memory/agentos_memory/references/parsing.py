"""Sections of untrusted files, read in a process with limits.

Above: adding references. Below: `parsing_process`, at the other end of two pipes.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import orjson

from agentos import InvalidArgumentError, LimitExceededError, UnavailableError
from agentos_memory.process_limits import child_environment
from agentos_memory.references.sections import Section

MAX_PARALLEL = 2


@dataclass(frozen=True, slots=True)
class ParsingLimits:
    """What reading one source may use; `output_bytes` is what its sections may take as JSON."""

    memory_bytes: int = 1024 * 1024 * 1024
    cpu_s: int = 60
    wall_s: float = 180.0
    output_bytes: int = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ParsedSource:
    """What was read; `name` is the document's own, such as a package's, if it has one."""

    format: str
    title: str
    name: str | None
    notices: Sequence[str]
    sections: Sequence[Section]


class Parsing:
    """Reads sources, at most MAX_PARALLEL at once."""

    def __init__(self, limits: ParsingLimits | None = None) -> None:
        self.limits = limits or ParsingLimits()
        self._turns = asyncio.Semaphore(MAX_PARALLEL)

    async def run(self, name: str, content: bytes) -> ParsedSource:
        """The sections of a file.

        Raises InvalidArgumentError for one that cannot be read, LimitExceededError for one that
        takes too much of something, and says of what.
        """
        async with self._turns:
            answer, status = await self._ask(name, content)
        return await asyncio.to_thread(self._read, answer, status, name)

    async def _ask(self, name: str, content: bytes) -> tuple[bytes, int]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "agentos_memory.references.parsing_process",
            name, str(self.limits.memory_bytes), str(self.limits.cpu_s),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL, env=child_environment(),
        )  # fmt: skip
        try:
            async with asyncio.timeout(self.limits.wall_s):
                answer, _ = await asyncio.gather(self._receive(process), _send(process, content))
                return answer, await process.wait()
        except TimeoutError:
            raise self._exceeded(f"time: {self.limits.wall_s:g} s", name) from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    async def _receive(self, process: asyncio.subprocess.Process) -> bytes:
        assert process.stdout is not None
        answer = bytearray()
        while piece := await process.stdout.read(1024 * 1024):
            answer += piece
            if len(answer) > self.limits.output_bytes:
                process.kill()
                return b'{"exceeded":"output"}'
        return bytes(answer)

    def _read(self, answer: bytes, status: int, name: str) -> ParsedSource:
        try:
            found = orjson.loads(answer)
        except orjson.JSONDecodeError:
            raise self._died(status, name) from None
        if "refused" in found:
            raise InvalidArgumentError(
                f"{name!r} cannot be read: {found['refused']}",
                remedy="give a file of a known format that is whole and not encrypted",
            )
        if "exceeded" in found:
            raise self._exceeded(self._limit(found["exceeded"]), name)
        return _parsed(found)

    def _limit(self, what: str) -> str:
        amount = {"memory": self.limits.memory_bytes, "output": self.limits.output_bytes}[what]
        return f"{what}: {amount} bytes"

    def _died(self, status: int, name: str) -> Exception:
        # SIGXCPU, and SIGKILL where the hard limit ends it or the system has no memory left.
        if status == -24:
            return self._exceeded(f"CPU time: {self.limits.cpu_s} s", name)
        if status in (-9, -6, -11, 1):
            return self._exceeded(f"CPU time or {self._limit('memory')}", name)
        return UnavailableError(
            f"the process that read {name!r} ended with status {status}",
            remedy="the file is probably corrupt; nothing of it was kept",
        )

    def _exceeded(self, limit: str, name: str) -> LimitExceededError:
        return LimitExceededError(
            f"reading {name!r} took more than a source may ({limit}), or its reader crashed at it",
            remedy="add its parts, or another edition of the document",
        )


async def _send(process: asyncio.subprocess.Process, content: bytes) -> None:
    assert process.stdin is not None
    # A process that ends before it read everything says by its answer why.
    with suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(content)
        await process.stdin.drain()
    process.stdin.close()


def _parsed(found: dict[str, Any]) -> ParsedSource:
    sections = [Section(*fields) for fields in found["sections"]]
    return ParsedSource(
        found["format"],
        found["title"],
        found["name"],
        found["notices"],
        [replace(section, headings=tuple(section.headings)) for section in sections],
    )
