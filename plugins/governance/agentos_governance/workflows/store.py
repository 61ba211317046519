"""Events of instances and the read model they make; loading an instance under its lock.

Above: the reactor, the tools. Below: `sql/workflows.sql`. Every event carries the checkpoint after
it and the checkpoint's digest, so the last event of a stream is the state.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agentos import (
    Event,
    EventType,
    InvalidStateError,
    NewEvent,
    NotFoundError,
    ProjectionWriter,
    Queries,
    ReadModel,
    Transaction,
    digest_of,
    redact,
)
from agentos_governance.orders import Reader
from agentos_governance.workflows.checkpoint import Checkpoint
from agentos_governance.workflows.definition import Definition, definition_of

workflow_sql = Queries("agentos_governance", "sql/workflows.sql")
MAX_CACHED = 200

WORKFLOW_READ_MODEL = ReadModel("governance", ("workflow", "workflow_definition", "workflow_order"))


def workflow_stream(workflow: str) -> str:
    """The event stream of an instance."""
    return f"workflow/{workflow}"


async def record(
    transaction: Transaction,
    type: str,
    after: Checkpoint,
    *,
    actor: str,
    now: datetime,
    **data: Any,
) -> None:
    """Append one move of an instance with the checkpoint after it."""
    # As the log will hold it, so that the digest is of what is stored.
    document = redact(after.document())
    await transaction.append(
        NewEvent(
            workflow_stream(after.workflow),
            type,
            actor,
            now,
            {
                "workflow": after.workflow,
                **data,
                "checkpoint": document,
                "checkpoint_sha256": digest_of(document),
            },
        )
    )


async def load(reader: Reader, workflow: str) -> Checkpoint:
    """Where an instance stands; NotFoundError for an unknown id."""
    row = await reader.fetch_row(workflow_sql.get_workflow, workflow)
    if row is None:
        raise NotFoundError(
            f"no workflow has the id {workflow!r}", remedy="list_workflows shows the ids"
        )
    return Checkpoint.model_validate(row["checkpoint"])


async def refuse_root(reader: Reader, work_order: str) -> None:
    """InvalidStateError for the root of an instance: it ends with the instance, not by itself."""
    if await reader.fetch_value(workflow_sql.is_workflow, work_order):
        raise InvalidStateError(
            f"{work_order} is the root of a workflow",
            remedy="signal_workflow with `cancel` rolls the whole back",
        )


class DefinitionCache:
    """Definitions that instances began with, by version; a version is a digest, so never stale."""

    def __init__(self) -> None:
        self._found: OrderedDict[str, Definition] = OrderedDict()

    async def get(self, reader: Reader, version: str) -> Definition:
        """The definition of a version, as it was when the first instance began."""
        found = self._found.get(version)
        if found is None:
            document = await reader.fetch_value(workflow_sql.get_definition, version)
            found = self._found[version] = definition_of(document)
            if len(self._found) > MAX_CACHED:
                self._found.popitem(last=False)
        return found


async def _project(writer: ProjectionWriter, event: Event) -> None:
    at: Mapping[str, Any] = event.data["checkpoint"]
    await writer.execute(
        workflow_sql.upsert_workflow,
        at["workflow"],
        at["definition"],
        at["version"],
        at["status"],
        at["state"],
        at["work_order"],
        bool(at["steps"]),
        at["seen_seq"],
        at["n_transitions"],
        at,
        event.data["checkpoint_sha256"],
        at["started_by"],
        event.at,
    )


async def _started(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(
        workflow_sql.insert_workflow_definition,
        data["checkpoint"]["version"],
        data["checkpoint"]["definition"],
        data["definition"],
        event.at,
    )
    await _project(writer, event)


async def _order_created(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(
        workflow_sql.insert_workflow_order,
        data["work_order"],
        data["workflow"],
        data["state"],
        data["visit"],
        data["purpose"],
        event.seq,
    )
    await _project(writer, event)


WORKFLOW_EVENT_TYPES = (
    EventType("workflow.started", "An instance of a definition began.", _started),
    EventType("workflow.transitioned", "A trigger moved an instance to a state.", _project),
    EventType("workflow.order_created", "A state made its work order.", _order_created),
    EventType("workflow.trigger_ignored", "No transition takes the outcome here.", _project),
    EventType("workflow.step_taken", "An action or a compensation was done, or skipped.", _project),
    EventType("workflow.step_failed", "An action or a compensation failed.", _project),
    EventType("workflow.compensating", "What was done is being undone, newest first.", _project),
    EventType("workflow.ended", "An instance completed or was rolled back.", _project),
    EventType("workflow.retried", "A person took up a failed compensation again.", _project),
    EventType("workflow.noted", "An action noted something in the history."),
)
