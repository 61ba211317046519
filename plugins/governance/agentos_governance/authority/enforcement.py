"""The gate before every tool call: roles, leases and contracts, as one authorizer.

Above: the kernel calls it for every call of every tool. Below: roles, judgement, leases.
A worker acts under the contract of the work order it holds; the lease is renewed on the way and
checked again inside the call's transaction.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path, PurePath
from typing import Any

from agentos import (
    Authorizer,
    Effect,
    InvalidArgumentError,
    LeaseLostError,
    Role,
    Tool,
    ToolCall,
    Transaction,
    Verdict,
)
from agentos_governance.authority.roles import is_protocol, refused_writes
from agentos_governance.contracts.actions import OWN_SERVER, Action, Capability
from agentos_governance.contracts.judgement import CompiledContract, Judgement, compile_contract
from agentos_governance.contracts.model import parse_contract
from agentos_governance.orders import sql
from agentos_governance.projections import work_order_stream

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
    repo: str | None
    first_claimed_at: datetime

    def judge(self, action: Action, now: datetime) -> Judgement:
        """What the contract says to an action; once the wall-clock time is used up, no."""
        limit_s = self.contract.contract.wall_clock_s
        if limit_s is not None and now - self.first_claimed_at > timedelta(seconds=limit_s):
            return Judgement(
                "deny",
                "wall_clock_s",
                f"{self.id} has used its {limit_s} s of wall-clock time",
                "submit what is done, or stand down",
            )
        return self.contract.judge(action, self.workspace, has_repository=self.repo is not None)


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
    by_role = {role: _judge_role(role, tool) for role in Role}

    async def decide(call: ToolCall) -> Verdict | None:
        verdict = by_role[call.principal.role]
        is_refused = verdict.effect is Effect.DENY
        if is_refused and (protocol or call.principal.role is not Role.WORKER):
            return verdict
        held = await _find_held(call, protocol)
        if held is not None:
            await _enter(call, held)
        if held is None or protocol:
            return verdict
        return judge_call(call, held)

    return Authorizer(decide)


def held_order(call: ToolCall) -> HeldOrder | None:
    """The work order that the call's principal holds, as the authorizer found it."""
    held: HeldOrder | None = call.facts.get(FACTS)
    return held


def judge_call(call: ToolCall, held: HeldOrder) -> Verdict:
    """What the contract of a held work order says to a tool call."""
    # A tool without path parameters changes AgentOS's own records, not the workspace.
    capability: Capability = "write" if call.tool.writes and call.tool.paths else "read"
    action = Action(call.tool.name, capability=capability, paths=_paths_of(call), server=OWN_SERVER)
    judgement = held.judge(action, call.now())
    version = held.contract.version
    if judgement.is_allowed:
        return Verdict.allow(judgement.rule, contract_version=version)
    return Verdict.deny(
        judgement.rule, judgement.reason, remedy=judgement.remedy, contract_version=version
    )


def _paths_of(call: ToolCall) -> list[str]:
    """The text of every path parameter, defaults and lists included."""
    paths: list[str] = []
    for name in call.tool.paths:
        value = getattr(call.parameters, name)
        for path in value if isinstance(value, list | tuple | set | frozenset) else [value]:
            if isinstance(path, str | PurePath):
                paths.append(str(path))
            elif path is not None:
                raise InvalidArgumentError(f"argument `{name}` holds a path that is not text")
    return paths


def _judge_role(role: Role, tool: Tool) -> Verdict:
    missing = refused_writes(role, tool)
    if not missing:
        return Verdict.allow(f"role:{role}")
    return Verdict.deny(
        f"role:{role}",
        f"the role {role} may not change {', '.join(missing)}",
        remedy="claim a work order whose contract allows this tool"
        if role is Role.WORKER
        else "use a token of a role that may, or ask an admin",
    )


async def _find_held(call: ToolCall, protocol: bool) -> HeldOrder | None:
    """The one work order the call belongs to; None where it belongs to none."""
    argument = call.arguments.get("work_order") if protocol else None
    named = argument if isinstance(argument, str) else call.work_order
    rows = await call.kernel.database.fetch(
        sql.find_held_orders, call.principal.name, named, call.now()
    )
    living = [row for row in rows if row["expires_at"] > call.now()]
    if len(living) == 1:
        return _held(call, living[0])
    if protocol:
        return None
    if living:
        raise InvalidArgumentError(
            f"{call.principal.name} holds several work orders; the call must name one",
            remedy='set _meta["agentos/work_order"]',
        )
    lost = rows[0]["id"] if rows and not living else named
    if lost is not None:
        raise LeaseLostError(
            f"{call.principal.name} does not hold {lost!r}, or no longer",
            remedy="claim the work order again; its resume packet says where it stands",
        )
    return None


def _held(call: ToolCall, row: Any) -> HeldOrder:
    return HeldOrder(
        id=row["id"],
        worker=call.principal.name,
        epoch=row["epoch"],
        expires_at=row["expires_at"],
        contract=_contracts.get(row["contract_version"], row["contract"]),
        workspace=Path(row["workspace"]) if row["workspace"] is not None else None,
        repo=row["repo"],
        first_claimed_at=row["first_claimed_at"],
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
