"""Past calls as policies would see them now: facts from the log, and what was decided then.

Above: simulation, the report of shadow policies. Below: events. What was recorded with the call
wins; what was not is read off the event, its arguments and the work order; what cannot be known
any more is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from agentos import Tool
from agentos_governance.contracts.actions import OWN_SERVER, Action, capabilities_of
from agentos_governance.policies.deciding import Asked
from agentos_governance.policies.facts import client_tool_facts, time_facts, tool_facts
from agentos_governance.policies.history import capability_of_tool, own_name
from agentos_governance.policies.risk import risk_score
from agentos_governance.policies.subjects import Subject, subjects_of
from agentos_governance.rules import FactType, Schema
from agentos_governance.workspace.paths import Place

_OF_SUBJECT = frozenset({"capability", "path", "command", "program", "file_bytes"})


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What is known of a work order: its row, and its payments in order."""

    row: Mapping[str, Any]
    spending: Sequence[tuple[datetime, Decimal]]

    def spent_before(self, at: datetime) -> Decimal:
        """What it had cost at a moment."""
        return sum((usd for when, usd in self.spending if when < at), Decimal(0))

    @property
    def workspace(self) -> Path | None:
        """Its worktree, where that still exists."""
        path = self.row["workspace"]
        return Path(path) if path is not None and Path(path).is_dir() else None


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A decided call or action of the log; `calls` are the events of check_action itself."""

    event: Mapping[str, Any]
    asking: Mapping[str, Any]
    """The data of the check_action call that asked, for an action; else empty."""

    @property
    def data(self) -> Mapping[str, Any]:
        """What the event says."""
        data: Mapping[str, Any] = self.event["data"]
        return data

    @property
    def decision(self) -> Mapping[str, Any]:
        """What policies decided then; empty where there was none."""
        return self.data.get("decision") or {}

    @property
    def is_action(self) -> bool:
        """Whether it is an action of a client's own tool."""
        return bool(self.event["type"] == "action.judged")

    @property
    def tool(self) -> str:
        """The tool's plain name."""
        name = self.data["action"]["tool"] if self.is_action else self.data.get("tool", "")
        return own_name(str(name))

    @property
    def was_admitted(self) -> bool:
        """Whether it happened, as far as AgentOS decides that."""
        if self.is_action:
            return bool(self.data["verdict"] == "allow")
        return bool(self.event["type"] == "call.allowed")

    @property
    def effect(self) -> str | None:
        """What the policies said then: allow, ask or deny; None where something else refused."""
        said = self.decision.get("effect")
        if self.was_admitted:
            return str(said or "allow")
        return str(said) if said in ("deny", "ask") else None

    @property
    def rule(self) -> str | None:
        """The rule that refused it."""
        if self.was_admitted:
            return None
        return self.data.get("rule") or (self.data.get("error") or {}).get("rule")

    def action(self, tools: Mapping[str, Tool]) -> Action:
        """What was asked for, as far as the record holds it."""
        if not self.is_action:
            return self._tool_action(tools)
        asked = {**self.data["action"]}
        arguments = (self.asking.get("arguments") or {}).get("action") or {}
        name = str(asked["tool"])
        is_own = own_name(name) != name and own_name(name) in tools
        return Action(
            name,
            capability=asked.get("capability"),
            paths=asked.get("paths") or (),
            command=asked.get("command"),
            args=arguments.get("args"),
            server=OWN_SERVER if is_own else None,
        )

    def _tool_action(self, tools: Mapping[str, Tool]) -> Action:
        tool = tools.get(self.tool)
        if tool is None:
            return Action(self.tool, capability="read", server=OWN_SERVER)
        arguments = self.data.get("arguments") or {}
        paths: list[str] = []
        for name in tool.paths:
            value = arguments.get(name)
            paths += [str(each) for each in (value if isinstance(value, list) else [value]) if each]
        return Action(
            tool.judged_name, capability=capability_of_tool(tool), paths=paths, server=OWN_SERVER
        )

    def capabilities(self, tools: Mapping[str, Tool]) -> list[str]:
        """What it did, for history."""
        recorded = self.data.get("capabilities")
        return list(recorded) if recorded else sorted(capabilities_of(self.action(tools)))


