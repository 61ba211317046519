"""The tasks of one server process, and the way to those of others.

Above: the edge that publishes tasks. Below: runs and the store. Each process renews the leases of
what it runs, takes up what a dead one left, and is told by PostgreSQL when a task of its own was
cancelled or answered at another process.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio
import asyncpg
import structlog

from agentos.asking import Answer, Question
from agentos.calls import CallRequest, Principal, ToolResult
from agentos.database.pool import CANNOT_CONNECT
from agentos.errors import LimitExceededError, NotFoundError, UnavailableError
from agentos.events.model import Event
from agentos.ids import new_id
from agentos.tasks.model import Task, TaskFailure, encode_failure
from agentos.tasks.run import TaskRun
from agentos.tasks.store import Lease, LeftTask, TaskStore, ended, sql, taken_up

if TYPE_CHECKING:
    from agentos.kernel import Kernel

CHANNEL = "agentos_task"
RENEWALS_PER_LEASE = 4
ROUNDS_PER_WAKE = 12
"""How often a run looks by itself, should a notification be lost."""
TAKEN_UP_AT_ONCE = 4
SWEEP_EVERY_S = 60.0
SWEPT_AT_ONCE = 500
RETRY_S = 1.0

_log = structlog.get_logger(__name__)


class Tasks:
    """Calls tools as tasks, and answers for every task of every process."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._lease = Lease(new_id("PR", 16), kernel.settings.task_lease_s)
        self._store = TaskStore(kernel.database, kernel.clock, self._lease)
        self._runs: dict[str, tuple[TaskRun, asyncio.Task[None]]] = {}
        self._poked = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None
        self._is_open = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None
        self._is_closing = False

    async def call(self, request: CallRequest, askable: frozenset[str]) -> ToolResult | Task:
        """The result of a call, or the task that it became.

        `askable` names the kinds of questions that the client can answer, of `agentos.asking`.
        Raises what `Kernel.dispatch` raises.
        """
        run = TaskRun(self._kernel, self._store, request, askable)
        await self._is_open.wait()
        worker = self._start(run)
        try:
            await self._until_answered(run)
            if run.is_task:
                return await self.get(run.principal, run.id)
        except asyncio.CancelledError:
            # A client that goes away before it knows of a task has cancelled its call.
            with anyio.CancelScope(shield=True):
                await self._abandon(run, worker)
            raise
        if run.direct.cancelled():
            raise _shutting_down()
        return run.direct.result()

    async def get(self, principal: Principal, id: str) -> Task:
        """A task of `principal`; NotFoundError for an unknown one and for those of others."""
        task = await self._store.find(id, principal)
        if task is None:
            raise NotFoundError(f"{principal.name} has no task {id[:60]!r}")
        return task

    async def answer(self, principal: Principal, id: str, answers: Mapping[str, Answer]) -> None:
        """Answer open questions of a task by their keys; other keys are ignored."""
        await self.get(principal, id)
        if answers:
            await self._store.answer(id, answers)
            self._poke(id)

    async def open_questions(self, principal: Principal, id: str) -> Mapping[str, Question]:
        """What a task waits to hear, by key."""
        return (await self.get(principal, id)).questions

    async def cancel(self, principal: Principal, id: str) -> None:
        """End a task and stop its body, wherever it runs; one that has ended stays as it is."""
        await self.get(principal, id)
        await self._cancel(id, principal, "its client cancelled it")

    async def run(self, *, takes_up: bool) -> None:
        """Run tasks for as long as the kernel is open; `takes_up` those that others left, too."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._is_open.set()
            group.create_task(self._renew())
            if takes_up:
                group.create_task(self._take_up())
                group.create_task(self._sweep())

    def notice(self, event: Event) -> None:
        """Wake what waits for a review that something happened to."""
        review_id = event.data.get("review_id")
        if review_id is not None:
            for run, _ in self._runs.values():
                if run.review_id == review_id:
                    run.wake()

    async def hand_over(self) -> None:
        """Stop what another process can go on with, since this one is told to stop.

        Begins no others from now on. Call it again while calls in flight finish: a body that could
        not be stopped may ask its client meanwhile, and then it can.
        """
        self._is_closing = True
        for run, worker in list(self._runs.values()):
            if run.is_task and run.can_be_taken_up:
                await _stop(worker)
                with suppress(UnavailableError):
                    await self._store.release(run.id)

    async def close(self) -> None:
        """End what is left: it had its time, and nobody can go on with it."""
        for run, worker in list(self._runs.values()):
            await _stop(worker)
            if run.is_task:
                message = "the server was stopped while it ran; it may have done part of its work"
                with suppress(TimeoutError):
                    async with asyncio.timeout(RETRY_S):
                        await run.fail(TaskFailure(UnavailableError.code, message))

    def _start(self, run: TaskRun) -> asyncio.Task[None]:
        if self._group is None or self._is_closing:
            raise _shutting_down()
        worker = self._group.create_task(run.serve())
        self._runs[run.id] = (run, worker)
        worker.add_done_callback(lambda _: self._runs.pop(run.id, None))
        if self._listener is None:
            self._listener = self._group.create_task(self._listen())
        return worker

    async def _until_answered(self, run: TaskRun) -> None:
        """Wait until the call is a task or ends; make it a task where it takes long."""
        while not await _is_first(run, self._kernel.settings.task_after_s):
            if run.becomes_task_late:
                # Without room for another task, or a database, the client waits on.
                with suppress(LimitExceededError, UnavailableError):
                    await run.create()

    async def _abandon(self, run: TaskRun, worker: asyncio.Task[None]) -> None:
        await _stop(worker)
        if run.is_task:
            with suppress(UnavailableError):
                await self._cancel(run.id, run.principal, "its client went away")

    async def _cancel(self, id: str, principal: Principal, why: str) -> None:
        now = self._kernel.clock.now()
        transaction = await self._kernel.open_transaction()
        try:
            if await transaction.fetch_row(sql.cancel_task, id, now, why) is not None:
                await transaction.append(ended(id, now, "cancelled", why, principal.name))
                await transaction.commit()
        finally:
            await transaction.rollback()
        self._poke(id)

    def _poke(self, id: str) -> None:
        """Look after a task at once, if it runs here."""
        if id in self._runs:
            self._runs[id][0].wake()
            self._poked.set()

    def _wake_all(self) -> None:
        for run, _ in self._runs.values():
            run.wake()

    async def _renew(self) -> None:
        """Renew leases now and then, and look after what somebody poked."""
        for n_rounds in itertools.count(1):
            with suppress(TimeoutError):
                async with asyncio.timeout(self._lease.lease_s / RENEWALS_PER_LEASE):
                    await self._poked.wait()
            self._poked.clear()
            if n_rounds % ROUNDS_PER_WAKE == 0:
                self._wake_all()
            try:
                await self._renew_once()
            except Exception as error:  # noqa: BLE001 - tried again in the next round
                _log.warning("task_leases_not_renewed", error=type(error).__name__)

    async def _renew_once(self) -> None:
        running = {id: each for id, each in self._runs.items() if each[0].is_task}
        if not running:
            return
        said = {id: run.dialogue.progress for id, (run, _) in running.items()}
        own = await self._store.renew(said)
        for id, (_, worker) in running.items():
            if id not in own:
                worker.cancel()

    async def _take_up(self) -> None:
        while not self._is_closing:
            await asyncio.sleep(self._lease.lease_s / 2)
            try:
                tools = list(self._kernel.tools)
                taken = await self._store.take_up(tools, list(self._runs), TAKEN_UP_AT_ONCE)
                if self._is_closing:
                    for left in taken:
                        await self._store.release(left.id)
                    return
                for left in taken:
                    self._start(
                        TaskRun(self._kernel, self._store, left.request, left.askable, left)
                    )
                await self._record(taken)
            except Exception as error:  # noqa: BLE001 - tried again in the next round
                _log.warning("tasks_not_taken_up", error=type(error).__name__)

    async def _record(self, taken: Sequence[LeftTask]) -> None:
        for left in taken:
            await self._kernel.writer.submit(taken_up(left, self._kernel.clock.now()))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            try:
                await self.sweep()
            except Exception as error:  # noqa: BLE001 - tried again in the next round
                _log.warning("tasks_not_swept", error=type(error).__name__)

    async def sweep(self) -> None:
        """End what is past its time to live, and forget what had ended by then."""
        failure = TaskFailure(UnavailableError.code, "its time to live was over before it ended")
        now = self._kernel.clock.now()
        async with self._kernel.database.connection() as connection:
            await connection.execute(sql.forget_tasks, now, SWEPT_AT_ONCE)
        async with self._kernel.database.connection() as connection:
            await connection.execute(sql.end_overdue, now, encode_failure(failure), SWEPT_AT_ONCE)
        self._poked.set()

    async def _listen(self) -> None:
        """Hear what happens to tasks at other processes, over restarts of PostgreSQL."""
        while True:
            with suppress(*CANNOT_CONNECT, asyncpg.PostgresError):
                connection = await asyncpg.connect(self._kernel.database.dsn, timeout=10)
                lost = asyncio.Event()
                connection.add_termination_listener(lambda _connection, lost=lost: lost.set())
                try:
                    await connection.add_listener(CHANNEL, self._hear)
                    # What happened while nobody listened.
                    self._wake_all()
                    self._poked.set()
                    await lost.wait()
                finally:
                    connection.terminate()
            await asyncio.sleep(RETRY_S)

    def _hear(self, connection: object, pid: int, channel: str, id: object) -> None:
        self._poke(str(id))


async def _is_first(run: TaskRun, within_s: float) -> bool:
    """Wait until the call is a task or ends; False where that takes longer."""
    created = asyncio.ensure_future(run.created.wait())
    ends: list[asyncio.Future[Any]] = [created, run.direct]
    try:
        await asyncio.wait(ends, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        return run.is_task or run.direct.done()
    finally:
        created.cancel()


async def _stop(worker: asyncio.Task[None]) -> None:
    worker.cancel()
    await asyncio.wait([worker])


def _shutting_down() -> UnavailableError:
    return UnavailableError("the server is shutting down", remedy="retry in a few seconds")
