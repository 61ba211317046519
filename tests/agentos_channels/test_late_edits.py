"""What GitHub carries out late leaves no pull request on show as it was before."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos import Settings
from tests.agentos_channels.github_double import ADA, BEN
from tests.agentos_channels.scene import CHANGED, Scene, Submitted, open_scene

pytestmark = pytest.mark.anyio

LOOKS_S = (60, 120, 240, 480, 960)


async def _approved(scene: Scene, *held: tuple[str, str]) -> Submitted:
    """Work that two persons approved; what was sent after the first vote is not carried out yet."""
    work = await scene.submit(quorum=2)
    await scene.link(ADA, "Ada")
    await scene.link(BEN, "Ben")
    await scene.shown(work)
    for method, path in held:
        scene.github.hold(method, path)
    await scene.hooks.review(ADA, "approved")
    await scene.github.wait_until(lambda: scene.github.n_late == len(held))
    await scene.hooks.review(BEN, "approved")
    await scene.shown(work)
    (comment,) = scene.github.cards()
    assert "Approved by" in comment.body
    return work


async def test_an_edit_and_a_status_that_come_late_are_found_and_mended_and_nothing_else_is_sent(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(settings, tmp_path, monkeypatch) as scene:
        held = (("PATCH", "/issues/comments/"), ("POST", "/statuses/"))
        work = await _approved(scene, *held)
        (comment,), head = scene.github.cards(), scene.github.pull_requests[12].head
        await scene.settle(LOOKS_S[0])
        n_edits, n_statuses = comment.n_edits, _n_statuses(scene)
        assert "Approved by" in comment.body and scene.github.status(head) == "success"
        scene.github.carry_out_late()
        assert "Waits for review" in comment.body and scene.github.status(head) == "pending"
        await scene.settle(LOOKS_S[1])
        assert "Approved by" in comment.body and scene.github.status(head) == "success"
        for pause_s in LOOKS_S[2:]:
            assert (await scene.post(work))["settles_at"] is not None
            await scene.settle(pause_s)
        assert (await scene.post(work))["settles_at"] is None
        # What came late, and what was put over it.
        assert (comment.n_edits, _n_statuses(scene)) == (n_edits + 2, n_statuses + 2)


@pytest.mark.nightly
async def test_a_refresh_that_got_no_answer_is_looked_at_again_as_well(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(settings, tmp_path, monkeypatch) as scene:
        work = await scene.submit()
        await scene.shown(work)
        (comment,) = scene.github.cards()
        scene.github.hold("PATCH", "/issues/comments/")
        scene.github.push(12, {"src/app.py": b"print('something else')\n"})
        assert (await scene.hooks.pushed()).status_code == 503
        head = scene.github.push(12, {"src/app.py": CHANGED})
        assert (await scene.hooks.pushed()).status_code == 200
        assert f"Commit {head[:12]} is exactly the submitted work" in comment.body
        scene.github.carry_out_late()
        assert "does not show the submitted work" in comment.body
        await scene.settle(LOOKS_S[0])
        assert f"Commit {head[:12]} is exactly the submitted work" in comment.body


@pytest.mark.nightly
async def test_an_ended_review_never_takes_the_status_from_a_later_one_of_the_same_commit(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(settings, tmp_path, monkeypatch) as scene:
        first = await scene.submit()
        await scene.link(ADA, "Ada")
        await scene.shown(first)
        head = scene.github.pull_requests[12].head
        scene.github.fail("PATCH", "/issues/comments/", 0)
        await scene.hooks.review(ADA, "changes_requested", "Say in the summary why")
        await scene.shown(first)
        assert scene.github.status(head) == "failure"
        await scene.office.claim("w1", first.order)
        second = await scene.resubmit(first.order, first.workspace)
        await scene.shown(second)
        await scene.hooks.review(ADA, "approved")
        await scene.shown(second)
        assert scene.github.status(head) == "success"
        assert (await scene.post(first))["settles_at"] is not None
        await scene.settle(LOOKS_S[0])
        assert scene.github.status(head) == "success"


@pytest.mark.nightly
async def test_a_comment_that_somebody_deleted_is_not_asked_for_without_end(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(settings, tmp_path, monkeypatch) as scene:
        work = await _approved(scene, ("PATCH", "/issues/comments/"))
        scene.github.pull_requests[12].comments.clear()
        for pause_s in LOOKS_S:
            await scene.settle(pause_s)
        assert (await scene.post(work))["settles_at"] is None


def _n_statuses(scene: Scene) -> int:
    return sum(len(each) for each in scene.github.statuses.values())
