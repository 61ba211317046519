"""Tasks that a bot begins for a person: the person's own, and only while the link lasts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from agentos import (
    CallRequest,
    Credentials,
    Delegate,
    Delegates,
    Kernel,
    NotFoundError,
    Principal,
    Role,
    Service,
    Settings,
    open_kernel,
)
from agentos.tasks.model import Task
from tests.agentos.tasks.calls import FORMS, reaches
from tests.agentos.tasks.meeting import Meeting
from tests.agentos.tasks.plugin import tasks_plugin

pytestmark = pytest.mark.anyio

ADA = Principal("Ada", Role.REVIEWER, "Ada")


class Links:
    """Implements `agentos.Delegates` by a set of ids."""

    def __init__(self, *ids: str) -> None:
        self.ids = set(ids)

    async def find(self, channel: str, external_id: str) -> Delegate | None:
        return Delegate("Ada", Role.REVIEWER) if external_id in self.ids else None


def _request(token: str, external_id: str, meeting: Meeting, name: str) -> CallRequest:
    claimed = {"channel": "slack", "id": external_id}
    arguments = {"port": meeting.port, "name": name}
    return CallRequest("look_long", arguments, Credentials(token, on_behalf_of=claimed), "test")


async def _begin(kernel: Kernel, request: CallRequest) -> Task:
    task = await kernel.tasks.call(request, FORMS)
    assert isinstance(task, Task), task
    return task


async def test_a_task_for_a_person_goes_on_elsewhere_as_the_person_while_the_link_lasts(
    settings: Settings, meeting: Meeting
) -> None:
    links = Links("U1", "U2")
    plugin = replace(tasks_plugin(), services=[Service(Delegates, lambda kernel: links)])
    async with open_kernel(settings, extra_plugins={"tasks": plugin}) as kernel:
        bot = await kernel.tokens.create("bot", Role.BOT, now=kernel.clock.now(), person="Root")
        kept = await _begin(kernel, _request(bot.secret, "U1", meeting, "kept"))
        lost = await _begin(kernel, _request(bot.secret, "U2", meeting, "lost"))
        with pytest.raises(NotFoundError):
            await kernel.tasks.get(bot.principal, kept.id)
        await meeting.arrived("kept")
        await meeting.arrived("lost")
    links.ids.remove("U2")
    with capture_logs():
        async with open_kernel(settings, extra_plugins={"tasks": plugin}) as kernel:
            await meeting.arrived("kept", 2)
            await meeting.release("kept")
            await reaches(kernel, kept.id, "completed", who=ADA)
            ended = await reaches(kernel, lost.id, who=ADA)
            assert ended.result is None or ended.result.is_error
            assert meeting.arrivals["lost"] == 1
            rows = await kernel.database.fetch(
                "select actor, data from kernel.event where type = 'call.allowed' order by position"
            )
            assert {(row["actor"], row["data"]["via"]) for row in rows} == {("Ada", "bot")}
