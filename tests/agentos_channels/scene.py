"""A server with governance and channels behind real HTTP, work with a real worktree, and persons."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agentos import Kernel, Settings, format_time
from agentos.testing import serve_http
from agentos_channels.following import Follower
from agentos_channels.registry import Channels
from tests.agentos_channels.github_checks_double import APP, INSTALLATION, App
from tests.agentos_channels.github_double import (
    REPOSITORY,
    SECRET,
    TOKEN,
    Deliveries,
    GithubDouble,
)
from tests.agentos_governance.lifecycle import FakeClock, Office, open_office, sample_repository

CHANGED = b"print('two')\n"
SLOW_CHECKS = ["no_new_lint", "no_new_type_errors", "no_new_security_findings"]


@dataclass(frozen=True)
class Submitted:
    """Work that waits for a review."""

    order: str
    review: str
    sha256: str
    workspace: Path


@dataclass
class Scene:
    """The server, the repository on GitHub, and what people do there."""

    office: Office
    github: GithubDouble
    hooks: Deliveries
    repository: Path

    async def submit(self, *, pushed: bytes = CHANGED, **review: Any) -> Submitted:
        """Work of w1 on `src/app.py`; pull request 12 of its branch has `pushed` in that file."""
        contract = {"review": {"required": True, **review}}
        order = await self.office.create("Add a cache", repo=self.repository, contract=contract)
        claimed = await self.office.claim("w1", order)
        workspace = claimed["workspace"]
        path = Path(workspace["path"])
        (path / "src" / "app.py").write_bytes(CHANGED)
        self.github.open_pull_request(workspace["branch"], workspace["base_commit"])
        self.github.push(12, {"src/app.py": pushed})
        return await self.resubmit(order, path)

    async def resubmit(self, order: str, workspace: Path) -> Submitted:
        """What is submitted of work that w1 holds."""
        submitted = await self.office.submit("w1", order)
        assert submitted["state"] == "in_review", submitted
        for waiting in (await self.office.call("admin", "list_waiting"))["reviews"]:
            if waiting["work_order"] == order:
                return Submitted(order, waiting["id"], waiting["sha256"], workspace)
        raise AssertionError(f"{order} waits for nobody")

    async def shown(self, work: Submitted) -> None:
        """Until the card is posted and recorded in its newest version."""
        async with asyncio.timeout(60):
            while True:
                card = await self.card(work)
                found = await self.office.dispatch(
                    "admin",
                    "get_post",
                    {"channel": "github", "review": work.review, "part": "card"},
                )
                if not found.is_error and found.structured["version"] == card["version"]:
                    return
                await asyncio.sleep(0.02)

    async def post(self, work: Submitted) -> dict[str, Any]:
        """What is recorded of the card's comment."""
        named = {"channel": "github", "review": work.review, "part": "card"}
        return await self.office.call("admin", "get_post", **named)

    async def settle(self, pause_s: float) -> None:
        """Let so much time pass, and have the channel look at what is due then."""
        self.office.clock.advance(pause_s)
        await follower_of(self.office.kernel).settling.settle()

    async def card(self, work: Submitted) -> dict[str, Any]:
        """What the server says of the review."""
        return await self.office.call("admin", "get_review_card", review=work.review)

    async def link(self, user: Any, person: str) -> None:
        """Link a GitHub account to a person by a code, as the person would."""
        await self.office.call("admin", "set_person", name=person, roles=["reviewer"])
        code = (await self.office.call("admin", "create_link_code", person=person))["code"]
        response, comment = await self.hooks.comment(user, f"/agentos link {code}")
        assert response.status_code == 200, response.text
        assert comment.reactions == ["+1"]


def follower_of(kernel: Kernel) -> Follower:
    """Who follows the events for the GitHub channel."""
    running = kernel.service(Channels).find("github")
    assert running is not None
    return running.follower


@asynccontextmanager
async def open_scene(
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    as_app: bool = False,
    **changes: Any,
) -> AsyncIterator[Scene]:
    """The scene with the GitHub channel; `as_app` in place of an account with a token."""
    monkeypatch.setenv("AGENTOS_GITHUB_TOKEN", TOKEN)
    monkeypatch.setenv("AGENTOS_GITHUB_WEBHOOK_SECRET", SECRET)
    clock = FakeClock()
    async with GithubDouble() as github:
        channel: dict[str, Any] = {"repository": REPOSITORY, "api_url": github.url, **changes}
        if as_app:
            github.app, key = App(clock), tmp_path / "app.pem"
            key.touch(0o600)
            key.write_text(github.app.key_text())
            channel |= {"app_id": APP, "installation_id": INSTALLATION, "private_key_file": key}
        async with (
            open_office(
                settings,
                clock=clock,
                plugins=("governance", "channels"),
                plugin_settings={"channels": {"github": channel}},
                gatekeeper={"skip": SLOW_CHECKS},
            ) as office,
            serve_http(office.kernel) as url,
        ):
            hooks = Deliveries(github, url, lambda: format_time(office.clock.now()))
            yield Scene(office, github, hooks, sample_repository(tmp_path))
