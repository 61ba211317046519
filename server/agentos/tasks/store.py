"""Tasks as rows: every change is one statement or one transaction, fenced by the owner.

Above: runs and the service. Below: `sql/tasks.sql`. A process that lost a task to another, or
whose task was cancelled, finds no row to change, and TaskLostError says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from agentos.asking import Answer, Question
from agentos.calls import CallRequest, Credentials, Principal, Role, ToolCall
from agentos.clock import Clock
from agentos.database.pool import Connection, Database
from agentos.database.queries import Queries
from agentos.database.transaction import Transaction
from agentos.errors import ConflictError, InvalidArgumentError, LimitExceededError
from agentos.events.model import EventType, NewEvent
from agentos.tasks.model import Task, TaskStatus, decode_failure, decode_result
from agentos.tasks.questions import (
    decode_answer,
    decode_question,
    encode_answer,
    encode_question,
    question_digest,
)

MAX_MESSAGE_CHARS = 1_000
MAX_KEY_CHARS = 120

TASK_EVENT_TYPES = (
    EventType("task.created", "A call became a task, which its client asks for later."),
    EventType("task.taken_up", "Another process goes on with a task whose process is gone."),
    EventType("task.ended", "A task ended without a result: cancelled, lost or out of time."),
)

sql = Queries("agentos", "sql/tasks.sql")


class TaskLostError(ConflictError):
    """The task was cancelled, or another process has it: what this one did must not count."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Who runs a task, and how long others wait for a sign of life."""

    owner: str
    lease_s: float


@dataclass(frozen=True, slots=True)
class LeftTask:
    """A task whose process is gone."""

    id: str
    request: CallRequest
    principal: Principal
    call: str
    review_id: str | None
    is_parked: bool
    askable: frozenset[str]
    n_runs: int


