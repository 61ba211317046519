"""The gate before every tool call: roles, leases and contracts, as one authorizer.

Above: the kernel calls it for every call of every tool. Below: roles, judgement, leases.
A worker acts under the contract of the work order it holds; calls that show that it knows of it
renew the lease on the way, and all check it again inside the call's transaction.
"""

from __future__ import annotations

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
from agentos_governance.authority.mandate import (
    Grant,
    Mandate,
    check_mandate,
    contracts,
    read_ancestors,
)
from agentos_governance.authority.mandate import sql as mandate_sql
from agentos_governance.authority.replays import judge_replay
from agentos_governance.authority.roles import (
    OWN_WORK_ORDER,
    is_protocol,
    refused_through_bots,
    refused_writes,
)
from agentos_governance.contracts.actions import OWN_SERVER, Action
from agentos_governance.contracts.judgement import CompiledContract, Judgement
from agentos_governance.orders import sql
from agentos_governance.policies.enforcing import narrow
from agentos_governance.policies.history import capability_of_tool
from agentos_governance.projections import work_order_stream
from agentos_governance.workspace.paths import PathResolver

FACTS = "governance"
_COLLECTIONS = (list, tuple, set, frozenset)
_PATHS = (str, PurePath)
NO_HEARTBEAT = frozenset({"claim_work_order"})
"""A restarted worker that asks for work must not keep alive what it has forgotten that it holds."""
JUDGED_BY_THEMSELVES = frozenset({"check_action", "judge_tool_use"})
"""Tools that only ask: policies answer in their body, about the action that is asked about."""
WHILE_IN_REVIEW = frozenset({"submit_work_order", "record_evidence", "record_evidence_files"})
"""What the worker that submitted may still do until somebody decides: submit something better."""


@dataclass(frozen=True, slots=True)
class HeldOrder:
    """The work order under which a call is made."""

    id: str
    worker: str
    epoch: int
    expires_at: datetime
    mandate: Mandate
    workspace: Path | None
    repo: str | None
    phase: str = ""
    branch: str | None = None
    is_in_review: bool = False
    """Its lease ended with its submission; worker and epoch are those that submitted."""

    @property
    def contract(self) -> CompiledContract:
        """The work order's own contract."""
        return self.mandate.own.contract

    @property
    def told(self) -> tuple[str, str, str | None, str | None, str, int]:
        """What policies are told of the work order."""
        version = self.mandate.grants[0].contract.version
        return (self.id, self.phase, self.repo, self.branch, version, self.epoch)

    def resolver(self) -> PathResolver | None:
        """What tells where paths lead, for all who judge one call; None without a workspace."""
        return PathResolver(self.workspace) if self.workspace is not None else None

    def judge(
        self, action: Action, now: datetime, resolver: PathResolver | None = None
    ) -> Judgement:
        """What the contract and those of all ancestors say to an action."""
        resolver = resolver or self.resolver()
        if resolver is not None and resolver.starts_at_link:
            return Judgement(
                "deny",
                "workspace",
                "the workspace is a link; it must be the folder that the claim made",
                "claim the work order again, which makes the folder again",
            )
        return self.mandate.judge(
            action,
            now,
            self.workspace,
            has_repository=self.repo is not None,
            resolver=resolver,
        )


