"""What a workflow is, as data: states with sub-states, transitions, actions, compensations.

Above: static checks, the machine, the reactor. Below: pydantic. A definition is written in TOML or
JSON; its version is the digest of its canonical form, and an instance keeps the one it began with.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal, TypeAlias

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agentos import InvalidArgumentError, Role, digest_of
from agentos_governance.contracts.model import Entry, EvidenceKind, ReviewPolicy, Root

MAX_STATES = 100
MAX_TRANSITIONS = 50
MAX_VISITS = 100
MAX_NOT_BY = 20
MAX_DOCUMENT_BYTES = 256 * 1024
VERSION_HEX_DIGITS = 16
OUTCOMES = ("completed", "failed", "cancelled", "changes_requested")
SIGNAL = "signal:"
RESERVED_SIGNALS = frozenset({"cancel", "retry", "skip"})

Identifier: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=10_000)]
Scalar: TypeAlias = str | int | float | bool
Trigger: TypeAlias = Annotated[
    str,
    Field(
        pattern=r"^(completed|failed|cancelled|changes_requested|signal:[a-z][a-z0-9_]{0,59})$",
        description="An outcome of the state's work order, or `signal:NAME`",
    ),
]
Share: TypeAlias = Annotated[
    str,
    Field(pattern=r"^(0(\.[0-9]{1,4})?|1(\.0{1,4})?)$", description="Part of the root's budget"),
]
InputKind: TypeAlias = Literal["text", "number", "boolean"]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Narrowing(_Strict):
    """What a state's work order may less, or owes more, than the root's contract says."""

    allowed_roots: list[Root] | None = None
    allowed_tools: list[Entry] | None = None
    forbidden_actions: list[Entry] = []
    constraints: list[Entry] = []
    evidence_required: list[EvidenceKind] = []
    commands_allowed: list[Entry] | None = None
    network: Literal[False] | None = None
    token_budget: int | None = Field(default=None, ge=0)
    wall_clock_s: int | None = Field(default=None, ge=1)
    lease_ttl_s: int | None = Field(default=None, ge=1)
    review: ReviewPolicy | None = None
    cost_share: Share | None = None


class OrderTemplate(_Strict):
    """The work order of a state; `{title}`, `{objective}`, `{reason}`, `{input.NAME}`,
    `{order.STATE}` and `{workspace.STATE}` are filled in."""

    title: Text
    objective: Text
    role: Identifier
    contract: Narrowing = Narrowing()
    has_repo: bool = Field(default=True, description="Whether a claim makes a worktree")


class Compensation(_Strict):
    """What undoes: a registered server action, or a work order that somebody carries out."""

    action: Identifier | None = None
    arguments: dict[Identifier, Scalar] = {}
    order: OrderTemplate | None = None


class ActionUse(_Strict):
    """A registered server action that a transition takes, and what undoes it."""

    action: Identifier
    arguments: dict[Identifier, Scalar] = {}
    compensation: Compensation | None = None


class Transition(_Strict):
    """From a state to another, when its trigger comes and its guard holds; the first one wins."""

    on: Trigger
    to: Identifier
    when: Text | None = Field(default=None, description="A condition of the rule language")
    actions: Annotated[list[ActionUse], Field(max_length=20)] = []
    by: list[Literal["planner", "admin", "worker"]] = Field(
        default=["planner", "admin"],
        min_length=1,
        description="Whose signal counts; `worker` is who holds the state's work order",
    )

    @property
    def signal(self) -> str | None:
        """The signal's name where the trigger is one."""
        return self.on.removeprefix(SIGNAL) if self.on.startswith(SIGNAL) else None


class State(_Strict):
    """`work` makes a work order, `wait` waits for a signal, `group` holds states, `final` ends."""

    name: Identifier
    kind: Literal["work", "wait", "group", "final"] = "work"
    description: Annotated[str, Field(max_length=1_000)] = ""
    order: OrderTemplate | None = None
    effects: bool = Field(default=True, description="false: it writes no file, by its contract too")
    compensations: Annotated[list[Compensation], Field(max_length=20)] = []
    not_by: list[Identifier] = Field(
        default=[],
        max_length=MAX_NOT_BY,
        description="States whose workers, by person, may not claim this one's work order",
    )
    max_visits: int = Field(default=1, ge=1, le=MAX_VISITS)
    initial: Identifier | None = None
    states: Annotated[list[State], Field(max_length=MAX_STATES)] = []
    transitions: Annotated[list[Transition], Field(max_length=MAX_TRANSITIONS)] = []
    outcome: Literal["completed", "failed", "rolled_back"] | None = None


