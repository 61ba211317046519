"""One office with tools that read, write, edit and cost, for all scenarios of a module.

Above: the scenarios. Below: the office of the lifecycle tests. Each scenario makes identities and
work orders of its own; policies of the organisation are in force inside `organisation` only.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from agentos import Role, Settings
from agentos.database.migrations import MigrationSet
from agentos.testing.databases import TestDatabases
from agentos_governance.policies.in_force import PoliciesInForce
from tests.agentos_governance.lifecycle import CONTRACT, Office, open_office
from tests.agentos_governance.lifecycle_plugin import LifecyclePlugin
from tests.agentos_governance.repositories import git, make_repository

_numbers = itertools.count(1)
GOVERNANCE = (MigrationSet("governance", "agentos_governance"),)
NOTHING = "# nothing is ruled here\n"


@asynccontextmanager
async def open_arena(databases: TestDatabases, home: Path, **changes: Any) -> AsyncIterator[Office]:
    """An office on a database of its own, which looks at policy files before every call."""
    url = await databases.create(GOVERNANCE)
    settings = Settings(home=home, database_url=url, plugins=(), worker="local")
    async with open_office(settings, plugin=LifecyclePlugin(), **changes) as office:
        office.kernel.service(PoliciesInForce).organisation.check_every_s = 0.0
        yield office
    await databases.drop(url)


@contextmanager
def organisation(office: Office, text: str) -> Iterator[Path]:
    """The organisation's policy inside the block; the file may be edited there."""
    folder = office.kernel.settings.home / "policy"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "base.policy"
    path.write_text(text, encoding="utf-8")
    try:
        yield path
    finally:
        path.write_text(NOTHING, encoding="utf-8")


async def worker(office: Office, *, person: str | None = None) -> str:
    """A new worker's name."""
    name = f"worker-{next(_numbers)}"
    await office.join(name, Role.WORKER, person=person)
    return name


async def held_by(
    office: Office, who: str, contract: Mapping[str, Any] | None = None, **arguments: Any
) -> str:
    """A new work order that `who` holds, with an hour's lease."""
    order = await office.create(contract={"lease_ttl_s": 3600, **(contract or {})}, **arguments)
    await office.claim(who, order)
    return order


async def delegate(
    office: Office, who: str, parent: str, contract: Mapping[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """What creating a child answers, refused or not."""
    document = {**CONTRACT, "lease_ttl_s": 3600, **(contract or {})}
    arguments = {"title": "Part", "objective": "Do a part", "contract": document, "parent": parent}
    result = await office.dispatch(who, "create_work_order", {**arguments, **more})
    return dict(result.structured)


async def verdict(office: Office, who: str, order: str, **action: Any) -> str:
    """What check_action answers: allow, ask, deny, or the code of its refusal."""
    result = await office.dispatch(who, "check_action", {"work_order": order, "action": action})
    return str(result.error_code or result.structured["verdict"])


def repository_with(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """A repository whose HEAD holds the files besides those of every sample repository."""
    repo = make_repository(folder)
    for name, content in files.items():
        path = repo / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "More files")
    return repo
