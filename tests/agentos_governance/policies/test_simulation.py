"""What a changed policy would have decided, and what one in shadow would refuse (issue 3)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from agentos import ConfigurationError, Settings
from agentos_governance.policies.in_force import PoliciesInForce
from agentos_governance.policies.layers import Layer
from agentos_governance.policies.simulation import Simulation, list_shadow_refusals, simulate
from agentos_governance.policies.texts import PolicyText
from tests.agentos_governance.lifecycle import Office
from tests.agentos_governance.policies.offices import (
    check,
    held,
    last_decision,
    open_governed,
    write_policy,
)
from tests.agentos_governance.repositories import make_repository

pytestmark = pytest.mark.anyio


async def _simulate(
    office: Office,
    text: str,
    *,
    work_order: str | None = None,
    since: datetime | None = None,
    layer: str = "organisation",
) -> Simulation:
    compiler = office.kernel.service(PoliciesInForce).compiler
    changed = Layer(layer, layer, compiler.compile_all([PolicyText("new", text)]))
    return await simulate(office.kernel, changed, work_order=work_order, since=since)


def _seen(simulation: Simulation) -> list[tuple[str, str, str, str]]:
    return [(c.tool, c.before, c.after, c.after_rule) for c in simulation.changes]


async def test_the_same_policy_changes_no_past_call(settings: Settings, tmp_path: Path) -> None:
    policy = (
        "ALLOW operation IF risk_score < 0.6 OR spent_usd > 100\n"
        'DENY write IF path MATCHES "src/db/**" OR NOT happened(show_file) SINCE claim\n'
        'DENY execute IF command STARTS WITH "git push"\n'
        "LIMIT calls(read_note) TO 3 PER 60s\n"
        'DENY show_file IF hour >= 10 OR weekday == "monday" OR attempt > 1\n'
        'ASK write_note IF worker == "w1" AND branch STARTS WITH "agentos/"\n'
    )
    repo = make_repository(tmp_path / "repo")
    async with open_governed(settings, policy) as office:
        order = await held(office, repo=repo, contract={"lease_ttl_s": 7200})
        await office.dispatch("w1", "edit_file", {"path": "src/app.py"})
        await office.dispatch("w1", "show_file", {})
        for path in ("src/app.py", "src/db/x.py"):
            await office.dispatch("w1", "edit_file", {"path": path})
            await office.dispatch("w1", "edit_files", {"paths": ["src/b.py", path]})
        for _ in range(5):
            await office.dispatch("w1", "read_note", {})
        for command in ("git push", "ls; git -C . push", "ls", "sudo rm -rf src"):
            await check(office, "Bash", args={"command": command})
        await office.dispatch("w1", "write_note", {"text": "x"})
        office.clock.advance(3600)
        await office.dispatch("w1", "show_file", {})
        await office.usage("w1", order, "r1")
        await office.call("w1", "stand_down", work_order=order, reason="tired")
        await office.claim("w2", order)
        await office.dispatch("w2", "edit_file", {"path": "src/app.py"})
        refused = await office.events(type="call.refused")
        assert len(refused) >= 7
        result = await _simulate(office, policy)
        assert result.n_calls > 15
        assert _seen(result) == []


async def test_a_changed_policy_shows_which_calls_would_change(settings: Settings) -> None:
    async with open_governed(settings, "old: DENY write_note") as office:
        order = await held(office)
        await office.refuse("w1", "write_note", text="x")
        await office.call("w1", "read_note")
        await office.refuse("w1", "edit_file")
        other = await held(office, who="w2")
        await office.call("w2", "read_note")
        result = await _simulate(office, "new: DENY read_note\nasks: ASK write_note")
        assert _seen(result) == [
            ("write_note", "deny", "ask", "organisation:asks (line 2)"),
            ("read_note", "allow", "deny", "organisation:new (line 1)"),
            ("read_note", "allow", "deny", "organisation:new (line 1)"),
        ]
        assert result.changes[0].before_rule == "organisation:old (line 1)"
        # `edit_file` without a path was refused by the contract.
        assert result.n_other == 1
        assert len(_seen(await _simulate(office, "DENY read_note", work_order=other))) == 1
        assert order != other
        late = await _simulate(office, "DENY read_note", since=office.clock.now())
        assert len(late.changes) == 3
        office.clock.advance(1)
        assert (await _simulate(office, "DENY read_note", since=office.clock.now())).n_calls == 0


async def test_calls_from_before_any_policy_are_replayed_from_what_the_log_says(
    settings: Settings, tmp_path: Path
) -> None:
    repo = make_repository(tmp_path / "repo")
    async with open_governed(settings) as office:
        await held(office, repo=repo, phase="change")
        await office.call("w1", "edit_file", path="src/app.py")
        await office.call("w1", "show_file")
        await office.call("w1", "edit_file", path="src/b.py")
        await check(office, "Bash", args={"command": "ls && git status"})
        for text, tools in (
            ("DENY write IF NOT happened(show_file) SINCE claim", ["edit_file"]),
            ('DENY write IF path MATCHES "src/b.py" AND phase == "change"', ["edit_file"]),
            ('DENY execute IF command == "git status"', ["Bash"]),
            (
                'DENY edit_file IF tool.writes AND role == "worker" AND attempt == 1',
                ["edit_file", "edit_file"],
            ),
            ("LIMIT calls(edit_file) TO 1 PER claim", ["edit_file"]),
            ("DENY IF spent_usd > 0 OR risk_score > 0.99", []),
        ):
            found = [
                change.tool
                for change in (await _simulate(office, text)).changes
                if change.work_order
            ]
            assert found == tools, text


async def test_what_other_layers_refused_stays_refused(settings: Settings) -> None:
    async with open_governed(settings, "DENY write_note") as office:
        await held(office, contract={"constraints": ["DENY write_note", "DENY read_note"]})
        await office.refuse("w1", "write_note", text="x")
        await office.refuse("w1", "read_note")
        assert _seen(await _simulate(office, "ALLOW operation")) == []
        changed = await _simulate(office, "ALLOW operation", layer="contract")
        assert [change.tool for change in changed.changes] == ["read_note"]


@pytest.mark.parametrize("name", ["next.shadow.policy", "next.policy"])
async def test_a_policy_in_shadow_is_recorded_and_never_enforced(
    settings: Settings, name: str
) -> None:
    write_policy(settings, "# mode: shadow\nsoon: DENY write_note\nALLOW read_note\n", name)
    write_policy(settings, "now: DENY show_file\n", "now.policy")
    async with open_governed(settings) as office:
        order = await held(office)
        await office.call("w1", "write_note", text="x")
        await office.call("w1", "read_note")
        assert (await office.refuse("w1", "show_file"))["code"] == "call_refused"
        decision = await last_decision(office, "call.allowed", "write_note")
        assert decision["effect"] == "allow"
        (said,) = decision["shadow"]
        assert said["effect"] == "deny"
        rule = f"organisation/{name}:soon (line 2)"
        assert said["rules"][0]["rule"] == rule
        n_seen, refusals = await list_shadow_refusals(office.kernel, work_order=order, since=None)
        assert n_seen >= 3
        assert [(each.tool, each.rules) for each in refusals] == [("write_note", [rule])]


async def test_a_mode_that_does_not_exist_stops_the_start(settings: Settings) -> None:
    write_policy(settings, "# mode: shadwo\nDENY write_note\n")
    with pytest.raises(ConfigurationError, match="enforce, shadow"):
        async with open_governed(settings):
            pass


async def test_an_approved_call_is_a_call_that_was_asked_about(settings: Settings) -> None:
    async with open_governed(settings, "ASK write_note") as office:
        await held(office)
        arguments: dict[str, Any] = {"text": "x"}
        error = await office.refuse("w1", "write_note", **arguments)
        assert error["code"] == "approval_required"
        await office.call(
            "admin",
            "decide_review",
            review_id=error["review_id"],
            verdict="approve",
            reason="go on",
        )
        await office.call("w1", "write_note", **arguments)
        assert _seen(await _simulate(office, "ASK write_note")) == []
        changed = await _simulate(office, "DENY write_note")
        assert [(each.before, each.after) for each in changed.changes] == [("ask", "deny")] * 2
