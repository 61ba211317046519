"""Where GitHub knows the channel as an app, a check run says where a review stands and what was found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agentos import ConfigurationError, Settings, UnavailableError
from agentos_channels.github.api import GithubApi
from agentos_channels.github.checks import MAX_ANNOTATIONS, CheckRuns, annotations_of, state_of
from agentos_channels.github.credentials import AppInstallation, GivenToken
from agentos_channels.settings import GithubSettings
from tests.agentos_channels.github_checks_double import APP, INSTALLATION, App
from tests.agentos_channels.github_double import ADA, REPOSITORY, GithubDouble
from tests.agentos_channels.scene import Scene, open_scene
from tests.agentos_channels.test_github_comment import card, finding
from tests.agentos_governance.lifecycle import FakeClock

pytestmark = pytest.mark.anyio

COMMIT = "c" * 40


def _run(scene: Scene) -> dict[str, Any]:
    (run,) = scene.github.checks.of(scene.github.pull_requests[12].head)
    return run


async def test_the_check_run_of_an_app_follows_the_review_and_no_status_is_set(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(settings, tmp_path, monkeypatch, as_app=True) as scene:
        work = await scene.submit()
        await scene.link(ADA, "Ada")
        await scene.shown(work)
        run = _run(scene)
        assert (run["name"], run["external_id"]) == ("agentos/review", work.review)
        assert (run["status"], run["conclusion"]) == ("in_progress", None)
        # An hour later the app needs another token.
        scene.office.clock.advance(2 * 3_600)
        assert (await scene.hooks.review(ADA, "approved")).status_code == 200
        await scene.shown(work)
        assert (run["status"], run["conclusion"]) == ("completed", "success")
        assert "Approved by Ada" in run["output"]["title"]
        assert scene.github.statuses == {}
        assert scene.github.app is not None and len(scene.github.app.tokens) == 2
        assert len(scene.github.checks.runs) == 1


@pytest.mark.nightly
async def test_a_token_that_github_takes_no_more_is_replaced_by_another(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(settings, tmp_path, monkeypatch, as_app=True) as scene:
        work = await scene.submit()
        await scene.shown(work)
        assert scene.github.app is not None
        scene.github.app.tokens = dict.fromkeys(
            scene.github.app.tokens, scene.office.clock.now() - timedelta(seconds=1)
        )
        assert (await scene.hooks.pushed()).json()["shown"] is True


@pytest.mark.nightly
async def test_a_new_round_has_a_run_of_its_own_and_the_old_one_hides_nothing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(settings, tmp_path, monkeypatch, as_app=True) as scene:
        first = await scene.submit()
        await scene.link(ADA, "Ada")
        await scene.shown(first)
        await scene.hooks.review(ADA, "changes_requested", "Say in the summary why")
        await scene.shown(first)
        await scene.office.claim("w1", first.order)
        second = await scene.resubmit(first.order, first.workspace)
        await scene.shown(second)
        old, new = scene.github.checks.of(scene.github.pull_requests[12].head)
        assert (old["conclusion"], new["status"]) == ("failure", "in_progress")
        await scene.hooks.review(ADA, "approved")
        await scene.shown(second)
        await scene.shown(first)
        assert (old["conclusion"], new["conclusion"]) == ("failure", "success")


@pytest.mark.nightly
async def test_a_run_whose_creation_was_not_answered_is_not_made_twice(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(settings, tmp_path, monkeypatch, as_app=True) as scene:
        scene.github.fail("POST", "/check-runs$", 0, after_effect=True)
        work = await scene.submit()
        await scene.shown(work)
        assert _run(scene)["status"] == "in_progress"


@asynccontextmanager
async def open_checks(tmp_path: Path) -> AsyncIterator[tuple[CheckRuns, GithubDouble]]:
    """The check runs of an app in the repository."""
    clock, file = FakeClock(), tmp_path / "app.pem"
    async with GithubDouble() as github:
        github.app = App(clock)
        file.touch(0o600)
        file.write_text(github.app.key_text())
        app = AppInstallation(APP, INSTALLATION, file, REPOSITORY, clock)
        api = GithubApi(GithubSettings(repository=REPOSITORY, api_url=github.url), app)
        yield CheckRuns(api, "agentos/review"), github
        await api.close()


async def test_many_findings_come_in_bunches_of_fifty_and_each_once(tmp_path: Path) -> None:
    found = [finding(id=f"F-{n}", start_line=n + 1, end_line=n + 2) for n in range(120)]
    async with open_checks(tmp_path) as (checks, github):
        # The answer to the first bunch is lost: GitHub took it.
        github.fail("PATCH", "/check-runs/", 502, after_effect=True)
        with pytest.raises(UnavailableError):
            await checks.show(card(findings=found), COMMIT)
        assert await checks.show(card(findings=found), COMMIT) is True
        assert await checks.show(card(findings=found), COMMIT) is False
        (run,) = github.checks.of(COMMIT)
        kept = github.checks.annotations[run["id"]]
        assert [each["start_line"] for each in kept] == list(range(1, 121))
        assert github.checks.largest == 50


async def test_what_github_does_not_take_as_an_annotation_stands_in_the_summary(
    tmp_path: Path,
) -> None:
    found = [finding(severity="blocking", path="")]
    async with open_checks(tmp_path) as (checks, github):
        assert await checks.show(card(findings=found, n_blocking=1), COMMIT) is False
        (run,) = github.checks.of(COMMIT)
        assert "A test is gone" in run["output"]["summary"]
        ended = card(findings=found, n_blocking=1, state="ended", outcome="rejected")
        assert await checks.show(ended, COMMIT) is True
        assert run["conclusion"] == "failure"


def test_an_annotation_says_in_plain_text_what_was_found_and_where() -> None:
    found = finding(message="one\n::error::two\x1b[31m <!channel>", end_line=None)
    elsewhere = finding(path=None, start_line=None, end_line=None)
    (annotation,) = annotations_of(card(findings=[found, elsewhere]))
    assert annotation == {
        "path": "tests/a.py",
        "start_line": 3,
        "end_line": 3,
        "annotation_level": "failure",
        "title": "tests_kept: A test is gone",
        "message": "one ::error::two [31m <!channel>",
    }
    assert len(annotations_of(card(findings=[finding()] * 700))) == MAX_ANNOTATIONS


@pytest.mark.parametrize("outcome", ["rejected", "expired", "cancelled", "superseded"])
def test_only_an_approval_satisfies_a_required_check(outcome: str) -> None:
    """GitHub takes `neutral` and `skipped` for passed."""
    said = state_of(card(state="ended", outcome=outcome))
    assert said["status"] == "completed"
    assert said["conclusion"] not in ("success", "neutral", "skipped")


def test_a_token_of_an_app_s_installation_is_known_by_its_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.touch(0o600)
    settings = GithubSettings(repository=REPOSITORY, token_file=file)
    file.write_text("ghp_" + "a" * 36)
    given = GivenToken(settings)
    assert given.is_app is False and given.refused() is False
    # Whoever renews it writes the new one into the file.
    file.write_text("ghs_" + "b" * 36)
    assert given.refused() is True and given.is_app is True


@pytest.mark.parametrize("text", ["", "no key at all, but long enough"])
def test_an_app_without_a_key_does_not_start(tmp_path: Path, text: str) -> None:
    file = tmp_path / "app.pem"
    file.touch(0o600)
    file.write_text(text)
    with pytest.raises(ConfigurationError, match="private_key_file"):
        AppInstallation(APP, INSTALLATION, file, REPOSITORY, FakeClock())
