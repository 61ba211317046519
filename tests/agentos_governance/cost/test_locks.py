"""Expensive tools and paths stay locked until somebody else opens them for a time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from agentos import ConfigurationError, Role, Settings
from agentos_governance.cost.locks import parse_locks
from tests.agentos_governance.cost.spender import SpenderPlugin
from tests.agentos_governance.lifecycle import Office, open_office, sample_repository

pytestmark = pytest.mark.anyio

LOCKS: dict[str, Any] = {
    "tools": ["deploy", "mcp__cloud__*"],
    "paths": ["src/infra/**"],
    "above_usd": "0.04",
    "max_unlock_s": 600,
}


async def _unlock(office: Office, pattern: str, **whom: str) -> dict[str, Any]:
    return await office.call(
        "reviewer", "unlock_tool", pattern=pattern, seconds=60, reason="Planned", **whom
    )


@pytest.mark.parametrize("table", [{"tool": ["x"]}, {"tools": "x"}, {"above_usd": 0.1}])
def test_locks_that_cannot_be_meant_stop_the_start(table: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"locks\."):
        parse_locks(table)


async def test_a_locked_tool_opens_for_its_order_until_the_time_is_over(settings: Settings) -> None:
    async with open_office(settings, plugin=SpenderPlugin(), locks=LOCKS) as office:
        order = await office.create(contract={"lease_ttl_s": 3_600})
        await office.claim("w1", order)
        other = await office.create()
        await office.claim("w2", other)
        for tool, arguments in (("deploy", {}), ("buy", {"usd": "0.01"})):
            error = await office.refuse("w1", tool, **arguments)
            assert (error["code"], error["rule"]) == ("call_refused", "locked_tool")
            assert "unlock_tool" in error["remedy"] and tool in error["remedy"]
        opened = await _unlock(office, "deploy", work_order=order)
        await office.call("w1", "deploy")
        assert (await office.refuse("w2", "deploy"))["rule"] == "locked_tool"
        assert (await office.refuse("w1", "buy", usd="0.01"))["rule"] == "locked_tool"
        office.clock.advance(59.9)
        await office.call("w1", "deploy")
        office.clock.advance(0.1)
        assert (await office.refuse("w1", "deploy"))["rule"] == "locked_tool"
        assert (await office.call("w1", "get_budget_status"))["unlocks"] == []
        opened = await _unlock(office, "b*", work_order=order)
        await office.call("w1", "buy", usd="0.01")
        await office.call("reviewer", "lock_tool", unlock=opened["id"], reason="Enough")
        assert (await office.refuse("w1", "buy", usd="0.01"))["rule"] == "locked_tool"
        await office.assert_consistent()


async def test_nobody_unlocks_for_themselves_not_even_through_another_identity(
    settings: Settings,
) -> None:
    async with open_office(settings, plugin=SpenderPlugin(), locks=LOCKS) as office:
        await office.join("anna works", Role.WORKER, person="anna")
        await office.join(
            "anna reviews", Role.REVIEWER, person="\N{FULLWIDTH LATIN CAPITAL LETTER A}nna"
        )
        await office.join("anna rules", Role.ADMIN, person="ANNA")
        order = await office.create()
        unlock = {"pattern": "*", "seconds": 60, "reason": "I want to"}
        # Opened before she claims it: not for her either.
        await office.call("anna reviews", "unlock_tool", **unlock, work_order=order)
        await office.claim("anna works", order)
        assert (await office.refuse("anna works", "deploy"))["rule"] == "locked_tool"
        for who in ("anna reviews", "anna rules"):
            for whom in ({"work_order": order}, {"person": "Anna"}):
                error = await office.refuse(who, "unlock_tool", **unlock, **whom)
                assert error["rule"] == "four_eyes", (who, whom)
        for who in ("anna works", "w1", "planner"):
            error = await office.refuse(who, "unlock_tool", **unlock, work_order=order)
            assert error["code"] == "call_refused", who
        too_long = {**unlock, "seconds": 601, "work_order": order}
        assert await office.code("reviewer", "unlock_tool", **too_long) == "invalid_argument"
        assert await office.code("reviewer", "unlock_tool", **unlock) == "invalid_argument"
        await _unlock(office, "deploy", person="anna")
        await office.call("anna works", "deploy")
        await office.assert_consistent()


async def test_locked_paths_are_those_where_a_write_leads(
    settings: Settings, tmp_path: Path
) -> None:
    async with open_office(settings, plugin=SpenderPlugin(), locks=LOCKS) as office:
        repo = sample_repository(tmp_path)
        order = await office.create(repo=repo, contract={"allowed_roots": ["."]})
        claimed = await office.claim("w1", order)
        workspace = Path(claimed["workspace"]["path"])
        (workspace / "src/infra").mkdir()
        os.symlink("infra", workspace / "src/link")
        await office.call("w1", "write_file", path="src/app.py")
        for path in ("src/infra/main.tf", "src/../src/infra/x", "src/link/main.tf"):
            error = await office.refuse("w1", "write_file", path=path)
            assert error["rule"] == "locked_path", path
        actions: list[dict[str, Any]] = [
            {"tool": "Edit", "args": {"file_path": "src/link/main.tf"}},
            {"tool": "Bash", "command": "echo x > src/infra/main.tf"},
            {"tool": "Bash", "command": "cd src && cp app.py infra/"},
            {"tool": "Bash", "command": "rm -rf src"},
            {"tool": "mcp__cloud__create"},
        ]
        for action in actions:
            verdict = await office.call("w1", "check_action", action=action)
            assert verdict["verdict"] == "deny", action
            assert verdict["rule"] in ("locked_path", "locked_tool"), verdict
        await _unlock(office, "src/infra/main.tf", work_order=order)
        await office.call("w1", "write_file", path="src/link/main.tf")
        error = await office.refuse("w1", "write_file", path="src/infra/other.tf")
        assert error["rule"] == "locked_path"
        verdict = await office.call("w1", "check_action", action=actions[1])
        assert verdict["verdict"] == "allow", verdict
        await office.assert_consistent()
