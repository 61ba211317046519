"""Issue 6: a call that a policy asks about waits for a person, who answers in Slack; then it happens.

The policy is a real one of the organisation; the tool is a plugin's.
"""

from __future__ import annotations

from typing import Any

import pytest

from agentos import ToolResult
from agentos.testing.slack import Message, SlackEmulator
from agentos_bots.slack.settings import Transport
from agentos_governance.sweeper import sweep
from tests.agentos_bots.slack.gatehouse import Gatehouse, posted, told
from tests.agentos_governance.lifecycle_plugin import LifecyclePlugin

pytestmark = pytest.mark.anyio

POLICY = "customers-read-notes: ASK write_note\nALLOW operation"
DAY_S = 86_400


@pytest.fixture(scope="module")
def changes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A server whose organisation wants every note approved."""
    home = tmp_path_factory.mktemp("governed") / "home"
    folder = home / "policy"
    folder.mkdir(parents=True)
    (folder / "base.policy").write_text(POLICY, encoding="utf-8")
    return {"plugin": LifecyclePlugin(), "home": home}


async def _write(gatehouse: Gatehouse, order: str, text: str) -> ToolResult:
    return await gatehouse.office.dispatch("w1", "write_note", {"text": text}, under=order)


async def _asked(gatehouse: Gatehouse, slack: SlackEmulator, text: str) -> tuple[str, str, Message]:
    """A work order, the review of a call under it that waits for a person, and its card."""
    order = await gatehouse.office.create(f"Write {text}")
    await gatehouse.office.claim("w1", order)
    waiting = await _write(gatehouse, order, text)
    assert waiting.error_code == "approval_required", waiting.text
    review = str(waiting.structured["error"]["review_id"])
    return order, review, await posted(slack, review)


async def _notes(gatehouse: Gatehouse) -> list[str]:
    return [event["data"]["text"] for event in await gatehouse.office.events("notes")]


async def test_a_call_that_ada_approves_in_slack_happens_once(
    gatehouse: Gatehouse, slack: SlackEmulator, mode: Transport
) -> None:
    async with gatehouse.bot(slack, mode):
        order, review, card = await _asked(gatehouse, slack, f"by {mode}")
        assert "May this very call happen, once?" in card.all_text
        assert f"by {mode}" in card.all_text and "write_note" in card.all_text
        assert "customers-read-notes" in card.all_text
        # Grace answers for w1: it is no second pair of eyes.
        await slack.click(card, "approve", user="UGRACE")
        await slack.wait_until(lambda: "Not recorded" in told(slack, "UGRACE"))
        assert (await _write(gatehouse, order, f"by {mode}")).error_code == "approval_required"
        assert (await slack.click(card, "approve", user="UADA")).acknowledged
        await slack.wait_until(lambda: "Approved by ada" in card.all_text)
        assert "approve" not in card.buttons
        other = await _write(gatehouse, order, "another text")
        assert other.error_code == "approval_required"
        assert not (await _write(gatehouse, order, f"by {mode}")).is_error
        # It was for once.
        assert (await _write(gatehouse, order, f"by {mode}")).error_code == "approval_required"
        assert "Approved by ada" in card.all_text
    assert (await _notes(gatehouse)).count(f"by {mode}") == 1
    assert (await gatehouse.card(review))["outcome"] == "approved"


async def test_a_call_that_is_rejected_in_slack_never_happens_and_its_worker_reads_why(
    gatehouse: Gatehouse, slack: SlackEmulator, either_mode: Transport
) -> None:
    text = f"rejected by {either_mode}"
    async with gatehouse.bot(slack, either_mode):
        _, review, card = await _asked(gatehouse, slack, text)
        assert (await slack.click(card, "reject", user="UADA")).acknowledged
        await slack.wait_until(lambda: _form(slack))
        sent = await slack.submit(_form(slack), {"reason": "Customers would read this"})
        assert sent.is_closed
        await slack.wait_until(lambda: "Rejected by ada" in card.all_text)
        assert "Customers would read this" in card.all_text
        said = await gatehouse.office.call("w1", "get_review", review_id=review)
        assert (said["state"], said["decision_reason"]) == (
            "rejected",
            "Customers would read this",
        )
    assert text not in await _notes(gatehouse)


async def test_a_call_that_nobody_decided_about_expired_and_nobody_denied_it(
    gatehouse: Gatehouse, slack: SlackEmulator, either_mode: Transport
) -> None:
    text = f"expired by {either_mode}"
    async with gatehouse.bot(slack, either_mode):
        order, review, card = await _asked(gatehouse, slack, text)
        seen = card.snapshot()
        gatehouse.office.clock.advance(DAY_S)
        await sweep(gatehouse.office.kernel)
        await slack.wait_until(lambda: "approve" not in card.buttons)
        await slack.click(seen, "approve", user="UADA")
        await slack.wait_until(lambda: told(slack, "UADA"))
        said = await gatehouse.office.call("w1", "get_review", review_id=review)
        assert said["state"] == "expired"
        assert (await gatehouse.card(review))["outcome"] == "expired"
        # The worker may ask again, and waits again.
        await gatehouse.office.claim("w1", order)
        again = await _write(gatehouse, order, text)
        assert again.error_code == "approval_required"
        assert again.structured["error"]["review_id"] != review
    for shown in (card.all_text.lower(), told(slack, "UADA").lower()):
        assert "expired" in shown
        assert not [word for word in ("denied", "rejected", "declined") if word in shown]
    assert text not in await _notes(gatehouse)


def _form(slack: SlackEmulator) -> Any:
    view = slack.view_of("UADA")
    return view if view is not None and view.callback_id == "agentos.reject" else None
