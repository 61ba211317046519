"""Runs the checks that ship, one after the other, in a process that can be killed.

Above: checking. Below: template, the process's side in session. The server names one check
at a time, so whatever ends the process is held against that check alone; the next one gets a new
process. The server answers what the process asks of the work, and nothing else.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import structlog

from agentos import ReviewCheck, ToolError, UnavailableError
from agentos_governance.gatekeeper.processes.frames import (
    UnreadableAnswerError,
    findings_of,
    pack_order,
    reach_of,
    receive_said,
    text_of,
    texts_of,
)
from agentos_governance.gatekeeper.processes.outcome import CheckOutcome, ended, given_up, not_run
from agentos_governance.gatekeeper.processes.template import TEMPLATE, Fork
from agentos_governance.gatekeeper.work import Work

MAX_LANE_S = 150.0
"""All checks of a lane together, where the work keeps them from ending."""
MIN_LANE_S = 1.0

_log = structlog.get_logger(__name__)


class GoneError(Exception):
    """The process ended in the middle of what it was asked."""


@dataclass(frozen=True, slots=True)
class Lane:
    """Checks that run in one process; `starts_programs` where they are programs themselves."""

    checks: Sequence[ReviewCheck]
    starts_programs: bool

    async def run(self, work: Work, frames: Sequence[bytes]) -> list[CheckOutcome]:
        """The outcome of each check in order; `frames` is the work, packed.

        UnavailableError where no process can be had, whatever the work is.
        """
        until = time.monotonic() + MAX_LANE_S
        outcomes: list[CheckOutcome] = []
        room = _Room(work, frames, self.starts_programs)
        try:
            for check in self.checks:
                left_s = until - time.monotonic()
                if left_s < MIN_LANE_S and not check.only_informs:
                    why = f"the checks took longer than {MAX_LANE_S:g} s together"
                    outcomes.append(given_up(check, why))
                else:
                    # Those that inform are slow by themselves, and have limits of their own.
                    limit_s = (
                        check.timeout_s if check.only_informs else min(check.timeout_s, left_s)
                    )
                    outcomes.append(await room.examine(check, limit_s))
        finally:
            await room.close()
        return outcomes


class _Room:
    """A process for the work, where one is there, and a folder for what its checks write."""

    def __init__(self, work: Work, frames: Sequence[bytes], starts_programs: bool) -> None:
        self._work = work
        self._frames = frames
        self._starts_programs = starts_programs
        self._session: Session | None = None
        self._folder: str | None = None
        self._n_lost = 0

    async def examine(self, check: ReviewCheck, limit_s: float) -> CheckOutcome:
        """What the check says, or what is held against the work."""
        try:
            return await self._ask(check, limit_s)
        except TimeoutError:
            why = f"it took longer than {limit_s:g} s"
        except UnreadableAnswerError as error:
            why = f"it answered {error}"
        except GoneError:
            why = "it ended its process"
        self._leave()
        _log.warning("review_check_given_up", check=check.name, why=why)
        return given_up(check, why)

    async def _ask(self, check: ReviewCheck, limit_s: float) -> CheckOutcome:
        while True:
            if self._session is None:
                self._session = await self._enter()
            try:
                async with asyncio.timeout(limit_s):
                    said = await self._session.ask(check.name, self._folder)
                break
            except GoneError:
                # Killed with the process that it was forked from: nobody's work did that.
                if self._session.fork.is_template_alive or self._n_lost:
                    raise
                self._n_lost += 1
                self._leave()
        if said.get("failed") == "MemoryError":
            # Its memory is full of this check's; the next one begins anew.
            self._leave()
        return _outcome(check, said)

    async def _enter(self) -> Session:
        if self._starts_programs and self._folder is None:
            self._folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="agentos-review-")
        return await Session.open(self._work, self._frames, starts_programs=self._starts_programs)

    def _leave(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    async def close(self) -> None:
        """Nothing of it is left."""
        self._leave()
        if self._folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)


async def _forked(*, starts_programs: bool) -> Fork:
    forking = asyncio.ensure_future(
        asyncio.to_thread(TEMPLATE.fork, starts_programs=starts_programs)
    )
    try:
        return await asyncio.shield(forking)
    except asyncio.CancelledError:
        # The thread goes on, and what it makes is to be ended.
        forking.add_done_callback(_end_unused)
        raise


def _end_unused(forking: asyncio.Future[Fork]) -> None:
    if not forking.cancelled() and forking.exception() is None:
        forking.result().end()


class Session:
    """The server's end of one process."""

    def __init__(
        self,
        fork: Fork,
        work: Work,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        frames: Sequence[bytes],
    ) -> None:
        self.fork = fork
        self._work = work
        self._reader = reader
        self._writer = writer
        self._unsent = frames

    @classmethod
    async def open(cls, work: Work, frames: Sequence[bytes], *, starts_programs: bool) -> Self:
        """Connected to a new process; `frames`, the work, is sent with the first question.

        UnavailableError where no process can be had.
        """
        fork = await _forked(starts_programs=starts_programs)
        try:
            reader, writer = await asyncio.open_connection(sock=fork.connection)
        except BaseException:
            fork.end()
            raise
        return cls(fork, work, reader, writer, frames)

    async def ask(self, what: object, folder: str | None) -> dict[str, Any]:
        """What the process says of a check by its name, or of what else session knows.

        GoneError where it ends instead, UnreadableAnswerError where it says something else.
        """
        try:
            frames, self._unsent = self._unsent, ()
            for frame in (*frames, pack_order((what, folder))):
                self._writer.write(frame)
                await self._writer.drain()
            while "ask" in (said := await receive_said(self._reader)):
                self._writer.write(await asyncio.to_thread(pack_order, await self._answer(said)))
                await self._writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            raise GoneError from None
        return said

    async def _answer(self, said: dict[str, Any]) -> tuple[bool, Any]:
        """Whether there is an answer, and it; else whether it is unavailable, and why."""
        try:
            return True, await self._look_up(said.get("ask"), said.get("about"))
        except UnavailableError as error:
            return False, (True, error.message)
        except ToolError as error:
            return False, (False, error.message)

    async def _look_up(self, what: object, about: object) -> Any:
        if what == "base_files":
            return await self._work.read_base_files(texts_of(about))
        if what == "objects":
            return await self._work.own_objects()
        if what == "evidence":
            known = {item.sha256 for item in self._work.evidence}
            return await self._work.read_evidence(text_of(about)) if about in known else None
        source = self._work.blast_radius_source
        if what == "reach" and source is not None:
            return await source.reach_of(str(self._work.repo_root), texts_of(about))
        raise UnreadableAnswerError("a question that no check has")

    def close(self) -> None:
        """Kill the process, whatever it does."""
        self._writer.transport.abort()
        self.fork.end()


def _outcome(check: ReviewCheck, said: dict[str, Any]) -> CheckOutcome:
    if "unavailable" in said:
        return not_run(check, text_of(said["unavailable"]))
    if "failed" in said:
        why = text_of(said["failed"])
        _log.error("review_check_failed", check=check.name, why=why, said=said.get("traceback"))
        return given_up(check, f"it failed: {why}")
    outcome = ended(check, findings_of(said.get("findings"), check.name))
    n_dropped = said.get("n_dropped")
    if type(n_dropped) is not int or n_dropped < 0:
        raise UnreadableAnswerError("no number of findings")
    reach = reach_of(said.get("blast_radius")) if check.name == "blast_radius_covered" else None
    return CheckOutcome(outcome.state, outcome.findings, n_dropped, reach)