def authorizer_for(tool: Tool) -> Authorizer:
    """The voter of one tool, with everything decided that does not depend on the call."""
    protocol = is_protocol(tool)
    by_role = {role: _judge_role(role, tool) for role in Role}
    through_bot = _judge_through_bot(tool)

    async def decide(call: ToolCall) -> Verdict | None:
        verdict = by_role[call.principal.role]
        if call.principal.via is not None and verdict.effect is Effect.ALLOW:
            verdict = through_bot or verdict
        is_refused = verdict.effect is Effect.DENY
        # A person in a channel is no session of a worker, also where both have the same name.
        is_remote = call.principal.via is not None
        if is_refused and (protocol or is_remote or call.principal.role is not Role.WORKER):
            return verdict
        held = None if is_remote else await _find_held(call, protocol)
        if held is not None:
            renews = not held.is_in_review and _knows_what_it_holds(call, held, protocol)
            await _enter(call, held, renews=renews)
        elif is_refused:
            await _refuse_lost(call)
        action = action_of(call)
        resolver = held.resolver() if held is not None else None
        if held is not None and not protocol:
            verdict = judge_call(call, held, action, resolver)
        if verdict.effect is Effect.DENY or tool.name in JUDGED_BY_THEMSELVES:
            return verdict
        return await narrow(call, held, verdict, action, is_protocol=protocol, resolver=resolver)

    return Authorizer(decide, judge_replay)


def held_order(call: ToolCall) -> HeldOrder | None:
    """The work order that the call's principal holds, as the authorizer found it."""
    held: HeldOrder | None = call.facts.get(FACTS)
    return held


def judge_call(
    call: ToolCall, held: HeldOrder, action: Action, resolver: PathResolver | None = None
) -> Verdict:
    """What the contract of a held work order says to a tool call."""
    judgement = held.judge(action, call.now(), resolver)
    version = judgement.contract_version or held.contract.version
    if judgement.is_allowed:
        return Verdict.allow(judgement.rule, contract_version=version)
    return Verdict.deny(
        judgement.rule, judgement.reason, remedy=judgement.remedy, contract_version=version
    )


def action_of(call: ToolCall) -> Action:
    """What a tool call does, as contracts and policies judge it."""
    return Action(
        call.tool.judged_name,
        capability=capability_of_tool(call.tool),
        paths=_paths_of(call),
        server=OWN_SERVER,
    )


def _paths_of(call: ToolCall) -> list[str]:
    """The text of every path parameter, defaults and lists included."""
    paths: list[str] = []
    for name in call.tool.paths:
        value = getattr(call.parameters, name)
        if type(value) is str:
            paths.append(value)
            continue
        for path in value if isinstance(value, _COLLECTIONS) else (value,):
            if isinstance(path, _PATHS):
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


def _judge_through_bot(tool: Tool) -> Verdict | None:
    """The denial of what no bot passes on; None where bots may."""
    missing = refused_through_bots(tool)
    if not missing:
        return None
    return Verdict.deny(
        f"role:{Role.BOT}",
        f"nobody may change {', '.join(missing)} through a bot",
        remedy="use a token of your own",
    )


async def _find_held(call: ToolCall, protocol: bool) -> HeldOrder | None:
    """The one work order the call belongs to; None where it belongs to none."""
    argument = call.arguments.get("work_order") if protocol else None
    if argument is None and protocol and call.principal.role is Role.WORKER:
        # A worker that delegates names the work order by its part in the new one.
        argument = call.arguments.get("parent")
    named = argument if isinstance(argument, str) else call.work_order
    rows = await call.kernel.database.fetch(
        sql.find_held_orders, call.principal.name, named, call.now()
    )
    living = [row for row in rows if row["expires_at"] > call.now()]
    if len(living) == 1:
        return await held_from(call, living[0])
    if protocol:
        return await _find_submitted(call, named)
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


async def _find_submitted(call: ToolCall, named: str | None) -> HeldOrder | None:
    """The work order in review that this very claim of the worker submitted; else None."""
    if named is None or call.tool.name not in WHILE_IN_REVIEW:
        return None
    row = await call.kernel.database.fetch_row(sql.find_submitted_order, named, call.principal.name)
    if row is None or call.claims.get("epoch", str(row["epoch"])) != str(row["epoch"]):
        return None
    return await held_from(call, row, is_in_review=True)


async def _refuse_lost(call: ToolCall) -> None:
    """LeaseLostError where the worker may not do this only because its lease ran out."""
    lost = await call.kernel.database.fetch_value(mandate_sql.find_lost_order, call.principal.name)
    if lost is not None:
        raise LeaseLostError(
            f"{call.principal.name} no longer holds {lost}: its lease ran out",
            remedy="claim the work order again; its resume packet says where it stands",
        )