class PastFacts:
    """Builds the facts of recorded calls."""

    def __init__(
        self,
        schema: Schema,
        deployment: Mapping[str, object],
        tools: Mapping[str, Tool],
        functions: Mapping[str, Tool],
    ) -> None:
        self._schema = schema
        self._deployment = deployment
        self._tools = tools
        self._functions = functions

    def asked(
        self,
        call: RecordedCall,
        order: OrderFacts | None,
        attempt: int,
        n_refusals: int,
        *,
        abstains: bool,
    ) -> list[Asked]:
        """Every subject of the call with its facts."""
        action = call.action(self._tools if call.is_action else self._functions)
        workspace = order.workspace if order is not None else None
        subjects = _subjects(call, action, workspace)
        common: dict[str, object] = {**self._deployment, **self._tool_facts(call, action)}
        common.update(_caller_facts(call))
        common.update(time_facts(call.event["at"]))
        if order is not None:
            common.update(_order_facts(order, call, attempt))
        common["risk_score"] = risk_score(
            common, action, subjects, n_refusals=n_refusals, cost_share=_cost_share(common)
        )
        recorded = self._recorded(call)
        if len(subjects) > 1:
            recorded = {name: v for name, v in recorded.items() if name not in _OF_SUBJECT}
        return [
            Asked({**common, **_known(each), **recorded}, abstains or each.is_derived)
            for each in subjects
        ]

    def _tool_facts(self, call: RecordedCall, action: Action) -> dict[str, object]:
        tool = self._functions.get(call.tool) if action.server == OWN_SERVER else None
        if tool is not None:
            return tool_facts(tool)
        return client_tool_facts(call.tool, capabilities_of(action))

    def _recorded(self, call: RecordedCall) -> dict[str, object]:
        facts = {}
        for name, value in (call.decision.get("facts") or {}).items():
            fact = self._schema.facts.get(name)
            if fact is not None and fact.type is FactType.NUMBER and isinstance(value, str):
                value = Decimal(value)
            if fact is not None and not (isinstance(value, str) and value.endswith("...")):
                facts[name] = tuple(value) if isinstance(value, list) else value
        return facts


def _subjects(call: RecordedCall, action: Action, workspace: Path | None) -> tuple[Subject, ...]:
    if not call.is_action and "arguments" not in call.data and action.server == OWN_SERVER:
        # Its arguments were too large to be recorded: whether it named a path is not known.
        return (Subject(action.capability or "read", path=None),)
    return subjects_of(action, Place(workspace, is_strict=False))


def _known(subject: Subject) -> dict[str, object]:
    told = {
        "capability": subject.capability,
        "path": subject.path,
        "command": subject.command,
        "program": subject.program,
    }
    return {name: value for name, value in told.items() if value is not None}


def _caller_facts(call: RecordedCall) -> dict[str, object]:
    source = call.asking if call.is_action else call.data
    return {
        "role": source.get("role", "worker"),
        "worker": call.event["actor"],
        "person": "",
        "edge": source.get("edge", ""),
        "work_order": call.data.get("work_order") or "",
        "phase": "",
        "repo": "",
        "branch": "",
        "contract_version": "",
    }


def _order_facts(order: OrderFacts, call: RecordedCall, attempt: int) -> dict[str, object]:
    rules = call.data.get("rules") or [{}]
    version = call.data.get("contract_version") or rules[0].get("contract_version")
    return {
        "phase": order.row["phase"],
        "repo": order.row["repo"] or "",
        "branch": order.row["branch"] or "",
        "contract_version": version or order.row["contract_version"],
        "attempt": attempt,
        "spent_usd": order.spent_before(call.event["at"]),
        "budget_usd": order.row["budget_usd"],
    }


def _cost_share(facts: Mapping[str, object]) -> float:
    """Spent money as a part of the budget, as it was then."""
    spent, budget = facts.get("spent_usd"), facts.get("budget_usd")
    if isinstance(spent, Decimal) and isinstance(budget, Decimal) and budget:
        return float(spent / budget)
    return 0.0
