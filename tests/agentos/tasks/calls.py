"""Short ways to call tools as tasks and to wait for what becomes of them."""

from __future__ import annotations

import asyncio
from typing import Any

from agentos import Answer, CallRequest, Credentials, Kernel, Principal, Role, ToolResult
from agentos.tasks.model import Task

LOCAL = Principal("local", Role.WORKER)
FORMS = frozenset({"elicitation"})
FINAL = {"completed", "failed", "cancelled"}


def request(
    tool: str, *, token: str | None = None, key: str | None = None, **arguments: Any
) -> CallRequest:
    """A call as an edge would make it."""
    credentials = Credentials(bearer_token=token, is_local=token is None)
    return CallRequest(tool, arguments, credentials, "test", idempotency_key=key)


async def begin(kernel: Kernel, tool: str, **more: Any) -> Task:
    """A call that becomes a task."""
    task = await kernel.tasks.call(request(tool, **more), FORMS)
    assert isinstance(task, Task), task
    return task


async def answered(kernel: Kernel, tool: str, **more: Any) -> ToolResult:
    """A call that is answered at once."""
    result = await kernel.tasks.call(request(tool, **more), FORMS)
    assert isinstance(result, ToolResult), result
    return result


async def reaches(kernel: Kernel, id: str, *statuses: str, who: Principal = LOCAL) -> Task:
    """The task, once it has one of the statuses; or has ended, where none is named."""
    wanted = set(statuses) or FINAL
    async with asyncio.timeout(60):
        while (task := await kernel.tasks.get(who, id)).status not in wanted:
            assert task.status not in FINAL, task
            await kernel.database.fetch_value("select pg_sleep(0.02)")
    return task


async def asks(kernel: Kernel, id: str, key: str, who: Principal = LOCAL) -> Task:
    """The task, once it asks a question under that key."""
    async with asyncio.timeout(60):
        while key not in (task := await kernel.tasks.get(who, id)).questions:
            assert task.status not in FINAL, task
            await kernel.database.fetch_value("select pg_sleep(0.02)")
    return task


async def give(kernel: Kernel, task: Task, **fields: str) -> None:
    """Accept the forms that a task shows."""
    answers = {key: Answer(content=dict(fields)) for key in task.questions}
    await kernel.tasks.answer(LOCAL, task.id, answers)
