"""How the body of a call talks to its client once the call is a task: by rows, at any time.

Above: `ToolCall.ask`, `progress` and `log`. Below: the store. Until the call is a task, everything
goes where it would go without one; after that there is no request to send anything on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from agentos.asking import Answer, Correspondent, InputRequiredError, Question
from agentos.calls import CallRequest, LogLevel
from agentos.database.transaction import Transaction
from agentos.errors import UnavailableError
from agentos.tasks.store import TaskStore

if TYPE_CHECKING:
    from agentos.kernel import Kernel

RETRY_S = 0.5


class Pause(Protocol):
    """Where a run waits for something that another process may bring about."""

    id: str

    @property
    def is_task(self) -> bool:
        """Whether its row is stored."""
        ...

    async def until_woken(self) -> None:
        """Wait until it is time to look again."""
        ...


class TaskDialogue:
    """Implements the `Correspondent` of a call that is a task or may become one."""

    def __init__(
        self,
        kernel: Kernel,
        store: TaskStore,
        pause: Pause,
        request: CallRequest,
        askable: frozenset[str],
    ) -> None:
        self.progress: str | None = None
        """How far the body is, in words for the task's status."""
        self.is_waiting = False
        self._kernel = kernel
        self._store = store
        self._pause = pause
        self._before: Correspondent | None = request.correspondent
        self._report = request.progress
        self._log = request.log
        self._askable = askable
        self._answered: dict[str, tuple[Question, Answer]] = {}

    def can_answer(self, question: Question) -> bool:
        """Whether the client declared what the question needs."""
        if self._pause.is_task:
            return question.capability in self._askable
        return self._before is not None and self._before.can_answer(question)

    async def ask(self, questions: Mapping[str, Question]) -> Mapping[str, Answer]:
        """The answers by the questions' names, once all of them are there."""
        if self._pause.is_task:
            return await self._ask_by_rows(questions)
        if self._before is None:
            raise InputRequiredError(questions)
        answers = await self._before.ask(questions)
        self._answered |= {name: (questions[name], each) for name, each in answers.items()}
        return answers

    async def keep_answers(self, transaction: Transaction) -> None:
        """Take what was answered before the call became a task along."""
        await self._store.keep_answers(transaction, self._pause.id, self._answered)

    async def report(self, done: float, total: float | None, message: str) -> None:
        """Take note of how far the body is; see `ToolCall.progress`."""
        if not self._pause.is_task and self._report is not None:
            await self._report(done, total, message)
        share = f"{done:g}" if total is None else f"{done:g} of {total:g}"
        self.progress = f"{share}: {message}" if message else share

    async def tell(self, level: LogLevel, message: str) -> None:
        """Pass on what the body says, while there is a request to say it on."""
        if not self._pause.is_task and self._log is not None:
            await self._log(level, message)

    async def _ask_by_rows(self, questions: Mapping[str, Question]) -> Mapping[str, Answer]:
        transaction = await self._kernel.open_transaction()
        try:
            await self._store.pose(transaction, self._pause.id, questions)
            await transaction.commit()
        finally:
            await transaction.rollback()
        self.is_waiting = True
        try:
            while (answers := await self._find(questions)) is None:
                await self._pause.until_woken()
            return answers
        finally:
            self.is_waiting = False

    async def _find(self, questions: Mapping[str, Question]) -> Mapping[str, Answer] | None:
        while True:
            try:
                answers = await self._store.answers(self._pause.id, questions)
                if answers is not None:
                    await self._store.unpark(self._pause.id)
                return answers
            except UnavailableError:
                await asyncio.sleep(RETRY_S)
