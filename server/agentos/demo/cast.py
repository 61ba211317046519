"""Who plays: principals with tokens and connections of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from agentos.calls import Role
from agentos.demo.connection import Caller, connect
from agentos.demo.stage import Stage

PLANNER, FIRST, SECOND, REVIEWER = "pia", "ada", "bea", "rob"
SECOND_AGAIN = "bea-again"


@dataclass(frozen=True, slots=True)
class Cast:
    """Connections and tokens of the principals."""

    planner: Caller
    reviewer: Caller
    tokens: dict[str, str]


@asynccontextmanager
async def open_cast(stage: Stage) -> AsyncIterator[Cast]:
    """Tokens for everybody, and connections for those who are there from start to end."""
    roles = {
        PLANNER: Role.PLANNER,
        FIRST: Role.WORKER,
        SECOND: Role.WORKER,
        REVIEWER: Role.REVIEWER,
    }
    tokens = {name: await stage.token(name, role, person=name) for name, role in roles.items()}
    # The second worker's person with a reviewer's token: the role fits, the person does not.
    tokens[SECOND_AGAIN] = await stage.token(SECOND_AGAIN, Role.REVIEWER, person=SECOND)
    async with AsyncExitStack() as stack:
        planner = await stack.enter_async_context(connect(stage.url, tokens[PLANNER]))
        reviewer = await stack.enter_async_context(connect(stage.url, tokens[REVIEWER]))
        yield Cast(planner, reviewer, tokens)
