"""A compiled contract: default deny, deny overrides, every verdict names its rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentos_governance.contracts.actions import Action
from agentos_governance.contracts.judgement import CompiledContract, Judgement, compile_contract
from agentos_governance.contracts.model import parse_contract


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    root = tmp_path / "work"
    (root / "src").mkdir(parents=True)
    (root / "src" / "link").symlink_to("../docs")
    return root


def compiled(**fields: Any) -> CompiledContract:
    base: dict[str, Any] = {"allowed_roots": ["src/"], "allowed_tools": ["*"]}
    return compile_contract(parse_contract({**base, **fields}))


def rule_of(judgement: Judgement) -> tuple[str, str]:
    assert judgement.reason
    return judgement.verdict, judgement.rule


def test_an_empty_contract_denies_everything(workspace: Path) -> None:
    judge = compile_contract(parse_contract({})).judge
    for action in (Action("Read"), Action("search_code"), Action("Bash", command="ls")):
        assert rule_of(judge(action, workspace)) == ("deny", "allowed_tools")


@pytest.mark.parametrize(
    ("tool", "server", "is_allowed"),
    [
        ("Edit", None, False),
        ("search_code", "agentos", True),
        ("search_code", None, False),
        ("mcp__agentos__search_code", None, True),
        ("mcp__other__search_code", None, False),
    ],
)
def test_tool_globs_name_own_tools_plainly_or_by_server(
    tool: str, server: str | None, is_allowed: bool
) -> None:
    judge = compiled(allowed_tools=["mcp__agentos__*"]).judge
    assert judge(Action(tool, server=server)).is_allowed is is_allowed


def test_a_plain_entry_admits_the_same_tool_through_the_own_server_only() -> None:
    judge = compiled(allowed_tools=["search_code"]).judge
    assert judge(Action("mcp__agentos__search_code")).is_allowed
    assert not judge(Action("mcp__evil__search_code")).is_allowed


@pytest.mark.parametrize(
    ("pattern", "action"),
    [
        ("Edit", Action("Edit", paths=["src/a"])),
        ("write", Action("Edit", paths=["src/a"])),
        ("Edit:write", Action("Edit", paths=["src/a"])),
        ("write:src/*", Action("Edit", paths=["src/deep/a"])),
        ("Edit:src/a", Action("Edit", paths=["./src/a"])),
        ("Edit(src/a)", Action("Edit", paths=["src/a"])),
        ("write:src/a", Action("Edit", args={"file_path": "src/a"})),
        ("read:src/*", Action("Read", paths=["src/a"])),
        ("git push", Action("Bash", command="git push origin main")),
        ("git push*", Action("Bash", command="git push")),
        ("Bash:git push*", Action("Bash", command="ls; git push")),
        ("Bash(git push*)", Action("Bash", command="ls; git push")),
        ("Bash(git push:*)", Action("Bash", command="git push origin")),
        ("Bash(git push)", Action("Bash", command="git push origin")),
        ("network", Action("WebFetch")),
        ("mcp__agentos__create_*", Action("create_work_order", server="agentos")),
    ],
)
def test_a_forbidden_action_is_denied_by_its_number(
    workspace: Path, pattern: str, action: Action
) -> None:
    judge = compiled(forbidden_actions=["nothing", pattern]).judge
    assert rule_of(judge(action, workspace)) == ("deny", "forbidden_actions[1]")


def test_forbidden_wins_over_allowed_and_is_case_sensitive(workspace: Path) -> None:
    assert not compiled(allowed_tools=["search_code"]).judge(Action("Search_Code")).is_allowed
    judge = compiled(forbidden_actions=["EDIT", "git PUSH*"]).judge
    assert judge(Action("Edit", paths=["src/a"]), workspace).is_allowed
    assert judge(Action("Bash", command="git push"), workspace).is_allowed


@pytest.mark.parametrize(
    ("action", "verdict"),
    [
        (Action("Edit", paths=["src/a"]), ("allow", "allowed_roots")),
        (Action("Edit", paths=["README.md"]), ("deny", "allowed_roots")),
        (Action("Edit", paths=["src/a", "README.md"]), ("deny", "allowed_roots")),
        (Action("Edit", paths=["src/link/a"]), ("deny", "allowed_roots")),
        (Action("Edit", paths=["../x"]), ("deny", "workspace")),
        (Action("Edit", paths=["src/.git/hooks/x"]), ("deny", "git_internals")),
        (Action("Edit", paths=["a\0b"]), ("deny", "workspace")),
        (Action("Edit"), ("deny", "allowed_roots")),
        (Action("Edit", capability="read", paths=["README.md"]), ("deny", "allowed_roots")),
        (Action("Edit", paths=["src/a"], args={"file_path": "x"}), ("deny", "allowed_roots")),
        (Action("Unknown", paths=["README.md"]), ("deny", "allowed_roots")),
        (Action("Unknown", capability="read", paths=["README.md"]), ("allow", "workspace")),
        (Action("Read", paths=["README.md"]), ("allow", "workspace")),
        (Action("Read", paths=["/etc/passwd"]), ("deny", "workspace")),
        (Action("Grep", args={"path": "/etc", "pattern": "x"}), ("deny", "workspace")),
        (Action("Grep", args={"pattern": "x"}), ("allow", "allowed_tools")),
        (Action("Glob", args={"pattern": "/etc/**"}), ("deny", "workspace")),
        (Action("Glob", args={"pattern": "../**"}), ("deny", "workspace")),
        (Action("Glob", args={"pattern": "src/**/*.py"}), ("allow", "workspace")),
        (Action("Bash"), ("deny", "commands_allowed")),
        (Action("Bash", command="  "), ("deny", "commands_allowed")),
        (Action("Bash", command="ls"), ("allow", "allowed_tools")),
        (Action("shell", args={"command": ["bash", "-lc", "echo > x"]}), ("deny", "allowed_roots")),
        (Action("WebFetch"), ("allow", "allowed_tools")),
    ],
)
def test_targets_are_judged(workspace: Path, action: Action, verdict: tuple[str, str]) -> None:
    assert rule_of(compiled().judge(action, workspace)) == verdict


def test_every_path_of_a_patch_is_judged(workspace: Path) -> None:
    patch = "*** Begin Patch\n*** Update File: src/a\n*** Move to: {}\n@@\n*** End Patch\n"
    judge = compiled().judge
    assert judge(Action("apply_patch", args={"input": patch.format("src/b")}), workspace).is_allowed
    for action in (
        Action("apply_patch", args={"input": patch.format("b")}),
        Action("apply_patch", command=patch.format("b")),
        Action("apply_patch", args={"input": "nothing readable"}),
    ):
        assert rule_of(judge(action, workspace)) == ("deny", "allowed_roots")


def test_without_a_workspace_nothing_is_written_and_reads_are_judged_by_text() -> None:
    judge = compiled().judge
    assert rule_of(judge(Action("Edit", paths=["src/a"]))) == ("deny", "workspace")
    assert rule_of(judge(Action("Read", paths=["src/a"]))) == ("allow", "workspace")
    assert rule_of(judge(Action("Read", paths=["../a"]))) == ("deny", "workspace")
    assert rule_of(judge(Action("Bash", command="echo > src/a"))) == ("deny", "workspace")


@pytest.mark.parametrize(
    ("action", "verdict"),
    [
        (Action("Edit", paths=["src/a"]), ("allow", "allowed_roots")),
        (Action("Edit", paths=["src/../src/./a"]), ("allow", "allowed_roots")),
        (Action("Edit", paths=["a"], cwd="src"), ("allow", "allowed_roots")),
        (Action("Edit", paths=["src/../a"]), ("deny", "allowed_roots")),
        (Action("Edit", paths=["../../src/a"], cwd="src"), ("deny", "workspace")),
        (Action("Edit", paths=["src/a"], cwd="/"), ("deny", "workspace")),
        (Action("Edit", paths=["/src/a"]), ("deny", "workspace")),
        (Action("Edit", paths=["~/src/a"], cwd="src"), ("deny", "workspace")),
        (Action("Edit", paths=["src/a\0"]), ("deny", "workspace")),
        (Action("Edit", paths=["src/.git/config"]), ("deny", "git_internals")),
        (Action("Edit"), ("deny", "allowed_roots")),
        (Action("Read", paths=["README.md"]), ("allow", "workspace")),
    ],
)
def test_writes_without_a_repository_are_judged_by_their_text(
    action: Action, verdict: tuple[str, str]
) -> None:
    assert rule_of(compiled().judge(action, has_repository=False)) == verdict


def test_no_roots_allow_no_write(workspace: Path) -> None:
    judgement = compiled(allowed_roots=[]).judge(Action("Edit", paths=["src/a"]), workspace)
    assert rule_of(judgement) == ("deny", "allowed_roots")


def test_no_network_means_no_network_tool_and_no_known_network_command(workspace: Path) -> None:
    judge = compiled(network=False).judge
    assert rule_of(judge(Action("WebFetch"), workspace)) == ("deny", "network")
    for command in ("curl example.org", "git -C . fetch", "ls && pip install x", "ssh host"):
        assert rule_of(judge(Action("Bash", command=command), workspace)) == ("deny", "network")
    assert judge(Action("Bash", command="git log"), workspace).is_allowed


def test_allowed_commands_admit_only_themselves(workspace: Path) -> None:
    judge = compiled(commands_allowed=["git status", "pytest*"]).judge
    for command in ("git status", "pytest -q tests", "env A=1 pytest", "bash -c 'pytest -q'"):
        assert rule_of(judge(Action("Bash", command=command), workspace)) == (
            "allow",
            "commands_allowed",
        )
    for command in ("git status -s", "ls", "pytest; ls", "sudo pytest", "./pytest", "pytest $(ls)"):
        assert rule_of(judge(Action("Bash", command=command), workspace)) == (
            "deny",
            "commands_allowed",
        )
    none = compiled(commands_allowed=[]).judge(Action("Bash", command="ls"), workspace)
    assert rule_of(none) == ("deny", "commands_allowed")


def test_what_cannot_be_analysed_is_denied_where_commands_are_restricted(workspace: Path) -> None:
    action = Action("Bash", command="$X y")
    assert rule_of(compiled().judge(action, workspace)) == ("deny", "command_analysis")
    assert compiled(allowed_roots=["."]).judge(action, workspace).is_allowed


def test_a_version_names_the_contract_that_judged() -> None:
    assert compiled().version != compiled(network=False).version


@pytest.mark.parametrize(
    "action",
    [
        Action("Write", paths=[".claude/settings.local.json"]),
        Action("Write", paths=["src/.Claude/settings.json"]),
        Action("Edit", args={"file_path": ".codex/hooks.json"}),
        Action("Bash", command="echo '{}' > .claude/settings.json"),
        Action("Bash", command="cp src/a .claude/"),
        Action("Bash", command="mv src/c .claude"),
        Action("Bash", command="rm -r .claude"),
    ],
)
def test_a_clients_hooks_are_written_only_where_a_root_names_their_folder(
    tmp_path: Path, action: Action
) -> None:
    contract = {"allowed_roots": ["."], "allowed_tools": ["*"]}
    judgement = compile_contract(parse_contract(contract)).judge(action, tmp_path)
    assert (judgement.verdict, judgement.rule) == ("deny", "client_settings")
    contract["allowed_roots"] = [".", "src/.claude/", ".codex/"]
    assert compile_contract(parse_contract(contract)).judge(action, tmp_path).is_allowed


def test_what_another_shell_would_run_is_not_read_as_if_it_were_bash(tmp_path: Path) -> None:
    action = Action("PowerShell", command="Remove-Item -Recurse docs")
    contract = {"allowed_roots": ["src/"], "allowed_tools": ["*"]}
    judgement = compile_contract(parse_contract(contract)).judge(action, tmp_path)
    assert (judgement.verdict, judgement.rule) == ("deny", "command_analysis")
    contract["allowed_roots"] = ["."]
    assert compile_contract(parse_contract(contract)).judge(action, tmp_path).is_allowed


@pytest.mark.parametrize(
    "pattern",
    [
        "read:src/a",
        "read:src/*",
        "Read:src/?",
        "Read(src/a)",
        "Read(src*)",
        "*a",
        "?ead:*",
        "[rR]ead*a",
    ],
)
def test_what_keeps_a_file_from_being_read_is_known_beforehand(pattern: str) -> None:
    contract = compiled(forbidden_actions=["git push*", pattern])
    assert contract.may_forbid_reads
    refusal = contract.judge_read("src/a")
    assert refusal is not None and refusal.rule == "forbidden_actions[1]"


def test_contracts_that_forbid_other_things_are_known_to_forbid_no_read() -> None:
    contract = compiled(
        forbidden_actions=["git push*", "write:*migrations/*", "network", "rm -rf*"]
    )
    assert not contract.may_forbid_reads and contract.judge_read("src/a") is None
