"""Issue 6: an approval holds for a later packet only where that shows nothing new."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentos import Role, Settings
from tests.agentos_governance.lifecycle import Office, sample_repository
from tests.agentos_governance.review.rounds import last_round, review_office, write

pytestmark = pytest.mark.anyio


async def _first_round(
    office: Office, tmp_path: Path, review: dict[str, Any], *, who: str = "w1"
) -> str:
    """Work that anna approved and ben sent back: a.py and b.py, with one piece of evidence."""
    order = await office.create(
        contract={"review": {"quorum": 2, **review}}, repo=sample_repository(tmp_path)
    )
    await office.claim(who, order)
    write(office, order, "src/a.py", "A = 1\n")
    write(office, order, "src/b.py", "B = 1\n")
    await _record(office, who, order, "It works")
    await office.submit(who, order)
    packet = (await last_round(office, order))["packet_sha256"]
    await office.vote("anna", order, packet)
    await office.vote("ben", order, packet, "request_changes")
    return order


async def _record(office: Office, who: str, order: str, claim: str) -> None:
    await office.call(
        who, "record_evidence", work_order=order, kind="note", claim=claim, content=claim
    )


async def _votes(office: Office, order: str, who: str = "w2") -> list[tuple[str, bool]]:
    """Who approves the packet that is submitted now, and whether the vote was carried over."""
    await office.submit(who, order)
    packet = (await last_round(office, order))["packet_sha256"]
    shown = await office.call("planner", "get_work_order", work_order=order)
    return [
        (vote["reviewer"], vote["carried_from"] is not None)
        for vote in shown["votes"]
        if vote["packet_sha256"] == packet
    ]


async def test_an_approval_holds_for_less_of_the_same(settings: Settings, tmp_path: Path) -> None:
    async with review_office(settings, {"sticky": True}) as office:
        order = await _first_round(office, tmp_path, {})
        await office.claim("w2", order)
        (settings.home / "worktrees" / order / "src" / "b.py").unlink()
        assert await _votes(office, order) == [("anna's laptop", True)]
        current = await last_round(office, order)
        assert current["what_changed"]["removed"] == ["src/b.py"]
        # A vote that was carried over can be given anew, and is one vote still.
        assert await office.vote("anna", order, current["packet_sha256"]) == "in_review"
        shown = await office.call("planner", "get_work_order", work_order=order)
        assert [vote["carried_from"] for vote in shown["votes"]] == [None] * 3
        assert await office.vote("carl", order, current["packet_sha256"]) == "completed"
        await office.assert_consistent()


async def test_a_vote_is_carried_from_where_it_was_given(
    settings: Settings, tmp_path: Path
) -> None:
    async with review_office(settings) as office:
        order = await _first_round(office, tmp_path, {"sticky": True})
        first = (await last_round(office, order))["packet_sha256"]
        for _ in range(2):
            await office.claim("w2", order)
            assert await _votes(office, order) == [("anna's laptop", True)]
            current = await last_round(office, order)
            shown = await office.call("planner", "get_work_order", work_order=order)
            assert {vote["carried_from"] for vote in shown["votes"]} == {None, first}
            await office.vote("carl", order, current["packet_sha256"], "request_changes")
        await office.assert_consistent()


async def test_anything_new_ends_the_approval(settings: Settings, tmp_path: Path) -> None:
    async with review_office(settings, {"sticky": True}) as office:
        for what in ("an edit", "a new file", "evidence", "a mode"):
            (tmp_path / what).mkdir()
            order = await _first_round(office, tmp_path / what, {})
            await office.claim("w2", order)
            if what == "evidence":
                await _record(office, "w2", order, "It still works")
            elif what == "a mode":
                (settings.home / "worktrees" / order / "src" / "a.py").chmod(0o755)
            else:
                write(office, order, "src/a.py" if what == "an edit" else "src/c.py", "A = 2\n")
            assert await _votes(office, order) == [], what


async def test_nothing_is_carried_where_the_rule_is_off_or_the_contract_is_another(
    settings: Settings, tmp_path: Path
) -> None:
    async with review_office(settings, {"sticky": True}) as office:
        order = await _first_round(office, tmp_path, {"sticky": False})
        await office.claim("w2", order)
        assert await _votes(office, order) == []
        (tmp_path / "second").mkdir()
        amended = await _first_round(office, tmp_path / "second", {})
        details = await office.call("planner", "get_work_order", work_order=amended)
        contract = {**details["contract"], "cost_budget_usd": "0.50"}
        await office.call(
            "planner", "amend_contract", work_order=amended, contract=contract, reason="Less"
        )
        await office.claim("w2", amended)
        assert await _votes(office, amended) == []


async def test_who_works_on_it_afterwards_no_longer_approves_it(
    settings: Settings, tmp_path: Path
) -> None:
    async with review_office(settings, {"sticky": True}) as office:
        await office.join("anna's agent", Role.WORKER, person="anna")
        order = await _first_round(office, tmp_path, {})
        await office.claim("anna's agent", order)
        assert await _votes(office, order, "anna's agent") == []