class TaskStore:
    """The rows of tasks, for one owner."""

    def __init__(self, database: Database, clock: Clock, lease: Lease) -> None:
        self._database = database
        self._clock = clock
        self._lease = lease

    async def insert(
        self,
        transaction: Transaction,
        id: str,
        call: ToolCall,
        request: CallRequest,
        askable: frozenset[str],
        *,
        limit: int,
        expires_at: datetime,
        review: tuple[str, str] | None = None,
    ) -> None:
        """Store a new task; `review` is the id it waits for and why.

        LimitExceededError where its principal has `limit` open tasks.
        """
        who = call.principal
        await transaction.execute(sql.lock_principal, who.name)
        if await transaction.fetch_value(sql.count_open, who.name) >= limit:
            raise LimitExceededError(
                f"{who.name} has {limit} open tasks, which is the limit",
                remedy="wait until one has ended, or cancel one with tasks/cancel",
            )
        review_id, message = review or (None, None)
        await transaction.execute(
            sql.insert_task, id, who.name, who.role.value, who.person, who.token_id,
            who.token_id is None and request.credentials.is_local, request.tool, call.id,
            _encode_request(request, call), _shown(message), review_id, sorted(askable),
            self._lease.owner, self._lease.lease_s, self._clock.now(), expires_at,
        )  # fmt: skip
        data = {"task": id, "call": call.id, "tool": request.tool, "role": who.role.value}
        await transaction.append(_event(id, "task.created", who.name, self._clock.now(), data))

    async def begin_run(self, transaction: Transaction, id: str, call: str) -> None:
        """Store that `call` runs the task now, in the transaction that admits the call."""
        now = self._clock.now()
        row = await transaction.fetch_row(sql.begin_run, id, self._lease.owner, call, now)
        _require(row, id)

    async def end(
        self,
        transaction: Transaction | Connection,
        id: str,
        status: TaskStatus,
        outcome: str,
        message: str | None = None,
    ) -> None:
        """End a task of this owner; TaskLostError where it is none any more."""
        given = (id, self._lease.owner, status, outcome, self._clock.now(), _shown(message))
        if isinstance(transaction, Transaction):
            _require(await transaction.fetch_row(sql.end_task, *given), id)
        else:
            _require(await transaction.fetchrow(sql.end_task, *given), id)

    async def pose(
        self, transaction: Transaction, id: str, questions: Mapping[str, Question]
    ) -> None:
        """The body waits from now on; store what it asks, unless it asked the very same before."""
        _require(await transaction.fetch_row(sql.lock_task, id, self._lease.owner), id)
        rows = await transaction.fetch(sql.list_questions, id)
        known = {(row["name"], row["sha256"]) for row in rows}
        keys = {row["key"] for row in rows}
        for name, question in questions.items():
            sha256 = question_digest(question)
            if (name, sha256) not in known:
                key = _new_key(name, keys)
                encoded = encode_question(question)
                await transaction.execute(sql.insert_question, id, key, name, sha256, encoded, None)
                keys.add(key)
        owner = self._lease.owner
        await transaction.execute(sql.set_parked, id, owner, True, self._clock.now())

    async def keep_answers(
        self, transaction: Transaction, id: str, answered: Mapping[str, tuple[Question, Answer]]
    ) -> None:
        """Store what the client answered before the call became a task."""
        for name, (question, answer) in answered.items():
            await transaction.execute(
                sql.insert_question, id, name[:MAX_KEY_CHARS], name,
                question_digest(question), encode_question(question), encode_answer(answer),
            )  # fmt: skip

    async def answers(self, id: str, questions: Mapping[str, Question]) -> dict[str, Answer] | None:
        """The answers by name; None while one is missing."""
        rows = await self._database.fetch(sql.list_questions, id)
        given = {(row["name"], row["sha256"]): row["answer"] for row in rows}
        found = {}
        for name, question in questions.items():
            answer = given.get((name, question_digest(question)))
            if answer is None:
                return None
            found[name] = decode_answer(answer)
        return found

    async def unpark(self, id: str) -> None:
        """The body goes on: from now on it may write. TaskLostError where it must not."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                sql.set_parked, id, self._lease.owner, False, self._clock.now()
            )
        _require(row, id)

    async def wait_for_review(self, id: str, review_id: str, message: str) -> None:
        """Store that the task waits for a review."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                sql.set_review, id, self._lease.owner, review_id, _shown(message), self._clock.now()
            )
        _require(row, id)

    async def renew(self, said: Mapping[str, str | None]) -> set[str]:
        """Renew the leases of tasks, with what each says of its progress; those still owned."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                sql.renew_leases, self._lease.owner, list(said),
                [_shown(each) for each in said.values()], self._lease.lease_s, self._clock.now(),
            )  # fmt: skip
        return {row["id"] for row in rows}

    async def release(self, id: str) -> None:
        """Let another process take the task up."""
        async with self._database.connection() as connection:
            await connection.execute(sql.release_lease, id, self._lease.owner, self._clock.now())

    async def take_up(
        self, tools: Sequence[str], running: Sequence[str], limit: int
    ) -> list[LeftTask]:
        """Own tasks of `tools` whose process is gone; `running` are those that run here."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                sql.take_up,
                self._lease.owner,
                list(tools),
                self._lease.lease_s,
                limit,
                list(running),
            )
        return [_left(row) for row in rows]

    async def find(self, id: str, principal: Principal) -> Task | None:
        """A task of `principal`; None for an unknown id as for somebody else's."""
        row = await self._database.fetch_row(
            sql.find_task, id, principal.name, principal.role.value, principal.person
        )
        if row is None:
            return None
        questions = {}
        if row["status"] == "working":
            questions = await self.open_questions(id)
        return _task(row, questions)

    async def open_questions(self, id: str) -> dict[str, Question]:
        """What a task waits to hear, by key."""
        rows = await self._database.fetch(sql.list_questions, id)
        return {row["key"]: decode_question(row["question"]) for row in rows if not row["answer"]}

    async def answer(self, id: str, answers: Mapping[str, Answer]) -> None:
        """Take answers to open questions, and wake whoever waits for them; others are ignored."""
        try:
            encoded = [encode_answer(each) for each in answers.values()]
        except orjson.JSONEncodeError as error:
            raise InvalidArgumentError(f"an answer cannot be kept: {error}") from None
        async with self._database.connection() as connection:
            await connection.execute(
                sql.answer_questions, id, list(answers), encoded, self._clock.now()
            )

    async def read_call(self, call: str) -> dict[str, dict[str, Any]]:
        """The events of a call by their type."""
        rows = await self._database.fetch(sql.read_call, call)
        return {row["type"]: row["data"] for row in rows}


