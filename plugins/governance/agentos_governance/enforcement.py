"""The gate before every tool call: roles, leases and contracts, as one authorizer.

Above: the kernel calls it for every call of every tool. Below: roles, judgement, leases.
A worker acts under the contract of the work order it holds; the lease is renewed on the way and
checked again inside the call's transaction.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from agentos import (
    Authorizer,
    CallRefusedError,
    InvalidArgumentError,
    LeaseLostError,
    Role,
    Tool,
    ToolCall,
    Transaction,
    Verdict,
)
from agentos_governance.actions import OWN_SERVER, Action, Capability
from agentos_governance.contracts import parse_contract
from agentos_governance.judgement import CompiledContract, compile_contract
from agentos_governance.orders import sql
from agentos_governance.projections import work_order_stream
from agentos_governance.roles import is_protocol, refused_writes

FACTS = "governance"
MAX_COMPILED = 1_000


@dataclass(frozen=True, slots=True)
class HeldOrder:
    """The work order under which a call is made."""

    id: str
    worker: str
    epoch: int
    expires_at: datetime
    contract: CompiledContract
    workspace: Path | None


class ContractCache:
    """Compiled contracts by version; a version is the digest of its contract, so never stale."""

    def __init__(self) -> None:
        self._compiled: OrderedDict[str, CompiledContract] = OrderedDict()

    def get(self, version: str, document: Any) -> CompiledContract:
        """The compiled contract of a version."""
        found = self._compiled.get(version)
        if found is None:
            found = compile_contract(parse_contract(document))
            self._compiled[version] = found
            if len(self._compiled) > MAX_COMPILED:
                self._compiled.popitem(last=False)
        return found


_contracts = ContractCache()


def authorizer_for(tool: Tool) -> Authorizer:
    """The voter of one tool, with everything decided that does not depend on the call."""
    protocol = is_protocol(tool)

    async def decide(call: ToolCall) -> Verdict | None:
        refusal = _judge_role(call)
        if refusal is not None and (protocol or call.principal.role is not Role.WORKER):
            return refusal
        held = await _find_held(call, call.arguments.get("work_order") if protocol else None)
        if held is not None:
            await _enter(call, held)
        if protocol:
            return Verdict.allow(f"role:{call.principal.role}")
        if held is not None:
            return judge_call(call, held)
        return refusal or Verdict.allow(f"role:{call.principal.role}")

    return Authorizer(decide)


def held_order(call: ToolCall) -> HeldOrder | None:
    """The work order that the call's principal holds, as the authorizer found it."""
    held: HeldOrder | None = call.facts.get(FACTS)
    return held


def judge_call(call: ToolCall, held: HeldOrder) -> Verdict:
    """What the contract of a held work order says to a tool call."""
    capability: Capability = "read" if call.tool.is_read_only else "write"
    paths = [p for name in call.tool.paths if isinstance(p := call.arguments.get(name), str)]
    action = Action(
        call.tool.name,
        # A tool without paths changes AgentOS's own records, not the workspace.
        capability=capability if paths else "read",
        paths=paths,
        server=OWN_SERVER,
    )
    judgement = held.contract.judge(action, held.workspace)
    version = held.contract.version
    if judgement.is_allowed:
        return Verdict.allow(judgement.rule, contract_version=version)
    return Verdict.deny(
        judgement.rule, judgement.reason, remedy=judgement.remedy, contract_version=version
    )


def _judge_role(call: ToolCall) -> Verdict | None:
    role = call.principal.role
    missing = refused_writes(role, call.tool)
    if not missing:
        return None
    return Verdict.deny(
        f"role:{role}",
        f"the role {role} may not change {', '.join(missing)}",
        remedy="claim a work order whose contract allows this tool"
        if role is Role.WORKER
        else "use a token of a role that may, or ask an admin",
    )


async def _find_held(call: ToolCall, argument: Any) -> HeldOrder | None:
    """The one work order the call belongs to; None where it belongs to none."""
    named = argument if isinstance(argument, str) else call.work_order
    is_worker = call.principal.role is Role.WORKER
    if named is None and not is_worker:
        return None
    rows = await call.kernel.database.fetch(
        sql.find_held_orders, call.principal.name, None if named is None else named[:200]
    )
    if len(rows) > 1:
        if is_protocol(call.tool):
            return None
        raise InvalidArgumentError(
            f"{call.principal.name} holds several work orders; the call must name one",
            remedy='set _meta["agentos/work_order"]',
        )
    if not rows:
        if named is not None and not is_protocol(call.tool):
            raise LeaseLostError(
                f"{call.principal.name} does not hold {named[:50]!r}",
                remedy="claim the work order again; its resume packet says where it stands",
            )
        return None
    return _held(call, rows[0])


def _held(call: ToolCall, row: Any) -> HeldOrder | None:
    now = call.now()
    if row["expires_at"] <= now:
        if is_protocol(call.tool):
            return None
        raise LeaseLostError(
            f"the lease of {call.principal.name} on {row['id']} has expired",
            remedy="claim the work order again; its resume packet says where it stands",
        )
    compiled = _contracts.get(row["contract_version"], row["contract"])
    limit_s = compiled.contract.wall_clock_s
    if limit_s is not None and not is_protocol(call.tool):
        _check_wall_clock(row, limit_s, compiled.version, now)
    return HeldOrder(
        id=row["id"],
        worker=call.principal.name,
        epoch=row["epoch"],
        expires_at=row["expires_at"],
        contract=compiled,
        workspace=Path(row["workspace"]) if row["workspace"] is not None else None,
    )


def _check_wall_clock(row: Any, limit_s: int, version: str, now: datetime) -> None:
    if now - row["first_claimed_at"] > timedelta(seconds=limit_s):
        raise CallRefusedError(
            f"{row['id']} has used its {limit_s} s of wall-clock time",
            rule="wall_clock_s",
            contract_version=version,
            remedy="submit what is done, or stand down",
        )


async def _enter(call: ToolCall, held: HeldOrder) -> None:
    """Bind the call to its work order: record, heartbeat, and the fence in its transaction."""
    call.facts[FACTS] = held
    call.work_order = held.id
    call.stream = work_order_stream(held.id)
    ttl_s = held.contract.contract.lease_ttl_s
    if held.expires_at - call.now() < timedelta(seconds=ttl_s / 2):
        async with call.kernel.database.connection() as connection:
            await connection.fetchrow(sql.renew_lease, held.id, held.worker, held.epoch, call.now())

    async def fence(transaction: Transaction) -> None:
        await check_lease(transaction, held, call.now())

    call.guards.append(fence)


async def check_lease(transaction: Transaction, held: HeldOrder, now: datetime) -> None:
    """Lock the work order and its lease; LeaseLostError where the epoch is not this worker's."""
    row = await transaction.fetch_row(sql.lock_lease, held.id, held.worker, held.epoch, now)
    if row is None:
        raise LeaseLostError(
            f"{held.worker} no longer holds {held.id} (epoch {held.epoch})",
            remedy="claim the work order again; its resume packet says where it stands",
        )
