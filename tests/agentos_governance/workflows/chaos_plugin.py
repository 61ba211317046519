"""The workflow of the chaos test, with an action inside the transaction and one outside."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from agentos_governance.workflows.actions import StepContext
from tests.agentos_governance.workflows.plugin import WorkflowPlugin

STATES = ("one", "two", "three", "four")


def definition() -> dict[str, Any]:
    """Four states in a row; between them one action inside and one outside."""
    states: list[dict[str, Any]] = []
    for name, following in zip(STATES, (*STATES[1:], "done"), strict=True):
        undo = {"action": "unbook", "arguments": {"text": name}}
        uses = [
            {"action": action, "arguments": {"text": name}, "compensation": undo}
            for action in ("book", "deploy")
        ]
        states.append(
            {
                "name": name,
                "effects": False,
                "order": {"title": f"{name} of {{title}}", "objective": "{objective}", "role": "w"},
                "transitions": [{"on": "completed", "to": following, "actions": uses}],
            }
        )
    states.append({"name": "done", "kind": "final", "outcome": "completed"})
    states.append({"name": "undone", "kind": "final", "outcome": "rolled_back"})
    return {"name": "chaos", "description": "Four states", "initial": "one", "states": states}


def chaos_plugin(folder: Path) -> WorkflowPlugin:
    """The plugin; what its action outside does is a line in a file."""

    async def write(context: StepContext) -> None:
        line = f"{context.workflow} {context.argument('text')}\n".encode()
        descriptor = os.open(folder / "deployed", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, line)
        os.close(descriptor)

    return WorkflowPlugin([definition()], before=write)
