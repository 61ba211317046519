"""No child order may do more than its parent (docs/security.md, class `delegation`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agentos.testing.databases import TestDatabases
from tests.agentos_governance.lifecycle import Office
from tests.agentos_governance.repositories import make_repository
from tests.security.arenas import delegate, held_by, open_arena, organisation, verdict, worker
from tests.security.catalogue import attempt

pytestmark = pytest.mark.anyio

PARENT: dict[str, Any] = {
    "allowed_roots": ["src/", "tests/unit/*.py"],
    "allowed_tools": ["edit_*", "read_note", "create_work_order", "Edit", "Bash", "ask_model"],
    "forbidden_actions": ["write:src/ci/**", "git push*"],
    "constraints": ['DENY write IF path ENDS WITH ".lock"'],
    "commands_allowed": ["git *", "ls*"],
    "network": False,
    "token_budget": 1_000,
    "wall_clock_s": 7_200,
    "lease_ttl_s": 3_600,
    "cost_budget_usd": "1.00",
    "review": {"required": True, "quorum": 2, "by": "human"},
}


@pytest.fixture(scope="module")
async def arena(
    anyio_backend: str, databases: TestDatabases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Office]:
    async with open_arena(databases, tmp_path_factory.mktemp("delegation")) as office:
        yield office


async def _parent(office: Office, **more: Any) -> tuple[str, str]:
    """A worker and the order that it holds under PARENT."""
    who = await worker(office)
    return who, await held_by(office, who, PARENT, **more)


@attempt("delegation")
@pytest.mark.parametrize(
    "excess",
    [
        {"allowed_roots": ["."]},
        {"allowed_roots": ["./"]},
        {"allowed_roots": ["**"]},
        {"allowed_roots": ["*"]},
        {"allowed_roots": ["SRC/"]},
        {"allowed_roots": ["src/", "srcs/"]},
        {"allowed_roots": ["src*"]},
        {"allowed_roots": ["src*/a.py"]},
        {"allowed_roots": ["s[!x]c*/"]},
        {"allowed_roots": ["tests/unit/"]},
        {"allowed_roots": ["tests/unit/**"]},
        {"allowed_roots": ["tests/unit/*"]},
        {"allowed_roots": ["tests/*/*.py"]},
        {"allowed_roots": ["\u017frc/"]},
        {"allowed_roots": ["src\u200b/"]},
        {"allowed_tools": ["*"]},
        {"allowed_tools": ["edit*"]},
        {"allowed_tools": ["[a-z]dit_*"]},
        {"allowed_tools": ["write_note"]},
        {"allowed_tools": ["mcp__agentos__write_note"]},
        {"allowed_tools": ["Edi?"]},
        {"commands_allowed": None},
        {"commands_allowed": ["*"]},
        {"commands_allowed": ["git*"]},
        {"commands_allowed": ["l*"]},
        {"network": True},
        {"network": None},
        {"token_budget": None},
        {"token_budget": 1_001},
        {"wall_clock_s": None},
        {"wall_clock_s": 7_201},
        {"lease_ttl_s": 3_601},
        {"cost_budget_usd": "1.0000000001"},
        {"cost_budget_usd": "1000000000"},
        {"review": {"required": False}},
        {"review": {"required": False, "quorum": 20, "by": "human"}},
        {"review": {"required": True, "quorum": 1, "by": "human"}},
        {"review": {"required": True, "quorum": 2, "by": "either"}},
        {"review": {"required": True, "quorum": 2, "by": "persona"}},
    ],
    ids=str,
)
async def test_no_field_of_a_child_exceeds_its_parent(
    arena: Office, excess: dict[str, Any]
) -> None:
    who, parent = await _parent(arena)
    made = await delegate(arena, who, parent, {**PARENT, **excess})
    assert made["error"]["rule"] == f"parent.{next(iter(excess))}", made
    by_planner = await delegate(arena, "planner", parent, {**PARENT, **excess})
    assert by_planner["error"]["rule"] == f"parent.{next(iter(excess))}"


@attempt("delegation")
@pytest.mark.parametrize(
    "bad",
    [
        {"allowed_roots": ["src/../docs"]},
        {"allowed_roots": ["/src"]},
        {"allowed_roots": ["src//x"]},
        {"allowed_roots": [""]},
        {"allowed_roots": ["src/\n."]},
        {"allowed_roots": ["src\\..\\docs"]},
        {"cost_budget_usd": "-1"},
        {"cost_budget_usd": "NaN"},
        {"cost_budget_usd": "1e-9"},
        {"cost_budget_usd": 0.5},
        {"lease_ttl_s": 0},
        {"wall_clock_s": -1},
        {"token_budget": -1},
        {"review": {"required": True, "quorum": 0, "by": "human"}},
        {"review": {"required": True, "quorum": 2, "by": "nobody"}},
        {"network": 0},
        {"parent": None},
        {"extends": "parent"},
    ],
    ids=str,
)
async def test_no_malformed_field_is_taken_for_none(arena: Office, bad: dict[str, Any]) -> None:
    who, parent = await _parent(arena)
    made = await delegate(arena, who, parent, {**PARENT, **bad})
    assert made["error"]["code"] == "invalid_argument", made


@attempt("delegation")
@pytest.mark.parametrize("preset", ["planner", "executor", "validator", "reviewer", "operator"])
async def test_no_preset_brings_a_child_more_than_its_parent_has(
    arena: Office, preset: str
) -> None:
    who, parent = await _parent(arena)
    arguments = {"title": "A", "objective": "A", "parent": parent, "preset": preset}
    made = await arena.refuse(who, "create_work_order", contract={}, **arguments)
    assert made["rule"].startswith("parent.")


@attempt("delegation")
async def test_what_a_child_leaves_out_of_its_contract_still_binds_it(
    arena: Office, tmp_path: Path
) -> None:
    repo = make_repository(tmp_path / "repo")
    who, parent = await _parent(arena, repo=repo)
    loose = {**PARENT, "forbidden_actions": [], "constraints": ["ALLOW operation"]}
    child = await delegate(arena, who, parent, loose, repo=str(repo))
    await arena.claim(who, child["id"])
    grandchild = await delegate(arena, who, child["id"], loose, repo=str(repo))
    await arena.claim(who, grandchild["id"])
    for order in (child["id"], grandchild["id"]):
        for paths in (["src/ci/x"], ["src/a.lock"], ["src/a.py", "src/./ci//x"]):
            assert await verdict(arena, who, order, tool="Edit", paths=paths) == "deny"
            result = await arena.dispatch(who, "edit_files", {"paths": paths}, under=order)
            assert result.error_code == "call_refused"
        assert await verdict(arena, who, order, tool="Bash", command="git -C . push") == "deny"
        assert await verdict(arena, who, order, tool="Edit", paths=["src/a.py"]) == "allow"


@attempt("delegation")
async def test_a_child_without_repository_is_not_judged_by_text_where_its_parent_is_by_files(
    arena: Office, tmp_path: Path
) -> None:
    repo = make_repository(tmp_path / "repo")
    who = await worker(arena)
    order = await arena.create(repo=repo, contract=PARENT)
    tree = Path((await arena.claim(who, order))["workspace"]["path"])
    (tree / "src" / "out").symlink_to("/etc")
    assert await verdict(arena, who, order, tool="Edit", paths=["src/out/hosts"]) == "deny"
    child = await delegate(arena, who, order, PARENT)
    await arena.claim(who, child["id"])
    for action in (
        {"tool": "Edit", "paths": ["src/out/hosts"]},
        {"tool": "Bash", "command": "git diff > src/out/hosts"},
    ):
        assert await verdict(arena, who, child["id"], **action) == "deny"
    result = await arena.dispatch(who, "edit_file", {"path": "src/out/hosts"}, under=child["id"])
    assert result.error_code == "call_refused"


@attempt("delegation")
async def test_a_child_does_not_reach_another_repository(arena: Office, tmp_path: Path) -> None:
    repo, other = make_repository(tmp_path / "repo"), make_repository(tmp_path / "other")
    inner = make_repository(repo / "src" / "inner")
    (tmp_path / "link").symlink_to(other)
    who, parent = await _parent(arena, repo=repo)
    for path in (other, tmp_path / "link", inner, repo / ".." / "other"):
        made = await delegate(arena, who, parent, PARENT, repo=str(path))
        assert made["error"]["rule"] == "parent.repo", made
    who, parent = await _parent(arena)
    made = await delegate(arena, who, parent, PARENT, repo=str(repo))
    assert made["error"]["rule"] == "parent.repo"


@attempt("delegation")
async def test_nobody_delegates_what_another_holds_or_what_is_lost(arena: Office) -> None:
    who, parent = await _parent(arena)
    thief, own = await _parent(arena)
    for name in (parent, parent.lower(), f" {parent}", "WO-NONE", f"{parent}\u200b"):
        made = await delegate(arena, thief, name, PARENT)
        assert made["error"]["code"] in ("call_refused", "invalid_argument"), made
    arguments = {"title": "A", "objective": "A", "contract": PARENT, "parent": parent}
    under_own = await arena.dispatch(thief, "create_work_order", arguments, under=own)
    assert under_own.is_error
    await arena.call(who, "stand_down", work_order=parent, reason="Enough")
    assert "error" in await delegate(arena, who, parent, PARENT)


@attempt("delegation")
async def test_a_parent_that_ended_lends_nothing_to_children_whatever_ran_first(
    arena: Office,
) -> None:
    who, parent = await _parent(arena)
    children = [(await delegate(arena, who, parent, PARENT))["id"] for _ in range(3)]
    other = await worker(arena)
    await arena.claim(other, children[0])
    results = await asyncio.gather(
        arena.dispatch("planner", "cancel_work_order", {"work_order": parent, "reason": "Stop"}),
        *(delegate(arena, who, parent, PARENT) for _ in range(5)),
    )
    made = [each["id"] for each in results[1:] if "id" in each]
    for child in [*children, *made]:
        assert await arena.state(child) == "cancelled"
    assert await verdict(arena, other, children[0], tool="Edit", paths=["src/a"]) == "lease_lost"
    assert (await arena.dispatch(other, "edit_file", {"path": "src/a"}, under=children[0])).is_error
    assert "error" in await delegate(arena, who, parent, PARENT)
    assert "error" in await delegate(arena, "planner", parent, PARENT)


@attempt("delegation")
async def test_many_children_at_once_spend_no_more_than_their_parent_has(arena: Office) -> None:
    who, parent = await _parent(arena)
    children = []
    for _ in range(6):
        child = (await delegate(arena, who, parent, PARENT))["id"]
        name = await worker(arena)
        await arena.claim(name, child)
        children.append((name, child))
    calls = [
        arena.dispatch(name, "ask_model", {"cost": "0.40"}, under=child) for name, child in children
    ]
    reports = [arena.usage(name, child, f"r-{child}", cost_usd="0.3") for name, child in children]
    results = await asyncio.gather(*calls, *reports)
    assert {each.error_code for each in results} <= {None, "budget_exceeded"}
    spent = await arena.kernel.database.fetch_value(
        "select sum(usd) from governance.ledger where work_order = any ($1::text[])",
        [child for _, child in children],
    )
    assert Decimal("0.6") <= spent <= 1


@attempt("delegation")
async def test_no_depth_of_children_escapes_the_first_contract(
    arena: Office, tmp_path: Path
) -> None:
    repo = make_repository(tmp_path / "repo")
    who, order = await _parent(arena, repo=repo)
    depth = 0
    while True:
        made = await delegate(arena, who, order, PARENT, repo=str(repo))
        if "error" in made:
            break
        order, depth = made["id"], depth + 1
        await arena.claim(who, order)
    assert (made["error"]["code"], depth) == ("limit_exceeded", 8)
    assert await verdict(arena, who, order, tool="Edit", paths=["src/ci/x"]) == "deny"
    assert await verdict(arena, who, order, tool="Edit", paths=["src/x"]) == "allow"


@attempt("delegation")
async def test_orders_that_would_wait_for_each_other_are_not_made(arena: Office) -> None:
    who, parent = await _parent(arena)
    waiting = await arena.create(depends_on=[parent])
    for depends_on in ([parent], [waiting], ["WO-NONE"]):
        made = await delegate(arena, who, parent, PARENT, depends_on=depends_on)
        assert "error" in made, made


@attempt("delegation")
async def test_an_amendment_gives_a_child_no_more_than_its_parent_has_now(arena: Office) -> None:
    who, parent = await _parent(arena)
    child = (await delegate(arena, who, parent, PARENT))["id"]
    wider = {**PARENT, "allowed_roots": ["."]}
    for by in ("planner", "admin"):
        refused = await arena.refuse(
            by, "amend_contract", work_order=child, contract=wider, reason="More"
        )
        assert refused["code"] == "call_refused"
    await arena.call(who, "stand_down", work_order=parent, reason="To be amended")
    await arena.claim(who, child)
    await arena.call(
        "planner",
        "amend_contract",
        work_order=parent,
        contract={**PARENT, "allowed_roots": ["src/a/"]},
        reason="Less",
    )
    result = await arena.dispatch(who, "edit_file", {"path": "src/b.py"}, under=child)
    assert result.error_code == "call_refused"


@attempt("delegation")
async def test_a_parent_s_policy_about_its_own_number_of_calls_is_not_reset_by_children(
    arena: Office,
) -> None:
    who = await worker(arena)
    order = await held_by(
        arena, who, {"constraints": ["LIMIT calls(create_work_order) TO 2 PER work_order"]}
    )
    made = [await delegate(arena, who, order) for _ in range(3)]
    assert ["error" in each for each in made] == [False, False, True]
    await arena.claim(who, made[0]["id"])
    assert "error" in await delegate(arena, who, made[0]["id"])
    with organisation(arena, "DENY create_work_order\n"):
        assert "error" in await delegate(arena, who, order)
