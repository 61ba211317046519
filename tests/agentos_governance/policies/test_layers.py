"""Organisation, repository and contract policies bind every call, and only ever narrow (issue 3)."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos import ConfigurationError, Settings
from tests.agentos_governance.policies.offices import (
    check,
    held,
    last_decision,
    open_governed,
    repository_with_policy,
    write_policy,
)
from tests.agentos_governance.repositories import git, make_repository

pytestmark = pytest.mark.anyio


async def test_the_organisation_s_rule_refuses_and_the_refusal_names_rule_and_line(
    settings: Settings,
) -> None:
    policy = '# for everybody\nno-notes: DENY write_note REASON "notes are closed"\n'
    async with open_governed(settings, policy) as office:
        await held(office)
        error = await office.refuse("w1", "write_note", text="x")
        assert error["code"] == "call_refused"
        assert error["rule"] == "organisation:no-notes (line 2)"
        assert "organisation:no-notes (line 2): notes are closed" in error["message"]
        await office.call("w1", "read_note")
        decision = await last_decision(office, "call.refused", "write_note")
        assert decision["effect"] == "deny"
        (layer,) = decision["layers"]
        assert layer["policies"][0].startswith("sha256:")
        assert layer["rules"][0]["text"].startswith("no-notes: DENY write_note")
        allowed = await last_decision(office, "call.allowed", "read_note")
        assert allowed["layers"][0]["effect"] == "abstain"
        await office.assert_consistent()


async def test_the_organisation_s_rules_bind_callers_without_a_work_order_too(
    settings: Settings,
) -> None:
    async with open_governed(settings, 'DENY create_work_order IF role == "planner"') as office:
        error = await office.refuse("planner", "list_work_orders", limit=0)
        assert error["code"] == "invalid_argument"
        assert (
            await office.code("planner", "create_work_order", title="t", objective="o", contract={})
            == "call_refused"
        )
        await office.call("admin", "create_work_order", title="t", objective="o", contract={})


async def test_an_allow_rule_denies_the_rest_but_never_the_protocol_of_the_work_order(
    settings: Settings,
) -> None:
    async with open_governed(settings, "ALLOW read_note") as office:
        order = await held(office)
        await office.call("w1", "read_note")
        error = await office.refuse("w1", "write_note", text="x")
        assert error["rule"] == "organisation:default"
        await office.call("w1", "renew_lease", work_order=order)
        await office.call("w1", "stand_down", work_order=order, reason="done")


async def test_a_policy_never_allows_what_the_contract_does_not(settings: Settings) -> None:
    async with open_governed(settings, "ALLOW operation") as office:
        await held(office, contract={"allowed_tools": ["read_*"]})
        error = await office.refuse("w1", "write_note", text="x")
        assert error["rule"] == "allowed_tools"


async def test_any_layer_that_denies_wins_over_the_others(
    settings: Settings, tmp_path: Path
) -> None:
    repo = repository_with_policy(
        tmp_path / "repo", 'frozen: DENY write IF path MATCHES "src/db/**"'
    )
    async with open_governed(settings, "ALLOW operation") as office:
        await held(
            office, repo=repo, contract={"constraints": ["ALLOW operation", "DENY show_file"]}
        )
        await office.call("w1", "edit_file", path="src/app.py")
        error = await office.refuse("w1", "edit_file", path="src/db/schema.py")
        assert error["rule"] == "repository:frozen (line 1)"
        error = await office.refuse("w1", "show_file")
        assert error["rule"] == "contract:#2 (line 2)"
        decision = await last_decision(office, "call.allowed", "edit_file")
        assert [layer["layer"] for layer in decision["layers"]] == [
            "organisation",
            "repository",
            "contract",
        ]


async def test_each_path_of_a_call_is_decided_where_it_leads(
    settings: Settings, tmp_path: Path
) -> None:
    repo = make_repository(tmp_path / "repo")
    async with open_governed(settings, 'DENY write IF path MATCHES "src/db/**"') as office:
        order = await held(office, repo=repo)
        workspace = settings.home / "worktrees" / order
        (workspace / "src" / "db").mkdir(parents=True)
        (workspace / "src" / "other").symlink_to("db")
        await office.call("w1", "edit_files", paths=["src/app.py", "src/b.py"])
        for path in ("src/db/x.py", "src/other/x.py", "./src//db/../db/x.py"):
            error = await office.refuse("w1", "edit_files", paths=["src/app.py", path])
            assert error["rule"] == "organisation:#1 (line 1)", path


async def test_an_edited_policy_in_the_worktree_changes_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    """Policy shadowing: the base commit's policy binds, whatever the worker writes or commits."""
    repo = repository_with_policy(tmp_path / "repo", "DENY write_note", name="policy")
    async with open_governed(settings) as office:
        order = await held(office, repo=repo, contract={"allowed_roots": ["."]})
        workspace = settings.home / "worktrees" / order
        assert await office.code("w1", "write_note", text="x") == "call_refused"
        (workspace / ".agentos" / "policy").write_text("ALLOW operation")
        git(workspace, "commit", "-qam", "open up")
        assert await office.code("w1", "write_note", text="x") == "call_refused"
        git(repo, "checkout", "-q", "--detach")
        (repo / ".agentos" / "policy").unlink()
        git(repo, "commit", "-qam", "gone")
        assert await office.code("w1", "write_note", text="x") == "call_refused"


