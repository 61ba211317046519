"""The policies in force: which layers bind a call, what they are told, what they say.

Above: enforcement, check_action, creation of contracts. Below: the sources of layers, facts,
history, deciding. One per kernel, as a service.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agentos import RiskFactor, Settings, Surface, Tool, ToolCall
from agentos_governance.contracts.actions import OWN_SERVER, Action, capabilities_of
from agentos_governance.contracts.model import Contract
from agentos_governance.orders import sql as order_sql
from agentos_governance.policies.constraints import ConstraintLayers, compile_constraints
from agentos_governance.policies.deciding import Asked, Layers, Outcome
from agentos_governance.policies.facts import (
    call_facts,
    client_tool_facts,
    deployment_facts,
    money_facts,
    tell_subject,
    time_facts,
    tool_facts,
)
from agentos_governance.policies.history import own_name, read_history, sql
from agentos_governance.policies.layers import Layer
from agentos_governance.policies.organisation import OrganisationPolicies
from agentos_governance.policies.repository import RepositoryPolicies
from agentos_governance.policies.risk import RiskFactors, risk_score
from agentos_governance.policies.subjects import (
    Subject,
    path_subject,
    resolved_path,
    subjects_of,
)
from agentos_governance.policies.texts import PolicyCompiler
from agentos_governance.projections import work_order_stream
from agentos_governance.workspace.paths import PathResolver, Place

if TYPE_CHECKING:
    from agentos_governance.authority.enforcement import HeldOrder

MAX_COMBINED = 1_000
MAX_OUTCOMES = 4_096
MAX_INLINE_SUBJECTS = 20
"""Of one call; more are decided in a thread."""
_MEASURED = frozenset({"spent_usd", "budget_usd", "risk_score"})
_OF_PATHS = frozenset({"path", "file_bytes", "risk_score"})
_TIME = frozenset({"hour", "weekday"})
_VARYING = _MEASURED | _TIME | {"file_bytes"}
"""Facts that differ between calls that are equal otherwise."""


class PoliciesInForce:
    """Asks every layer that binds a call. Without any policy it costs next to nothing."""

    def __init__(
        self,
        settings: Settings,
        functions: Callable[[], Mapping[str, Tool]],
        risk_factors: Sequence[RiskFactor] = (),
    ) -> None:
        self._risk_factors = RiskFactors(risk_factors)
        schema, self._deployment = deployment_facts(settings)
        self.compiler = PolicyCompiler(schema)
        self.organisation = OrganisationPolicies(settings, self.compiler)
        self._repository = RepositoryPolicies(self.compiler)
        self._constraints = ConstraintLayers(schema)
        self._combined: dict[tuple[Layer, ...], Layers] = {}
        self._outcomes: dict[tuple[object, ...], Outcome] = {}
        self._functions = functions
        self._told_of: Mapping[str, Tool] = {}
        self._tools: Mapping[str, Tool] = {}
        self._tool_facts: Mapping[str, dict[str, object]] = {}

    def _look_at_functions(self) -> None:
        """Take over what can be called now, which is another mapping once it changed."""
        functions = self._functions()
        if functions is self._told_of:
            return
        # A resource or prompt is judged by what it declares, as a tool is; what clients say that
        # they do can only be tools.
        self._tools = {n: f for n, f in functions.items() if f.surface is Surface.TOOL}
        self._tool_facts = {name: tool_facts(each) for name, each in functions.items()}
        self._outcomes.clear()
        self._told_of = functions

    def check_contract(self, contract: Contract) -> None:
        """InvalidArgumentError where constraints do not fit this deployment, with the position."""
        if contract.constraints:
            compile_constraints(contract.constraints, self.compiler.schema)

    async def layers(self, held: HeldOrder | None) -> Layers | None:
        """The layers that bind a call under a held work order, or under none; None for no layer.

        Raises CallRefusedError while one of them cannot be used.
        """
        organisation = await self.organisation.layer()
        layers = [organisation] if organisation is not None else []
        if held is not None:
            # A child without a repository, or of another commit, does not escape its parent's.
            for grant in held.mandate.grants:
                if grant.repo is not None and grant.base_commit is not None:
                    found = await self._repository.layer(grant.repo, grant.base_commit)
                    if found is not None and found not in layers:
                        layers.append(found)
            for grant in held.mandate.grants:
                entries = grant.contract.contract.constraints
                if entries:
                    is_own = grant.work_order == held.id
                    layers.append(self._constraints.layer(entries, grant.work_order, is_own=is_own))
        return self._together(tuple(layers)) if layers else None

    def _together(self, layers: tuple[Layer, ...]) -> Layers:
        found = self._combined.get(layers)
        if found is None:
            if len(self._combined) >= MAX_COMBINED:
                self._combined.clear()
            found = self._combined[layers] = Layers(layers)
        return found

    async def judge_call(
        self,
        call: ToolCall,
        held: HeldOrder | None,
        action: Action,
        *,
        is_protocol: bool,
        resolver: PathResolver | None = None,
    ) -> Outcome | None:
        """What the policies say to a tool call; None where there is none.

        A tool of the work order's own protocol needs no rule that allows it.
        """
        layers = await self.layers(held)
        if layers is None:
            return None
        return await self._judge(
            call, held, action, layers, abstains=is_protocol, resolver=resolver
        )

    async def judge_action(
        self,
        call: ToolCall,
        held: HeldOrder,
        action: Action,
        resolver: PathResolver | None = None,
    ) -> Outcome | None:
        """The same of an action of a client's own tool, as check_action asks it."""
        layers = await self.layers(held)
        if layers is None:
            return None
        return await self._judge(call, held, action, layers, resolver=resolver)

    async def _judge(
        self,
        call: ToolCall,
        held: HeldOrder | None,
        action: Action,
        layers: Layers,
        *,
        abstains: bool = False,
        resolver: PathResolver | None = None,
    ) -> Outcome:
        self._look_at_functions()
        wanted, queries = layers.attributes, layers.history_queries
        subjects = await self._subjects(held, action, wanted, resolver)
        if len(subjects) > 1 or queries or wanted & _VARYING or action.server != OWN_SERVER:
            return await self._ask(call, held, action, layers, subjects, abstains=abstains)
        # All that policies are told follows from these: a worker asks the same again and again.
        principal = call.principal
        who = (principal.role, principal.name, principal.person, call.edge)
        order = None if held is None else held.told
        key = (layers, who, order, action.tool, abstains, subjects[0])
        found = self._outcomes.get(key)
        if found is None:
            found = await self._ask(call, held, action, layers, subjects, abstains=abstains)
            if len(self._outcomes) >= MAX_OUTCOMES:
                self._outcomes.clear()
            self._outcomes[key] = found
        return found

    async def _ask(
        self,
        call: ToolCall,
        held: HeldOrder | None,
        action: Action,
        layers: Layers,
        subjects: Sequence[Subject],
        *,
        abstains: bool,
    ) -> Outcome:
        wanted, queries = layers.attributes, layers.history_queries
        facts = {**self._deployment, **call_facts(call, held), **self._facts_of_tool(action)}
        if wanted & _TIME:
            facts.update(time_facts(call.now()))
        if wanted & _MEASURED:
            facts.update(await self._measured(call, held, action, subjects, wanted))
        history: Mapping[Any, int] = {}
        if queries:
            history = await self._history(call, held, queries)
        workspace = held.workspace if held is not None else None
        wants_size = "file_bytes" in wanted
        asked = [
            Asked(
                # A copy for each but the only one.
                tell_subject(
                    dict(facts) if len(subjects) > 1 else facts,
                    each,
                    workspace,
                    wants_size=wants_size,
                ),
                abstains or each.is_derived,
            )
            for each in subjects
        ]
        if len(asked) <= MAX_INLINE_SUBJECTS:
            return layers.decide(asked, history)
        return await asyncio.to_thread(layers.decide, asked, history)

    def _facts_of_tool(self, action: Action) -> dict[str, object]:
        name = own_name(action.tool)
        known = self._tool_facts.get(name) if action.server == OWN_SERVER else None
        return known or client_tool_facts(name, capabilities_of(action))

    async def _subjects(
        self,
        held: HeldOrder | None,
        action: Action,
        wanted: frozenset[str],
        resolver: PathResolver | None,
    ) -> tuple[Subject, ...]:
        is_plain = action.command is None and action.args is None
        has_path = bool(action.paths) and bool(wanted & _OF_PATHS)
        is_own = action.server == OWN_SERVER
        if is_plain and is_own and not has_path and action.capability is not None:
            return (Subject(action.capability),)
        workspace = held.workspace if held is not None else None
        place = Place(workspace, is_strict=False, resolver=resolver)
        if is_plain and is_own and len(action.paths) == 1 and action.capability is not None:
            capability = action.capability
            path = resolved_path(place, action.paths[0], for_write=capability == "write")
            return (path_subject(capability, path, place),)
        # A command may take milliseconds to parse, and arguments are of any size.
        if is_plain and len(action.paths) < MAX_INLINE_SUBJECTS:
            return subjects_of(action, place)
        return await asyncio.to_thread(subjects_of, action, place)

    async def _measured(
        self,
        call: ToolCall,
        held: HeldOrder | None,
        action: Action,
        subjects: Sequence[Subject],
        wanted: frozenset[str],
    ) -> dict[str, object]:
        database = call.kernel.database
        row, n_refusals = None, 0
        if held is not None:
            row = await database.fetch_row(order_sql.get_budget, held.id)
            if "risk_score" in wanted:
                n_refusals = await database.fetch_value(
                    sql.count_refusals, work_order_stream(held.id), held.worker
                )
        facts = money_facts(row)
        if "risk_score" in wanted:
            tool = self._facts_of_tool(action)
            share = _cost_share(row)
            repo = held.repo if held is not None else None
            further = self._risk_factors.contributions(repo, subjects)
            facts["risk_score"] = risk_score(
                tool,
                action,
                subjects,
                n_refusals=n_refusals,
                cost_share=share,
                further=further,
            )
        return facts

    async def _history(
        self, call: ToolCall, held: HeldOrder | None, queries: frozenset[Any]
    ) -> dict[Any, int]:
        if held is None:
            return dict.fromkeys(queries, 0)
        return await read_history(
            call.kernel.database,
            work_order_stream(held.id),
            queries,
            call.now(),
            call.id,
            self._tools,
        )


def _cost_share(row: Any) -> float:
    """Spent and held money as a part of the budget."""
    if row is None or not row["cap_usd"]:
        return 0.0
    return float((row["spent_usd"] + row["held_usd"]) / row["cap_usd"])
