"""Every call of every tool under a contract: tools, paths, roles, time, and what is recorded."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agentos import CallRequest, Credentials, Role, Settings, open_kernel
from agentos.events.rebuild import check_read_models
from agentos_governance.tools.reports import AuditQueue
from tests.agentos_governance.lifecycle import FakeClock, open_office, sample_repository
from tests.agentos_governance.lifecycle_plugin import LifecyclePlugin

pytestmark = pytest.mark.anyio


_ALL = ["*"]
_FORBIDDEN = ["x", "write_n*"]


async def test_only_what_the_contract_allows_and_does_not_forbid_runs(settings: Settings) -> None:
    cases: list[tuple[dict[str, Any], str, str | None]] = [
        ({"allowed_tools": ["write_note"]}, "write_note", None),
        ({"allowed_tools": ["write_*"]}, "write_note", None),
        ({"allowed_tools": ["mcp__agentos__write_note"]}, "write_note", None),
        ({"allowed_tools": ["read_note"]}, "write_note", "allowed_tools"),
        ({"allowed_tools": ["read_note"]}, "read_note", None),
        ({"allowed_tools": ["write_note"]}, "read_note", "allowed_tools"),
        ({"allowed_tools": []}, "read_note", "allowed_tools"),
        ({"allowed_tools": _ALL, "forbidden_actions": ["write_note"]}, "read_note", None),
        (
            {"allowed_tools": _ALL, "forbidden_actions": _FORBIDDEN},
            "write_note",
            "forbidden_actions[1]",
        ),
    ]
    plugin = LifecyclePlugin()
    async with open_office(settings, plugin=plugin) as office:
        for contract, tool, rule in cases:
            order = await office.create(contract=contract)
            version = (await office.claim("w1", order))["work_order"]["contract_version"]
            plugin.probe.bodies.clear()
            result = await office.dispatch("w1", tool, {"text": "x"} if "write" in tool else {})
            refusals = await office.events(f"work_order/{order}", "call.refused")
            await office.call("w1", "stand_down", work_order=order, reason="Next")
            if rule is None:
                assert not result.is_error, result.text
                assert (plugin.probe.bodies, refusals) == ([tool], [])
                continue
            error = result.structured["error"]
            assert (error["code"], error["rule"]) == ("call_refused", rule)
            assert error["contract_version"] == version
            assert plugin.probe.bodies == []
            [refused] = refusals
            assert refused["actor"] == "w1"
            assert refused["data"]["error"]["rule"] == rule
            assert refused["data"]["error"]["contract_version"] == version


async def test_paths_are_judged_where_they_lead(settings: Settings, tmp_path: Path) -> None:
    plugin = LifecyclePlugin()
    async with open_office(settings, plugin=plugin) as office:
        order = await office.create(repo=sample_repository(tmp_path))
        workspace = Path((await office.claim("w1", order))["workspace"]["path"])
        (workspace / "src" / "out").symlink_to(tmp_path)
        (workspace / "src" / "up").symlink_to("..")
        (workspace / "in").symlink_to("src")
        verdicts: dict[str, str | None] = {
            "src/new.py": None,
            "src/deep/new.py": None,
            "in/new.py": None,
            str(workspace / "src" / "new.py"): None,
            "README.md": "allowed_roots",
            "src/../README.md": "allowed_roots",
            "src/up/README.md": "allowed_roots",
            "source/x": "allowed_roots",
            "src/out/x": "workspace",
            "../x": "workspace",
            "/etc/passwd": "workspace",
            "~/x": "workspace",
            "src/.git/hooks/pre-commit": "git_internals",
            ".git/config": "git_internals",
        }
        for path, rule in verdicts.items():
            for tool, arguments in (
                ("edit_file", {"path": path}),
                ("edit_files", {"paths": ["src/app.py", path]}),
            ):
                result = await office.dispatch("w1", tool, arguments)
                found = result.structured["error"]["rule"] if result.is_error else None
                assert found == rule, (tool, path, result.text)
        # What names no path cannot be judged; what only reads may name any of the workspace.
        assert (await office.refuse("w1", "edit_file"))["rule"] == "allowed_roots"
        assert (await office.refuse("w1", "edit_files", paths=[]))["rule"] == "allowed_roots"
        assert await office.code("w1", "edit_file", path="src/a\0b") == "invalid_argument"
        await office.call("w1", "show_file")
        await office.call("w1", "show_file", path="src/app.py")
        assert (await office.refuse("w1", "show_file", path="../x"))["rule"] == "workspace"


async def test_without_a_repository_writes_are_judged_by_their_text(settings: Settings) -> None:
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        order = await office.create(contract={"forbidden_actions": ["write:src/keys/*"]})
        await office.claim("w1", order)
        verdicts = {
            "src/a.py": ("allow", "allowed_roots"),
            "src/./b/../a.py": ("allow", "allowed_roots"),
            "README.md": ("deny", "allowed_roots"),
            "src/../README.md": ("deny", "allowed_roots"),
            "../src/a.py": ("deny", "workspace"),
            "/src/a.py": ("deny", "workspace"),
            "src/.git/config": ("deny", "git_internals"),
            "src/keys/a": ("deny", "forbidden_actions[0]"),
        }
        for path, expected in verdicts.items():
            answer = await office.call(
                "w1", "check_action", action={"tool": "Edit", "paths": [path]}
            )
            assert (answer["verdict"], answer["rule"]) == expected, path
        await office.call("w1", "edit_file", path="src/a.py")
        assert (await office.refuse("w1", "edit_file", path="README.md"))["rule"] == "allowed_roots"


async def test_without_an_order_a_worker_reads_and_changes_nothing_of_others(
    settings: Settings,
) -> None:
    plugin = LifecyclePlugin()
    async with open_office(settings, plugin=plugin) as office:
        await office.call("w1", "read_note")
        for tool, arguments in (
            ("write_note", {"text": "x"}),
            ("edit_file", {"path": "src/a"}),
            ("edit_files", {"paths": ["src/a"]}),
            ("pretend_protocol", {}),
        ):
            assert (await office.refuse("w1", tool, **arguments))["rule"] == "role:worker"
        assert plugin.probe.bodies == ["read_note"]
        action = {"tool": "Edit", "paths": ["src/a"]}
        assert await office.code("w1", "check_action", action=action) == "invalid_argument"


ROLES = ("worker", "reviewer", "planner", "admin", "bot")
ADMITTED: dict[str, tuple[str, ...]] = {
    "create_work_order": ("planner", "admin"),
    "cancel_work_order": ("planner", "admin"),
    "claim_work_order": ("worker", "reviewer", "planner", "admin"),
    "record_evidence": ("worker", "reviewer", "planner", "admin"),
    "record_usage": ("worker", "reviewer", "planner", "admin"),
    "review_work_order": ("reviewer", "admin"),
    "get_work_order": ROLES,
    "list_work_orders": ROLES,
    "get_cost_report": ROLES,
    "verify_audit": ("reviewer", "planner", "admin"),
    "amend_contract": ("planner", "admin"),
    "list_contract_versions": ROLES,
    "list_contract_presets": ROLES,
    "list_reviews": ROLES,
    "decide_review": ("reviewer", "admin"),
    "start_workflow": ("planner", "admin"),
    "signal_workflow": ("worker", "reviewer", "planner", "admin"),
    "get_workflow": ROLES,
    "list_workflows": ROLES,
    "list_workflow_definitions": ROLES,
    "list_waiting": ROLES,
    "get_review_card": ROLES,
    "decide": ("reviewer", "admin"),
    "request_decision": ("worker", "reviewer", "planner", "admin"),
    "get_decision": ROLES,
    "ask_about_review": ("reviewer", "admin"),
    "answer_question": ("worker", "reviewer", "planner", "admin"),
    "export_decisions": ("admin",),
    "set_person": ("admin",),
    "list_persons": ("admin",),
    "find_identities": ("admin", "bot"),
    "create_link_code": ("reviewer", "admin"),
    "link_identity": ("admin", "bot"),
    "unlink_identity": ("admin",),
    "claim_post": ("admin", "bot"),
    "record_post": ("admin", "bot"),
    "get_post": ROLES,
    "get_cursor": ROLES,
    "save_cursor": ("admin", "bot"),
    "write_note": ("admin",),
    "read_note": ROLES,
}


async def test_each_role_may_call_what_the_table_says(settings: Settings) -> None:
    named, review = {"work_order": "WO-NONE"}, {"review": "RV-NONE"}
    identity = {"channel": "slack", "external_id": "T1:U1"}
    arguments: dict[str, dict[str, Any]] = {
        "create_work_order": {"title": "x", "objective": "x", "contract": {}},
        "cancel_work_order": {**named, "reason": "Enough"},
        "claim_work_order": named,
        "record_evidence": {**named, "kind": "k", "claim": "It is", "content": "x"},
        "record_usage": {
            **named,
            **{name: "x" for name in ("phase", "role", "model", "action", "request_id")},
            "input_tokens": 1,
            "output_tokens": 1,
            "cost_usd": "0",
        },
        "review_work_order": {
            **named,
            "packet_sha256": "0" * 64,
            "verdict": "approve",
            "reason": "Fine",
        },
        "amend_contract": {**named, "contract": {}, "reason": "Less"},
        "list_contract_versions": named,
        "decide_review": {"review_id": "RV-NONE", "verdict": "approve", "reason": "Fine"},
        "start_workflow": {"definition": "x", "title": "x", "objective": "x", "contract": {}},
        "signal_workflow": {**named, "signal": "cancel", "reason": "Enough"},
        "get_workflow": named,
        "get_work_order": named,
        "get_cost_report": {"group_by": ["model"]},
        "get_review_card": review,
        "decide": {**review, "sha256": "0" * 64, "verdict": "approve"},
        "request_decision": {"kind": "provide_context", "title": "Host", "text": "Where?"},
        "get_decision": review,
        "ask_about_review": {**review, "text": "Why?"},
        "answer_question": {"question": "QU-NONE", "text": "So"},
        "set_person": {"name": "Ada"},
        "find_identities": {"channel": "slack", "persons": ["Ada"]},
        "create_link_code": {"person": "Ada"},
        "link_identity": {**identity, "code": "aos_12345678"},
        "unlink_identity": identity,
        "claim_post": {"channel": "slack", "part": "card", **review},
        "record_post": {"claim": "CP-NONE", "message_ref": "x", "version": 1},
        "get_post": {"channel": "slack", "part": "card", **review},
        "get_cursor": {"channel": "slack"},
        "save_cursor": {"channel": "slack", "position": 0},
        "write_note": {"text": "x"},
    }
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        for role in ROLES:
            await office.join(f"a {role}", Role(role))
        for tool, admitted in ADMITTED.items():
            for role in ROLES:
                result = await office.dispatch(f"a {role}", tool, arguments.get(tool, {}))
                error = result.structured.get("error", {})
                is_refused = error.get("rule") == f"role:{role}"
                assert is_refused is (role not in admitted), (tool, role, result.text)


async def test_no_plugin_leaves_a_contract_by_declaring_the_capabilities_of_its_protocol(
    settings: Settings,
) -> None:
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        order = await office.create(contract={"allowed_tools": ["read_note"]})
        await office.claim("w1", order)
        for arguments in ({}, {"work_order": order}):
            error = await office.refuse("w1", "pretend_protocol", **arguments)
            assert error["rule"] == "allowed_tools"


async def test_two_held_orders_must_be_named_and_a_foreign_one_is_lost(settings: Settings) -> None:
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        narrow = await office.create("narrow", contract={"allowed_tools": ["read_note"]})
        wide = await office.create("wide")
        foreign = await office.create("foreign")
        await office.claim("w1", narrow)
        await office.claim("w1", wide)
        await office.claim("w2", foreign)
        for tool, arguments in (("read_note", {}), ("write_note", {"text": "x"})):
            error = await office.refuse("w1", tool, **arguments)
            assert error["code"] == "invalid_argument"
            assert "agentos/work_order" in error["remedy"]
        note = {"text": "x"}
        refused = await office.dispatch("w1", "write_note", note, under=narrow)
        assert refused.structured["error"]["rule"] == "allowed_tools"
        assert not (await office.dispatch("w1", "write_note", note, under=wide)).is_error
        for unheld in (foreign, "WO-NONE"):
            for who in ("w1", "reviewer", "admin"):
                result = await office.dispatch(who, "read_note", {}, under=unheld)
                assert result.error_code == "lease_lost", who
        # One of the two expires: the other is the one active order again.
        office.clock.advance(31)
        await office.dispatch("w1", "write_note", note, under=wide)
        office.clock.advance(30)
        await office.call("w1", "write_note", text="x")
        written = await office.events(f"work_order/{wide}", "call.finished")
        assert [e["data"]["tool"] for e in written].count("write_note") == 3


async def test_the_one_active_order_applies_to_every_role(settings: Settings) -> None:
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        order = await office.create(contract={"allowed_tools": ["read_note"]})
        await office.claim("admin", order)
        await office.call("admin", "read_note")
        assert (await office.refuse("admin", "write_note", text="x"))["rule"] == "allowed_tools"
        verdict = await office.call(
            "admin", "check_action", action={"tool": "Bash", "command": "ls"}
        )
        assert (verdict["verdict"], verdict["rule"]) == ("deny", "allowed_tools")
        await office.call("admin", "stand_down", work_order=order, reason="Enough")
        await office.call("admin", "write_note", text="x")


async def test_wall_clock_time_that_is_used_up_refuses_work_but_not_the_way_out(
    settings: Settings,
) -> None:
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        order = await office.create(contract={"wall_clock_s": 100})
        await office.claim("w1", order)
        office.clock.advance(50)
        await office.call("w1", "write_note", text="in time")
        office.clock.advance(51)
        await office.call("w1", "stand_down", work_order=order, reason="Enough")
        await office.claim("w2", order)  # another worker gets no more time
        error = await office.refuse("w2", "write_note", text="late")
        assert error["rule"] == "wall_clock_s"
        assert error["contract_version"].startswith("sha256:")
        action = {"tool": "Edit", "paths": ["src/a"]}
        verdict = await office.call("w2", "check_action", action=action)
        assert (verdict["verdict"], verdict["rule"]) == ("deny", "wall_clock_s")
        assert (await office.submit("w2", order))["state"] == "in_review"
        report = await office.call("planner", "get_work_report", work_order=order)
        rules = [item["rule"] for item in report["why_allowed"]["facts"]["refusals"]]
        assert rules == ["wall_clock_s", "wall_clock_s"]


async def test_without_the_governance_plugin_nothing_is_admitted(settings: Settings) -> None:
    plugin = LifecyclePlugin()
    bare = type("Bare", (), {name: getattr(type(plugin), name) for name in _HOOKS})()
    bare.probe = plugin.probe
    clock = FakeClock()
    extra = {"lifecycle_test": bare}
    async with open_kernel(settings, clock=clock, extra_plugins=extra) as kernel:
        for role in Role:
            token = await kernel.tokens.create(role.value, role, now=clock.now())
            request = CallRequest("read_note", {}, Credentials(bearer_token=token.secret), "test")
            error = (await kernel.dispatch(request)).structured["error"]
            assert (error["code"], error["rule"]) == ("call_refused", "default_deny")
        assert plugin.probe.bodies == []


_HOOKS = ("register_tools", "register_event_types", "register_services", "_probe_of")


async def test_whoever_holds_two_orders_must_name_one_whatever_the_role(settings: Settings) -> None:
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        await office.join("rex", Role.REVIEWER)
        for _ in range(2):
            await office.claim("rex", await office.create(contract={"allowed_tools": []}))
        result = await office.dispatch("rex", "read_note", {})
        assert result.error_code == "invalid_argument"


async def test_a_budget_changed_behind_the_log_is_found(settings: Settings) -> None:
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        order = await office.create()
        kernel = office.kernel
        before = await check_read_models(kernel.database, kernel.events, kernel.read_models)
        async with kernel.database.connection() as connection:
            await connection.execute(
                "update governance.budget set cap_usd = 999 where work_order = $1", order
            )
        after = await check_read_models(kernel.database, kernel.events, kernel.read_models)
        assert before.ok and not after.ok
        assert "budget" in after.differences[0].table


async def test_verifications_take_turns(settings: Settings) -> None:
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        await office.join("rex", Role.REVIEWER)
        queue = office.kernel.service(AuditQueue)
        async with queue.turn:
            waiting = asyncio.create_task(office.dispatch("rex", "verify_audit", {}))
            listed = await office.dispatch("rex", "list_work_orders", {})
            assert not listed.is_error and not waiting.done()
        assert (await waiting).structured["ok"]