async def test_a_folder_of_repository_policies_is_one_layer(
    settings: Settings, tmp_path: Path
) -> None:
    repo = repository_with_policy(tmp_path / "repo", "ALLOW read_note", name="policy/a.policy")
    (repo / ".agentos/policy/b.policy").write_text("ALLOW show_file\n")
    (repo / ".agentos/policy/README").write_text("not a policy: ALLOW operation\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "more")
    async with open_governed(settings) as office:
        await held(office, repo=repo)
        await office.call("w1", "read_note")
        await office.call("w1", "show_file")
        error = await office.refuse("w1", "write_note", text="x")
        assert error["rule"] == "repository:default"


@pytest.mark.parametrize(
    ("text", "said"),
    [("DENY wrote", None), ("DENY IF nonsense == 1", "policy:1:9"), ("ALLOW ALLOW", "policy:1:7")],
)
async def test_a_broken_repository_policy_refuses_the_calls_of_its_work_orders(
    settings: Settings, tmp_path: Path, text: str, said: str | None
) -> None:
    repo = repository_with_policy(tmp_path / "repo", text)
    async with open_governed(settings) as office:
        await held(office, repo=repo)
        result = await office.dispatch("w1", "read_note", {})
        assert result.is_error == (said is not None)
        if said is not None:
            error = result.structured["error"]
            assert error["rule"] == "repository"
            assert said in error["message"]
            verdict = await check(office, "Read", paths=["README.md"])
            assert (verdict["verdict"], verdict["rule"]) == ("deny", "repository")
        await held(office, who="w2")
        await office.call("w2", "read_note")


async def test_a_policy_that_is_a_link_refuses(settings: Settings, tmp_path: Path) -> None:
    repo = make_repository(tmp_path / "repo")
    (repo / ".agentos").mkdir()
    (repo / ".agentos" / "policy").symlink_to("../README.md")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "link")
    async with open_governed(settings) as office:
        await held(office, repo=repo)
        error = await office.refuse("w1", "read_note")
        assert "a link" in error["message"]


async def test_bad_constraints_are_refused_where_the_contract_is_made(settings: Settings) -> None:
    async with open_governed(settings) as office:
        for constraints, said in (
            (["ALLOW read", "DENY write IF"], "constraints[1]:1:14"),
            (["DENY IF risk_scoer > 1"], "constraints:1:9"),
            (["DENY IF tool.writes AND"], "constraints[0]:1:24"),
        ):
            error = await office.refuse(
                "planner",
                "create_work_order",
                title="t",
                objective="o",
                contract={"constraints": constraints},
            )
            assert error["code"] == "invalid_argument"
            assert said in error["message"], error["message"]


async def test_a_parent_s_constraints_bind_its_children(settings: Settings) -> None:
    async with open_governed(settings) as office:
        parent = await office.create(contract={"constraints": ["no-notes: DENY write_note"]})
        await held(office, parent=parent)
        error = await office.refuse("w1", "write_note", text="x")
        assert error["rule"] == f"contract of {parent}:no-notes (line 1)"


async def test_a_child_without_a_repository_does_not_escape_its_parent_s_policy(
    settings: Settings, tmp_path: Path
) -> None:
    repo = repository_with_policy(tmp_path / "repo", "no-notes: DENY write_note")
    async with open_governed(settings) as office:
        parent = await held(office, repo=repo)
        await held(office, who="w2", parent=parent)
        error = await office.refuse("w2", "write_note", text="x")
        assert error["rule"] == "repository:no-notes (line 1)"
        await office.call("w2", "read_note")


