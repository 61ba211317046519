"""The worktree of submitted work: what is approved must be what was submitted.

Above: deciding, submit_work_order. Below: worktree_state, the diff against the base commit.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentos import ConflictError, NotFoundError, ToolCall, ToolError
from agentos_governance.orders import get_order
from agentos_governance.projections import work_order_stream
from agentos_governance.review.queries import sql
from agentos_governance.workspace.changes import fingerprint_workspace
from agentos_governance.workspace.worktree_state import WorktreeState, read_state
from agentos_governance.workspace.worktrees import Workspace


def workspace_of(row: Any) -> Workspace | None:
    """The worktree of a work-order row, or None."""
    if row["workspace"] is None:
        return None
    return Workspace(Path(row["repo"]), Path(row["workspace"]), row["branch"], row["base_commit"])


async def check_worktree(call: ToolCall, work_order: str) -> None:
    """ConflictError where the worktree has moved since the submission, or is gone.

    What is there is read again, all of it; in the way that takes fewer processes where that can show it
    to be what was submitted, else as the submission was read.
    """
    row = await get_order(call.kernel.database, work_order)
    workspace = workspace_of(row)
    if workspace is None or row["state"] != "in_review":
        return
    found = await call.kernel.database.fetch_row(
        sql.find_last_submission, work_order_stream(work_order)
    )
    assert found is not None, "what is in review was submitted"
    submitted = found["data"]
    if await is_proven(workspace, submitted):
        return
    try:
        digest, strays = await fingerprint_workspace(workspace)
    except NotFoundError:
        # Its branch may hold anything by now, and nothing is left to compare it with.
        raise ConflictError(
            f"the worktree of {work_order} is gone since it was submitted",
            remedy="request changes; the next claim makes it again",
        ) from None
    if submitted["diff"]["sha256"] != digest or strays:
        raise ConflictError(
            f"the worktree of {work_order} has changed since it was submitted",
            remedy="request changes, so that a worker submits what is there now",
        )


async def is_proven(workspace: Workspace, submitted: Mapping[str, Any]) -> bool:
    """Whether the worktree is what was submitted; False where that is not known."""
    expected = submitted.get("worktree_sha256")
    if expected is None or workspace.path.is_symlink() or not workspace.path.is_dir():
        # Submitted before there was such a digest, or gone.
        return False
    try:
        state = await read_state(workspace, frozenset(submitted["diff"]["paths"]))
    except ToolError:
        return False
    return state == WorktreeState(expected, has_strays=False)
