"""Issue 6: a better packet takes the place of the one that waits, and its card says so everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos.testing.slack import SlackEmulator
from agentos_bots.slack.settings import Transport
from tests.agentos_bots.slack.gatehouse import Gatehouse, posted, told
from tests.agentos_governance.lifecycle import sample_repository

pytestmark = pytest.mark.anyio


async def test_an_old_card_leads_to_the_new_one_and_a_click_on_it_is_told_what_changed(
    gatehouse: Gatehouse, slack: SlackEmulator, either_mode: Transport, tmp_path: Path
) -> None:
    office = gatehouse.office
    async with gatehouse.bot(slack, either_mode):
        order = await office.create("Add a cache", repo=sample_repository(tmp_path))
        source = Path((await office.claim("w1", order))["workspace"]["path"]) / "src"
        (source / "cache.py").write_text("SIZE = 1\n", "utf-8")
        first = await gatehouse.resubmit(order)
        card = await posted(slack, first.review)
        seen = card.snapshot()
        # Its worker finds a mistake.
        (source / "cache.py").write_text("SIZE = 2\n", "utf-8")
        (source / "limits.py").write_text("MOST = 9\n", "utf-8")
        second = await gatehouse.resubmit(order)
        newer = await posted(slack, second.review)
        await slack.wait_until(lambda: "Superseded" in card.all_text)
        assert not card.buttons
        link = f"https://emulated.slack.com/archives/{newer.channel}/p{newer.ts.replace('.', '')}"
        assert link in card.all_text and second.review in card.all_text
        assert {"approve", "reject"} <= newer.buttons.keys()
        assert "src/limits.py" in newer.all_text
        for action in ("approve", "reject"):
            assert (await slack.click(seen, action, user="UADA")).acknowledged
        await slack.wait_until(lambda: told(slack, "UADA"))
        assert "Not recorded" in told(slack, "UADA")
        assert "1 added, 1 changed" in told(slack, "UADA")
        assert second.sha256[:12] in told(slack, "UADA")
        await slack.wait_until(lambda: _notice(slack))
        assert "1 added, 1 changed" in _notice(slack)
        assert await gatehouse.votes(second.review) == []
        assert link in card.all_text
        await slack.click(newer, "approve", user="UADA")
        await slack.wait_until(lambda: "approve" not in newer.buttons)
    assert await office.state(order) == "completed"
    assert (await gatehouse.card(first.review))["outcome"] == "superseded"
    assert await gatehouse.votes(first.review) == []


def _notice(slack: SlackEmulator) -> str:
    """What the form says that Ada opened on the old card, once it says it."""
    view = slack.view_of("UADA")
    return view.all_text if view is not None and view.callback_id == "agentos.notice" else ""
