"""A claim brings what was noted before: bounded, labelled, beside the resume packet (issue 4)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agentos import GroundingNote, GroundingQuestion, GroundingSource, Kernel, Settings, hookimpl
from agentos_governance.grounding import CHARS_PER_TOKEN, MAX_NOTES, MAX_TOKENS
from tests.agentos_governance.lifecycle import Office, open_office
from tests.agentos_governance.lifecycle_plugin import LifecyclePlugin
from tests.agentos_memory.repositories import make_repository, write_files

pytestmark = pytest.mark.anyio

BOTH: dict[str, Any] = {"plugins": ("governance", "memory")}


async def _note(office: Office, title: str, body: str = "", **changes: Any) -> str:
    arguments = {"title": title, "body": body, "kind": "discovery"} | changes
    made = await office.call("planner", "create_observation", **arguments)
    return str(made["observation"]["id"])


async def test_a_claim_brings_the_observations_that_matter_and_no_others(
    settings: Settings,
) -> None:
    async with open_office(settings, **BOTH) as office:
        leak = await _note(
            office, "The connection pool leaks after a timeout",
            "A cancelled query keeps its connection.",
        )  # fmt: skip
        await _note(office, "Icons are drawn by hand", "The colour of the logo is blue.")
        order = await office.create("The connection pool must not leak after a timeout")
        claim = await office.claim("w1", order)
        notes = claim["observations"]
        assert [note["id"] for note in notes] == [leak]
        assert notes[0]["text"] == "A cancelled query keeps its connection."
        assert notes[0]["stale"] is False
        (event,) = await office.events(f"work_order/{order}", "work_order.claimed")
        assert event["data"]["observations"] == [leak]
        await office.assert_consistent()


async def test_stale_notes_come_last_and_superseded_ones_and_secrets_never(
    settings: Settings, tmp_path: Path
) -> None:
    """End to end: the ranking of a claim's notes by whether they still hold."""
    pool = "def lease():\n    return 1\n"
    root = make_repository(tmp_path / "pool", {"pool.py": pool, "other.py": pool})
    async with open_office(settings, **BOTH) as office:
        await office.call("planner", "index_repository", path=str(root))
        stale = await _note(
            office, "The connection pool must not leak after a timeout", "It says so itself.",
            refs=[{"path": "pool.py", "symbol": "lease"}],
        )  # fmt: skip
        fresh = await _note(
            office, "A timeout keeps connections of the pool", "A cancelled query does.",
            refs=[{"path": "other.py"}],
        )  # fmt: skip
        old = await _note(office, "The connection pool leaks after ten timeouts")
        new = await _note(office, "The connection pool leaks after one timeout", supersedes=old)
        # As if it had been recorded before its kind was known to be a secret.
        secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2"
        async with office.kernel.database.connection() as connection:
            await connection.execute(
                "update memory.observation set body = $2 where id = $1", new, f"See {secret}."
            )
        write_files(root, {"pool.py": pool.replace("1", "2")})
        order = await office.create("The connection pool must not leak after a timeout")
        notes = (await office.claim("w1", order))["observations"]
        ids = [note["id"] for note in notes]
        assert set(ids) == {stale, fresh, new} and ids[-1] == stale
        assert [note["stale"] for note in notes] == [False, False, True]
        assert secret not in str(notes) and "[redacted]" in str(notes)


async def test_the_resume_packet_stays_the_same_whatever_is_noted_elsewhere(
    settings: Settings,
) -> None:
    async with open_office(settings, **BOTH) as office:
        order = await office.create("The pool must not leak after a timeout")
        claim = await office.claim("w1", order)
        await _note(office, "The pool leaks after a timeout")
        packet = await office.call("w1", "get_resume_packet", work_order=order)
        assert packet == claim["resume_packet"]
        assert json.loads(packet["packet"])["observations"] == []


class _Sources(LifecyclePlugin):
    """Declares a source of the test's choosing."""

    def __init__(self, source: GroundingSource) -> None:
        super().__init__()
        self._source = source

    @hookimpl
    def register_grounding(self, kernel: Kernel) -> Sequence[GroundingSource]:
        return [self._source]


def _many(question: GroundingQuestion) -> list[GroundingNote]:
    return [
        GroundingNote(
            f"OB-{n}", "fix", f"Note {n}", "x" * 900, "2026-01-02T03:04:05Z", None, n == 0, 10.0 - n
        )
        for n in range(30)
    ]


async def test_many_notes_are_cut_and_what_is_stale_comes_last(
    settings: Settings, tmp_path: Path
) -> None:
    async def find(question: GroundingQuestion) -> list[GroundingNote]:
        return _many(question)

    plugin = _Sources(GroundingSource("many", find))
    async with open_office(settings, plugin=plugin) as office:
        notes = (await office.claim("w1", await office.create()))["observations"]
        assert 0 < len(notes) <= MAX_NOTES and notes[0]["id"] == "OB-1"
        size = sum(len(note["title"]) + len(note["text"]) for note in notes)
        assert size <= MAX_TOKENS * CHARS_PER_TOKEN


async def test_a_memory_that_fails_stops_no_claim(settings: Settings) -> None:
    async def find(question: GroundingQuestion) -> list[GroundingNote]:
        raise RuntimeError("the disk is gone")

    plugin = _Sources(GroundingSource("broken", find))
    async with open_office(settings, plugin=plugin) as office:
        claim = await office.claim("w1", await office.create())
        assert claim["observations"] == [] and claim["lease"]["epoch"] == 1
