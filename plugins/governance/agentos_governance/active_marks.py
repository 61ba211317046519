"""Marks in the data folder for work that somebody holds, which hooks read when no server runs.

Above: claim_work_order (before it answers), reactions to events, the start of a server. Below: the
folder `active`, one file for each work order, written durably. The database decides; a mark only
says that there is something to ask about. One that stays behind by a crash is forgotten by the
next server, and until then closes the gate, never opens it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from agentos import Event, HookFolders, Kernel, Settings, canonical_json, hook_folders
from agentos_governance.evidence.durable_files import (
    make_private_folder,
    sync_folder,
    write_durable,
)
from agentos_governance.orders import sql

BEING_CLAIMED_S = 900
"""How old a mark without a lease must be before it is forgotten: a claim writes it first."""
REMINDED_KEPT_S = 30 * 86_400

_MOVED = frozenset(
    f"work_order.{how}"
    for how in (
        "claimed",
        "stood_down",
        "taken_over",
        "lease_expired",
        "submitted",
        "changes_requested",
        "completed",
        "failed",
        "cancelled",
    )
)


async def mark_active(
    settings: Settings, work_order: str, worker: str, workspace: str | None, repo: str | None
) -> None:
    """Note, durably, that `worker` holds the work order, or is about to."""
    said = {"work_order": work_order, "worker": worker, "workspace": workspace, "repo": repo}
    path = _path(settings, work_order)
    await asyncio.to_thread(_write, path, canonical_json(said))


async def align_mark(kernel: Kernel, work_order: str) -> None:
    """Have the mark of a work order say what the database says."""
    row = await kernel.database.fetch_row(sql.find_holder, work_order)
    if row is None:
        await asyncio.to_thread(_path(kernel.settings, work_order).unlink, missing_ok=True)
        return
    await mark_active(kernel.settings, work_order, row["worker"], row["workspace"], row["repo"])


async def align_marks(kernel: Kernel) -> None:
    """Have the folder say what the database says, at the start of a server."""
    held = [row["work_order"] for row in await kernel.database.fetch(sql.list_held_orders)]
    for work_order in held:
        await align_mark(kernel, work_order)
    await asyncio.to_thread(_forget_old, hook_folders(kernel.settings), frozenset(held))


def reaction_to_leases(event: Event) -> Callable[[Kernel], Awaitable[None]] | None:
    """What follows for the marks when a work order finds or leaves its worker; None otherwise.

    Each event aligns with the database as it is by then: a claim that was just committed wins over
    the late news that somebody else stood down before it.
    """
    if event.type not in _MOVED:
        return None
    work_order = event.data["work_order"]

    async def align(kernel: Kernel) -> None:
        await align_mark(kernel, work_order)

    return align


def _path(settings: Settings, work_order: str) -> Path:
    return hook_folders(settings).active / f"{work_order}.json"


def _write(path: Path, content: bytes) -> None:
    make_private_folder(path.parent)
    with contextlib.suppress(OSError):
        if path.read_bytes() == content:
            return
    write_durable(path, content)
    sync_folder(path.parent)


def _forget_old(folders: HookFolders, held: frozenset[str]) -> None:
    now = time.time()
    for path in folders.active.glob("*.json"):
        with contextlib.suppress(OSError):
            if path.stem not in held and now - path.stat().st_mtime > BEING_CLAIMED_S:
                path.unlink()
    for path in folders.reminded.glob("*"):
        with contextlib.suppress(OSError):
            if now - path.stat().st_mtime > REMINDED_KEPT_S:
                path.unlink()
