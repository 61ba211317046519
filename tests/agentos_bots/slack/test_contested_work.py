"""Issue 6: work that its worker submits in spite of a blocking finding, decided in Slack."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos.testing.slack import SlackEmulator, View
from agentos_bots.slack.settings import Transport
from tests.agentos_bots.slack.gatehouse import Gatehouse, Submitted, posted, told
from tests.agentos_governance.lifecycle import sample_repository

pytestmark = pytest.mark.anyio

HIDDEN = (
    "def run(job):\n    try:\n        return job()\n    except Exception:\n        return None\n"
)
CONTEST = "The job's owner is told elsewhere"
REASON = "The owner is told, I looked it up"


async def _contested(gatehouse: Gatehouse, folder: Path) -> Submitted:
    """Work with a failure that it hides, which is stopped first and then contested."""
    office = gatehouse.office
    order = await office.create(
        "Run jobs",
        repo=sample_repository(folder),
        contract={"review": {"required": True, "by": "human"}},
    )
    workspace = Path((await office.claim("w1", order))["workspace"]["path"])
    (workspace / "src" / "jobs.py").write_text(HIDDEN, "utf-8")
    said = {"work_order": order, "summary": "Jobs run"}
    stopped = await office.call("w1", "submit_work_order", **said)
    assert (stopped["state"], stopped["packet_sha256"]) == ("active", None)
    submitted = await office.call("w1", "submit_work_order", **said, contest=CONTEST)
    assert submitted["state"] == "in_review", submitted
    return Submitted(order, submitted["review"], submitted["packet_sha256"])


async def _form(slack: SlackEmulator) -> View:
    """The form that asks Ada why the finding does not count, once it is there."""

    def form() -> View | None:
        view = slack.view_of("UADA")
        return view if view is not None and view.callback_id == "agentos.approve" else None

    await slack.wait_until(form)
    view = form()
    assert view is not None
    return view


async def test_contested_work_is_approved_only_with_a_reason_that_is_shown_and_counted(
    gatehouse: Gatehouse, slack: SlackEmulator, mode: Transport, tmp_path: Path
) -> None:
    before = await _n_overrides(gatehouse)
    async with gatehouse.bot(slack, mode):
        work = await _contested(gatehouse, tmp_path)
        card = await posted(slack, work.review)
        assert "1 blocking finding is open" in card.all_text
        assert "no_hidden_failures" in card.all_text
        assert "src/jobs.py" in (await posted(slack, work.review, "findings")).all_text
        assert "approve" not in card.buttons
        # A click that some other client forges without a reason decides nothing.
        forged = card.snapshot()
        forged.buttons["approve_overriding"]["action_id"] = "approve"
        assert (await slack.click(forged, "approve", user="UADA")).acknowledged
        await slack.wait_until(lambda: "override_reason" in told(slack, "UADA"))
        assert await gatehouse.votes(work.review) == []
        assert (await slack.click(card, "approve_overriding", user="UADA")).acknowledged
        form = await _form(slack)
        for short in ("", "fine", "          "):
            sent = await slack.submit(form, {"override_reason": short}, bypass_client=True)
            assert "override_reason" in sent.errors and not sent.is_closed
        assert await gatehouse.votes(work.review) == []
        assert (await slack.submit(form, {"override_reason": REASON})).is_closed
        await slack.wait_until(lambda: "Approved by ada" in card.all_text)
        assert not card.buttons.keys() & {"approve", "approve_overriding", "reject"}
    assert await gatehouse.office.state(work.order) == "completed"
    (vote,) = (await gatehouse.card(work.review))["votes"]
    assert vote["person"] == "ada" and REASON in vote["reason"]
    assert await _n_overrides(gatehouse) == before + 1


async def _n_overrides(gatehouse: Gatehouse) -> float:
    text = (await gatehouse.office.kernel.metrics.scrape()).decode()
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return float(lines.get("agentos_review_overrides_total", "0"))
