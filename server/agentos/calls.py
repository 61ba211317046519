"""One use of a tool: who calls, with what, under which authority, and what came of it.

Above: edges build a CallRequest, `Kernel.dispatch` turns it into a ToolCall, tool bodies and
middlewares read it. Below: errors, the clock, the transaction of `agentos.database`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from pydantic import BaseModel

from agentos.asking import Answer, CannotAskError, Correspondent, Question
from agentos.errors import PluginError, ToolError
from agentos.surface import Surface

if TYPE_CHECKING:
    from agentos.database.transaction import Transaction
    from agentos.kernel import Kernel
    from agentos.tools import Tool

T = TypeVar("T")

LogLevel = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
LogReporter = Callable[[LogLevel, str], Awaitable[None]]
ProgressReporter = Callable[[float, float | None, str], Awaitable[None]]


class CallTask(Protocol):
    """The task that a call is or may become (`agentos.tasks`), as its dispatch sees it."""

    @property
    def is_task(self) -> bool:
        """Whether it is stored as a task."""
        ...

    def bind(self, call: ToolCall) -> None:
        """A dispatch begins; may add to `call.admissions`."""
        ...

    def admitted(self, call: ToolCall) -> None:
        """The record of admission is durable; the body begins."""
        ...

    async def keep(self, transaction: Transaction, result: ToolResult) -> None:
        """Store the result in the transaction that stores the outcome; raising aborts it."""
        ...

    async def detach(self) -> bool:
        """Become a task now; False where that cannot be."""
        ...


class Role(StrEnum):
    """What a principal is for; what each may do is decided by authorizers, not here."""

    WORKER = "worker"
    REVIEWER = "reviewer"
    PLANNER = "planner"
    ADMIN = "admin"
    BOT = "bot"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls, as the kernel established it; nothing a client says of itself is in here."""

    name: str
    role: Role
    person: str | None = None
    """The human answerable for this principal; two principals of one person are one pair of eyes."""
    token_id: str | None = None
    profile: str | None = None
    """Which tools this principal is shown; None is what fits its role."""
    client: str | None = None
    """The program of an OAuth caller, as its identity provider knows it; recorded with calls."""
    via: Principal | None = None
    """The bot through which a person calls; what neither of the two may do, neither does."""

    @property
    def answerable(self) -> str:
        """Whom four-eyes rules compare: the person if one is known, else the principal itself."""
        return self.person or self.name


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an edge saw of a caller before the kernel knows who it is."""

    bearer_token: str | None = None
    is_local: bool = False
    """Arrived over stdio, the command line, or a loopback listener that allows local callers."""
    known: Principal | None = None
    """Whom the kernel itself identified when it took a call that it goes on with now."""
    on_behalf_of: Any = field(default=None, hash=False)
    """For whom a bot says that it calls (`agentos.identity.delegation`), unchecked."""


class Effect(StrEnum):
    """What an authorizer says; deny wins over ask, ask over allow."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One authorizer's answer, naming the rule that decided."""

    effect: Effect
    rule: str
    reason: str = ""
    contract_version: str | None = None
    remedy: str | None = None
    review_id: str | None = None

    @staticmethod
    @lru_cache(maxsize=4_096)
    def allow(rule: str, *, contract_version: str | None = None) -> Verdict:
        """Admit the call unless another authorizer denies or asks."""
        return Verdict(Effect.ALLOW, rule, contract_version=contract_version)

    @classmethod
    def deny(
        cls,
        rule: str,
        reason: str,
        *,
        remedy: str | None = None,
        contract_version: str | None = None,
    ) -> Verdict:
        """Refuse the call, whatever others say."""
        return cls(Effect.DENY, rule, reason, contract_version, remedy)

    @classmethod
    def ask(
        cls,
        rule: str,
        reason: str,
        *,
        review_id: str | None = None,
        remedy: str | None = None,
        contract_version: str | None = None,
    ) -> Verdict:
        """Refuse until a person approves; the identical call may be repeated then."""
        return cls(Effect.ASK, rule, reason, contract_version, remedy, review_id)