def ended(
    id: str, now: datetime, status: TaskStatus, reason: str, actor: str = "system"
) -> NewEvent:
    """The event of a task that ended without a result."""
    data = {"task": id, "status": status, "reason": reason[:MAX_MESSAGE_CHARS]}
    return _event(id, "task.ended", actor, now, data)


def taken_up(left: LeftTask, now: datetime) -> NewEvent:
    """The event of a task that another process goes on with."""
    data = {"task": left.id, "call": left.call, "run": left.n_runs}
    return _event(left.id, "task.taken_up", "system", now, data)


def _event(id: str, type: str, actor: str, now: datetime, data: dict[str, Any]) -> NewEvent:
    # A stream of its own: those of the call may be locked by its body for as long as it runs.
    return NewEvent(f"task/{id}", type, actor, now, data)


def _require(row: Any, id: str) -> None:
    if row is None:
        raise TaskLostError(f"task {id} was cancelled, or another process runs it")


def _new_key(name: str, keys: set[str]) -> str:
    key = name[:MAX_KEY_CHARS]
    number = 2
    while key in keys:
        key, number = f"{name[:MAX_KEY_CHARS]}-{number}", number + 1
    return key


def _shown(message: str | None) -> str | None:
    return None if message is None else message[:MAX_MESSAGE_CHARS].replace("\x00", "?")


def _encode_request(request: CallRequest, call: ToolCall) -> str:
    fields = {
        "tool": request.tool,
        "arguments": orjson.Fragment(call.arguments_json),
        "edge": request.edge,
        "work_order": call.work_order,
        "idempotency_key": call.idempotency_key,
        "claims": dict(request.claims),
    }
    if call.principal.via is not None:
        bot = call.principal.via
        fields["bot"] = {"name": bot.name, "role": bot.role.value, "person": bot.person}
        fields["on_behalf_of"] = request.credentials.on_behalf_of
    return orjson.dumps(fields).decode()


def _left(row: Any) -> LeftTask:
    principal = Principal(row["principal"], Role(row["role"]), row["person"], row["token_id"])
    fields = orjson.loads(row["request"])
    known, claimed = principal, fields.pop("on_behalf_of", None)
    if claimed is not None:
        # Who acted for a person is identified again, and the person through the link of today.
        bot = fields.pop("bot")
        known = Principal(bot["name"], Role(bot["role"]), bot["person"], row["token_id"])
    credentials = Credentials(is_local=row["is_local"], known=known, on_behalf_of=claimed)
    return LeftTask(
        row["id"],
        CallRequest(credentials=credentials, **fields),
        principal,
        row["call"],
        row["review_id"],
        row["is_parked"],
        frozenset(row["askable"]),
        row["n_runs"],
    )


def _task(row: Any, questions: Mapping[str, Question]) -> Task:
    status: TaskStatus = "input_required" if questions else row["status"]
    outcome = row["outcome"]
    return Task(
        id=row["id"],
        tool=row["tool"],
        status=status,
        message=row["message"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        expires_at=row["expires_at"],
        questions=questions,
        result=decode_result(outcome) if status == "completed" else None,
        failure=decode_failure(outcome) if status == "failed" else None,
    )