async def test_a_missing_fact_denies_and_says_which(settings: Settings) -> None:
    facts = {"unsafe_environment": {"type": "boolean"}}
    chosen = Settings.model_validate({**settings.model_dump(), "facts": facts})
    policy = "DENY write_note IF unsafe_environment == true"
    async with open_governed(chosen, policy) as office:
        await held(office)
        error = await office.refuse("w1", "write_note", text="x")
        assert "unsafe_environment" in error["message"]
        decision = await last_decision(office, "call.refused", "write_note")
        assert decision["layers"][0]["missing"] == ["unsafe_environment"]
        await office.call("w1", "read_note")


async def test_deployment_facts_are_typed_and_known_to_rules(settings: Settings) -> None:
    policy = 'DENY write_note IF unsafe_environment\nDENY read_note IF region != "eu" OR tier >= 3'
    for unsafe in (False, True):
        facts = {"unsafe_environment": unsafe, "region": "eu", "tier": 2}
        chosen = Settings.model_validate({**settings.model_dump(), "facts": facts})
        async with open_governed(chosen, policy) as office:
            await held(office, who="w2" if unsafe else "w1")
            result = await office.dispatch("w2" if unsafe else "w1", "write_note", {"text": "x"})
            assert result.is_error == unsafe
            await office.call("w2" if unsafe else "w1", "read_note")
    with pytest.raises(ConfigurationError, match="policy cannot be used"):
        async with open_governed(settings, policy):
            pass
    for bad in ({"tool": True}, {"Region": "eu"}):
        chosen = Settings.model_validate({**settings.model_dump(), "facts": bad})
        with pytest.raises(ConfigurationError, match="setting 'facts'"):
            async with open_governed(chosen, "DENY read_note"):
                pass


async def test_a_broken_organisation_policy_stops_the_start(settings: Settings) -> None:
    write_policy(settings, "ALLOW read\nDENY write IF path = 1\n")
    with pytest.raises(ConfigurationError, match=r"base\.policy:2:"):
        async with open_governed(settings):
            pass
    missing = settings.model_copy(update={"policy": settings.home / "nowhere"})
    with pytest.raises(ConfigurationError, match="not there"):
        async with open_governed(missing):
            pass


async def test_an_edit_binds_the_next_call_and_a_broken_one_refuses_every_call(
    settings: Settings,
) -> None:
    async with open_governed(settings, "DENY write_note") as office:
        await held(office)
        await office.call("w1", "read_note")
        path = write_policy(settings, "DENY read_note\n")
        assert (await office.refuse("w1", "read_note"))["rule"] == "organisation:#1 (line 1)"
        await office.call("w1", "write_note", text="x")
        write_policy(settings, "DENY read_note\nDENY IF ) \n")
        for tool in ("read_note", "list_work_orders"):
            error = await office.refuse("w1", tool)
            assert error["rule"] == "organisation"
            assert "base.policy:2:9" in error["message"]
        verdict = await office.dispatch("w1", "check_action", {"action": {"tool": "Read"}})
        assert verdict.structured["verdict"] == "deny"
        path.unlink()
        path.parent.rmdir()
        assert "not there" in (await office.refuse("w1", "write_note", text="x"))["message"]
        write_policy(settings, "ALLOW operation\n")
        await office.call("w1", "read_note")


async def test_a_policy_that_appears_while_the_server_runs_binds(settings: Settings) -> None:
    async with open_governed(settings) as office:
        await held(office)
        await office.call("w1", "write_note", text="x")
        write_policy(settings, "DENY write_note\n")
        assert await office.code("w1", "write_note", text="x") == "call_refused"


async def test_with_several_files_a_refusal_says_which(settings: Settings) -> None:
    write_policy(settings, "DENY write_note", "10-notes.policy")
    write_policy(settings, "ALLOW operation", "20-rest.policy")
    async with open_governed(settings) as office:
        await held(office)
        error = await office.refuse("w1", "write_note", text="x")
        assert error["rule"] == "organisation/10-notes.policy:#1 (line 1)"
        await office.call("w1", "read_note")


async def test_a_folder_by_setting_takes_the_place_of_the_default_one(
    settings: Settings, tmp_path: Path
) -> None:
    write_policy(settings, "DENY operation")
    single = tmp_path / "single.policy"
    single.write_text("DENY read_note")
    async with open_governed(settings, policy=single) as office:
        await held(office)
        assert await office.code("w1", "read_note") == "call_refused"
        await office.call("w1", "write_note", text="x")


async def test_a_layer_that_only_asks_leaves_other_calls_alone(settings: Settings) -> None:
    async with open_governed(settings, "asks: ASK write_note") as office:
        await held(office)
        await office.call("w1", "read_note")
        assert (await office.refuse("w1", "write_note", text="x"))["code"] == "approval_required"
