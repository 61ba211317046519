"""Issue 3: the fencing epoch is checked inside every write transaction, whatever the tool."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from agentos import (
    Authorizer,
    NewEvent,
    Role,
    Settings,
    Tool,
    ToolCall,
    Transaction,
    Verdict,
    hookimpl,
)
from agentos_governance.authority.roles import is_protocol, refused_writes
from agentos_governance.orders import lock_order, sql
from tests.agentos_governance.lifecycle import Office, open_office, sample_repository
from tests.agentos_governance.lifecycle_plugin import LifecyclePlugin

pytestmark = pytest.mark.anyio

# A claim gets a lease and is made under none; a signal needs a workflow to go to; reviewers ask about
# work after its lease has ended, and who did it answers then.
NOT_UNDER_A_LEASE = {"claim_work_order", "signal_workflow", "answer_question"}

# What was set aside before the call is given back after it, whatever came of it.
SET_ASIDE = {"governance.budget", "governance.hold", "governance.settlement"}

TABLES = (
    "select format('%I.%I', schemaname, tablename) as name from pg_tables"
    " where schemaname not in ('pg_catalog', 'information_schema', 'kernel')"
    " union all select 'kernel.idempotency' order by name"
)


def arguments_of(tool: Tool, order: str) -> dict[str, Any]:
    """Valid arguments of a tool that a worker may call under its lease."""
    known: dict[str, dict[str, Any]] = {
        "record_evidence": {"kind": "note", "claim": "It is so", "content": "x"},
        "record_evidence_files": {"kind": "note", "claim": "It is so", "paths": ["src/app.py"]},
        "record_usage": {"cost_usd": "0.1", "role": "executor", "model": "some-model"},
        "create_work_order": {
            "contract": {"allowed_roots": ["src/"], "cost_budget_usd": "0.10"},
            "parent": order,
        },
        "check_action": {"action": {"tool": "Edit", "capability": "write", "paths": ["src/a"]}},
        "judge_tool_use": {"action": {"tool": "Edit", "paths": ["src/a"]}},
        "record_tool_use": {"action": {"tool": "Edit", "paths": ["src/a"]}},
        "edit_file": {"path": "src/app.py"},
        "edit_files": {"paths": ["src/app.py"]},
        "ask_and_note": {"cost": "0.1"},
        "request_decision": {"kind": "approve_plan", "text": "First this, then that"},
    }
    arguments = dict(known.get(tool.name, {}))
    for name in tool.input_schema.get("required", ()):
        if name not in arguments:
            schema = tool.input_schema["properties"][name]
            arguments[name] = order if name == "work_order" else _example(schema)
    return arguments


def _example(schema: dict[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    examples: dict[str, Any] = {"integer": schema.get("minimum", 1), "boolean": False}
    return examples.get(str(schema.get("type")), "It is so")


class TakeOver:
    """Takes the lease away when a call of a tool begins its transaction, before any check in it."""

    def __init__(self) -> None:
        self.strike: Callable[[], Awaitable[None]] | None = None

    @hookimpl
    def wrap_tool_call(self, tool: Tool) -> Authorizer:
        return Authorizer(self._arm)

    async def _arm(self, call: ToolCall) -> Verdict | None:
        async def strike(transaction: Transaction) -> None:
            if self.strike is not None and call.principal.name == "w1":
                strike, self.strike = self.strike, None
                await strike()

        call.guards.insert(0, strike)
        return None


class BothPlugins(LifecyclePlugin, TakeOver):
    """The tools of somebody else, and the attack."""

    def __init__(self) -> None:
        LifecyclePlugin.__init__(self)
        TakeOver.__init__(self)


async def rows_of(office: Office) -> dict[str, list[str]]:
    """Everything that the tables hold, but the log of calls."""
    found = {}
    for row in await office.kernel.database.fetch(TABLES):
        if row["name"] in SET_ASIDE:
            continue
        text = f"select t::text as row from {row['name']} t order by 1"  # noqa: S608
        found[row["name"]] = [r["row"] for r in await office.kernel.database.fetch(text)]
    return found


async def test_a_lease_that_is_taken_over_inside_a_call_stops_every_tool_that_writes(
    settings: Settings, tmp_path: Path
) -> None:
    plugin = BothPlugins()
    repo = sample_repository(tmp_path)
    async with open_office(settings, plugin=plugin) as office:
        tools = [
            tool
            for tool in office.kernel.tools.values()
            if tool.writes
            and tool.name not in NOT_UNDER_A_LEASE
            and not (is_protocol(tool) and refused_writes(Role.WORKER, tool))
        ]
        names = {tool.name for tool in tools}
        assert {"record_evidence", "submit_work_order", "stand_down", "record_usage"} <= names
        writers: list[str] = []
        for tool in tools:
            order = await office.create(tool.name, repo=repo)
            await office.claim("w1", order)
            before: dict[str, list[str]] = {}
            last = 0

            async def strike(order: str = order, before: dict[str, list[str]] = before) -> None:
                await _take_over(office, order)
                before.update(await rows_of(office))

            plugin.strike = strike
            result = await office.dispatch("w1", tool.name, arguments_of(tool, order), under=order)
            if plugin.strike is not None:
                # The body writes nothing to the database: there is nothing to fence.
                plugin.strike = None
                assert not result.is_error, (tool.name, result.text)
                await office.call("w1", "stand_down", work_order=order, reason="Next")
                continue
            writers.append(tool.name)
            assert result.error_code == "lease_lost", (tool.name, result.text)
            assert await rows_of(office) == before, tool.name
            [taken] = await office.events(f"work_order/{order}", "work_order.taken_over")
            last = taken["position"]
            later = {e["type"] for e in await office.events() if e["position"] > last}
            assert later <= {"call.allowed", "call.refused", "call.finished"}, tool.name
        assert set(writers) >= names - {"edit_file", "edit_files", "pretend_protocol"}
        await office.assert_consistent()


async def _take_over(office: Office, order: str) -> None:
    """As take_over_work_order does, without a call of its own amid the other."""
    transaction = await office.kernel.open_transaction()
    row = await lock_order(transaction, order)
    data = {"work_order": order, "worker": row["worker"], "epoch": row["epoch"], "reason": "Now"}
    event = NewEvent(
        f"work_order/{order}", "work_order.taken_over", "planner", office.clock.now(), data
    )
    await transaction.append(event)
    await transaction.execute(sql.drop_lease, order)
    await transaction.commit()
