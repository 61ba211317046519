"""The facts that policies are told about a call, and those that a deployment adds.

Above: deciding, simulation. Below: the schema of the rule language, settings. What is cheap is
always there; what costs a query is collected only where a policy asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentos import ConfigurationError, InvalidArgumentError, Settings, Tool, ToolCall
from agentos_governance.contracts.actions import Capability
from agentos_governance.policies.subjects import Subject
from agentos_governance.rules import DEFAULT_SCHEMA, Fact, FactType, Schema
from agentos_governance.rules.schema import WEEKDAYS

if TYPE_CHECKING:
    from agentos_governance.authority.enforcement import HeldOrder

_DEPLOYMENT_TYPES = {
    "boolean": (FactType.BOOLEAN, (bool,)),
    "number": (FactType.NUMBER, (int, float)),
    "text": (FactType.TEXT, (str,)),
}
_FACT = "A fact of this deployment"


def deployment_facts(settings: Settings) -> tuple[Schema, dict[str, object]]:
    """The schema with the deployment's own facts, and the values of those that have one.

    ConfigurationError names a fact that cannot be declared or has a value of another type.
    """
    declared: dict[str, Fact] = {}
    values: dict[str, object] = {}
    for name, given in settings.facts.items():
        if isinstance(given, bool | int | float | str):
            kind, value = _kind_of(given), given
        else:
            kind, value = given.type, given.value  # type: ignore[assignment]
        fact_type, accepted = _DEPLOYMENT_TYPES[kind]
        if value is not None and type(value) not in accepted:
            raise ConfigurationError(f"setting 'facts': {name} is declared as {kind}")
        declared[name] = Fact(fact_type, _FACT, may_be_missing=value is None)
        if value is not None:
            values[name] = value
    try:
        return DEFAULT_SCHEMA.extended(declared), values
    except InvalidArgumentError as error:
        raise ConfigurationError(f"setting 'facts': {error.message}") from None


def _kind_of(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "text" if isinstance(value, str) else "number"


def tool_facts(tool: Tool) -> dict[str, object]:
    """What a declared tool says of itself."""
    return {
        "tool": tool.judged_name,
        "tool.writes": bool(tool.writes),
        "tool.reads": bool(tool.reads),
        "tool.destructive": tool.is_destructive,
        "tool.idempotent": tool.is_idempotent,
        "tool.capabilities": tuple(sorted(tool.reads | tool.writes)),
    }


def client_tool_facts(name: str, capabilities: Iterable[Capability]) -> dict[str, object]:
    """The same for a client's own tool, of which only its use is known; what it hides is assumed."""
    used = frozenset(capabilities)
    writes = not used or bool(used & {"write", "execute"})
    return {
        "tool": name,
        "tool.writes": writes,
        "tool.reads": True,
        "tool.destructive": writes,
        "tool.idempotent": not writes,
        "tool.capabilities": tuple(sorted(used)),
    }


def call_facts(call: ToolCall, held: HeldOrder | None) -> dict[str, object]:
    """Who calls, and under which work order."""
    principal = call.principal
    facts: dict[str, object] = {
        "role": principal.role.value,
        "worker": principal.name,
        "person": principal.person or "",
        "edge": call.edge,
        "work_order": "",
        "phase": "",
        "repo": "",
        "branch": "",
        "contract_version": "",
    }
    if held is not None:
        facts["work_order"] = held.id
        facts["phase"] = held.phase
        facts["repo"] = held.repo or ""
        facts["branch"] = held.branch or ""
        facts["contract_version"] = held.contract.version
        facts["attempt"] = held.epoch
    return facts


def time_facts(now: datetime) -> dict[str, object]:
    """Hour and day of the week in UTC."""
    utc = now.astimezone(UTC)
    return {"hour": utc.hour, "weekday": WEEKDAYS[utc.weekday()]}


def money_facts(row: Any) -> dict[str, object]:
    """What a work order has cost and may cost, of a row of `governance.budget`."""
    if row is None:
        return {}
    return {"spent_usd": Decimal(row["spent_usd"]), "budget_usd": Decimal(row["cap_usd"])}


def tell_subject(
    facts: dict[str, object], subject: Subject, workspace: Path | None, *, wants_size: bool
) -> dict[str, object]:
    """Add one subject to the facts of its call, and return them; what is not known is missing."""
    facts["capability"] = subject.capability
    if subject.path is not None:
        facts["path"] = subject.path
    if subject.command is not None:
        facts["command"] = subject.command
    if subject.program is not None:
        facts["program"] = subject.program
    if wants_size and subject.path and workspace is not None:
        size = _file_bytes(workspace / subject.path)
        if size is not None:
            facts["file_bytes"] = size
    return facts


def _file_bytes(path: Path) -> int | None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return 0
    except OSError:
        return None
    return found.st_size