class Definition(_Strict):
    """A workflow; every state name is unique in it, whatever group it is in."""

    name: Identifier
    description: Annotated[str, Field(min_length=1, max_length=2_000)]
    inputs: Annotated[dict[Identifier, InputKind], Field(max_length=50)] = {}
    initial: Identifier
    states: Annotated[list[State], Field(min_length=1, max_length=MAX_STATES)]

    @cached_property
    def document(self) -> dict[str, Any]:
        """The definition as a JSON value; what is left out has its default."""
        return self.model_dump(mode="json", exclude_unset=True)

    @cached_property
    def version(self) -> str:
        """`sha256:` and 16 hexadecimal digits over the canonical form."""
        return f"sha256:{digest_of(self.document)[:VERSION_HEX_DIGITS]}"

    @cached_property
    def parents(self) -> Mapping[str, str | None]:
        """The group of every state, None at the top."""
        return {state.name: group for group, state in _walk(None, self.states)}

    @cached_property
    def by_name(self) -> Mapping[str, State]:
        """Every state, those in groups too."""
        return {state.name: state for _, state in _walk(None, self.states)}

    @cached_property
    def all_states(self) -> tuple[State, ...]:
        """Every state in the order it is written."""
        return tuple(state for _, state in _walk(None, self.states))

    @cached_property
    def rolled_back(self) -> str:
        """The final state in which a failed instance ends."""
        return next(s.name for s in self.states if s.outcome == "rolled_back")

    def lineage(self, name: str) -> list[State]:
        """The state and the groups around it, innermost first."""
        found: list[State] = []
        current: str | None = name
        while current is not None:
            found.append(self.by_name[current])
            current = self.parents[current]
        return found

    def path(self, name: str) -> str:
        """`group/state`, for people."""
        return "/".join(state.name for state in reversed(self.lineage(name)))

    def leaf(self, name: str) -> str:
        """The state that entering `name` leads to: a group's initial state, and so on."""
        while (state := self.by_name[name]).kind == "group":
            assert state.initial is not None
            name = state.initial
        return name


def _walk(group: str | None, states: list[State]) -> Iterator[tuple[str | None, State]]:
    for state in states:
        yield group, state
        yield from _walk(state.name, state.states)


def parse_definition(text: str | bytes, *, is_toml: bool) -> Definition:
    """The definition in a document; InvalidArgumentError names each bad field."""
    if len(text) > MAX_DOCUMENT_BYTES:
        raise InvalidArgumentError(f"a workflow has at most {MAX_DOCUMENT_BYTES} bytes")
    try:
        if is_toml:
            value = tomllib.loads(text if isinstance(text, str) else text.decode("utf-8"))
        else:
            value = orjson.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, orjson.JSONDecodeError) as error:
        raise InvalidArgumentError(f"not {'TOML' if is_toml else 'JSON'}: {error}") from None
    return definition_of(value)


def definition_of(value: Any) -> Definition:
    """The definition in a JSON value; InvalidArgumentError names each bad field."""
    try:
        return Definition.model_validate(value)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        said = "; ".join(f"{_place(value, item['loc'])}: {item['msg']}" for item in problems[:10])
        raise InvalidArgumentError(f"workflow: {said}") from None
    except RecursionError:
        raise InvalidArgumentError("workflow: states are nested too deeply") from None


def _place(value: Any, location: tuple[int | str, ...]) -> str:
    """Where a problem is, with the names of states in place of their numbers."""
    parts = []
    for part in location:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            value = None
        name = value.get("name") if isinstance(part, int) and isinstance(value, dict) else None
        parts.append(name if isinstance(name, str) else str(part))
    return ".".join(parts) or "document"


def share_of(budget_usd: Decimal, share: str) -> Decimal:
    """A part of a budget, rounded down to what a budget can say."""
    return (budget_usd * Decimal(share)).quantize(Decimal("1e-10"), rounding="ROUND_DOWN")


SIGNAL_ROLES = {"planner": Role.PLANNER, "admin": Role.ADMIN}
