"""What every listener stands on: it acknowledges first, works after, and never raises.

Above: the listeners. Below: the server's tools, Slack. slack-bolt loses the acknowledgement of a
listener that raises within some 10 ms of it (research 1.4), and Slack repeats no click. So whatever
goes wrong becomes words to the person who clicked: that nothing was recorded, and what to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from agentos import (
    AgentOSError,
    InvalidArgumentError,
    RequestError,
    ToolError,
    UnavailableError,
)
from agentos_bots.slack.figures import Figures
from agentos_bots.slack.identity import Identities
from agentos_bots.slack.interaction import Interaction, interaction_of
from agentos_bots.slack.kernel_client import KernelClient, UnlinkedError
from agentos_bots.slack.messages import Message
from agentos_bots.slack.notices import not_recorded, refused, unlinked
from agentos_bots.slack.showing import Showing
from agentos_bots.slack.telling import tell
from agentos_bots.slack.web import RateLimitedError, SlackWeb

Body = Mapping[str, Any]
Work = Callable[[Interaction, Body], Awaitable[None]]
Listener = Callable[..., Awaitable[None]]

T = TypeVar("T")

REFRESH_TIMEOUT_S = 15.0

_log = structlog.get_logger(__name__)


class StillOpen:
    """How many listeners are at work, and when none is."""

    def __init__(self) -> None:
        self._n = 0
        self._none = asyncio.Event()
        self._none.set()

    @contextmanager
    def one(self) -> Iterator[None]:
        """One more for as long as the block lasts."""
        self._n += 1
        self._none.clear()
        try:
            yield
        finally:
            self._n -= 1
            if self._n == 0:
                self._none.set()

    async def wait(self) -> None:
        """Until nobody is at work."""
        await self._none.wait()


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts of one bot that listeners use."""

    kernel: KernelClient
    web: SlackWeb
    showing: Showing
    identities: Identities
    figures: Figures
    at_work: StillOpen

    def acknowledged(self, work: Work) -> Listener:
        """A listener of bolt's that acknowledges at once and then does `work`."""

        async def listener(ack: Any, body: dict[str, Any]) -> None:
            await ack()
            await self.run(work, body)

        return listener

    async def run(self, work: Work, body: Body) -> None:
        """Do `work` for an interaction; what goes wrong is told to whoever caused it."""
        with self.at_work.one():
            started_s = _now_s()
            outcome = "recorded"
            done: Interaction | None = None
            try:
                done = interaction_of(body)
                await work(done, body)
            except Exception as error:  # a listener that raises loses its acknowledgement
                outcome = await self._explain(done, error)
            kind = "interaction" if done is None else done.kind
            self.figures.observe_interaction(kind, outcome, _now_s() - started_s)

    async def as_person(
        self, done: Interaction, tool: str, arguments: Mapping[str, Any], **options: Any
    ) -> dict[str, Any]:
        """What a tool answers to the person behind the Slack user; links them where it can."""

        async def call() -> dict[str, Any]:
            return await self.kernel.call(tool, arguments, on_behalf_of=done.user, **options)

        return await self.identities.act(done.user, call)

    async def refresh(self, review: str) -> None:
        """Show a review as it is now; where that fails, the feed does it later."""
        try:
            async with asyncio.timeout(REFRESH_TIMEOUT_S):
                await self.showing.show(review)
        except (AgentOSError, TimeoutError) as error:
            _log.warning("card_not_refreshed", review=review, reason=str(error))
        except Exception as error:  # what is recorded is recorded, whether or not it can be shown
            _log.error("card_not_refreshed", review=review, exc_info=error)

    async def tell(self, done: Interaction, message: Message) -> None:
        """Say something to the person alone."""
        await tell(self.web, done, message)

    async def _explain(self, done: Interaction | None, error: Exception) -> str:
        outcome, message = explained(error)
        if outcome == "defect":
            _log.error("listener_failed", exc_info=error)
        else:
            _log.info("interaction_refused", outcome=outcome, reason=str(error)[:300])
        if done is None:
            return outcome
        try:
            await self.tell(done, message)
        except Exception as trouble:  # the last resort has no other
            _log.error("person_not_told", exc_info=trouble)
        return outcome


def explained(error: Exception) -> tuple[str, Message]:
    """The outcome of an interaction that failed, and what its person is told."""
    if isinstance(error, UnlinkedError):
        return "refused", unlinked()
    if isinstance(error, UnavailableError | RateLimitedError):
        return "failed", not_recorded(error)
    if isinstance(error, ToolError):
        return "refused", refused(error)
    if isinstance(error, RequestError):
        # The bot's own token: nothing that this person could mend.
        return "defect", not_recorded(error)
    if isinstance(error, AgentOSError):
        return "defect", not_recorded(error)
    return "defect", not_recorded(UnavailableError("the bot has a defect; its log says which"))


async def attempted(work: Awaitable[T]) -> tuple[T | None, Exception | None]:
    """What `work` returns, or what it raised: for a listener that has something to do either way."""
    try:
        return await work, None
    except Exception as error:  # a listener that raises loses its acknowledgement
        return None, error


def only_action(body: Body) -> Mapping[str, Any]:
    """The element that was used. Raises InvalidArgumentError where there is none."""
    actions = body.get("actions")
    if not isinstance(actions, list) or not actions:
        raise InvalidArgumentError("Slack does not say which button this was")
    found: Mapping[str, Any] = actions[0]
    return found


def _now_s() -> float:
    return asyncio.get_running_loop().time()
