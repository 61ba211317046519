"""Starting workflows, looking at them, and telling them what only a person or a planner knows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, Field

from agentos import (
    CallRefusedError,
    InvalidArgumentError,
    NotFoundError,
    Role,
    ToolCall,
    format_time,
    tool,
)
from agentos_governance.authority.enforcement import held_order
from agentos_governance.authority.roles import OWN_WORK_ORDER, WORK_ORDERS
from agentos_governance.bounds import ONE_LINE
from agentos_governance.contracts.model import Contract
from agentos_governance.orders import MAX_PRIORITY, Reader
from agentos_governance.tools.planning import (
    Name,
    refuse_secrets,
    repository_root,
)
from agentos_governance.workflows.checkpoint import Status
from agentos_governance.workflows.definition import Definition
from agentos_governance.workflows.picture import mermaid, outline
from agentos_governance.workflows.registry import WorkflowRegistry
from agentos_governance.workflows.run import Run
from agentos_governance.workflows.starting import NewWorkflow, start
from agentos_governance.workflows.store import DefinitionCache, load, workflow_sql
from agentos_governance.workflows.views import (
    WorkflowDetails,
    WorkflowView,
    workflow_details,
    workflow_view,
)

MAX_INPUT_CHARACTERS = 2_000
_NEWEST = datetime(9999, 1, 1, tzinfo=UTC)

SignalName = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9_]{0,59}$",
        description="A signal that a transition takes, or `cancel` (roll back), `retry` or `skip` "
        "(a failed compensation)",
    ),
]
MemberId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=60,
        description="Id of the workflow (its root work order), or of any work order of it",
    ),
]


class WorkflowList(BaseModel):
    """A page of instances, newest first."""

    workflows: list[WorkflowView]
    truncated: bool
    next_cursor: str | None


class DefinitionView(BaseModel):
    """A workflow that can be started."""

    name: str
    version: str
    description: str
    inputs: dict[str, str]
    text: str
    mermaid: str


class UsedVersion(BaseModel):
    """A version of a definition that instances began with."""

    name: str
    version: str
    first_used: str
    n_instances: int
    n_open: int


class DefinitionList(BaseModel):
    """What can be started, and what was."""

    definitions: list[DefinitionView]
    used: list[UsedVersion]


@tool(
    reads=[WORK_ORDERS],
    writes=[WORK_ORDERS],
    max_result_bytes=4 * 1024 * 1024,
    profiles=["planner"],
)
async def start_workflow(
    call: ToolCall,
    definition: Annotated[Name, Field(description="Name of a workflow definition")],
    title: Annotated[str, Field(min_length=1, max_length=200, pattern=ONE_LINE)],
    objective: Annotated[
        str, Field(min_length=1, max_length=20_000, description="What is done when this is done")
    ],
    contract: Annotated[
        Contract, Field(description="Bounds the whole; every state's contract lies within it")
    ],
    inputs: Annotated[
        dict[str, Annotated[str, Field(max_length=MAX_INPUT_CHARACTERS)] | int | float | bool],
        Field(max_length=50, description="Inputs that the definition declares"),
    ] = {},  # noqa: B006 - pydantic copies defaults
    priority: Annotated[int, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY)] = 0,
    repo: Annotated[
        str | None,
        Field(min_length=1, max_length=4096, description="Git repository on the server's machine"),
    ] = None,
) -> WorkflowDetails:
    """Start a workflow: a tree of work orders that a state machine makes one after another.

    Workers claim its work orders as any others; when one ends, the next state begins. The root
    work order, whose id is the workflow's, cannot be claimed and ends with the workflow.
    """
    refuse_secrets(contract)
    root = await repository_root(repo)
    new = NewWorkflow(
        definition=call.service(WorkflowRegistry).get(definition),
        title=title,
        objective=objective,
        contract=contract,
        inputs=inputs,
        priority=priority,
        repo=root,
    )
    transaction = await call.begin()
    workflow = await start(
        call.kernel,
        transaction,
        new,
        actor=call.principal.name,
        person=call.principal.answerable,
        now=call.now(),
    )
    return await _details(call, transaction, workflow)


@tool(reads=[WORK_ORDERS], max_result_bytes=4 * 1024 * 1024, profiles=["planner"])
async def get_workflow(call: ToolCall, work_order: MemberId) -> WorkflowDetails:
    """One workflow: where it stands, what it waits for, its work orders, history and picture.

    Ask it before signal_workflow: `transitions` names the signals that its state takes, `needs`
    what it waits for.
    """
    reader = call.kernel.database
    return await _details(call, reader, await _workflow_of(reader, work_order))


@tool(reads=[WORK_ORDERS], profiles=[])
async def list_workflows(
    call: ToolCall,
    status: Annotated[
        Status | None, Field(description="`compensation_failed` are those that need a person")
    ] = None,
    limit: Annotated[int, Field(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Field(max_length=200)] = None,
) -> WorkflowList:
    """List workflows, newest first: which run, wait for a signal, failed or ended.

    To look closer at one, or to learn what it waits for, get_workflow.
    """
    before = _parse_cursor(cursor)
    reader = call.kernel.database
    rows = await reader.fetch(workflow_sql.list_workflows, status, *before, limit + 1)
    views = [workflow_view(row, await _definition(call, reader, row["version"])) for row in rows]
    is_cut = len(rows) > limit
    return WorkflowList(
        workflows=views[:limit],
        truncated=is_cut,
        next_cursor=f"{views[limit - 1].started_at}|{views[limit - 1].id}" if is_cut else None,
    )


@tool(reads=[WORK_ORDERS], writes=[OWN_WORK_ORDER], max_result_bytes=4 * 1024 * 1024, profiles=[])
async def signal_workflow(
    call: ToolCall,
    work_order: MemberId,
    signal: SignalName,
    reason: Annotated[str, Field(min_length=3, max_length=2_000)],
) -> WorkflowDetails:
    """Tell a workflow what its work orders cannot: `rework`, `revise`, or what its states take.

    Planners and admins may signal any; a worker only what the state allows, and only while it
    holds the state's work order, which ends with the transition. `cancel` rolls back, `retry`
    repeats a compensation that failed; `skip` leaves it out and needs an admin.
    """
    workflow = await _workflow_of(call.kernel.database, work_order)
    transaction = await call.begin()
    run = await Run.open(call.kernel, transaction, workflow, actor=call.principal.name)
    if signal in ("cancel", "retry", "skip"):
        await _command(call, run, signal, reason)
    else:
        await run.signal(signal, reason, _role_in(call, run))
    await run.to_rest()
    return await _details(call, transaction, workflow)


@tool(reads=[WORK_ORDERS], profiles=[])
async def list_workflow_definitions(call: ToolCall) -> DefinitionList:
    """The workflows that start_workflow can start, each drawn as a state machine.

    Read it before you start one: it names the inputs and the signals. Older versions stay
    listed while instances that began with them run.
    """
    definitions = call.service(WorkflowRegistry).by_name.values()
    rows = await call.kernel.database.fetch(workflow_sql.list_used_definitions)
    return DefinitionList(
        definitions=[definition_view(definition) for definition in definitions],
        used=[
            UsedVersion(**{**dict(row), "first_used": format_time(row["first_used"])})
            for row in rows[-200:]
        ],
    )


def definition_view(definition: Definition) -> DefinitionView:
    """A definition as lists show it."""
    return DefinitionView(
        name=definition.name,
        version=definition.version,
        description=definition.description.strip(),
        inputs=dict(definition.inputs),
        text=outline(definition),
        mermaid=mermaid(definition),
    )


async def _command(call: ToolCall, run: Run, signal: str, reason: str) -> None:
    allowed = (Role.ADMIN,) if signal == "skip" else (Role.ADMIN, Role.PLANNER)
    if call.principal.role not in allowed:
        raise CallRefusedError(
            f"the role {call.principal.role} may not {signal} a workflow",
            rule=f"workflow.{signal}",
            remedy=f"ask {' or '.join(role.value for role in allowed)}",
        )
    if signal == "cancel":
        await run.cancel(reason)
    else:
        await run.retry(reason, skip=signal == "skip")


def _role_in(call: ToolCall, run: Run) -> str:
    """As what the caller speaks: planner or admin by role, worker by the lease it holds."""
    if call.principal.role in (Role.ADMIN, Role.PLANNER):
        return str(call.principal.role)
    held = held_order(call)
    if held is None or held.id != run.at.work_order:
        raise CallRefusedError(
            f"{call.principal.name} does not hold the work order that {run.at.workflow} waits for",
            rule="workflow.holder",
            remedy="only its holder, a planner or an admin may signal here",
        )
    return "worker"


async def _workflow_of(reader: Reader, work_order: str) -> str:
    workflow = await reader.fetch_value(workflow_sql.find_workflow_of, work_order)
    if workflow is None:
        raise NotFoundError(
            f"{work_order!r} belongs to no workflow", remedy="list_workflows shows the ids"
        )
    return str(workflow)


async def _details(call: ToolCall, reader: Reader, workflow: str) -> WorkflowDetails:
    at = await load(reader, workflow)
    return await workflow_details(reader, await _definition(call, reader, at.version), workflow)


async def _definition(call: ToolCall, reader: Reader, version: str) -> Definition:
    return await call.service(DefinitionCache).get(reader, version)


def _parse_cursor(cursor: str | None) -> tuple[datetime, str]:
    if cursor is None:
        return _NEWEST, ""
    try:
        at, id = cursor.split("|")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError(cursor)
        return moment, id
    except ValueError:
        raise InvalidArgumentError(
            "argument `cursor` is not one that list_workflows returned",
            remedy="pass next_cursor of the page before, or leave it out",
        ) from None
