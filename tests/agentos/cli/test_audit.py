"""`agentos audit` on a log that somebody tampered with in the table itself (DESIGN section 3)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest

from tests.agentos.cli.conftest import RunAgentos


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
    assert answer.json() == {"ok": True, "events": 6, "first_bad": None}


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


def test_a_log_cut_consistently_shows_against_its_anchor_only(
    log: RunAgentos, database_url: str
) -> None:
    log("audit", "anchor", "a.json")
    tamper(
        database_url,
        "delete from kernel.event where seq > 4;"
        "update kernel.stream s set seq = 4,"
        " hash = (select hash from kernel.event e where e.stream = s.stream and e.seq = 4)",
    )

    assert log("audit", "verify").code == 0
    answer = log("audit", "verify", "--anchor", "a.json")
    assert answer.code == 4
    assert "event 6 of stream principal/ada" in answer.err


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
