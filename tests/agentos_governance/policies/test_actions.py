"""check_action goes through the same policies as calls: programs, files, limits, questions."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos import Settings
from tests.agentos_governance.policies.offices import check, held, open_governed
from tests.agentos_governance.repositories import make_repository

pytestmark = pytest.mark.anyio

POLICY = """
no-push: DENY execute IF command STARTS WITH "git push"
no-sudo: DENY execute IF program IN ["sudo", "doas"]
offline: DENY network
frozen:  DENY write IF path MATCHES "migrations/**"
"""


COMMANDS = {
    "git status": None,
    "git push origin main": "no-push",
    "git -C . push": "no-push",
    "/usr/bin/git push": "no-push",
    "ls && (cd src; git push)": "no-push",
    "bash -c 'git push'": "no-push",
    "sudo ls": "no-sudo",
    "env A=1 sudo ls": "no-sudo",
    "curl https://example.org": "offline",
    "echo x > migrations/1.sql": "frozen",
    "cp src/app.py migrations/1.sql": "frozen",
    "cp src/app.py migrations/": "frozen",
    "rm -rf migrations": "frozen",
    "rm -rf .": "frozen",
    "touch src/other/1.sql": "frozen",
    "cat migrations/1.sql": None,
    "echo x > src/x": None,
    "$PROGRAM push": "no-push",
    "git $VERB": "no-push",
    'eval "$X"': "no-push",
}


async def test_every_program_and_file_of_a_command_is_decided(
    settings: Settings, tmp_path: Path
) -> None:
    repo = make_repository(tmp_path / "repo")
    async with open_governed(settings, POLICY) as office:
        contract = {"allowed_roots": ["."], "lease_ttl_s": 3600}
        order = await held(office, repo=repo, contract=contract)
        workspace = settings.home / "worktrees" / order
        (workspace / "migrations").mkdir()
        (workspace / "src" / "other").symlink_to("../migrations")
        for command, rule in COMMANDS.items():
            verdict = await check(office, "Bash", args={"command": command})
            expected = "allow" if rule is None else "deny"
            assert verdict["verdict"] == expected, (command, verdict)
            if rule is not None:
                assert verdict["rule"].startswith(f"organisation:{rule} "), (command, verdict)


async def test_what_a_command_touches_needs_no_rule_that_allows_it(
    settings: Settings, tmp_path: Path
) -> None:
    repo = make_repository(tmp_path / "repo")
    policy = 'ALLOW execute IF program IN ["cat", "pytest"]'
    async with open_governed(settings, policy) as office:
        await held(office, repo=repo, contract={"allowed_roots": ["."]})
        assert (await check(office, "Bash", command="cat src/app.py"))["verdict"] == "allow"
        assert (await check(office, "Bash", command="cat a; ls"))["verdict"] == "deny"
        assert (await check(office, "Read", paths=["src/app.py"]))["verdict"] == "deny"


async def test_an_own_tool_is_the_same_tool_under_the_name_that_clients_give_it(
    settings: Settings,
) -> None:
    async with open_governed(settings, "notes: DENY write_note") as office:
        await held(office)
        verdict = await check(office, "mcp__agentos__write_note")
        assert verdict["rule"] == "organisation:notes (line 1)"
        verdict = await check(office, "mcp__agentos__read_note")
        assert verdict["verdict"] == "allow"


async def test_an_unknown_tool_that_says_nothing_of_itself_may_do_anything(
    settings: Settings,
) -> None:
    async with open_governed(settings, "offline: DENY network") as office:
        await held(office)
        verdict = await check(office, "mcp__other__thing")
        assert verdict["rule"] == "organisation:offline (line 1)"
        verdict = await check(office, "mcp__other__thing", capability="read")
        assert verdict["verdict"] == "allow"


async def test_an_action_that_policy_asks_about_is_allowed_once_a_person_agrees(
    settings: Settings, tmp_path: Path
) -> None:
    repo = make_repository(tmp_path / "repo")
    policy = 'who-asks: ASK execute IF program == "make"\nALLOW operation'
    async with open_governed(settings, policy) as office:
        await held(office, repo=repo)
        verdict = await check(office, "Bash", command="make release")
        assert (verdict["verdict"], verdict["rule"]) == ("ask", "organisation:who-asks (line 1)")
        assert verdict["review_id"].startswith("RV-")
        other = await check(office, "Bash", command="ls")
        assert other["verdict"] == "allow", other
        await office.call(
            "admin",
            "decide_review",
            review_id=verdict["review_id"],
            verdict="approve",
            reason="go on",
        )
        assert (await check(office, "Bash", command="make all"))["verdict"] == "ask"
        assert (await check(office, "Bash", command="make release"))["verdict"] == "allow"
        assert (await check(office, "Bash", command="make release"))["verdict"] == "ask"


async def test_the_record_of_a_judged_action_names_policies_facts_and_subjects(
    settings: Settings,
) -> None:
    async with open_governed(settings, POLICY) as office:
        await held(office)
        await check(office, "Bash", command="ls; git push")
        (event,) = await office.events(type="action.judged")
        assert event["data"]["capabilities"] == ["execute"]
        decision = event["data"]["decision"]
        (rule,) = decision["layers"][0]["rules"]
        assert rule["values"]["command"] == "git push"
        assert decision["facts"]["program"] == "git"
        assert decision["n_subjects"] >= 2


async def test_secrets_do_not_reach_the_record(settings: Settings) -> None:
    secret = "ghp_" + "a" * 36
    async with open_governed(settings, 'DENY execute IF command ENDS WITH "x"') as office:
        await held(office)
        await check(office, "Bash", command=f"echo {secret} x")
        (event,) = await office.events(type="action.judged")
        assert secret not in str(event["data"])
        assert event["data"]["decision"]["effect"] == "deny"
