"""`agentos policy`: messages that point at the place, documents for programs, exit codes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from agentos import Settings
from agentos_governance.policies.command_line import policy
from tests.agentos_governance.policies.offices import held, open_governed, write_policy

GOOD = 'no-push: DENY execute IF command STARTS WITH "git push" REASON "ask a person"\n'


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own; the working folder is empty."""
    monkeypatch.setenv("AGENTOS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("AGENTOS_POLICY", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(policy, list(arguments))


def _json(*arguments: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(_run(*arguments, "--json").stdout)
    return document


def test_check_points_at_every_type_error_and_says_what_was_meant(environment: Path) -> None:
    (environment / "bad.policy").write_text("DENY IF risk_scoer > 1\nDENY write IF hour == true\n")
    (environment / "good.policy").write_text(GOOD)
    done = _run("check", "bad.policy", "good.policy")
    assert done.exit_code == 2
    assert "bad.policy:1:9" in done.stderr
    assert "    DENY IF risk_scoer > 1\n            ^^^^^^^^^^" in done.stderr
    assert "risk_score?" in done.stderr
    assert "bad.policy:2:" in done.stderr
    assert "good.policy: fine" in done.stdout
    document = _json("check", "bad.policy")
    first = document["problems"][0]
    assert (first["line"], first["column"]) == (1, 9)
    assert _run("check", "good.policy").exit_code == 0
    assert _run("check", "nowhere.policy").exit_code == 2


def test_check_tells_of_rules_that_others_hide(environment: Path) -> None:
    (environment / "hidden.policy").write_text("free: ALLOW read\nDENY\n")
    done = _run("check", "hidden.policy")
    assert done.exit_code == 0
    assert "hidden.policy:1: free: warning: DENY in line 2 overrules it" in done.stderr
    [warning] = _json("check", "hidden.policy")["warnings"]
    assert (warning["line"], warning["rule"]) == (1, "free")


def test_check_knows_the_facts_of_the_deployment(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (environment / "a.policy").write_text("DENY IF unsafe_environment\n")
    assert _run("check", "a.policy").exit_code == 2
    monkeypatch.setenv("AGENTOS_FACTS", '{"unsafe_environment": true}')
    assert _run("check", "a.policy").exit_code == 0
    done = _run("explain", "a.policy", "--facts", '{"tool": "Bash", "capability": "execute"}')
    assert done.exit_code == 3


def test_fmt_writes_the_canonical_form_and_check_only_looks(environment: Path) -> None:
    path = environment / "a.policy"
    path.write_text("DENY    write   IF   path=='x'\n".replace("=='x'", ' == "x"'))
    assert _run("fmt", "--check", "a.policy").exit_code == 4
    assert "    " in path.read_text()
    assert _run("fmt", "a.policy").exit_code == 0
    assert path.read_text() == 'DENY write IF path == "x"\n'
    assert _run("fmt", "--check", "a.policy").exit_code == 0
    path.write_text("DENY (")
    assert _run("fmt", "a.policy").exit_code == 2
    assert path.read_text() == "DENY ("


def test_diff_names_the_rules_that_differ(environment: Path) -> None:
    (environment / "a.policy").write_text("a: DENY write\nALLOW read\n")
    (environment / "b.policy").write_text("# new\na: DENY   write\nALLOW network\n")
    done = _run("diff", "a.policy", "b.policy")
    assert done.exit_code == 4
    assert "removed" in done.stdout and "ALLOW network" in done.stdout
    assert "DENY write" not in done.stdout
    assert _run("diff", "a.policy", "a.policy").exit_code == 0


def test_explain_shows_rules_values_and_what_is_missing(environment: Path) -> None:
    (environment / "a.policy").write_text(
        GOOD + "ALLOW operation IF risk_score < 0.5\nLIMIT calls(Bash) TO 2 PER 60s\n"
        "DENY Bash IF count(Bash) SINCE claim >= 9\n"
    )
    facts = {"tool": "Bash", "capability": "execute", "command": "git push", "risk_score": 0.1}
    done = _run("explain", "a.policy", "--facts", json.dumps(facts))
    assert done.exit_code == 3
    assert "organisation:no-push (line 1)" in done.stdout
    assert "command = 'git push'" in done.stdout
    facts["command"] = "ls"
    assert _run("explain", "a.policy", "--facts", json.dumps(facts)).exit_code == 0
    document = _json("explain", "a.policy", "--facts", json.dumps(facts))
    assert document["limits"][0]["rule"] == "organisation:#3 (line 3)"
    busy = '{"count(Bash) SINCE claim": 9}'
    assert (
        _run("explain", "a.policy", "--facts", json.dumps(facts), "--history", busy).exit_code == 3
    )
    del facts["risk_score"]
    document = _json("explain", "a.policy", "--facts", json.dumps(facts))
    assert document["layers"][0]["missing"] == ["risk_score"]
    for bad in ('{"tool": 1}', '{"nonsense": 1}', "[]", "{"):
        assert _run("explain", "a.policy", "--facts", bad).exit_code == 2
    assert _run("explain", "a.policy").exit_code == 2


@pytest.mark.anyio
async def test_recorded_calls_are_explained_and_replayed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_policy(settings, "# mode: shadow\nDENY read_note\n", "next.policy")
    async with open_governed(settings, "no-notes: DENY write_note\n") as office:
        order = await held(office)
        await office.refuse("w1", "write_note", text="x")
        await office.call("w1", "read_note")
        (refused,) = [e for e in await office.events(type="call.refused")]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AGENTOS_HOME", str(settings.home))
    monkeypatch.setenv("AGENTOS_DATABASE_URL", settings.database_url or "")
    monkeypatch.setenv("AGENTOS_PLUGINS", "governance")
    changed = tmp_path / "changed.policy"
    changed.write_text("DENY read_note\n")

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(policy, [*arguments])

    done = await asyncio.to_thread(run, "explain", "--call", refused["data"]["call"])
    assert done.exit_code == 3
    assert "organisation/base.policy:no-notes (line 1)" in done.stdout
    done = await asyncio.to_thread(run, "explain", "--call", "CA-NONE")
    assert done.exit_code == 1
    done = await asyncio.to_thread(
        run, "simulate", str(changed), "--work-order", order, "--check", "--json"
    )
    assert done.exit_code == 4, done.output
    document = json.loads(done.stdout.splitlines()[-1])
    assert document["n_changed"] == 2
    # write_note was refused by a rule that is not in the changed policy; there it is no call.
    tools = {each["tool"]: (each["before"], each["after"]) for each in document["changes"]}
    assert tools == {"write_note": ("deny", "allow"), "read_note": ("allow", "deny")}
    done = await asyncio.to_thread(run, "simulate", str(changed), "--since", "1d")
    assert done.exit_code == 0
    assert "0 of 0 calls would change" in done.stdout
    done = await asyncio.to_thread(run, "shadow", "--json")
    assert [each["tool"] for each in json.loads(done.stdout.splitlines()[-1])["refusals"]] == [
        "read_note"
    ]
