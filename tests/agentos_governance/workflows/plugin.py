"""A plugin of somebody else that adds workflows and actions, for tests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from agentos import EventType, NewEvent, ToolError, hookimpl
from agentos_governance.workflows.actions import StepContext, WorkflowAction


class WorkflowPlugin:
    """Registers the given definitions, and actions that count what they do."""

    def __init__(
        self,
        definitions: Sequence[Mapping[str, Any]],
        *,
        before: Callable[[StepContext], Awaitable[None]] | None = None,
    ) -> None:
        self.definitions = definitions
        self.taken: list[tuple[str, str]] = []
        self.failures: list[Exception] = []
        """What the next actions outside raise, and the next inside."""
        self.inside_failures: list[ToolError] = []
        self._before = before

    @hookimpl
    def register_event_types(self) -> list[EventType]:
        return [EventType("thing.changed", "An action did something.")]

    @hookimpl
    def register_workflows(self) -> Sequence[Mapping[str, Any]]:
        return self.definitions

    @hookimpl
    def register_workflow_actions(self) -> list[WorkflowAction]:
        text = {"text": str}
        return [
            WorkflowAction("deploy", "Outside.", self._outside, False, True, text),
            WorkflowAction("undeploy", "Outside.", self._outside, False, False, text),
            WorkflowAction("book", "Inside.", self._inside, True, True, text),
            WorkflowAction("unbook", "Inside.", self._inside, True, False, text),
        ]

    async def _outside(self, context: StepContext) -> str:
        if self._before is not None:
            await self._before(context)
        if self.failures:
            raise self.failures.pop()
        return self._take(context)

    async def _inside(self, context: StepContext) -> str:
        assert context.transaction is not None
        data = {"text": str(context.argument("text")), "workflow": context.workflow}
        await context.transaction.append(
            NewEvent("things", "thing.changed", "system", context.now, data)
        )
        if self.inside_failures:
            raise self.inside_failures.pop()
        return self._take(context)

    def _take(self, context: StepContext) -> str:
        assert context.step.action is not None
        self.taken.append((context.step.action, str(context.argument("text"))))
        return "done"
