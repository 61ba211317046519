"""Offices with policies: an organisation's files, a repository's commit, contracts with rules."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from agentos import Settings
from agentos_governance.policies.in_force import PoliciesInForce
from tests.agentos_governance.lifecycle import FakeClock, Office, open_office
from tests.agentos_governance.lifecycle_plugin import LifecyclePlugin
from tests.agentos_governance.repositories import git, make_repository


def write_policy(settings: Settings, text: str, name: str = "base.policy") -> Path:
    """Put a file into the organisation's default folder."""
    folder = settings.home / "policy"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def repository_with_policy(folder: Path, text: str, *, name: str = "policy") -> Path:
    """A repository whose HEAD has `.agentos/<name>`."""
    repo = make_repository(folder)
    path = repo / ".agentos" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "policy")
    return repo


@asynccontextmanager
async def open_governed(
    settings: Settings,
    organisation: str | None = None,
    *,
    clock: FakeClock | None = None,
    **changes: Any,
) -> AsyncIterator[Office]:
    """An office under an organisation's policy whose files are looked at before every call."""
    if organisation is not None:
        write_policy(settings, organisation)
    async with open_office(settings, clock=clock, plugin=LifecyclePlugin(), **changes) as office:
        office.kernel.service(PoliciesInForce).organisation.check_every_s = 0.0
        yield office


async def held(
    office: Office,
    *,
    repo: Path | None = None,
    who: str = "w1",
    contract: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> str:
    """A work order that `who` holds."""
    order = await office.create(repo=repo, contract=contract, **arguments)
    await office.claim(who, order)
    return order


async def check(office: Office, tool: str, who: str = "w1", **action: Any) -> dict[str, Any]:
    """What check_action answers."""
    return await office.call(who, "check_action", action={"tool": tool, **action})


async def last_decision(office: Office, type: str, tool: str | None = None) -> Mapping[str, Any]:
    """What the newest event of a type says was decided."""
    events = [e for e in await office.events(type=type) if tool in (None, e["data"].get("tool"))]
    decision: Mapping[str, Any] = events[-1]["data"]["decision"]
    return decision
