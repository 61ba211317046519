"""GitHub as a review channel: one comment and one status per card, reviews as decisions of persons."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from agentos import Settings
from tests.agentos_channels.github_double import ADA, BEN, EVE
from tests.agentos_channels.scene import CHANGED, open_scene

pytestmark = pytest.mark.anyio


async def test_an_approval_on_github_completes_the_work_for_the_linked_person(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(settings, tmp_path, monkeypatch) as scene:
        work = await scene.submit()
        await scene.shown(work)
        (comment,) = scene.github.cards()
        head = scene.github.pull_requests[12].head
        assert "Add a cache" in comment.body and work.sha256 in comment.body
        assert f"Commit {head[:12]} is exactly the submitted work" in comment.body
        assert scene.github.status(head) == "pending"
        await scene.link(ADA, "Ada")
        response = await scene.hooks.review(ADA, "approved", "Well done")
        assert response.status_code == 200 and response.json()["outcome"] == "approved"
        assert await scene.office.state(work.order) == "completed"
        await scene.shown(work)
        assert "Approved by Ada" in comment.body and scene.github.status(head) == "success"
        assert len(scene.github.cards()) == 1 and scene.github.replies() == []
        card = await scene.card(work)
        assert [vote["person"] for vote in card["votes"]] == ["Ada"]
        await scene.office.assert_consistent()


async def test_changes_requested_go_back_with_the_reason(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(settings, tmp_path, monkeypatch) as scene:
        work = await scene.submit()
        await scene.link(ADA, "Ada")
        await scene.shown(work)
        short = await scene.hooks.review(ADA, "changes_requested", "no")
        assert short.status_code == 400
        assert "not recorded" in scene.github.replies()[0]
        assert "at least 10 characters" in scene.github.replies()[0].replace("\\", "")
        said = "The cache is never cleared; clear it"
        assert (await scene.hooks.review(ADA, "changes_requested", said)).status_code == 200
        assert await scene.office.state(work.order) == "suspended"
        await scene.shown(work)
        (comment,) = scene.github.cards()
        assert "Changes requested by Ada" in comment.body
        assert scene.github.status(scene.github.pull_requests[12].head) == "failure"


async def test_who_is_not_linked_is_told_how_and_decides_nothing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(settings, tmp_path, monkeypatch) as scene:
        work = await scene.submit()
        await scene.shown(work)
        for _ in range(2):
            assert (await scene.hooks.review(EVE, "approved")).status_code == 404
        assert await scene.office.state(work.order) == "in_review"
        (reply,) = scene.github.replies()
        assert "agentos link CODE" in reply
        _, wrong = await scene.hooks.comment(EVE, "/agentos link aos_not-a-code-at-all")
        assert wrong.reactions == ["confused"]


async def test_one_person_is_one_vote_and_another_makes_the_quorum(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(settings, tmp_path, monkeypatch) as scene:
        work = await scene.submit(quorum=2)
        await scene.link(ADA, "Ada")
        await scene.link(BEN, "Ben")
        await scene.shown(work)
        answers = await asyncio.gather(*(scene.hooks.review(ADA, "approved") for _ in range(5)))
        assert {answer.status_code for answer in answers} == {200}
        assert await scene.office.state(work.order) == "in_review"
        assert [vote["person"] for vote in (await scene.card(work))["votes"]] == ["Ada"]
        await scene.hooks.review(BEN, "approved")
        assert await scene.office.state(work.order) == "completed"


async def test_the_sponsor_of_the_worker_does_not_approve_its_work(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(settings, tmp_path, monkeypatch) as scene:
        work = await scene.submit()
        await scene.link(EVE, "w1")
        await scene.shown(work)
        assert (await scene.hooks.review(EVE, "approved")).status_code == 409
        assert await scene.office.state(work.order) == "in_review"
        assert "not recorded" in scene.github.replies()[0]


async def test_a_review_of_another_commit_is_refused_with_what_changed(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(settings, tmp_path, monkeypatch) as scene:
        work = await scene.submit()
        await scene.link(ADA, "Ada")
        await scene.shown(work)
        scene.github.push(12, {"src/app.py": CHANGED, "src/evil.py": b"import os\n"})
        assert (await scene.hooks.review(ADA, "approved")).status_code == 409
        assert await scene.office.state(work.order) == "in_review"
        (reply,) = scene.github.replies()
        assert "src/evil.py" in reply.replace("\\", "").replace("\u200b", "")
        response = await scene.hooks.pushed()
        assert response.json() == {"review": work.review, "shown": True}
        (comment,) = scene.github.cards()
        assert "does not show the submitted work" in comment.body
        assert (await scene.hooks.review(ADA, "approved")).status_code == 409
        assert await scene.office.state(work.order) == "in_review"


async def test_work_that_was_never_pushed_cannot_be_approved_there(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(settings, tmp_path, monkeypatch) as scene:
        work = await scene.submit(pushed=b"print('harmless')\n")
        await scene.link(ADA, "Ada")
        await scene.shown(work)
        (comment,) = scene.github.cards()
        assert "does not show the submitted work" in comment.body
        assert (await scene.hooks.review(ADA, "approved")).status_code == 409
        assert await scene.office.state(work.order) == "in_review"
        assert scene.github.status(scene.github.pull_requests[12].head) is None


async def test_a_new_round_gets_its_own_card_and_the_old_one_says_what_became_of_it(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(settings, tmp_path, monkeypatch) as scene:
        first = await scene.submit()
        await scene.link(ADA, "Ada")
        await scene.shown(first)
        await scene.hooks.review(ADA, "changes_requested", "Name it otherwise, please")
        await scene.office.claim("w1", first.order)
        (first.workspace / "src" / "app.py").write_bytes(b"print('three')\n")
        old_head = scene.github.pull_requests[12].head
        scene.github.push(12, {"src/app.py": b"print('three')\n"})
        second = await scene.resubmit(first.order, first.workspace)
        await scene.shown(second)
        await scene.shown(first)
        old, new = scene.github.cards()
        assert "Changes requested" in old.body and "Waits for review" in new.body
        late = await scene.hooks.review(ADA, "approved", commit=old_head)
        assert late.status_code == 409
        assert (await scene.hooks.review(ADA, "approved")).status_code == 200
        assert await scene.office.state(first.order) == "completed"


async def test_the_same_delivery_again_decides_once_and_answers_once(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(settings, tmp_path, monkeypatch) as scene:
        work = await scene.submit(quorum=2)
        await scene.link(ADA, "Ada")
        await scene.shown(work)
        payload = json.dumps(scene.hooks.review_of(ADA, "approved")).encode()
        answers = [await scene.hooks.send("pull_request_review", payload) for _ in range(3)]
        assert {answer.status_code for answer in answers} == {200}
        said = json.dumps(scene.hooks.review_of(EVE, "approved")).encode()
        answers = [await scene.hooks.send("pull_request_review", said) for _ in range(3)]
        assert {answer.status_code for answer in answers} == {404}
        assert len(scene.github.replies()) == 1
        votes = await scene.office.events(f"work_order/{work.order}", "work_order.reviewed")
        assert len(votes) == 1


@pytest.mark.parametrize("lost", ["answer", "request"])
async def test_a_card_is_posted_once_although_github_s_answer_is_lost(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    async with open_scene(settings, tmp_path, monkeypatch) as scene:
        scene.github.fail("POST", "/comments$", 0, after_effect=lost == "answer")
        work = await scene.submit()
        await scene.shown(work)
        assert len(scene.github.cards()) == 1 and not scene.github.faults


@pytest.mark.nightly
async def test_github_s_limits_and_failures_are_waited_for(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(settings, tmp_path, monkeypatch) as scene:
        scene.github.fail("GET", "/pulls$", 403, {"x-ratelimit-remaining": "0"})
        scene.github.fail("GET", "/pulls$", 502)
        work = await scene.submit()
        await scene.shown(work)
        assert len(scene.github.cards()) == 1 and not scene.github.faults
