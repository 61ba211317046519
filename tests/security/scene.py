"""A worker in its worktree, with links planted in it that lead out."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentos import Settings
from tests.agentos_governance.lifecycle import Office, open_office, sample_repository


@dataclass(frozen=True, slots=True)
class Scene:
    """An office in which `w1` holds `order` and edits `workspace`."""

    office: Office
    order: str
    workspace: Path


@asynccontextmanager
async def open_scene(
    settings: Settings, folder: Path, contract: Mapping[str, Any], **changes: Any
) -> AsyncIterator[Scene]:
    """A claimed work order on a real repository."""
    async with open_office(settings, **changes) as office:
        order = await office.create(repo=sample_repository(folder), contract=contract)
        claim = await office.claim("w1", order)
        workspace = Path(claim["workspace"]["path"])
        plant_links(workspace)
        yield Scene(office, order, workspace)


async def begin(office: Office, folder: Path, *, who: str = "w1", **contract: Any) -> Scene:
    """A work order on a repository in `folder`, claimed in an office that is open already."""
    order = await office.create(repo=sample_repository(folder), contract=contract)
    claim = await office.claim(who, order)
    return Scene(office, order, Path(claim["workspace"]["path"]))


async def begin_review(office: Office, *, who: str = "w1", **contract: Any) -> tuple[str, str]:
    """A submitted work order without a repository, and the digest of its packet."""
    order = await office.create(contract=contract)
    await office.claim(who, order)
    return order, str((await office.submit(who, order))["packet_sha256"])


def plant_links(workspace: Path) -> None:
    """What a worker could leave in its own worktree to be led out by."""
    src = workspace / "src"
    (src / "ci").mkdir()
    (src / "sub").mkdir()
    (src / "key.pem").write_text("not a key\n", encoding="utf-8")
    links = {
        "to_etc": "/etc",
        "to_readme": "../README.md",
        "to_parent": "..",
        "to_git": "../.git",
        "chain": "to_parent",
        "to_ci": "ci",
        "loop": "loop",
        "to_absolute_root": str(workspace),
        "dangling": "../missing.py",
        "to_proc": "/proc/self",
        "to_key": "key.pem",
        "sub/up": "../..",
    }
    for name, target in links.items():
        os.symlink(target, src / name)
