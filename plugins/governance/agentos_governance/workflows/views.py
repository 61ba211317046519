"""Result models of the workflow tools, and how instances become them.

Above: tools, command line. Below: checkpoints, the store.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from agentos import format_time
from agentos_governance.bounds import newest_within
from agentos_governance.orders import Reader, get_order
from agentos_governance.workflows.checkpoint import Checkpoint, Status
from agentos_governance.workflows.definition import Definition, Scalar
from agentos_governance.workflows.picture import mermaid, outline
from agentos_governance.workflows.store import load, workflow_sql, workflow_stream

MAX_HISTORY = 100
MAX_HISTORY_BYTES = 128 * 1024
MAX_ORDERS = 200


class WorkflowView(BaseModel):
    """An instance as lists show it; its id is that of its root work order."""

    id: str
    title: str
    definition: str
    version: str
    status: Status
    state: str
    n_transitions: int
    started_by: str
    started_at: str
    updated_at: str
    needs: str | None = Field(description="Who has to do something before it goes on")


class WorkflowOrderView(BaseModel):
    """A work order of an instance."""

    work_order: str
    state: str
    visit: int
    purpose: str
    title: str
    role: str
    order_state: str


class WorkflowTransitionView(BaseModel):
    """A way out of the current state."""

    on: str
    to: str
    when: str | None
    by: list[str] = Field(description="Whose signal counts; empty for an outcome")


class WorkflowEventView(BaseModel):
    """One move, as it was recorded."""

    seq: int
    at: str
    type: str
    actor: str
    data: dict[str, Any] = Field(description="Without the checkpoint")
    checkpoint_sha256: str | None


class WorkflowDetails(WorkflowView):
    """An instance with its work orders, what comes next, its history and its picture."""

    reason: str
    inputs: dict[str, Scalar]
    work_orders: list[WorkflowOrderView]
    transitions: list[WorkflowTransitionView]
    steps_left: list[str]
    undo: list[str] = Field(description="What a failure would compensate, in that order")
    checkpoint_sha256: str
    history: list[WorkflowEventView]
    truncated: bool = Field(description="Whether the history leaves out older moves")
    text: str
    mermaid: str


async def workflow_details(
    reader: Reader, definition: Definition, workflow: str
) -> WorkflowDetails:
    """Everything about an instance; NotFoundError for an unknown id."""
    at = await load(reader, workflow)
    row = await reader.fetch_row(workflow_sql.get_workflow, workflow)
    title = (await get_order(reader, workflow))["title"]
    orders = await reader.fetch(workflow_sql.list_workflow_orders, workflow)
    history, is_cut = await _history(reader, workflow)
    return WorkflowDetails(
        **_fields({**dict(row), "title": title, "n_transitions": at.n_transitions}, definition),
        reason=at.reason,
        inputs=at.inputs,
        work_orders=[WorkflowOrderView(**dict(order)) for order in orders[-MAX_ORDERS:]],
        transitions=_transitions(definition, at),
        steps_left=[_said(step) for step in at.steps],
        undo=[_said(undo) for undo in reversed(at.undo)],
        checkpoint_sha256=row["checkpoint_sha256"],
        history=history,
        truncated=is_cut or len(orders) > MAX_ORDERS,
        text=outline(definition, at),
        mermaid=mermaid(definition, at),
    )


def workflow_view(row: Any, definition: Definition) -> WorkflowView:
    """A row of the list."""
    return WorkflowView(**_fields(row, definition))


def _fields(row: Any, definition: Definition) -> dict[str, Any]:
    return {
        "id": row["id"],
        "title": row["title"],
        "definition": row["definition"],
        "version": row["version"],
        "status": row["status"],
        "state": definition.path(row["state"]),
        "n_transitions": row["n_transitions"],
        "started_by": row["started_by"],
        "started_at": format_time(row["started_at"]),
        "updated_at": format_time(row["updated_at"]),
        "needs": _needs(row["status"], definition.by_name[row["state"]].kind),
    }


def _needs(status: str, kind: str) -> str | None:
    if status == "compensation_failed":
        return "a person: signal `retry` once the cause is mended, or `skip`"
    if status == "running" and kind == "wait":
        return "a signal"
    return "its work order" if status in ("running", "compensating") else None


def _transitions(definition: Definition, at: Checkpoint) -> list[WorkflowTransitionView]:
    if at.status != "running":
        return []
    return [
        WorkflowTransitionView(
            on=t.on, to=definition.path(t.to), when=t.when, by=list(t.by) if t.signal else []
        )
        for state in definition.lineage(at.state)
        for t in state.transitions
    ]


def _said(each: Any) -> str:
    what = each.action or f"work order: {each.order.title}"
    return f"{each.state}: {what}" + (f" ({each.work_order})" if each.work_order else "")


async def _history(reader: Reader, workflow: str) -> tuple[list[WorkflowEventView], bool]:
    rows = await reader.fetch(
        workflow_sql.read_workflow_events, workflow_stream(workflow), MAX_HISTORY + 1
    )
    hidden = {"checkpoint", "checkpoint_sha256", "definition", "workflow"}
    events = [
        WorkflowEventView(
            seq=row["seq"],
            at=format_time(row["at"]),
            type=row["type"],
            actor=row["actor"],
            data={name: value for name, value in row["data"].items() if name not in hidden},
            checkpoint_sha256=row["data"].get("checkpoint_sha256"),
        )
        for row in rows
    ]
    shown = newest_within(events, MAX_HISTORY, MAX_HISTORY_BYTES)
    return shown, len(shown) < len(events)
