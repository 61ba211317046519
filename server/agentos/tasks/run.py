"""One call that is a task or may become one, in the process that runs it.

Above: the service, which starts runs and tells them when something happened. Below: the store, and
`Kernel.dispatch` for every time its body is to run. A run never touches the row of a task that is
not its own any more: each statement is fenced by the owner, and the last one stands in the
transaction that stores the outcome of the call.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog

from agentos.asking import CannotAskError, InputRequiredError
from agentos.calls import CallRequest, Principal, ToolCall, ToolResult
from agentos.database.transaction import Transaction
from agentos.errors import (
    AgentOSError,
    ApprovalRequiredError,
    LimitExceededError,
    UnavailableError,
)
from agentos.ids import new_id
from agentos.reviews import Reviews, ReviewState
from agentos.tasks.dialogue import RETRY_S, TaskDialogue
from agentos.tasks.model import TaskFailure, encode_failure, encode_result
from agentos.tasks.store import LeftTask, TaskLostError, TaskStore, ended

if TYPE_CHECKING:
    from agentos.kernel import Kernel

MAX_RUNS = 3
"""How many processes may run a task: one whose body kills them must not go round for ever."""
ID_CHARS = 26

_AT_ONCE = ("always", "required")
_log = structlog.get_logger(__name__)


class TaskRun:
    """Takes one call to its end; implements the `CallTask` of its dispatches."""

    def __init__(
        self,
        kernel: Kernel,
        store: TaskStore,
        request: CallRequest,
        askable: frozenset[str],
        left: LeftTask | None = None,
    ) -> None:
        self.id = left.id if left is not None else new_id("TA", ID_CHARS)
        self.created = asyncio.Event()
        self.direct: asyncio.Future[ToolResult] = asyncio.get_running_loop().create_future()
        """The answer to the request itself, where the call never becomes a task."""
        self.review_id: str | None = None
        """The review that it waits for, or waited for."""
        self.dialogue = TaskDialogue(kernel, store, self, request, askable)
        self._kernel = kernel
        self._store = store
        self._askable = askable
        self._left = left
        self._call: ToolCall | None = None
        self._is_undecided = False
        self._settling = asyncio.Lock()
        self._wake = asyncio.Event()
        if left is not None:
            self.created.set()
        self._request = replace(
            request,
            task=self,
            correspondent=self.dialogue,
            progress=self.dialogue.report,
            log=self.dialogue.tell,
        )

    @property
    def is_task(self) -> bool:
        """Whether its row is stored."""
        return self.created.is_set()

    @property
    def can_become_task(self) -> bool:
        """Whether the call is far enough to be stored, and its tool allows it."""
        return self._call is not None and self._call.tool.task != "never"

    @property
    def becomes_task_late(self) -> bool:
        """Whether it becomes a task by taking long."""
        return self._call is not None and self._call.tool.task == "optional"

    @property
    def principal(self) -> Principal:
        """Whose it is; known once the call is a task."""
        assert self._call is not None, "a call that is a task was bound before"
        return self._call.principal

    @property
    def can_be_taken_up(self) -> bool:
        """Whether another process may run it from its start."""
        if self._call is None or self._is_undecided or self.dialogue.is_waiting:
            return True
        return self._call.tool.is_idempotent

    def bind(self, call: ToolCall) -> None:
        """A dispatch begins: its admission stores the task, or that this call runs it now."""
        self._call = call
        if self.is_task:
            call.admissions.append(partial(self._store.begin_run, id=self.id, call=call.id))
        elif call.tool.task in _AT_ONCE:
            call.admissions.append(partial(self._insert, call))

    def admitted(self, call: ToolCall) -> None:
        """The call's admission is durable, and with it what `bind` added to it."""
        if call.tool.task in _AT_ONCE:
            self.created.set()

    async def keep(self, transaction: Transaction, result: ToolResult) -> None:
        """Store the result with the outcome of the call; TaskLostError aborts both."""
        await self._store.end(transaction, self.id, "completed", encode_result(result))

    async def detach(self) -> bool:
        """Become a task now; False where the principal has too many."""
        try:
            await self.create()
        except LimitExceededError:
            return False
        return self.is_task

    async def until_woken(self) -> None:
        """Wait until it is time to look again."""
        await self._wake.wait()
        self._wake.clear()

    def wake(self) -> None:
        """Look again at what the run waits for."""
        self._wake.set()

    async def create(self, review: tuple[str, str] | None = None) -> None:
        """Store the task, unless the call has ended meanwhile or is one already.

        `review` is what it waits for and why. LimitExceededError where the principal has too many.
        """
        async with self._settling:
            if self.is_task or self.direct.done() or self._call is None:
                return
            transaction = await self._kernel.open_transaction()
            try:
                await self._insert(self._call, transaction, review)
                await self.dialogue.keep_answers(transaction)
                await transaction.commit()
            finally:
                await transaction.rollback()
            self.created.set()

    async def serve(self) -> None:
        """Run the call until the task has ended, or the request is answered without one."""
        try:
            await self._serve()
        except TaskLostError:
            return
        except Exception as error:  # noqa: BLE001 - the task says what happened
            await self._give_up(error)
        finally:
            self.direct.cancel()

    async def fail(self, failure: TaskFailure) -> None:
        """End the task without a result, as soon as the database is there."""
        event = ended(self.id, self._kernel.clock.now(), "failed", failure.message)
        while True:
            try:
                transaction = await self._kernel.open_transaction()
                try:
                    said = (encode_failure(failure), failure.message)
                    await self._store.end(transaction, self.id, "failed", *said)
                    await transaction.append(event)
                    await transaction.commit()
                    return
                finally:
                    await transaction.rollback()
            except UnavailableError:
                await asyncio.sleep(RETRY_S)
            except TaskLostError:
                return

    async def _serve(self) -> None:
        result = await (self._dispatch() if self._left is None else self._resume(self._left))
        while result is not None:
            if self.is_task and isinstance(result.error, InputRequiredError):
                # It asked in the moment in which it became a task; bodies ask before they write.
                result = await self._dispatch()
                continue
            review_id = await self._begin_waiting(result)
            if review_id is None:
                break
            result = await self._decided(review_id, result)
        if result is None:
            return
        async with self._settling:
            if not self.is_task:
                self.direct.set_result(result)
                return
        await self._settle(result)

    async def _dispatch(self) -> ToolResult:
        return await self._kernel.dispatch(self._request)

    async def _resume(self, left: LeftTask) -> ToolResult | None:
        """What comes of a task whose process is gone; None where that is no result."""
        if left.review_id is not None:
            return await self._decided(left.review_id, None)
        if left.n_runs >= MAX_RUNS:
            await self.fail(_lost(left, f"{MAX_RUNS} server processes ended while they ran it"))
            return None
        told = await self._store.read_call(left.call)
        finished = told.get("call.finished", {})
        is_repeatable = self._kernel.functions[left.request.tool].is_idempotent or left.is_parked
        # Under a key, a call that ended well is answered with what it answered then.
        is_remembered = finished.get("outcome") == "ok" and left.request.idempotency_key is not None
        if "call.allowed" not in told or is_repeatable or is_remembered:
            return await self._dispatch()
        if "error" in finished:
            error = finished["error"]
            return ToolResult({"error": error}, f"{error['code']}: {error['message']}", True)
        how = "it ended well, but its answer is lost" if finished else "it may have done its work"
        await self.fail(_lost(left, f"the server process that ran it is gone; {how}"))
        return None

    async def _begin_waiting(self, result: ToolResult) -> str | None:
        """The review that the task waits for from now on; None where it waits for none."""
        error = result.error
        is_asked = isinstance(error, ApprovalRequiredError) and error.review_id is not None
        # One decision is waited for, not whatever is asked after it.
        if not is_asked or self.review_id is not None or not self.can_become_task:
            return None
        if self._kernel.find_service(Reviews) is None:  # type: ignore[type-abstract]
            return None
        assert isinstance(error, ApprovalRequiredError) and error.review_id is not None
        try:
            if self.is_task:
                await self._store.wait_for_review(self.id, error.review_id, error.message)
            else:
                await self.create((error.review_id, error.message))
        except LimitExceededError:
            return None
        return error.review_id

    async def _decided(self, review_id: str, result: ToolResult | None) -> ToolResult:
        """What the call answers once its review is decided, whenever that is."""
        self.review_id = review_id
        self._is_undecided = True
        while (state := await self._state_of(review_id)) == "pending":
            await self.until_woken()
        self._is_undecided = False
        if state == "ended":
            return ToolResult.from_error(_never_approved(review_id, result))
        # Of a rejection the authorizer tells who and why.
        return await self._dispatch()

    async def _state_of(self, review_id: str) -> ReviewState:
        reviews = self._kernel.service(Reviews)  # type: ignore[type-abstract]
        while True:
            try:
                return await reviews.state_of(review_id)
            except UnavailableError:
                await asyncio.sleep(RETRY_S)

    async def _insert(
        self,
        call: ToolCall,
        transaction: Transaction,
        review: tuple[str, str] | None = None,
    ) -> None:
        settings = self._kernel.settings
        await self._store.insert(
            transaction,
            self.id,
            call,
            self._request,
            self._askable,
            limit=settings.open_task_limit,
            expires_at=self._kernel.clock.now() + timedelta(seconds=settings.task_ttl_s),
            review=review,
        )

    async def _settle(self, result: ToolResult) -> None:
        if isinstance(result.error, CannotAskError):
            await self.fail(TaskFailure.of(result.error, result.call_id))
            return
        while True:
            try:
                async with self._kernel.database.connection() as connection:
                    encoded = encode_result(result)
                    await self._store.end(connection, self.id, "completed", encoded)
                return
            except UnavailableError:
                await asyncio.sleep(RETRY_S)

    async def _give_up(self, error: Exception) -> None:
        if not self.is_task:
            self.direct.set_exception(error)
            return
        call = None if self._call is None else self._call.id
        if isinstance(error, AgentOSError):
            await self.fail(TaskFailure.of(error, call))
        else:
            _log.error("task_failed", task=self.id, exc_info=error)
            await self.fail(TaskFailure(AgentOSError.code, "internal error", call))


def _never_approved(review_id: str, result: ToolResult | None) -> ApprovalRequiredError:
    asked = None if result is None else result.error
    rule = asked.rule if isinstance(asked, ApprovalRequiredError) else "approval"
    return ApprovalRequiredError(
        f"{review_id} ended without an approval that was left to use: expired, cancelled or used",
        rule=rule,
        review_id=review_id,
        remedy="repeat the call, which asks for another approval",
    )


def _lost(left: LeftTask, what: str) -> TaskFailure:
    message = f"{left.request.tool}: {what}; call {left.call} in the log has what is known"
    return TaskFailure(UnavailableError.code, message, left.call)
