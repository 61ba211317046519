"""Server actions that workflows name: what a transition does, and what undoes an effect.

Above: the reactor runs them, plugins add more (`register_workflow_actions`). Below: endings,
worktrees. An action inside the transaction happens exactly once, with the event that records it.
One outside happens at least once, since a crash may fall between the deed and its record: it must
be idempotent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from agentos import ConfigurationError, Git, Kernel, NewEvent, NotFoundError, Transaction
from agentos_governance.endings import cancel_children, cancel_order
from agentos_governance.orders import OPEN_STATES, get_order, lock_order
from agentos_governance.workflows.checkpoint import Step
from agentos_governance.workflows.definition import Scalar
from agentos_governance.workspace.worktrees import inspect_repository, remove_worktree

SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class StepContext:
    """What an action gets: the instance, the step, and a transaction where it runs in one."""

    kernel: Kernel
    workflow: str
    step: Step
    now: datetime
    reason: str
    transaction: Transaction | None

    def argument(self, name: str) -> Scalar | None:
        """An argument of the step."""
        return self.step.arguments.get(name)


@dataclass(frozen=True, slots=True)
class WorkflowAction:
    """A named action; `run` returns one line about what it did.

    `has_effects` says that it leaves something behind that a failure would have to undo.
    """

    name: str
    description: str
    run: Callable[[StepContext], Awaitable[str]]
    is_transactional: bool
    has_effects: bool = True
    parameters: Mapping[str, type] = field(default_factory=dict)


async def _note(context: StepContext) -> str:
    text = str(context.argument("text") or context.reason)[:2_000]
    assert context.transaction is not None
    await context.transaction.append(
        NewEvent(
            f"workflow/{context.workflow}",
            "workflow.noted",
            SYSTEM,
            context.now,
            {"workflow": context.workflow, "text": text, "state": context.step.state},
        )
    )
    return text[:200]


async def _cancel_work_order(context: StepContext) -> str:
    order, transaction = context.step.work_order, context.transaction
    assert transaction is not None
    if order is None:
        return "there is none"
    row = await lock_order(transaction, order)
    if row["state"] not in OPEN_STATES:
        return f"{order} is {row['state']} already"
    await cancel_order(transaction, order, _why(context), actor=SYSTEM, now=context.now)
    return f"{order} was cancelled"


async def _cancel_children(context: StepContext) -> str:
    order, transaction = context.step.work_order, context.transaction
    assert transaction is not None
    if order is None:
        return "there is no work order"
    await lock_order(transaction, order)
    ids = await cancel_children(transaction, order, _why(context), actor=SYSTEM, now=context.now)
    return f"cancelled below {order}: {', '.join(ids)[:500] or 'none'}"


async def _remove_worktree_branch(context: StepContext) -> str:
    order = context.step.work_order
    if order is None:
        return "there is no work order"
    row = await get_order(context.kernel.database, order)
    if row["repo"] is None or row["workspace"] is None:
        return f"{order} has no worktree"
    repo, path, branch = Path(row["repo"]), Path(row["workspace"]), row["branch"]
    await remove_worktree(repo, path)
    if not await _delete_branch(repo, branch):
        return f"removed {path}; the branch {branch} was gone"
    return f"removed {path} and the branch {branch}"


async def _delete_branch(repo: Path, branch: str) -> bool:
    """Whether the branch was there; its commits stay until git collects them."""
    repository = await inspect_repository(repo)
    git = Git(repository.git_folder)
    reference = f"refs/heads/{branch}"
    found = await git.run("rev-parse", "--verify", "--quiet", reference)
    if found.status != 0:
        return False
    await git.check("update-ref", "-d", reference)
    return True


def _why(context: StepContext) -> str:
    return f"workflow {context.workflow}: {context.reason or 'rolled back'}"[:2_000]


ACTIONS = (
    WorkflowAction(
        "note",
        "Record a text in the instance's history; without `text`, the reason of the trigger.",
        _note,
        is_transactional=True,
        has_effects=False,
        parameters={"text": str},
    ),
    WorkflowAction(
        "cancel_work_order",
        "Cancel the state's work order, and its children, where they are open.",
        _cancel_work_order,
        is_transactional=True,
        has_effects=False,
    ),
    WorkflowAction(
        "cancel_children",
        "Cancel every open work order below the state's work order.",
        _cancel_children,
        is_transactional=True,
        has_effects=False,
    ),
    WorkflowAction(
        "remove_worktree_branch",
        "Remove the worktree and the branch of the state's work order; the evidence stays.",
        _remove_worktree_branch,
        is_transactional=False,
        has_effects=False,
    ),
)


class ActionRegistry:
    """Actions by name, as a service."""

    def __init__(self, actions: list[WorkflowAction]) -> None:
        self._actions: dict[str, WorkflowAction] = {}
        for action in actions:
            if action.name in self._actions:
                raise ConfigurationError(f"two plugins claim the workflow action {action.name!r}")
            self._actions[action.name] = action

    @property
    def by_name(self) -> Mapping[str, WorkflowAction]:
        """Every action."""
        return self._actions

    def get(self, name: str) -> WorkflowAction:
        """The action of that name; NotFoundError where no enabled plugin has it."""
        if name not in self._actions:
            raise NotFoundError(f"no enabled plugin provides the workflow action {name!r}")
        return self._actions[name]
