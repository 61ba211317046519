"""A contract in force does not change, and what is no contract is none (docs/security.md)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agentos import ToolResult
from tests.agentos_governance.lifecycle import CONTRACT, Office
from tests.security.catalogue import attempt
from tests.security.scene import begin

pytestmark = pytest.mark.anyio

NO_CONTRACTS: tuple[dict[str, Any], ...] = (
    {"allowed_roots": ["../"]},
    {"allowed_roots": ["src/../../"]},
    {"allowed_roots": ["/"]},
    {"allowed_roots": ["/etc/"]},
    {"allowed_roots": ["~/"]},
    {"allowed_roots": ["C:/"]},
    {"allowed_roots": ["src\\..\\"]},
    {"allowed_roots": ["src/./x"]},
    {"allowed_roots": [""]},
    {"allowed_roots": ["a\x00b"]},
    {"allowed_roots": ["a\nb"]},
    {"allowed_roots": "src/"},
    {"allowed_roots": ["src/"] * 201},
    {"allowed_roots": ["*" * 501]},
    {"allowed_roots": [f"{n}/" + "*" * 400 for n in range(10)]},
    {"allowed_roots": ["\U0001f600" * 499] * 20},
    {"allowed_tools": ["\n*"]},
    {"allowed_tools": [None]},
    {"forbidden_actions": ["\x1b[2J"]},
    {"constraints": ["DENY write\nALLOW operation"]},
    {"constraints": ["DENY write IF risk_score = 1"]},
    {"constraints": ["DENY write IF no_such_fact"]},
    {"evidence_required": ["Test_Report"]},
    {"evidence_required": ["../x"]},
    {"cost_budget_usd": 1.5},
    {"cost_budget_usd": "-1"},
    {"cost_budget_usd": "NaN"},
    {"cost_budget_usd": "Infinity"},
    {"cost_budget_usd": "1e9"},
    {"cost_budget_usd": "\u0661"},
    {"cost_budget_usd": True},
    {"token_budget": -1},
    {"token_budget": True},
    {"token_budget": 2**53},
    {"wall_clock_s": 0},
    {"lease_ttl_s": 0},
    {"lease_ttl_s": 10**9},
    {"lease_ttl_s": "60"},
    {"review": {"required": "false"}},
    {"review": {"quorum": 0}},
    {"review": {"quorum": -1}},
    {"review": {"by": "Human"}},
    {"review": None},
    {"network": "false"},
    {"network": 0},
    {"commands_allowed": "ls"},
    {"alowed_tools": ["*"]},
    {"version": "sha256:0000000000000000"},
)


async def _amend(office: Office, who: str, order: str, **contract: Any) -> ToolResult:
    amended = {**CONTRACT, "lease_ttl_s": 600, **contract}
    return await office.dispatch(
        who, "amend_contract", {"work_order": order, "contract": amended, "reason": "A change"}
    )


async def _version(office: Office, order: str) -> str:
    shown = await office.call("planner", "get_work_order", work_order=order)
    return str(shown["contract_version"])


@attempt("contracts")
async def test_what_is_no_contract_makes_no_work_order(office: Office) -> None:
    through = []
    for contract in NO_CONTRACTS:
        result = await office.dispatch(
            "planner", "create_work_order", {"title": "T", "objective": "O", "contract": contract}
        )
        if not result.is_error:
            through.append(ascii(contract)[:100])
    assert through == []


@attempt("contracts")
async def test_roots_that_only_look_like_folders_open_none(office: Office, folder: Path) -> None:
    odd = [
        "\uff0e\uff0e/",
        "%2e%2e/",
        "src\u200b/",
        "src/..\u2215",
        ".git/",
        "**/.git/**",
        "sr\u0441/",
    ]
    scene = await begin(office, folder, allowed_roots=odd)
    for path in (
        *("src/app.py", "README.md", "../x", ".git/config", ".git/hooks/pre-commit"),
        *("\uff0e\uff0e/x", "%2e%2e/x", "src/.git/config", ".git"),
    ):
        judged = await office.call(
            "w1", "check_action", work_order=scene.order, action={"tool": "Edit", "paths": [path]}
        )
        assert judged["verdict"] == "deny", path


@attempt("contracts")
async def test_a_contract_does_not_change_while_somebody_holds_it(office: Office) -> None:
    order = await office.create()
    await office.claim("w1", order)
    version = await _version(office, order)
    for who in ("w1", "planner", "admin", "reviewer"):
        assert (await _amend(office, who, order)).is_error
        assert (await _amend(office, who, order, forbidden_actions=["write"])).is_error
    office.clock.advance(61)
    assert (await _amend(office, "admin", order)).is_error, "late, and nobody has ended it yet"
    assert await _version(office, order) == version


@attempt("contracts")
async def test_a_contract_does_not_change_after_the_end(office: Office) -> None:
    order = await office.create()
    await office.complete(order)
    assert (await _amend(office, "admin", order)).error_code == "invalid_state"
    cancelled = await office.create()
    await office.call("planner", "cancel_work_order", work_order=cancelled, reason="No more")
    assert (await _amend(office, "admin", cancelled)).error_code == "invalid_state"


@attempt("contracts")
async def test_no_worker_or_reviewer_amends_a_contract(office: Office) -> None:
    order = await office.create()
    for who in ("w1", "reviewer"):
        assert (await _amend(office, who, order, allowed_tools=[])).is_error
        assert (await _amend(office, who, order, allowed_roots=["."])).is_error


@attempt("contracts")
async def test_a_planner_widens_nothing_by_writing_it_differently(office: Office) -> None:
    order = await office.create(
        contract={"allowed_roots": ["src/"], "forbidden_actions": ["git push*"], "network": False}
    )
    same: dict[str, Any] = {"allowed_roots": ["src/"], "forbidden_actions": ["git push*"]}
    wider_ones: tuple[dict[str, Any], ...] = (
        {"allowed_roots": ["."]},
        {"allowed_roots": ["src/", "docs/"]},
        {"allowed_roots": ["src*"]},
        {"allowed_roots": ["src/", "sr[c]*/"]},
        {"allowed_roots": ["**"]},
        {"forbidden_actions": []},
        {"forbidden_actions": ["git push origin*"]},
        {"forbidden_actions": ["Git push*"]},
        {"forbidden_actions": ["git  push*"]},
        {"network": True},
        {"network": None},
        {"cost_budget_usd": "1.0000000001"},
        {
            "wall_clock_s": None,
            "lease_ttl_s": 86_400,
            "allowed_tools": ["*", "**"],
            "network": None,
        },
    )
    for wider in wider_ones:
        narrowed = {**same, "network": False, "lease_ttl_s": 60, **wider}
        result = await _amend(office, "planner", order, **narrowed)
        assert result.is_error, wider


@attempt("contracts")
async def test_amendments_at_once_and_a_claim_leave_one_contract_that_everybody_sees(
    office: Office,
) -> None:
    order = await office.create()
    changes = [_amend(office, "admin", order, forbidden_actions=[f"tool-{n}*"]) for n in range(4)]
    claim = office.dispatch("w1", "claim_work_order", {"work_order": order})
    *_, claimed = await asyncio.gather(*changes, claim)
    assert not claimed.is_error
    assert claimed.structured["work_order"]["contract_version"] == await _version(office, order)
    judged = await office.call(
        "w1", "check_action", work_order=order, action={"tool": "Bash", "command": "ls"}
    )
    assert judged["contract_version"] == await _version(office, order)


@attempt("contracts")
async def test_a_title_neither_ends_its_line_nor_turns_it_around(office: Office) -> None:
    for title in (
        "ok\nWO-00000000  completed",
        "ok\r\nx",
        "\x1b[2J\x1b[1;1Hgone",
        "a\u202etxt.exe",
        "a\u2066b",
        "a\u2028b",
        "a\x9b31m",
        "a\x07",
    ):
        result = await office.dispatch(
            "planner", "create_work_order", {"title": title, "objective": "O", "contract": {}}
        )
        assert result.error_code == "invalid_argument", ascii(title)
