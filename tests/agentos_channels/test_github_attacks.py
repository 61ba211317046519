"""What somebody without the secret, or with an old message, can do on GitHub: nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from agentos import Settings, format_time
from agentos_channels.github.marker import Marker, read_marker
from tests.agentos_channels.github_double import ADA, EVE, REPOSITORY, SECRET
from tests.agentos_channels.scene import Scene, open_scene

pytestmark = pytest.mark.anyio


async def test_nothing_is_done_about_what_is_not_signed_or_not_meant_for_us(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(settings, tmp_path, monkeypatch) as scene:
        work = await scene.submit()
        await scene.link(ADA, "Ada")
        await scene.shown(work)
        before = len(scene.github.requests)
        refused = await _refused(scene)
        ignored = await _ignored(scene)
        assert set(refused.values()) == {401}, refused
        assert set(ignored.values()) == {202}, ignored
        assert await scene.office.state(work.order) == "in_review"
        # Who sends what is not signed does not even cause a request.
        unread = len(scene.github.requests) - before
        assert unread <= len(ignored)
        async with httpx2.AsyncClient(timeout=60) as client:
            assert (await client.get(f"{scene.hooks.url}/channels/github")).status_code == 405
            posted = await client.post(f"{scene.hooks.url}/channels/none", content=b"{}")
            assert posted.status_code == 404
        assert (await scene.hooks.review(ADA, "approved")).status_code == 200


async def _refused(scene: Scene) -> dict[str, int]:
    good = scene.hooks.review_of(ADA, "approved")
    review = good["review"]
    old = format_time(scene.office.clock.now() - timedelta(days=8))
    ahead = format_time(scene.office.clock.now() + timedelta(hours=1))
    event = "pull_request_review"
    cases: dict[str, Any] = {
        "without a signature": {"payload": good, "x_hub_signature_256": ""},
        "by another secret": {"payload": good, "secret": "somebody-else-s-secret"},
        "with an old kind of signature": {"payload": good, "x_hub_signature_256": "sha1=00"},
        "with a signature of other bytes": {
            "payload": good,
            "x_hub_signature_256": "sha256=" + "0" * 64,
        },
        "as a form": {"payload": good, "content_type": "application/x-www-form-urlencoded"},
        "no JSON": {"payload": b"{"},
        "no object": {"payload": b"[]"},
        "without a review": {"payload": {**good, "review": None}},
        "of another repository": {
            "payload": {**good, "repository": {"id": 1, "full_name": "evil/shop"}}
        },
        "too old": {"payload": {**good, "review": {**review, "submitted_at": old}}},
        "from the future": {"payload": {**good, "review": {**review, "submitted_at": ahead}}},
        "at no time": {"payload": {**good, "review": {**review, "submitted_at": "soon"}}},
    }
    return {
        name: (await scene.hooks.send(event, **case)).status_code for name, case in cases.items()
    }


async def _ignored(scene: Scene) -> dict[str, int]:
    good = scene.hooks.review_of(ADA, "approved")
    bot = {**ADA, "type": "Bot"}
    event = "pull_request_review"
    cases: dict[str, tuple[str, Any]] = {
        "a ping": ("ping", {"zen": "Keep it logically awesome."}),
        "a comment": (event, scene.hooks.review_of(ADA, "commented", "approve")),
        "a dismissal": (event, {**good, "action": "dismissed"}),
        "an edit": (event, {**good, "action": "edited"}),
        "a bot's review": (event, scene.hooks.review_of(bot, "approved")),
        "another event": ("push", good),
    }
    return {
        name: (await scene.hooks.send(kind, payload)).status_code
        for name, (kind, payload) in cases.items()
    }


async def test_an_old_approval_does_not_come_back_under_another_delivery_id(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The id of a delivery is not signed; what the decision rests on is."""
    async with open_scene(settings, tmp_path, monkeypatch) as scene:
        first = await scene.submit()
        await scene.link(ADA, "Ada")
        await scene.shown(first)
        old = json.dumps(scene.hooks.review_of(ADA, "approved", "Fine")).encode()
        assert (await scene.hooks.send("pull_request_review", old)).status_code == 200
        assert await scene.office.state(first.order) == "completed"
        second = await scene.office.create(
            "Another", repo=scene.repository, contract={"review": {"required": True}}
        )
        await scene.office.claim("w2", second)
        assert (await scene.office.submit("w2", second))["state"] == "in_review"
        again = await scene.hooks.send("pull_request_review", old, x_github_delivery="another")
        assert again.status_code == 200 and again.json()["review"] == first.review
        assert await scene.office.state(second) == "in_review"


async def test_markers_of_others_move_no_decision_to_another_review(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(settings, tmp_path, monkeypatch) as scene:
        work = await scene.submit(quorum=2)
        await scene.link(ADA, "Ada")
        await scene.shown(work)
        (ours,) = scene.github.cards()
        head = scene.github.pull_requests[12].head
        forged = Marker(REPOSITORY, 12, "RV-FORGED", "0" * 64, head).text("a guess")
        scene.github.comment(12, EVE, f"LGTM {forged}")
        scene.github.comment(12, EVE, ours.body)
        assert (await scene.hooks.review(ADA, "approved")).status_code == 200
        assert [vote["person"] for vote in (await scene.card(work))["votes"]] == ["Ada"]
        await scene.shown(work)
        assert ours.n_edits > 0 and "1" in ours.body


def test_a_marker_is_read_only_where_it_was_written() -> None:
    marker = Marker(REPOSITORY, 12, "RV-1", "a" * 64, "b" * 40)
    body = f"text\n{marker.text(SECRET)}"
    assert read_marker(body, SECRET, REPOSITORY, 12) == marker
    assert read_marker(body, SECRET, REPOSITORY, 13) is None
    assert read_marker(body, SECRET, "acme/other", 12) is None
    assert read_marker(body, "another secret", REPOSITORY, 12) is None
    assert (
        read_marker(body.replace("agentos-review ", "agentos-review A"), SECRET, REPOSITORY, 12)
        is None
    )
    assert read_marker("nothing", SECRET, REPOSITORY, 12) is None
