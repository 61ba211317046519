"""Where an instance stands: everything the next step depends on, in every event of it.

Above: the machine, the store, the reactor. Below: pydantic. The checkpoint of an instance's last
event is its state; its digest is in the event, and the read model holds both.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from agentos import digest_of
from agentos_governance.workflows.definition import Compensation, OrderTemplate, Scalar

Status = Literal["running", "compensating", "completed", "rolled_back", "compensation_failed"]
ENDED: tuple[Status, ...] = ("completed", "rolled_back")


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(_Value):
    """Something the server does next: an action, or a compensation by action or work order."""

    number: int
    purpose: Literal["action", "compensation"]
    state: str
    """The state on whose behalf it is taken."""
    work_order: str | None = None
    """The work order that it is about, where the state made one."""
    action: str | None = None
    arguments: dict[str, Scalar] = {}
    order: OrderTemplate | None = None
    compensation: Compensation | None = None
    """What undoes an action once it is done."""


class Undo(_Value):
    """What was begun and would have to be compensated; the newest is compensated first."""

    state: str
    work_order: str | None = None
    action: str | None = None
    arguments: dict[str, Scalar] = {}
    order: OrderTemplate | None = None


class Checkpoint(_Value):
    """The full state of an instance."""

    workflow: str
    definition: str
    version: str
    started_by: str
    person: str | None
    inputs: dict[str, Scalar]
    status: Status
    state: str
    """The innermost state."""
    visits: dict[str, int] = {}
    orders: dict[str, str] = {}
    """The newest work order of every state that had one."""
    work_order: str | None = None
    """Whose outcome is waited for."""
    seen_seq: int = 0
    """How far that work order's events have been looked at."""
    steps: list[Step] = []
    """What the server takes before anything else, in this order."""
    undo: list[Undo] = []
    n_transitions: int = 0
    n_steps: int = 0
    reason: str = ""
    """What the last trigger said of itself."""

    @property
    def is_open(self) -> bool:
        """Whether the reactor has anything to do with it."""
        return self.status in ("running", "compensating")

    def document(self) -> dict[str, Any]:
        """The checkpoint as a JSON value."""
        return self.model_dump(mode="json")

    @property
    def sha256(self) -> str:
        """Digest of the canonical JSON of the checkpoint."""
        return digest_of(self.document())

    def changed(self, **fields: Any) -> Checkpoint:
        """A copy with other fields."""
        return self.model_copy(update=fields)