@dataclass(frozen=True, slots=True)
class CallRequest:
    """What an edge asks the kernel to do; everything in it is still unchecked."""

    tool: str
    """The name of the function: a tool's, a resource's, a prompt's or a completion's."""
    arguments: Mapping[str, Any]
    credentials: Credentials
    edge: str
    work_order: str | None = None
    idempotency_key: str | None = None
    claims: Mapping[str, Any] = field(default_factory=dict)
    progress: ProgressReporter | None = None
    log: LogReporter | None = None
    correspondent: Correspondent | None = None
    surface: Surface = Surface.TOOL
    """How the caller reached it; a function is found on its own surface only."""
    task: CallTask | None = None


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a call answers: structured content that fits the tool's output schema, or an error."""

    structured: Mapping[str, Any]
    text: str
    is_error: bool = False
    call_id: str | None = None
    error: ToolError | None = field(default=None, compare=False)
    """What the result was made from, for an edge that says it in its own way."""

    @property
    def error_code(self) -> str | None:
        """The stable code of a refusal or failure; None on success."""
        return str(self.structured["error"]["code"]) if self.is_error else None

    @classmethod
    def from_error(cls, error: ToolError, call_id: str | None = None) -> ToolResult:
        """The result that tells a model what was refused or failed, and the remedy."""
        fields = {key: _sendable(value) for key, value in error.to_error().items()}
        text = f"{fields['code']}: {fields['message']}"
        if "rule" in fields:
            text += f" (rule: {fields['rule']})"
        if "remedy" in fields:
            text += f" Remedy: {fields['remedy']}"
        return cls({"error": fields}, text, is_error=True, call_id=call_id, error=error)


