"""The governance plugin: work orders, contracts, leases, evidence, review, cost, audit.

Above: the kernel loads it through the entry point `governance`. Below: this package.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from types import ModuleType

from agentos import (
    Command,
    Delegates,
    Event,
    EventType,
    Kernel,
    MigrationSet,
    ModelLedger,
    PolicyCost,
    Prompt,
    ReadModel,
    Resource,
    Reviews,
    Service,
    Tool,
    ToolCall,
    Wrapper,
    hookimpl,
)
from agentos_governance import hookspecs
from agentos_governance.active_marks import align_marks, reaction_to_leases
from agentos_governance.approvals.events import EVENT_TYPES as APPROVAL_EVENT_TYPES
from agentos_governance.approvals.events import READ_MODEL as APPROVAL_READ_MODEL
from agentos_governance.approvals.lifetime import (
    ApprovalLifetime,
    parse_email_linking,
    parse_lifetime,
)
from agentos_governance.approvals.states import ApprovalStates
from agentos_governance.authority.enforcement import authorizer_for
from agentos_governance.authority.policy_cost import policy_costs
from agentos_governance.authority.roles import is_protocol
from agentos_governance.contracts.versions import EVENT_TYPES as CONTRACT_EVENT_TYPES
from agentos_governance.contracts.versions import READ_MODEL as CONTRACT_READ_MODEL
from agentos_governance.cost.budgets import Budgets
from agentos_governance.cost.command_line import budget
from agentos_governance.cost.events import EVENT_TYPES as BUDGET_EVENT_TYPES
from agentos_governance.cost.events import READ_MODEL as BUDGET_READ_MODEL
from agentos_governance.cost.limits import parse_limits
from agentos_governance.cost.locks import Locks, lock_authorizer, parse_locks
from agentos_governance.cost.model_spending import ModelSpending
from agentos_governance.cost.prices import PriceTable, default_price_table, parse_price_table
from agentos_governance.cost.reserve import reserve_up_to
from agentos_governance.cost.stop import stop_authorizer
from agentos_governance.decisions.events import EVENT_TYPES as DECISION_EVENT_TYPES
from agentos_governance.decisions.events import READ_MODEL as DECISION_READ_MODEL
from agentos_governance.due_rows import SweepFailures
from agentos_governance.evidence import command_line
from agentos_governance.evidence.blobs import open_blob_store
from agentos_governance.evidence.kinds import EvidenceKind, EvidenceKinds
from agentos_governance.evidence.packets import ENDED, ensure_final_packet
from agentos_governance.evidence.shipped_kinds import SHIPPED_KINDS
from agentos_governance.figures import Figures
from agentos_governance.gatekeeper.processes.template import warm_up
from agentos_governance.gatekeeper.registry import ReviewChecks
from agentos_governance.gatekeeper.settings import GatekeeperSettings, parse_gatekeeper_settings
from agentos_governance.grounding import Grounding
from agentos_governance.persons.command_line import person
from agentos_governance.persons.delegates import LinkedIdentities
from agentos_governance.persons.events import EVENT_TYPES as PERSON_EVENT_TYPES
from agentos_governance.persons.events import READ_MODEL as PERSON_READ_MODEL
from agentos_governance.persons.settings import EmailLinking
from agentos_governance.policies.command_line import policy
from agentos_governance.policies.in_force import PoliciesInForce
from agentos_governance.projections import EVENT_TYPES, READ_MODEL
from agentos_governance.prompts import PROMPTS
from agentos_governance.replay.command_line import replay
from agentos_governance.resources import RESOURCES
from agentos_governance.review.events import EVENT_TYPES as REVIEW_EVENT_TYPES
from agentos_governance.review.events import READ_MODEL as REVIEW_READ_MODEL
from agentos_governance.review.settings import ReviewSettings, parse_review_settings
from agentos_governance.review_cards.command_line import review
from agentos_governance.sweeper import sweep_for_ever
from agentos_governance.tools import (
    approvals,
    budgets,
    cards,
    checks,
    contracts,
    costs,
    decisions,
    evidence,
    leases,
    persons,
    planning,
    posts,
    reports,
    reviews,
    tool_uses,
    workflows,
)
from agentos_governance.workflows.actions import ACTIONS, ActionRegistry, WorkflowAction
from agentos_governance.workflows.command_line import workflow
from agentos_governance.workflows.reactor import reaction_to
from agentos_governance.workflows.registry import (
    WorkflowRegistry,
    own_definitions,
    plugin_definition,
    shipped_definitions,
)
from agentos_governance.workflows.store import (
    WORKFLOW_EVENT_TYPES,
    WORKFLOW_READ_MODEL,
    DefinitionCache,
)

TOOLS = (
    planning.create_work_order,
    planning.list_work_orders,
    planning.get_work_order,
    planning.cancel_work_order,
    contracts.amend_contract,
    contracts.list_contract_versions,
    contracts.list_contract_presets,
    approvals.get_review,
    approvals.list_reviews,
    approvals.decide_review,
    leases.claim_work_order,
    leases.renew_lease,
    leases.stand_down,
    leases.take_over_work_order,
    leases.get_resume_packet,
    checks.check_action,
    tool_uses.judge_tool_use,
    tool_uses.record_tool_use,
    tool_uses.get_session_context,
    evidence.record_evidence,
    evidence.record_evidence_files,
    costs.record_usage,
    costs.get_cost_report,
    budgets.estimate_cost,
    budgets.get_budget_status,
    budgets.set_budget,
    budgets.stop_spending,
    budgets.resume_spending,
    budgets.unlock_tool,
    budgets.lock_tool,
    reviews.submit_work_order,
    reviews.review_work_order,
    reviews.snooze_review,
    reviews.take_over_review,
    reports.get_work_report,
    reports.verify_audit,
    workflows.start_workflow,
    workflows.get_workflow,
    workflows.list_workflows,
    workflows.signal_workflow,
    workflows.list_workflow_definitions,
    cards.list_waiting,
    cards.get_review_card,
    cards.decide,
    decisions.request_decision,
    decisions.get_decision,
    decisions.ask_about_review,
    decisions.answer_question,
    decisions.export_decisions,
    persons.set_person,
    persons.list_persons,
    persons.find_identities,
    persons.create_link_code,
    persons.link_identity,
    persons.unlink_identity,
    posts.claim_post,
    posts.record_post,
    posts.list_unsettled_posts,
    posts.get_post,
    posts.get_cursor,
    posts.save_cursor,
)


def register_hookspecs() -> Sequence[ModuleType]:
    """The hooks that this plugin declares."""
    return [hookspecs]


@hookimpl
def register_tools() -> Sequence[Tool]:
    return TOOLS


@hookimpl
def register_resources() -> Sequence[Resource]:
    return RESOURCES


@hookimpl
def register_prompts() -> Sequence[Prompt]:
    return PROMPTS


@hookimpl
def register_migrations() -> Sequence[MigrationSet]:
    return [MigrationSet("governance", "agentos_governance")]


@hookimpl
def register_commands() -> Sequence[Command]:
    return [
        Command("budget", budget),
        Command("policy", policy),
        Command("workflow", workflow),
        Command("evidence", command_line.evidence),
        Command("replay", replay),
        Command("review", review),
        Command("person", person),
    ]


@hookimpl
def register_event_types() -> Sequence[EventType]:
    return (
        *EVENT_TYPES,
        *CONTRACT_EVENT_TYPES,
        *APPROVAL_EVENT_TYPES,
        *REVIEW_EVENT_TYPES,
        *BUDGET_EVENT_TYPES,
        *WORKFLOW_EVENT_TYPES,
        *PERSON_EVENT_TYPES,
        *DECISION_EVENT_TYPES,
    )


@hookimpl
def register_read_models() -> Sequence[ReadModel]:
    return [
        READ_MODEL,
        CONTRACT_READ_MODEL,
        APPROVAL_READ_MODEL,
        REVIEW_READ_MODEL,
        BUDGET_READ_MODEL,
        WORKFLOW_READ_MODEL,
        PERSON_READ_MODEL,
        DECISION_READ_MODEL,
    ]


@hookimpl
def register_services() -> Sequence[Service]:
    return [
        Service(PoliciesInForce, _policies_in_force),
        Service(Grounding, _collect_grounding),
        Service(PriceTable, _merge_price_tables),
        Service(Budgets, lambda kernel: Budgets(parse_limits(kernel.settings.budgets))),
        Service(ModelLedger, ModelSpending),
        Service(Reviews, ApprovalStates),
        Service(Delegates, LinkedIdentities),
        Service(ApprovalLifetime, lambda kernel: parse_lifetime(kernel.settings.governance)),
        Service(EmailLinking, lambda kernel: parse_email_linking(kernel.settings.governance)),
        Service(ReviewSettings, lambda kernel: parse_review_settings(kernel.settings.review)),
        Service(Locks, lambda kernel: parse_locks(kernel.settings.locks)),
        Service(reviews.GateRegistry, _collect_gates),
        Service(
            GatekeeperSettings, lambda kernel: parse_gatekeeper_settings(kernel.settings.gatekeeper)
        ),
        Service(ReviewChecks, _collect_review_checks),
        Service(SweepFailures, SweepFailures),
        Service(EvidenceKinds, _collect_evidence_kinds),
        Service(reports.AuditQueue, lambda kernel: reports.AuditQueue()),
        Service(ActionRegistry, _collect_actions),
        Service(WorkflowRegistry, _collect_workflows),
        Service(DefinitionCache, lambda kernel: DefinitionCache()),
        Service(leases.ClaimsUnderWay, lambda kernel: leases.ClaimsUnderWay()),
    ]


@hookimpl
def wrap_tool_call(tool: Tool) -> Sequence[Wrapper]:
    wrappers: list[Wrapper] = [authorizer_for(tool)]
    if not is_protocol(tool):
        wrappers.append(lock_authorizer(tool))
    stop = stop_authorizer(tool)
    if stop is not None:
        wrappers.append(stop)
    if tool.max_cost_usd:
        wrappers.append(reserve_up_to(tool.max_cost_usd))
    return wrappers


@hookimpl
def register_policy_costs(call: ToolCall) -> Sequence[PolicyCost]:
    return policy_costs(call)


@hookimpl
def startup(kernel: Kernel) -> Callable[[], Awaitable[None]]:
    # A store that cannot be named stops the start, not the first evidence.
    open_blob_store(kernel.settings)

    async def start_sweeper() -> None:
        kernel.metrics.on_scrape(Figures(kernel).sample)
        await align_marks(kernel)
        kernel.start_task(sweep_for_ever(kernel))
        if kernel.publishes:
            kernel.start_task(warm_up())

    return start_sweeper


@hookimpl
def register_workflow_actions() -> Sequence[WorkflowAction]:
    return ACTIONS


@hookimpl(specname="on_event")
def advance_workflows(event: Event) -> Callable[[Kernel], Awaitable[None]] | None:
    return reaction_to(event)


@hookimpl(specname="on_event")
def mark_active_work(event: Event) -> Callable[[Kernel], Awaitable[None]] | None:
    return reaction_to_leases(event)


@hookimpl
def on_event(event: Event) -> Callable[[Kernel], Awaitable[None]] | None:
    if event.type not in ENDED:
        return None

    async def write_packet(kernel: Kernel) -> None:
        await ensure_final_packet(kernel, event.data["work_order"])
        kernel.heads.request(f"packet of {event.data['work_order']}")

    return write_packet


def _collect_grounding(kernel: Kernel) -> Grounding:
    answers = kernel.plugins.hook.register_grounding(kernel=kernel)
    return Grounding([source for answer in answers for source in answer])


def _policies_in_force(kernel: Kernel) -> PoliciesInForce:
    answers = kernel.plugins.hook.register_risk_factors(kernel=kernel)
    factors = [factor for factors in answers for factor in factors]
    return PoliciesInForce(kernel.settings, lambda: kernel.functions, factors)


def _merge_price_tables(kernel: Kernel) -> PriceTable:
    table = default_price_table()
    for answer in reversed(kernel.plugins.hook.register_price_tables(kernel=kernel)):
        for document in answer:
            table = table.merged(parse_price_table(document))
    return table


@hookimpl
def register_evidence_kinds() -> Sequence[EvidenceKind]:
    return SHIPPED_KINDS


def _collect_evidence_kinds(kernel: Kernel) -> EvidenceKinds:
    answers = kernel.plugins.hook.register_evidence_kinds()
    return EvidenceKinds(kind for kinds in answers for kind in kinds)


def _collect_gates(kernel: Kernel) -> reviews.GateRegistry:
    answers = kernel.plugins.hook.register_gates()
    return reviews.GateRegistry([gate for gates in answers for gate in gates])


def _collect_review_checks(kernel: Kernel) -> ReviewChecks:
    answers = kernel.plugins.hook.register_review_checks()
    skipped = kernel.service(GatekeeperSettings).skip
    return ReviewChecks([check for checks in answers for check in checks], skipped)


def _collect_actions(kernel: Kernel) -> ActionRegistry:
    answers = kernel.plugins.hook.register_workflow_actions()
    return ActionRegistry([action for actions in answers for action in actions])


def _collect_workflows(kernel: Kernel) -> WorkflowRegistry:
    answers = kernel.plugins.hook.register_workflows()
    added = [plugin_definition(value) for values in answers for value in values]
    own = own_definitions(kernel.settings.home)
    actions = kernel.service(ActionRegistry).by_name
    return WorkflowRegistry([*shipped_definitions(), *added, *own], actions)
