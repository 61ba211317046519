"""The bot holds no truth: killed at every step of a review, it goes on as if nothing had been.

A real server process, real bot processes, an emulated Slack that outlives them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from agentos import Role, Settings, SystemClock, open_kernel
from agentos.testing.slack import SlackEmulator, View
from agentos_bots.slack.settings import Transport
from tests.agentos_bots.slack.gatehouse import Gatehouse, posted
from tests.agentos_bots.slack.processes import (
    Crashing,
    Forks,
    killed_at_the_end,
    open_forks,
    start_bot,
    start_server,
)
from tests.agentos_governance.lifecycle import UNLIMITED, Office
from tests.ports import held_port

pytestmark = pytest.mark.anyio


@pytest.fixture
async def gatehouse(settings: Settings) -> AsyncIterator[Gatehouse]:
    """The same people, on a clock that runs, and a server of their own to be started."""
    changes: dict[str, Any] = {"plugins": ("governance",), "budgets": UNLIMITED}
    async with AsyncExitStack() as stack:
        port = stack.enter_context(held_port())
        opened = open_kernel(settings.model_copy(update=changes))
        kernel = await stack.enter_async_context(opened)
        office = Office(kernel, SystemClock())  # type: ignore[arg-type]
        for who, role in (("planner", Role.PLANNER), ("admin", Role.ADMIN), ("bot", Role.BOT)):
            await office.join(who, role)
        await office.join("w1", Role.WORKER, person="grace")
        await office.call(
            "admin", "set_person", name="ada", email="ada@example.com", roles=["reviewer"]
        )
        yield Gatehouse(office, f"http://127.0.0.1:{port}")


@pytest.fixture
async def forks(tmp_path: Path) -> AsyncIterator[Forks]:
    """What starts servers and bots."""
    async with open_forks(tmp_path) as forks:
        yield forks


@pytest.mark.parametrize("mode", ["socket", pytest.param("http", marks=pytest.mark.nightly)])
async def test_a_review_survives_the_death_of_bot_and_server_at_every_step(
    gatehouse: Gatehouse, slack: SlackEmulator, forks: Forks, settings: Settings, mode: Transport
) -> None:
    port = int(gatehouse.url.rpartition(":")[2])
    token = gatehouse.office.tokens["bot"]

    async def bot(**chosen: Any) -> Crashing:
        return await start_bot(forks, slack, mode, gatehouse.url, token, **chosen)

    async with killed_at_the_end(await start_server(forks, settings, port)) as server:
        # It dies between the message and its record: the answer is lost, and it waits.
        slack.post_but_lose_answer()
        async with killed_at_the_end(await bot(retry_min_s=60, retry_max_s=60)):
            first = await gatehouse.submit("First try")
            card = await posted(slack, first.review)

        # The next one finds the message; it dies while somebody fills in a form.
        async with killed_at_the_end(await bot()):
            await slack.wait_until(lambda: slack.n_calls("conversations.history"), 60)
            await slack.click(card, "request_changes", user="UADA")
            await slack.wait_until(lambda: _form(slack))

        # The server dies as well, and both come back.
        await server.kill()
        async with killed_at_the_end(await start_server(forks, settings, port)):
            async with killed_at_the_end(await bot()):
                await _sent(slack, {"reason": "The tests assert nothing"})
                await slack.wait_until(lambda: "approve" not in card.buttons)
            await gatehouse.office.claim("w1", first.order)
            second = await gatehouse.resubmit(first.order)

            # It dies after the decision, before anybody sees it.
            async with killed_at_the_end(await bot()) as dying:
                shown = await posted(slack, second.review)
                async with slack.hold("chat.update", ts=shown.ts) as held:
                    await slack.click(shown, "approve", user="UADA")
                    await held.arrived()
                    await dying.kill()
            assert await gatehouse.office.state(first.order) == "completed"
            # The last one is told to stop, while it has something to finish.
            third = await gatehouse.submit("Another one")
            async with killed_at_the_end(await bot()) as last:
                await slack.wait_until(lambda: "approve" not in shown.buttons, 60)
                another = await posted(slack, third.review)
                async with slack.hold("chat.update", ts=another.ts) as held:
                    await slack.click(another, "approve", user="UADA")
                    await held.arrived()
                    last.tell_to_stop()
                assert await last.wait() == 0
                assert "approve" not in another.buttons
    shows = [each.metadata["event_payload"]["review"] for each in slack.messages() if each.metadata]
    assert shows == [first.review, second.review, third.review]
    for secret in (token, slack.bot_token, slack.app_token):
        assert secret not in "\n".join(last.lines)


def _form(slack: SlackEmulator) -> Any:
    view: View | None = slack.view_of("UADA")
    return view if view is not None and view.callback_id == "agentos.request_changes" else None


async def _sent(slack: SlackEmulator, values: dict[str, Any]) -> None:
    """Send the form until it is taken, as a person does: too late an answer leaves it open."""
    async with asyncio.timeout(60):
        while not (await slack.submit(_form(slack), values)).is_closed:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
