"""No work order grows beyond being shown, claimed, cancelled or judged."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from agentos import Role, Settings
from agentos_governance.authority.persons import same_person_key
from agentos_governance.workspace.changes import diff_workspace
from agentos_governance.workspace.snapshots import MAX_FILE_BYTES
from agentos_governance.workspace.worktrees import Workspace
from tests.agentos_governance.lifecycle import Office, open_office, sample_repository
from tests.agentos_governance.repositories import git

pytestmark = pytest.mark.anyio

SECRET = "aos_" + "Zk3vT9qLmR4wX7bN2hQ8" + "yJcP6sD1gA5eUo0i"
# Six bytes a character as JSON, seven in a packet that is text inside JSON.
COSTLY = "\x01"


async def _record(office: Office, order: str, claim: str, content: str) -> dict[str, Any]:
    return await office.call(
        "w1", "record_evidence", work_order=order, kind="note", claim=claim, content=content
    )


async def _in_workspace(
    office: Office, tmp_path: Path, contract: dict[str, Any] | None = None
) -> tuple[str, Path]:
    order = await office.create(repo=sample_repository(tmp_path), contract=contract)
    return order, Path((await office.claim("w1", order))["workspace"]["path"])


async def test_evidence_is_counted_and_shown_in_part_so_that_it_blocks_nobody(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        order = await office.create()
        await office.claim("w1", order)
        for number in range(200):
            office.clock.advance(0.1)
            recorded = await _record(office, order, COSTLY * 2_000, f"e{number}")
        last = recorded["evidence"]["id"]
        error = await office.refuse(
            "w1", "record_evidence", work_order=order, kind="note", claim="One more", content="x"
        )
        assert error["code"] == "limit_exceeded" and "200" in error["message"]
        await office.expire()
        claimed = await office.claim("w2", order)
        shown = claimed["work_order"]
        assert shown["counts"] == {"evidence": 200, "votes": 0, "findings": 0}
        assert shown["truncated"] is True
        assert 0 < len(shown["evidence"]) <= 50
        assert shown["evidence"][-1]["id"] == last
        packet = json.loads(claimed["resume_packet"]["packet"])
        assert packet["counts"]["evidence"] == 200
        assert packet["evidence"][-1]["evidence"] == last
        again = await office.call("w1", "get_resume_packet", work_order=order)
        assert again == claimed["resume_packet"]
        report = await office.call("planner", "get_work_report", work_order=order)
        assert report["correctness"]["facts"]["n_evidence"] == 200
        await office.call("planner", "get_work_order", work_order=order)
        await office.call("w2", "stand_down", work_order=order, reason="Lunch")
        ended = await office.call("planner", "cancel_work_order", work_order=order, reason="Stuck")
        assert ended["state"] == "cancelled" and "evidence" not in ended
        await office.assert_consistent()


async def test_the_largest_texts_that_are_accepted_can_be_shown(settings: Settings) -> None:
    entries = ['"' * 240 + str(number) for number in range(40)]
    contract = {
        "allowed_tools": ["*", *entries],
        "forbidden_actions": entries,
        "commands_allowed": entries,
    }
    async with open_office(settings) as office:
        order = await office.call(
            "planner",
            "create_work_order",
            title='"' * 200,
            objective=COSTLY * 20_000,
            contract=contract,
        )
        await office.claim("w1", order["id"])
        answer = await office.call(
            "w1", "submit_work_order", work_order=order["id"], summary=COSTLY * 20_000
        )
        finding = COSTLY * 2_000
        outcome = await office.call(
            "reviewer",
            "review_work_order",
            work_order=order["id"],
            packet_sha256=answer["packet_sha256"],
            verdict="request_changes",
            reason=COSTLY * 5_000,
            findings=[finding] * 100,
        )
        assert outcome["state"] == "suspended"
        shown = await office.claim("w2", order["id"])
        assert shown["work_order"]["counts"] == {"evidence": 0, "votes": 1, "findings": 100}
        assert 0 < len(shown["work_order"]["findings"]) < 100
        await office.call("planner", "get_work_report", work_order=order["id"])
        await office.call("w2", "stand_down", work_order=order["id"], reason="Lunch")


async def test_long_objectives_end_a_page_early_and_nothing_is_left_out(settings: Settings) -> None:
    async with open_office(settings) as office:
        made = []
        for number in range(20):
            order = await office.call(
                "planner",
                "create_work_order",
                title=f"T{number}",
                objective=COSTLY * 20_000,
                contract={},
            )
            made.append(order["id"])
            office.clock.advance(1)
        seen: list[str] = []
        cursor, n_pages = None, 0
        while n_pages == 0 or cursor is not None:
            page = await office.call("planner", "list_work_orders", cursor=cursor)
            seen += [order["id"] for order in page["work_orders"]]
            assert page["truncated"] == (page["next_cursor"] is not None)
            cursor, n_pages = page["next_cursor"], n_pages + 1
        assert seen == made
        assert n_pages > 1


async def test_huge_changed_files_are_a_finding_before_git_reads_them(
    settings: Settings, tmp_path: Path
) -> None:
    async with open_office(settings) as office:
        order, workspace = await _in_workspace(office, tmp_path)
        with (workspace / "src" / "sparse").open("wb") as file:
            file.truncate(20 * 1024**3)
        answer = await office.submit("w1", order)
        assert answer["state"] == "active"
        [failed] = [gate for gate in answer["gates"] if not gate["passed"]]
        assert f"the limit is {MAX_FILE_BYTES} bytes" in failed["findings"][0]
        (workspace / "src" / "sparse").unlink()
        for number in range(5):
            with (workspace / "src" / f"part{number}").open("wb") as file:
                file.truncate(MAX_FILE_BYTES)
        answer = await office.submit("w1", order)
        [failed] = [gate for gate in answer["gates"] if not gate["passed"]]
        assert "1073741824 bytes together" in failed["findings"][0]


async def test_a_diff_that_is_too_large_to_keep_has_no_patch(tmp_path: Path) -> None:
    repository = sample_repository(tmp_path)
    head = git(repository, "rev-parse", "HEAD")
    workspace = Workspace(repository, repository, "main", head)
    (repository / "large").write_bytes(b"line\n" * 1_900_000)
    (repository / "src" / "old.py").rename(repository / "src" / "moved.py")
    diff = await diff_workspace(workspace)
    assert diff.patch is None
    assert diff.statistics.insertions == 1_900_000 + 40
    larger = await _with_sparse_file(workspace)
    assert larger.patch is None
    assert larger.statistics.files == len(larger.changes) == 3
    assert {change.status for change in larger.changes} == {"untracked", "renamed"}


async def _with_sparse_file(workspace: Workspace) -> Any:
    with (workspace.path / "sparse").open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    return await diff_workspace(workspace)


async def test_a_file_with_a_secret_is_no_evidence(settings: Settings, tmp_path: Path) -> None:
    async with open_office(settings) as office:
        order, workspace = await _in_workspace(office, tmp_path)
        (workspace / "src" / "log.txt").write_text(f"Authorization: Bearer {SECRET}\n", "utf-8")
        (workspace / "src" / "latin.txt").write_bytes(b"\xe9t\xe9 " + SECRET.encode())
        (workspace / "src" / "data.bin").write_bytes(b"\x00\x01" + SECRET.encode())
        fields = {"work_order": order, "kind": "note", "claim": "It ran"}
        for name in ("log.txt", "latin.txt"):
            error = await office.refuse("w1", "record_evidence", path=f"src/{name}", **fields)
            assert error["code"] == "invalid_argument" and "remove the secret" in error["remedy"]
        blobs = settings.home / "blobs"
        assert not any(SECRET.encode() in p.read_bytes() for p in blobs.rglob("*") if p.is_file())
        await office.call("w1", "record_evidence", path="src/data.bin", **fields)


async def test_blobs_packets_and_keys_are_for_their_owner_only(
    settings: Settings, tmp_path: Path
) -> None:
    async with open_office(settings) as office:
        order = await office.create(repo=sample_repository(tmp_path))
        await office.claim("w1", order)
        await _record(office, order, "It is so", "x")
        assert (await office.submit("w1", order))["state"] == "in_review"
    for name in ("blobs", "evidence", "keys"):
        folder = settings.home / name
        for path in (folder, *folder.rglob("*")):
            expected = 0o700 if path.is_dir() else 0o600
            assert stat.S_IMODE(path.stat().st_mode) == expected, path


async def test_names_that_read_the_same_are_one_person(settings: Settings) -> None:
    async with open_office(settings) as office:
        await office.join("worker", Role.WORKER, person="Anna  Lee")
        await office.join("anna", Role.REVIEWER, person="ANNA LEE")
        await office.join("ben", Role.REVIEWER, person="Ben")
        await office.join("ben again", Role.REVIEWER, person="ben")
        await office.join("cleo", Role.REVIEWER, person="Cleo")
        order = await office.create(contract={"review": {"quorum": 2}})
        await office.claim("worker", order)
        packet = (await office.submit("worker", order))["packet_sha256"]
        error = await office.refuse(
            "anna",
            "review_work_order",
            work_order=order,
            packet_sha256=packet,
            verdict="approve",
            reason="Mine",
        )
        assert error["rule"] == "four_eyes"
        assert await office.vote("ben", order, packet) == "in_review"
        assert await office.vote("ben again", order, packet) == "in_review"
        assert await office.vote("cleo", order, packet) == "completed"


def test_case_width_spaces_and_invisible_characters_make_no_other_person() -> None:
    spellings = ("Straße \uff21", " STRASSE a", "stra\u200bsse\u00a0\u00a0A ", "straße\ta")
    assert {same_person_key(name) for name in spellings} == {"strasse a"}
    assert same_person_key("Ana") != same_person_key("Anna")


async def test_a_pipe_in_place_of_evidence_is_a_finding_and_nobody_waits_for_it(
    settings: Settings, tmp_path: Path
) -> None:
    async with open_office(settings) as office:
        order, workspace = await _in_workspace(office, tmp_path)
        files = [workspace / "src" / f"r{number}.txt" for number in range(8)]
        for file in files:
            file.write_text(file.name, "utf-8")
            fields = {"kind": "note", "claim": "It ran", "path": f"src/{file.name}"}
            await office.call("w1", "record_evidence", work_order=order, **fields)
            file.unlink()
            os.mkfifo(file)
        async with asyncio.timeout(60):
            answer = await office.submit("w1", order)
        failed = {gate["name"]: gate["findings"] for gate in answer["gates"] if not gate["passed"]}
        assert len(failed["evidence_digests"]) == 8
        assert "does not exist" in failed["evidence_digests"][0]
