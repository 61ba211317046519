"""`agentos audit` on a log that somebody tampered with in the table itself (DESIGN section 3)."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import asyncpg
import pytest

from tests.agentos.cli.conftest import RunAgentos
from tests.agentos_governance.repositories import git, make_repository


@pytest.fixture
def log(agentos: RunAgentos) -> RunAgentos:
    """A log of three calls: six events of one stream."""
    for number in range(3):
        assert agentos("call", "say", f"text=call {number}").code == 0
    return agentos


def tamper(database_url: str, statement: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(database_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


def test_an_untouched_log_verifies(log: RunAgentos) -> None:
    answer = log("audit", "verify", "--json")

    assert answer.code == 0
    report = answer.json()
    assert (report["ok"], report["events"], report["first_bad"]) == (True, 6, None)
    assert (report["signed_events"], report["heads"]) == (6, 3)


def test_a_changed_field_is_named_by_its_event(log: RunAgentos, database_url: str) -> None:
    tamper(database_url, "update kernel.event set actor = 'eve' where seq = 4")

    answer = log("audit", "verify")
    as_json = log("audit", "verify", "--json")

    assert answer.code == as_json.code == 4
    assert "event 4 of stream principal/ada" in answer.err
    assert as_json.json()["first_bad"]["seq"] == 4


def test_another_stream_is_not_blamed(log: RunAgentos, database_url: str) -> None:
    tamper(database_url, "update kernel.event set actor = 'eve' where seq = 4")

    assert log("audit", "verify", "--stream", "principal/bob").code == 0
    assert log("audit", "verify", "--stream", "principal/ada").code == 4


def test_a_log_that_goes_on_still_fits_its_anchor(log: RunAgentos, tmp_path: Path) -> None:
    anchored = log("audit", "anchor", "a.json", "--json")
    log("call", "say", "text=later")
    answer = log("audit", "verify", "--anchor", "a.json", "--json")

    assert anchored.json()["events"] == 6
    assert answer.code == 0
    assert answer.json()["anchor"]["ok"] is True
    assert answer.json()["anchor"]["is_own_key"] is True
    assert (tmp_path / "home" / "keys" / "audit.key").stat().st_mode & 0o777 == 0o600


def test_a_log_cut_consistently_shows_without_and_with_an_anchor(
    log: RunAgentos, database_url: str
) -> None:
    log("audit", "anchor", "a.json")
    tamper(
        database_url,
        "delete from kernel.event where seq > 4;"
        "update kernel.stream s set seq = 4,"
        " hash = (select hash from kernel.event e where e.stream = s.stream and e.seq = 4)",
    )

    alone = log("audit", "verify")
    anchored = log("audit", "verify", "--anchor", "a.json")
    assert alone.code == anchored.code == 4
    assert "event 5 of stream principal/ada" in alone.err
    assert "event 6 of stream principal/ada" in anchored.err


def test_yesterdays_database_is_found_and_accepted_only_with_a_reason(
    log: RunAgentos, tmp_path: Path
) -> None:
    assert log("db", "backup", "yesterday.dump").code == 0
    assert log("call", "say", "text=what must be forgotten").code == 0
    restored = log("db", "restore", "yesterday.dump", "--replace")

    found = log("audit", "verify", "--json")
    on = log("call", "say", "text=the server goes on, unsigned")
    still = log("audit", "verify")
    without_a_reason = log("audit", "acknowledge", "--reason", " ")
    accepted = log("audit", "acknowledge", "--reason", "the disk died")

    assert "acknowledge" in restored.err
    assert (found.code, found.json()["first_bad"]["seq"]) == (4, 7)
    assert found.json()["first_bad"]["stream"] == "principal/ada"
    assert on.code == 0
    assert still.code == 4
    assert without_a_reason.code == 2
    assert accepted.code == 0
    assert log("audit", "verify", "--json").json()["signed_events"] == 8
    (anchors,) = (tmp_path / "home" / "anchors").glob("*.jsonl")
    assert "the disk died" in anchors.read_text()


def test_heads_in_git_notes_show_what_the_data_folder_was_made_to_forget(
    log: RunAgentos, database_url: str, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "repo")
    assert log("audit", "verify", "--git-notes", "repo").code == 2
    first = log("audit", "anchor", "--git-notes", "repo", "--json")
    log("call", "say", "text=later")
    assert log("audit", "anchor", "a.json", "--git-notes", "repo").code == 0
    assert log("audit", "verify", "--git-notes", "repo", "--anchor", "a.json").code == 0
    notes = git(repository, "notes", "--ref=agentos-audit", "show", first.json()["commit"])
    assert len(notes.splitlines()) == 2
    assert "principal/ada" not in notes

    # Whoever controls the database and the data folder starts both anew.
    tamper(database_url, "truncate kernel.event, kernel.stream, kernel.signed_head")
    shutil.rmtree(tmp_path / "home" / "anchors")
    log("call", "say", "text=nothing ever happened")
    assert log("audit", "verify").code == 0

    assert log("audit", "verify", "--git-notes", "repo").code == 4
    assert log("audit", "verify", "--anchor", "a.json").code == 4


def test_a_note_that_was_changed_does_not_verify(log: RunAgentos, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "repo")
    log("audit", "anchor", "--git-notes", "repo")
    note = git(repository, "notes", "--ref=agentos-audit", "show")
    changed = note.replace('"events":6', '"events":5')
    git(repository, "notes", "--ref=agentos-audit", "add", "-f", "-m", changed)

    answer = log("audit", "verify", "--git-notes", "repo")

    assert answer.code == 4
    assert "signature" in answer.err


def test_a_bad_log_is_not_anchored(log: RunAgentos, database_url: str, tmp_path: Path) -> None:
    tamper(database_url, "update kernel.event set type = 'call.refused' where seq = 2")

    assert log("audit", "anchor", "a.json").code == 4
    assert not (tmp_path / "a.json").exists()


def test_a_file_that_is_no_anchor_fails_verification(log: RunAgentos, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")

    assert log("audit", "verify", "--anchor", "a.json").code == 4
    assert log("audit", "verify", "--anchor", "absent.json").code == 2


def test_read_models_that_differ_from_the_events_are_found(
    agentos: RunAgentos, database_url: str
) -> None:
    def run(*arguments: str) -> int:
        return agentos(*arguments, AGENTOS_PLUGINS="governance").code

    assert run("call", "create_work_order", "--args", WORK_ORDER) == 0
    assert run("audit", "rebuild", "--check") == 0
    tamper(database_url, "update governance.work_order set title = 'another'")

    found = agentos("audit", "rebuild", "--check", "--json", AGENTOS_PLUGINS="governance")
    assert found.code == 4
    assert found.json()["differences"] == [
        {"table": "governance.work_order", "only_live": 1, "only_rebuilt": 1}
    ]
    assert run("audit", "rebuild") == 0
    assert run("audit", "rebuild", "--check") == 0


WORK_ORDER = """{
    "title": "Say hello", "objective": "Greet whoever runs it",
    "contract": {"allowed_roots": ["src"], "allowed_tools": ["*"], "cost_budget_usd": "1"}
}"""


def test_an_event_is_shown_by_the_name_that_reports_give_it(log: RunAgentos) -> None:
    answer = log("audit", "show", "principal/ada#3", "--json")

    assert answer.code == 0
    event = answer.json()
    assert (event["stream"], event["seq"], event["type"]) == ("principal/ada", 3, "call.allowed")
    assert event["hash_fits"] is True
    assert "call.allowed" in log("audit", "show", "principal/ada#3").out


def test_a_shown_event_says_where_it_was_changed(log: RunAgentos, database_url: str) -> None:
    tamper(database_url, "update kernel.event set actor = 'eve' where seq = 3")

    assert log("audit", "show", "principal/ada#3", "--json").json()["hash_fits"] is False


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("principal/ada#99", "there is no event"),
        ("principal/ada", "does not name an event"),
        ("#1", "does not name an event"),
        ("principal/ada#0", "does not name an event"),
        ("principal/ada#99999999999999999999", "does not name an event"),
        ("principal/ada#²", "does not name an event"),
    ],
)
def test_a_name_of_no_event_is_one_line(log: RunAgentos, name: str, said: str) -> None:
    answer = log("audit", "show", name)

    assert answer.code == 1
    assert said in answer.err and len(answer.err.splitlines()) == 1
