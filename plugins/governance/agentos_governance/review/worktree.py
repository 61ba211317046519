"""The worktree of submitted work: what is approved must be what was submitted.

Above: deciding, submit_work_order. Below: the diff against the base commit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agentos import ConflictError, Event, NotFoundError, ToolCall
from agentos_governance.orders import get_order, read_history
from agentos_governance.workspace.changes import fingerprint_workspace
from agentos_governance.workspace.worktrees import Workspace


def workspace_of(row: Any) -> Workspace | None:
    """The worktree of a work-order row, or None."""
    if row["workspace"] is None:
        return None
    return Workspace(Path(row["repo"]), Path(row["workspace"]), row["branch"], row["base_commit"])


async def check_worktree(call: ToolCall, work_order: str) -> None:
    """ConflictError where the worktree has moved since the submission, or is gone."""
    row = await get_order(call.kernel.database, work_order)
    workspace = workspace_of(row)
    if workspace is None or row["state"] != "in_review":
        return
    history = await read_history(call.kernel.database, work_order)
    submitted: Event = next(e for e in reversed(history) if e.type == "work_order.submitted")
    try:
        digest, strays = await fingerprint_workspace(workspace)
    except NotFoundError:
        # Its branch may hold anything by now, and nothing is left to compare it with.
        raise ConflictError(
            f"the worktree of {work_order} is gone since it was submitted",
            remedy="request changes; the next claim makes it again",
        ) from None
    if submitted.data["diff"]["sha256"] != digest or strays:
        raise ConflictError(
            f"the worktree of {work_order} has changed since it was submitted",
            remedy="request changes, so that a worker submits what is there now",
        )
