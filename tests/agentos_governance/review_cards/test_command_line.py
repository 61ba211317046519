"""`agentos review` and `agentos person`: the same decisions in a terminal, and their export."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from agentos import Role, Settings
from agentos_governance.persons.command_line import person
from agentos_governance.review_cards.command_line import review
from tests.agentos_governance.lifecycle import FakeClock, open_office
from tests.agentos_governance.persons.acting import waiting_work

Run = Callable[..., Result]


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs a command of a group on the test's database, as an admin or with a token."""
    assert settings.database_url is not None
    monkeypatch.setenv("AGENTOS_HOME", str(settings.home))
    monkeypatch.setenv("AGENTOS_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("AGENTOS_PLUGINS", "governance")
    monkeypatch.chdir(tmp_path)

    def run(group: typer.Typer, *arguments: str, token: str = "") -> Result:
        return CliRunner(env={"AGENTOS_TOKEN": token}).invoke(group, list(arguments))

    return run


async def _prepare(settings: Settings) -> tuple[dict[str, Any], dict[str, str], str]:
    """Work that waits, tokens, and the id of a question of an agent."""
    async with open_office(settings, clock=FakeClock(datetime.now(UTC))) as office:
        await office.join("ada", Role.REVIEWER, person="Ada")
        waiting = await waiting_work(office, title="Rename it")
        asked = await office.call(
            "w2",
            "request_decision",
            kind="choose_option",
            title="API",
            text="Which \x1b[31mone?\nSay so.",
            options=[{"id": "a", "label": "Old"}, {"id": "b", "label": "New", "detail": "Better"}],
        )
        return waiting, office.tokens, str(asked["review"])


def test_a_person_lists_looks_asks_and_decides_in_a_terminal(settings: Settings, run: Run) -> None:
    waiting, tokens, asked = asyncio.run(_prepare(settings))
    ada = tokens["ada"]
    listed = run(review, "list", token=ada)
    assert listed.exit_code == 0, listed.output
    assert waiting["id"] in listed.stdout and asked in listed.stdout
    shown = run(review, "show", asked, token=ada)
    assert "\x1b" not in shown.stdout and "one?\nSay so." in shown.stdout
    assert "b: New (Better)" in shown.stdout
    card = json.loads(run(review, "show", waiting["id"], "--json", token=ada).stdout)
    assert card["sha256"] == waiting["sha256"]

    question = run(review, "ask", waiting["id"], "Why no test?", token=ada)
    assert question.exit_code == 0 and "QU-" in question.stdout
    assert "Ada asks: Why no test?" in run(review, "show", waiting["id"], token=ada).stdout

    blind = run(review, "decide", waiting["id"], "approve", token=ada)
    assert blind.exit_code == 2 and "--sha256" in blind.stderr
    stale = run(review, "decide", waiting["id"], "approve", "--sha256", "0" * 8, token=ada)
    assert stale.exit_code == 1 and "not 0000" in stale.stderr
    seen = card["sha256"][:8]
    own = run(review, "decide", waiting["id"], "approve", "--sha256", seen, token=tokens["w1"])
    assert own.exit_code == 3
    done = run(review, "decide", waiting["id"], "approve", "--sha256", seen, token=ada)
    assert done.exit_code == 0 and "approved by Ada" in done.stdout, done.output
    request = json.loads(run(review, "show", asked, "--json", token=ada).stdout)
    answered = run(
        review, "decide", asked, "answer", "--option", "b", "--sha256", request["sha256"], token=ada
    )
    assert answered.exit_code == 0, answered.output

    lines = run(review, "export").stdout.splitlines()
    examples = {each["review"]: each for each in map(json.loads, lines)}
    work, choice = examples[waiting["id"]], examples[asked]
    assert work["outcome"] == "approved" and work["work_state"] == "completed"
    assert work["decisions"][0]["by"].startswith("person-") and "Ada" not in str(work["decisions"])
    assert work["questions"] == [{"text": "Why no test?", "answer": None}]
    assert choice["answer"]["option"] == "b" and len(choice["input"]["request"]["options"]) == 2
    named = [json.loads(line) for line in run(review, "export", "--named").stdout.splitlines()]
    assert {each["decisions"][0]["by"] for each in named} == {"Ada"}
    again = [
        json.loads(line) for line in run(review, "export", "--kind", "work").stdout.splitlines()
    ]
    assert [each["decisions"] for each in again] == [work["decisions"]]
    assert run(review, "export", token=ada).exit_code == 3


def test_persons_are_registered_given_codes_and_unlinked_in_a_terminal(
    settings: Settings, run: Run
) -> None:
    added = run(person, "add", "Ada", "--email", "ada@example.org", "--role", "reviewer",
                "--role", "security", "--escalation", "1")  # fmt: skip
    assert added.exit_code == 0, added.output
    assert added.stdout.strip() == "Ada  reviewer,security  ada@example.org  escalation 1"
    made = run(person, "link-code", "Ada")
    assert made.stdout.strip().startswith("aos_") and "for Ada, until" in made.stderr

    async def link() -> None:
        async with open_office(settings, clock=FakeClock(datetime.now(UTC))) as office:
            await office.join("bot", Role.BOT)
            await office.call("bot", "link_identity", channel="slack", external_id="T1:U1",
                              code=made.stdout.strip())  # fmt: skip

    asyncio.run(link())
    listed = run(person, "list")
    assert "slack T1:U1, linked" in listed.stdout and "by code" in listed.stdout
    assert run(person, "unlink", "slack", "T1:U1").stdout.strip() == "T1:U1 of slack was Ada"
    gone = run(person, "unlink", "slack", "T1:U1")
    assert gone.exit_code == 1 and "nobody is linked" in gone.stderr
    linked = run(person, "link", "slack", "T1:U1", "Ada")
    assert linked.stdout.strip() == "T1:U1 of slack is Ada"
    assert "by admin" in run(person, "list").stdout
    assert "inactive" in run(person, "add", "Ada", "--inactive").stdout
    assert run(person, "link-code", "Nobody").exit_code == 1