async def held_from(call: ToolCall, row: Any, *, is_in_review: bool = False) -> HeldOrder:
    """What a row of `find_held_orders` says, with the contracts above it."""
    contract = contracts.get(row["contract_version"], row["contract"])
    own = Grant(
        row["id"],
        row["state"],
        contract,
        row["first_claimed_at"],
        row["repo"],
        row["base_commit"],
    )
    ancestors: tuple[Grant, ...] = ()
    if row["parent"] is not None:
        ancestors = await read_ancestors(call.kernel.database, row["id"])
    return HeldOrder(
        id=row["id"],
        worker=call.principal.name,
        epoch=row["epoch"],
        expires_at=row["expires_at"],
        mandate=Mandate((own, *ancestors)),
        workspace=Path(row["workspace"]) if row["workspace"] is not None else None,
        repo=row["repo"],
        phase=row["phase"],
        branch=row["branch"],
        is_in_review=is_in_review,
    )


def _knows_what_it_holds(call: ToolCall, held: HeldOrder, protocol: bool) -> bool:
    """Whether a call says that its worker still works on what it holds.

    Work under the contract does, what is written to the own work order, and what else writes and
    names it. Reading does not, also what names it: a restarted worker that looks around, or at an
    id that it found somewhere, must not keep alive what it has forgotten; nobody else could go on
    with it. Who shows the epoch of its claim (`_meta["agentos/epoch"]`) has not forgotten.
    """
    if call.tool.name in NO_HEARTBEAT:
        return False
    if not protocol or OWN_WORK_ORDER in call.tool.writes:
        return True
    if call.claims.get("epoch") == str(held.epoch):
        return True
    named = (call.work_order, call.arguments.get("work_order"), call.arguments.get("parent"))
    return not call.tool.is_read_only and held.id in named


async def _enter(call: ToolCall, held: HeldOrder, *, renews: bool) -> None:
    """Bind the call to its work order: record, heartbeat, what it may not read, and the fence in
    its transaction.
    """
    call.facts[FACTS] = held
    call.work_order = held.id
    call.stream = work_order_stream(held.id)
    if held.mandate.may_forbid_reads:
        call.forbidden_reads.append(held.mandate.forbids_read)
    ttl_s = held.contract.contract.lease_ttl_s
    is_late = held.expires_at - call.now() < timedelta(seconds=ttl_s / 2)
    if is_late and renews:
        async with call.kernel.database.connection() as connection:
            await connection.fetchrow(sql.renew_lease, held.id, held.worker, held.epoch, call.now())

    async def fence(transaction: Transaction) -> None:
        await check_lease(transaction, held, call.now())
        await check_mandate(transaction, held.mandate)

    call.guards.append(fence)


async def check_lease(transaction: Transaction, held: HeldOrder, now: datetime) -> None:
    """Lock the work order and its lease; LeaseLostError where the epoch is not this worker's.

    Of work in review, which has no lease, the submission itself: nobody has decided about it yet.
    """
    if held.is_in_review:
        await _check_submitted(transaction, held)
        return
    row = await transaction.fetch_row(sql.lock_lease, held.id, held.worker, held.epoch, now)
    if row is None:
        raise LeaseLostError(
            f"{held.worker} no longer holds {held.id} (epoch {held.epoch})",
            remedy="claim the work order again; its resume packet says where it stands",
        )


async def _check_submitted(transaction: Transaction, held: HeldOrder) -> None:
    row = await transaction.fetch_row(sql.lock_submitted_order, held.id, held.worker, held.epoch)
    if row is None:
        raise LeaseLostError(
            f"{held.id} is no longer in review as {held.worker} submitted it (epoch {held.epoch})",
            remedy="get_work_order says what was decided; claim it again where it was sent back",
        )
