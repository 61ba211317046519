"""The connection of this process to one other server: opened by a call, closed after idleness.

Above: the gateway. Below: sessions, the breaker. One task opens and closes it, since what it stands
on must end where it began; calls wait for it, and share it. A server that dies, hangs or answers
nonsense costs the calls it has, and nobody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Protocol, TypeVar

import structlog

from agentos import AgentOSError, UnavailableError
from agentos_gateway.breaker import Breaker
from agentos_gateway.configuration import ANSWER_TIMEOUT_S, ServerSettings, resolved
from agentos_gateway.definitions import Definition, Kind
from agentos_gateway.failures import LostError
from agentos_gateway.figures import Figures
from agentos_gateway.protocol.changes import OnChange
from agentos_gateway.protocol.conversation import Conversation
from agentos_gateway.protocol.http import open_url
from agentos_gateway.protocol.server_log import ServerLog, printable_line
from agentos_gateway.protocol.session import Session, open_session
from agentos_gateway.protocol.stdio import Program, run_program

T = TypeVar("T")

CLOSE_TIMEOUT_S = 10.0

_log = structlog.get_logger(__name__)


class Watcher(Protocol):
    """Whoever wants to know what happens to connections; must not raise."""

    def state_changed(self, server: str) -> None:
        """A connection opened or ended, or its breaker may be in another state."""
        ...

    def listed(self, server: str, kind: Kind, found: Sequence[Definition]) -> None:
        """The server listed everything of a kind."""
        ...

    def list_changed(self, server: str) -> None:
        """The server says that it has something else to list."""
        ...


class Connection:
    """To one server; `run` must be running."""

    def __init__(
        self,
        name: str,
        settings: ServerSettings,
        figures: Figures,
        watcher: Watcher,
    ) -> None:
        self.name = name
        self.settings = settings
        self.breaker = Breaker(
            name,
            max_failures=settings.max_failures,
            wait_s=settings.retry_after_s,
            time_s=_now_s,
        )
        self._figures = figures
        self._watcher = watcher
        self._log = ServerLog(name)
        self._session: Session | None = None
        self._program: Program | None = None
        self._trouble: str | None = None
        self._opening: asyncio.Future[Session] | None = None
        self._wanted = asyncio.Event()
        self._dropped = asyncio.Event()
        self._closed = asyncio.Event()
        self._closed.set()
        self._is_closing = False
        self._n_running = 0
        self._last_used_s = 0.0
        self._listings: dict[Kind, tuple[float, list[Definition]]] = {}
        self._listing: dict[Kind, asyncio.Task[list[Definition]]] = {}

    @property
    def is_open(self) -> bool:
        """Whether there is a connection now."""
        return self._session is not None

    def describe(self) -> dict[str, str] | None:
        """What the server calls itself; None while there is no connection."""
        return self._session.describe() if self._session is not None else None

    def show(self) -> None:
        """Bring the gauges up to date; a breaker's time to wait ends without an event."""
        self._figures.show(self.name, is_open=self.is_open, breaker=self.breaker.state)
        self._watcher.state_changed(self.name)

    async def run(self) -> None:
        """Open a connection whenever one is wanted, for as long as the task runs."""
        while not self._is_closing:
            await self._wanted.wait()
            self._wanted.clear()
            if self._opening is not None and not self._opening.done():
                await self._serve(self._opening)

    async def close(self) -> None:
        """End the connection for good; bounded, whatever the server does."""
        self._is_closing = True
        self._dropped.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._closed.wait()

    async def ask(
        self,
        asking: Callable[[Session], Awaitable[T]],
        *,
        timeout_s: float,
        conversation: Conversation | None = None,
    ) -> T:
        """What the server answers; UnavailableError where it does not.

        ForeignError is an answer too. The time in which a person answers a question of the
        `conversation` is not the server's.
        """
        self.breaker.admit()
        self._n_running += 1
        try:
            answer = await self._ask(asking, timeout_s, conversation)
        except LostError as error:
            raise self._unavailable(error.message) from error
        except (UnavailableError, asyncio.CancelledError):
            self.breaker.give_up()
            raise
        except AgentOSError:
            self.breaker.succeed()
            raise
        finally:
            self._n_running -= 1
            self._last_used_s = _now_s()
        self.breaker.succeed()
        return answer

    async def listed(self, kind: Kind, *, not_older_s: float) -> list[Definition]:
        """What the server lists of one kind, asked for again where the last answer is older."""
        at, found = self._listings.get(kind, (-1.0, []))
        if self._session is not None and at >= 0 and _now_s() - at < not_older_s:
            return found
        if (running := self._listing.get(kind)) is not None:
            # Asked for before this call came, so it may be older than this call wants.
            await asyncio.wait([running])
        if (running := self._listing.get(kind)) is None:
            running = self._listing[kind] = asyncio.ensure_future(self._list_now(kind))
            running.add_done_callback(lambda _: self._listing.pop(kind))
            running.add_done_callback(_retrieved)
        return await asyncio.shield(running)

    async def follow(self, uri: str, on_begin: OnChange, on_change: OnChange) -> None:
        """Tell of a resource's changes until the connection ends; it is not idle meanwhile.

        NotOfferedError where the server tells of none, UnavailableError where it is not there.
        """
        self.breaker.admit()
        self._n_running += 1
        try:
            session = await self._connected()
            self.breaker.succeed()
            await session.follow(uri, on_begin, on_change)
        except LostError as error:
            raise self._unavailable(error.message) from error
        except (UnavailableError, asyncio.CancelledError):
            self.breaker.give_up()
            raise
        finally:
            self._n_running -= 1
            self._last_used_s = _now_s()

    async def _list_now(self, kind: Kind) -> list[Definition]:
        found = await self.ask(
            lambda session: session.list_all(kind), timeout_s=self.settings.timeout_s
        )
        self._listings[kind] = (_now_s(), found)
        self._watcher.listed(self.name, kind, found)
        return found

    async def _ask(
        self,
        asking: Callable[[Session], Awaitable[T]],
        timeout_s: float,
        conversation: Conversation | None,
    ) -> T:
        session = await self._connected()
        try:
            async with asyncio.timeout(timeout_s) as deadline:
                if conversation is not None:
                    conversation.deadline = deadline
                return await asking(session)
        except LostError as error:
            if self._program is not None:
                await self._program.wait_for_end()
            why = self._why_ended(error.message)
            # One lost connection is one failure, however many calls it had.
            if self._session is session:
                self._count_failure(why)
                self._drop()
            raise LostError(why) from error
        except TimeoutError as error:
            why = f"it did not answer within {timeout_s:g} s"
            if self._count_failure(why) and self._session is session:
                # It hangs, not this call alone: the next one gets a fresh one.
                self._drop()
            raise LostError(why) from error

    async def _connected(self) -> Session:
        if self._is_closing:
            raise UnavailableError("the server is shutting down", remedy="retry in a few seconds")
        if self._session is not None and not self._dropped.is_set():
            return self._session
        if self._opening is None or self._opening.done():
            self._opening = asyncio.get_running_loop().create_future()
            self._opening.add_done_callback(_retrieved)
            self._wanted.set()
        return await asyncio.shield(self._opening)

    async def _serve(self, opening: asyncio.Future[Session]) -> None:
        self._dropped.clear()
        self._closed.clear()
        self._trouble = None
        self._figures.count_start(self.name)
        try:
            async with asyncio.timeout(self.settings.start_timeout_s) as deadline:
                async with open_session(
                    self.name,
                    self._transport(),
                    protocol=self.settings.protocol,
                    asks=self.settings.asks,
                    on_change=self._list_changed,
                    on_log=self._logged,
                ) as session:
                    deadline.reschedule(None)
                    self._session = session
                    self._last_used_s = _now_s()
                    self.show()
                    opening.set_result(session)
                    await self._until_unused()
                    self._session = None
        except asyncio.CancelledError:
            if _is_being_cancelled():
                raise
            # The SDK cancels whoever holds a connection whose transport fails.
            self._fail(opening, LostError("the connection was closed"))
        except Exception as error:
            self._fail(opening, error)
        finally:
            if not opening.done():
                opening.set_exception(LostError("it is not wanted any more"))
            self._session = self._program = None
            self._listings.clear()
            self._closed.set()
            self.show()

    def _fail(self, opening: asyncio.Future[Session], error: Exception) -> None:
        if isinstance(error, TimeoutError):
            why = f"it did not start within {self.settings.start_timeout_s:g} s"
        elif isinstance(error, UnavailableError):
            why = error.message
        else:
            said = error.message if isinstance(error, AgentOSError) else repr(error)[:300]
            why = self._why_ended(said)
        _log.warning("gateway_connection_failed", server=self.name, reason=why)
        if not opening.done():
            self._count_failure(why)
            opening.set_exception(error if isinstance(error, UnavailableError) else LostError(why))

    def _transport(self) -> AbstractAsyncContextManager[object]:
        settings = self.settings
        if settings.url is not None:
            headers = resolved(settings.headers)
            # A stream is silent while a person thinks.
            timeout_s = max(settings.timeout_s, ANSWER_TIMEOUT_S if settings.asks else 0.0)
            return open_url(settings.url, headers, timeout_s=timeout_s, on_trouble=self._note)
        assert settings.command is not None

        def remember(program: Program) -> None:
            self._program = program

        return run_program(
            self.name,
            settings.command,
            settings.args,
            environment=settings.environment(),
            cwd=settings.cwd,
            on_start=remember,
            on_end=self._program_ended,
        )

    async def _until_unused(self) -> None:
        idle_s = self.settings.idle_s
        while not self._dropped.is_set():
            unused_s = _now_s() - self._last_used_s
            if self._n_running == 0 and unused_s >= idle_s:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(max(idle_s - unused_s, 0.05)):
                    await self._dropped.wait()

    def _program_ended(self) -> None:
        # The calls it had find out by themselves. Without any, the next one starts another.
        if self._n_running == 0:
            self._drop()

    def _note(self, trouble: str) -> None:
        self._trouble = trouble

    def _why_ended(self, otherwise: str) -> str:
        if self._program is not None:
            return self._program.describe_end()
        return self._trouble or otherwise

    def _drop(self) -> None:
        self._session = None
        self._dropped.set()
        self.show()

    def _count_failure(self, why: str) -> bool:
        self._figures.count_failure(self.name)
        return self.breaker.fail(why)

    def _unavailable(self, why: str) -> UnavailableError:
        return UnavailableError(
            f"the server {self.name} is not available: {why}; whether the call had an effect there "
            "is not known",
            remedy="repeat the call if that does no harm; the server is started again for it",
        )

    def _list_changed(self) -> None:
        self._listings.clear()
        self._watcher.list_changed(self.name)

    def _logged(self, level: str, text: str) -> None:
        line = printable_line(text)
        if line:
            self._log.say(line, level)


def _retrieved(future: asyncio.Future[Any]) -> None:
    """Nobody may be left who waits for it."""
    if not future.cancelled():
        future.exception()


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _now_s() -> float:
    return asyncio.get_running_loop().time()