@dataclass(slots=True)
class ToolCall:
    """One authenticated call with validated arguments, on its way through the pipeline."""

    id: str
    tool: Tool
    arguments: dict[str, Any]
    """The arguments as sent, valid for the tool's input schema."""
    parameters: BaseModel
    arguments_sha256: str
    arguments_json: bytes
    """The arguments as sent, as canonical JSON; of what the digest is."""
    principal: Principal
    edge: str
    kernel: Kernel
    work_order: str | None = None
    idempotency_key: str | None = None
    claims: Mapping[str, Any] = field(default_factory=dict)
    stream: str = ""
    """The event stream that records this call; an authorizer may move it to a work order's."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What authorizers learned and tool bodies may reuse, keyed by plugin name."""
    cost_usd: str | None = None
    """What the call cost, as a decimal string; recorded with the outcome."""
    progress_reporter: ProgressReporter | None = None
    log_reporter: LogReporter | None = None
    correspondent: Correspondent | None = None
    run_nested: Callable[[CallRequest], Awaitable[ToolResult]] | None = None
    """How the kernel runs what the body calls, for the same principal; `call_tool` uses it."""
    answers: dict[str, Answer] = field(default_factory=dict)
    """What the client answered so far; digests of it are recorded with the outcome."""
    task: CallTask | None = None
    deadline: asyncio.Timeout | None = None
    """When the body must have ended; set while it runs."""
    transaction: Transaction | None = None
    guards: list[Callable[[Transaction], Awaitable[None]]] = field(default_factory=list)
    """Checks that authorizers want repeated inside the call's transaction; raising aborts it."""
    forbidden_reads: list[Callable[[str], bool]] = field(default_factory=list)
    """What authorizers keep from being read: whether a file is, by its path from the top folder of
    its repository. They are compared, so that what they said of many files can be kept."""
    decision: Mapping[str, Any] | None = None
    """What authorizers based their verdicts on, as JSON; recorded with the call."""
    admissions: list[Callable[[Transaction], Awaitable[None]]] = field(default_factory=list)
    """What is used up by admitting the call, such as a slot of a rate limit or an approval.

    Awaited in the transaction that stores the record of admission, last of all, so that a refused
    call uses nothing up. Raising refuses the call. Each may be awaited again, after a rollback.
    """
    _beginning: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    def body_arguments(self) -> dict[str, Any]:
        """The validated values that the body takes as keyword arguments."""
        return {name: getattr(self.parameters, name) for name in type(self.parameters).model_fields}

    def now(self) -> datetime:
        """The kernel clock's time."""
        return self.kernel.clock.now()

    def may_read(self, path: str) -> bool:
        """Whether a file that the body finds by itself may be shown to the caller.

        `path` is relative to the top folder of the file's repository. Of what a tool declares as
        `paths`, authorizers have judged the arguments already.
        """
        return not any(forbids(path) for forbids in self.forbidden_reads)

    def service(self, kind: type[T]) -> T:
        """The service that a plugin registered for the protocol type `kind`."""
        return self.kernel.service(kind)

    async def call_tool(
        self, tool: str, arguments: Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> ToolResult:
        """What another tool answers to the same principal, under the same work order.

        A call of its own, authorized and recorded like any: nobody gains what they lack. Call
        before you write: PluginError for a body that has begun a transaction, since the two could
        wait for each other. UnknownToolError where no enabled plugin declares the tool.
        """
        if self.transaction is not None:
            raise PluginError(f"{self.tool.name} calls {tool} after it began to write")
        request = CallRequest(
            tool, arguments, Credentials(), "plugin", self.work_order, idempotency_key
        )
        assert self.run_nested is not None, "only the kernel makes calls"
        return await self.run_nested(request)

    async def begin(self) -> Transaction:
        """The call's one database transaction, opened at the first use.

        The kernel commits it after the body returns, together with the call's outcome and its
        idempotency record, and before the caller gets the answer; it rolls back when the body
        raises. Do slow work (git, files, models) before the first use.
        """
        async with self._beginning:
            if self.transaction is None:
                self.transaction = await self._open()
            return self.transaction

    async def _open(self) -> Transaction:
        transaction = await self.kernel.open_transaction()
        try:
            for guard in self.guards:
                await guard(transaction)
        except BaseException:
            await transaction.rollback()
            raise
        return transaction

    async def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Tell a caller that listens how far a long call is."""
        if self.progress_reporter is not None:
            await self.progress_reporter(done, total, message)

    async def log(self, level: LogLevel, message: str) -> None:
        """Tell a caller that listens what is going on; the server's own log is another thing."""
        if self.log_reporter is not None:
            await self.log_reporter(level, message)

    def can_ask(self, question: Question) -> bool:
        """Whether the client can answer such a question."""
        return self.correspondent is not None and self.correspondent.can_answer(question)

    async def ask(self, **questions: Question) -> Mapping[str, Answer]:
        """Answers to all `questions`, by their names.

        Ask before you write: a person may take minutes, in which nobody may wait for rows or for
        a connection, and with clients of 2026-07-28 the body runs again from its start once the
        answers are there. CannotAskError where the client did not declare what a question needs;
        PluginError for a body that has begun a transaction, or is not declared with
        `converses=True`.
        """
        if not self.tool.converses:
            raise PluginError(f"{self.tool.name} asks without being declared with converses=True")
        if self.transaction is not None:
            raise PluginError(f"{self.tool.name} asks after it began to write")
        for question in questions.values():
            if not self.can_ask(question):
                raise CannotAskError(question.capability)
        assert self.correspondent is not None
        with self._untimed():
            answers = await self.correspondent.ask(questions)
        self.answers.update(answers)
        return answers

    async def detach(self) -> bool:
        """Let the client go: what follows is a task, which it asks for later.

        False where the client takes no tasks, or has too many; the call goes on as it was. A tool
        that asks before it works asks first and detaches then.
        """
        return self.task is not None and await self.task.detach()

    @contextmanager
    def _untimed(self) -> Iterator[None]:
        """The time in which a task waits for answers is not the body's."""
        deadline = self.deadline
        ends = None if deadline is None else deadline.when()
        if deadline is None or ends is None or self.task is None or not self.task.is_task:
            yield
            return
        clock = asyncio.get_running_loop()
        left_s = ends - clock.time()
        deadline.reschedule(None)
        try:
            yield
        finally:
            deadline.reschedule(clock.time() + left_s)


def _sendable(value: Any) -> Any:
    """Text that JSON and the event log can hold: messages may quote file names and arguments."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "replace").decode().replace("\x00", "?")
