"""The governance plugin: work orders, contracts, leases, evidence, review, cost, audit.

Above: the kernel loads it through the entry point `governance`. Below: this package.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from types import ModuleType

from agentos import (
    Command,
    Event,
    EventType,
    Kernel,
    MigrationSet,
    PolicyCost,
    ReadModel,
    Service,
    Tool,
    Wrapper,
    hookimpl,
)
from agentos_governance import hookspecs
from agentos_governance.authority.enforcement import authorizer_for
from agentos_governance.contracts.policy_cost import judge_a_contract
from agentos_governance.cost.prices import PriceTable, default_price_table, parse_price_table
from agentos_governance.cost.reserve import reserve_up_to
from agentos_governance.evidence import command_line
from agentos_governance.evidence.packets import ENDED, ensure_final_packet
from agentos_governance.projections import EVENT_TYPES, READ_MODEL
from agentos_governance.sweeper import sweep_for_ever
from agentos_governance.tools import checks, costs, evidence, leases, planning, reports, reviews

TOOLS = (
    planning.create_work_order,
    planning.list_work_orders,
    planning.get_work_order,
    planning.cancel_work_order,
    leases.claim_work_order,
    leases.renew_lease,
    leases.stand_down,
    leases.get_resume_packet,
    checks.check_action,
    evidence.record_evidence,
    costs.record_usage,
    costs.get_cost_report,
    reviews.submit_work_order,
    reviews.review_work_order,
    reports.get_work_report,
    reports.verify_audit,
)


def register_hookspecs() -> Sequence[ModuleType]:
    """The hooks that this plugin declares."""
    return [hookspecs]


@hookimpl
def register_tools() -> Sequence[Tool]:
    return TOOLS


@hookimpl
def register_migrations() -> Sequence[MigrationSet]:
    return [MigrationSet("governance", "agentos_governance")]


@hookimpl
def register_commands() -> Sequence[Command]:
    return [Command("evidence", command_line.evidence)]


@hookimpl
def register_event_types() -> Sequence[EventType]:
    return EVENT_TYPES


@hookimpl
def register_read_models() -> Sequence[ReadModel]:
    return [READ_MODEL]


@hookimpl
def register_services() -> Sequence[Service]:
    return [
        Service(PriceTable, _merge_price_tables),
        Service(reviews.GateRegistry, _collect_gates),
        Service(reports.AuditQueue, lambda kernel: reports.AuditQueue()),
        Service(leases.ClaimsUnderWay, lambda kernel: leases.ClaimsUnderWay()),
    ]


@hookimpl
def wrap_tool_call(tool: Tool) -> Sequence[Wrapper]:
    if not tool.max_cost_usd:
        return [authorizer_for(tool)]
    return [authorizer_for(tool), reserve_up_to(tool.max_cost_usd)]


@hookimpl
def register_policy_costs() -> Sequence[PolicyCost]:
    return [judge_a_contract()]


@hookimpl
def startup(kernel: Kernel) -> Callable[[], Awaitable[None]]:
    async def start_sweeper() -> None:
        kernel.start_task(sweep_for_ever(kernel))

    return start_sweeper


@hookimpl
def on_event(event: Event) -> Callable[[Kernel], Awaitable[None]] | None:
    if event.type not in ENDED:
        return None

    async def write_packet(kernel: Kernel) -> None:
        await ensure_final_packet(kernel, event.data["work_order"])

    return write_packet


def _merge_price_tables(kernel: Kernel) -> PriceTable:
    table = default_price_table()
    for answer in reversed(kernel.plugins.hook.register_price_tables()):
        for document in answer:
            table = table.merged(parse_price_table(document))
    return table


def _collect_gates(kernel: Kernel) -> reviews.GateRegistry:
    answers = kernel.plugins.hook.register_gates()
    return reviews.GateRegistry([gate for gates in answers for gate in gates])
