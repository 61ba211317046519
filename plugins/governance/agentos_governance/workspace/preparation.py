"""The worktree that a claim hands out: made once, from a commit that is chosen once.

Above: claims. Below: worktrees, and the log, which keeps the choice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agentos import NewEvent, ToolCall
from agentos_governance.orders import lock_order
from agentos_governance.projections import work_order_stream
from agentos_governance.workspace.worktrees import Workspace, ensure_worktree, inspect_repository


async def prepare_workspace(call: ToolCall, row: Any) -> Workspace | None:
    """The worktree of the work order in `row`, made where it is missing; None without a repository.

    Raises what `ensure_worktree` and `inspect_repository` raise.
    """
    if row["repo"] is None:
        return None
    repo, branch = Path(row["repo"]), f"agentos/{row['id']}"
    base_commit = row["base_commit"] or await _choose_base(call, row["id"], repo)
    path = call.kernel.settings.home / "worktrees" / row["id"]
    return await ensure_worktree(repo, path, branch, base_commit, is_first=row["epoch"] == 0)


async def _choose_base(call: ToolCall, work_order: str, repo: Path) -> str:
    """Where a work order that nobody has held begins: the repository's HEAD, stored before use.

    A claim that is killed half-way, and one made at the same time, begin at the same commit; what
    a worker put in the repository under the work order's name says nothing about it.
    """
    head = (await inspect_repository(repo)).require_head()
    transaction = await call.kernel.open_transaction()
    try:
        row = await lock_order(transaction, work_order)
        if row["base_commit"] is None:
            await transaction.append(
                NewEvent(
                    work_order_stream(work_order),
                    "work_order.base_chosen",
                    call.principal.name,
                    call.now(),
                    {"work_order": work_order, "base_commit": head},
                )
            )
        await transaction.commit()
    except BaseException:
        await transaction.rollback()
        raise
    return str(row["base_commit"] or head)
