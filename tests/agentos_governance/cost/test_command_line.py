"""`agentos budget` from a shell, against a database of its own."""

from __future__ import annotations

import json
from subprocess import CompletedProcess

from agentos import Settings
from tests.commands import environment_of, run_command


def _agentos(settings: Settings, *arguments: str) -> CompletedProcess[str]:
    environment = environment_of(
        settings,
        AGENTOS_WORKER="ada",
        AGENTOS_PLUGINS="governance",
        AGENTOS_BUDGETS='{"organisation": [{"cap_usd": "7", "per_s": 60}]}',
    )
    return run_command(*arguments, environment=environment)


def test_caps_stops_and_estimates_from_a_shell(settings: Settings) -> None:
    shown = json.loads(_agentos(settings, "budget", "show", "--json").stdout)
    limits = {(limit["layer"], limit["per_s"]): limit["cap_usd"] for limit in shown["limits"]}
    assert limits == {
        ("session", None): "1",
        ("process", 60): "0.1",
        ("person", 60): "1",
        ("organisation", 60): "7",
    }
    done = _agentos(
        settings,
        *("budget", "set", "person", "3", "--per-s", "60", "--subject", "Anna"),
        *("--reason", "A release"),
    )
    assert done.stdout == "person anna: at most 3 USD in 60 s (ada)\n", done.stderr
    stopped = _agentos(settings, "budget", "stop", "--all", "--reason", "Too dear")
    assert stopped.stdout == "spending is stopped\n", stopped.stderr
    text = _agentos(settings, "budget", "show").stdout
    assert "STOPPED: every writing call, by ada: Too dear" in text
    arguments = '{"title": "x", "objective": "x", "contract": {}}'
    refused = _agentos(settings, "call", "create_work_order", "--args", arguments)
    assert (refused.returncode, "emergency_stop" in refused.stderr) == (3, True)
    assert _agentos(settings, "budget", "resume", "--reason", "Fine").returncode == 0
    priced = json.loads(
        _agentos(
            settings,
            *("budget", "estimate", "edit", "--model", "gpt-5", "--calls", "2"),
            *("--input-tokens", "1000", "--output-tokens", "100", "--json"),
        ).stdout
    )
    assert (priced["low_usd"], priced["high_usd"]) == ("0.00225", "0.0045")
    unknown = _agentos(settings, "call", "get_work_order", "--dry-run")
    assert (unknown.returncode, "nothing was ever booked" in unknown.stderr) == (1, True)
    checked = json.loads(_agentos(settings, "budget", "recompute", "--json").stdout)
    assert checked == {"ok": True, "entries": 0, "wrong": []}
