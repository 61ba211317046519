"""Issue 3: the resume packet is the same, byte for byte, wherever and whenever it is made."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from agentos import Settings
from agentos.cli.backups import backup_database, restore_database
from agentos.database.embedded import EmbeddedPostgres
from agentos.database.pool import Database
from tests.agentos_governance.lifecycle import Office, open_office, sample_repository
from tests.agentos_governance.lifecycle_plugin import LifecyclePlugin

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
PLACES = (
    {
        "TZ": "Pacific/Kiritimati",
        "LC_ALL": "tr_TR.UTF-8",
        "PYTHONHASHSEED": "7",
        "PGTZ": "Asia/Kolkata",
        "PGDATESTYLE": "SQL, DMY",
    },
    {
        "TZ": "America/St_Johns",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "0",
        "PGTZ": "Australia/Eucla",
        "PGOPTIONS": "-c extra_float_digits=-15 -c intervalstyle=sql_standard",
    },
)
STRANGE = (
    (
        'create database elsewhere template template0 encoding "UTF8"'
        " locale_provider builtin builtin_locale 'C' lc_collate 'C' lc_ctype 'C'"
    ),
    "alter database elsewhere set timezone = 'America/Caracas'",
    "alter database elsewhere set datestyle = 'German, DMY'",
    "alter database elsewhere set bytea_output = 'escape'",
    "alter database elsewhere set extra_float_digits = -15",
)


@pytest.fixture
def server() -> Iterator[EmbeddedPostgres]:
    """A cluster of its own, which the test may kill, where PostgreSQL's account may enter."""
    home = Path(tempfile.mkdtemp(prefix="agentos-resume-", dir="/tmp"))
    home.chmod(0o711)
    server = EmbeddedPostgres(home / "postgres")
    server.start()
    yield server
    server.stop()
    shutil.rmtree(home)


async def live(office: Office, repo: Path) -> str:
    """A work order with everything that a packet tells: a stand-down, a crash, a take-over."""
    order = await office.create(
        "Schöne Übung ☃ ıİ", repo=repo, contract={"evidence_required": ["note", "test_report"]}
    )
    await office.claim("w1", order)
    await office.call("w1", "read_note")
    await office.refuse("w1", "edit_file", path="README.md")
    for request, usd in (("r1", "0.1000000001"), ("r2", "0.2")):
        assert not (await office.usage("w1", order, request, cost_usd=usd)).is_error
    note = {"kind": "note", "claim": "Größe ≥ 1,5", "content": "x"}
    await office.call("w1", "record_evidence", work_order=order, **note)
    await office.call("w1", "stand_down", work_order=order, reason="Müde")
    shown = await office.call("planner", "get_work_order", work_order=order)
    contract = {**shown["contract"], "cost_budget_usd": "0.9"}
    amend = {"work_order": order, "contract": contract, "reason": "Cheaper"}
    await office.call("planner", "amend_contract", **amend)
    office.clock.advance(0.000001)
    await office.claim("w2", order)
    await office.call("w2", "show_file")
    assert await office.expire() == 1
    await office.claim("w3", order)
    await office.call("w3", "read_note")
    await office.call("admin", "take_over_work_order", work_order=order, reason="Hängt")
    return order


def elsewhere(
    settings: Settings, office: Office, order: str, place: dict[str, str]
) -> dict[str, Any]:
    """The packet as another process in another place makes it."""
    arguments = {"work_order": order}
    job = {
        "name": "read",
        "home": str(settings.home),
        "database_url": settings.database_url,
        "tokens": office.tokens,
        "at": "2031-07-09T23:59:59+00:00",
        "calls": [{"who": "planner", "tool": "get_resume_packet", "arguments": arguments}],
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.agentos_governance.lifecycle_process"],
        cwd=ROOT,
        env={**os.environ, **place},
        input=json.dumps([job]).encode(),
        stdout=subprocess.PIPE,
        check=True,
        timeout=600,
    )
    [line] = [line for line in done.stdout.splitlines() if line.startswith(b'{"answer')]
    answer: dict[str, Any] = json.loads(line)["answer"]
    return answer


async def packet_of(settings: Settings, office: Office, order: str) -> dict[str, Any]:
    """The packet as a fresh server makes it."""
    async with open_office(settings, plugin=LifecyclePlugin(), tokens=office.tokens) as fresh:
        return await fresh.call("w2", "get_resume_packet", work_order=order)


async def test_the_packet_is_the_same_after_restarts_and_a_restore_and_in_every_place(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path / "home", database_url=server.dsn, plugins=())
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        order = await live(office, sample_repository(tmp_path))
        packets = [
            await office.call(who, "get_resume_packet", work_order=order) for who in ("w1", "w2")
        ]
        for place in PLACES:
            packets.append(await asyncio.to_thread(elsewhere, settings, office, order, place))
    for order_to_stop in (signal.SIGINT, signal.SIGKILL):
        assert server.pid is not None
        os.kill(server.pid, order_to_stop)
        await asyncio.to_thread(server.ensure_running)
        packets.append(await packet_of(settings, office, order))
    restored = await restore_elsewhere(server, tmp_path / "backup")
    there = settings.model_copy(update={"database_url": restored, "home": tmp_path / "other"})
    packets.append(await packet_of(there, office, order))
    packets.append(await asyncio.to_thread(elsewhere, there, office, order, PLACES[0]))

    assert len(packets) == 8 and all(packet == packets[0] for packet in packets)
    text = packets[0]["packet"]
    assert hashlib.sha256(text.encode()).hexdigest() == packets[0]["sha256"]
    check_content(json.loads(text))


async def restore_elsewhere(server: EmbeddedPostgres, backup: Path) -> str:
    """A database of another collation, time zone and date style with the backup in it; its URL."""
    connection = await asyncpg.connect(server.dsn)
    for statement in STRANGE:
        await connection.execute(statement)
    await connection.close()
    await asyncio.to_thread(backup_database, server.dsn, backup)
    url = server.dsn.replace("/agentos?", "/elsewhere?")
    database = Database(url)
    await database.open()
    await restore_database(database, backup, replace=False)
    await database.close()
    return url


def check_content(packet: dict[str, Any]) -> None:
    """It carries what a successor needs."""
    assert [attempt["ended"] for attempt in packet["attempts"]] == [
        "stood_down",
        "lease_expired",
        "taken_over",
    ]
    assert packet["state"] == "suspended"
    assert packet["contract"]["cost_budget_usd"] == "0.9"
    versions = packet["contract_versions"]
    assert [version["number"] for version in versions] == [1, 2]
    assert versions[1]["contract_version"] == packet["contract_version"]
    assert versions[1]["reason"] == "Cheaper"
    assert packet["cost"]["spent_usd"] == "0.3000000001"
    assert packet["cost"]["remaining_usd"] == "0.5999999999"
    assert packet["evidence_missing"] == ["test_report"]
    assert packet["work_order"]["base_commit"] == packet["attempts"][0]["base_commit"]
    assert [step["tool"] for step in packet["steps"]].count("read_note") == 2
    assert packet["refusals"][0]["tool"] == "edit_file"
    assert packet["approvals"] == []
