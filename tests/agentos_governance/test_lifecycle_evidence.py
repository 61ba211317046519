"""Evidence and the gates of a submission, on real files and real git."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from agentos import Settings
from agentos_governance.evidence.blobs import DirectoryBlobs
from agentos_governance.evidence.packet_verification import verify_packet
from tests.agentos_governance.lifecycle import Office, open_office, sample_repository
from tests.agentos_governance.lifecycle_plugin import LifecyclePlugin

pytestmark = pytest.mark.anyio

SECRET = "aos_" + "Zk3vT9qLmR4wX7bN2hQ8" + "yJcP6sD1gA5eUo0i"


async def _claimed(
    office: Office, tmp_path: Path, contract: dict[str, Any] | None = None
) -> tuple[str, Path]:
    order = await office.create(repo=sample_repository(tmp_path), contract=contract)
    return order, Path((await office.claim("w1", order))["workspace"]["path"])


async def _record(office: Office, order: str, **arguments: Any) -> dict[str, Any]:
    fields = {"kind": "note", "claim": "It is so", **arguments}
    answer = await office.call("w1", "record_evidence", work_order=order, **fields)
    evidence: dict[str, Any] = answer["evidence"]
    return evidence


async def test_evidence_is_the_digest_of_what_the_server_saw_and_is_kept(
    settings: Settings, tmp_path: Path
) -> None:
    blobs = DirectoryBlobs(settings.home / "blobs")
    async with open_office(settings) as office:
        order, workspace = await _claimed(office, tmp_path)
        (workspace / "src" / "data.bin").write_bytes(b"\x00\xff\r\n" * 100)
        seen = await _record(office, order, path="src/../src/data.bin", lines=[1, 100])
        content = (workspace / "src" / "data.bin").read_bytes()
        assert seen["sha256"] == hashlib.sha256(content).hexdigest()
        assert (seen["level"], seen["path"]) == ("observed", "src/data.bin")
        assert (seen["start_line"], seen["end_line"]) == (1, 100)
        assert blobs.get(seen["sha256"]) == content
        told = await _record(office, order, content=f"passed with {SECRET}\n")
        assert (told["level"], told["path"]) == ("reported", None)
        assert blobs.get(told["sha256"]) == b"passed with [redacted]\n"
        await _record(office, order, claim=f"The token is {SECRET}", content="x")
        stored = await office.kernel.database.fetch_value(
            "select string_agg(e::text, '') || (select string_agg(v::text, '')"
            " from governance.evidence v) from kernel.event e"
        )
        assert SECRET not in stored
        await office.assert_consistent()


async def test_evidence_that_cannot_be_what_it_says_is_refused(
    settings: Settings, tmp_path: Path
) -> None:
    async with open_office(settings) as office:
        order, workspace = await _claimed(office, tmp_path)
        (workspace / "src" / "out").symlink_to("/etc/passwd")
        (workspace / "src" / "loop").symlink_to("loop")
        os.mkfifo(workspace / "src" / "pipe")
        with (workspace / "src" / "huge").open("wb") as file:
            file.truncate(17 * 1024 * 1024)
        for wrong, code in (
            ({}, "invalid_argument"),
            ({"path": "README.md", "content": "x"}, "invalid_argument"),
            ({"path": "src/out"}, "call_refused"),
            ({"path": "../../x"}, "call_refused"),
            ({"path": "/etc/passwd"}, "call_refused"),
            ({"path": "src/loop"}, "call_refused"),
            ({"path": "src/pipe"}, "not_found"),
            ({"path": "src"}, "not_found"),
            ({"path": "src/none"}, "not_found"),
            ({"path": "README.md/x"}, "not_found"),
            ({"path": "src/huge"}, "invalid_argument"),
            ({"path": "README.md", "lines": [1, 2]}, "invalid_argument"),
            ({"path": "README.md", "lines": [2, 1]}, "invalid_argument"),
            ({"path": "README.md", "lines": [0, 1]}, "invalid_argument"),
            ({"path": "README.md", "lines": [1]}, "invalid_argument"),
            ({"content": "one line", "lines": [1, 2]}, "invalid_argument"),
            ({"content": "x", "kind": "Not A Kind"}, "invalid_argument"),
            ({"content": "x", "claim": ""}, "invalid_argument"),
        ):
            fields = {"work_order": order, "kind": "note", "claim": "It is so", **wrong}
            assert await office.code("w1", "record_evidence", **fields) == code, wrong
        shown = await office.call("w1", "get_work_order", work_order=order)
        assert shown["evidence"] == []


async def test_a_claim_holds_while_its_file_or_base_version_is_what_was_recorded(
    settings: Settings, tmp_path: Path
) -> None:
    async with open_office(settings) as office:
        order, workspace = await _claimed(office, tmp_path)
        changed = workspace / "src" / "new.py"
        changed.write_text("one\n", "utf-8")
        await _record(office, order, path="src/app.py", claim="How it was at the base")
        first = await _record(office, order, path="src/new.py")
        (workspace / "src" / "app.py").write_text("another\n", "utf-8")
        changed.write_text("two\n", "utf-8")
        gates = (await office.submit("w1", order))["gates"]
        [failed] = [gate for gate in gates if not gate["passed"]]
        assert failed["name"] == "evidence_digests"
        assert len(failed["findings"]) == 1
        assert first["id"] in failed["findings"][0] and "changed" in failed["findings"][0]
        changed.unlink()
        gates = (await office.submit("w1", order))["gates"]
        assert "does not exist" in gates[1]["findings"][0]
        changed.write_text("one\n", "utf-8")
        # A link that leads to the same bytes outside the workspace is not the file.
        changed.rename(tmp_path / "kept")
        changed.symlink_to(tmp_path / "kept")
        assert not (await office.submit("w1", order))["gates"][1]["passed"]
        changed.unlink()
        (tmp_path / "kept").rename(changed)
        submitted = await office.submit("w1", order)
        assert submitted["state"] == "in_review"
        verification = verify_packet(settings.home / "evidence" / order)
        assert verification.ok, verification.problems
        assert verification.sha256 == submitted["packet_sha256"]


def _untracked(workspace: Path) -> None:
    (workspace / "evil.py").write_text("x", "utf-8")


def _ignored(workspace: Path) -> None:
    (workspace / "build").mkdir()
    (workspace / "build" / "evil").write_text("x", "utf-8")
    (workspace / "sub").mkdir()
    (workspace / "sub" / ".gitignore").write_text("*\n", "utf-8")


def _renamed(workspace: Path) -> None:
    (workspace / "src" / "old.py").rename(workspace / "old.py")


def _deleted(workspace: Path) -> None:
    (workspace / "README.md").unlink()


def _mode(workspace: Path) -> None:
    (workspace / "run.sh").chmod(0o755)


def _linked(workspace: Path) -> None:
    (workspace / "src" / "passwords").symlink_to("/etc/passwd")


CHANGES: Sequence[Callable[[Path], None]] = (
    _untracked,
    _ignored,
    _renamed,
    _deleted,
    _mode,
    _linked,
)


async def test_a_change_outside_the_roots_fails_the_gate_and_keeps_the_lease(
    settings: Settings, tmp_path: Path
) -> None:
    async with open_office(settings) as office:
        repo = sample_repository(tmp_path)
        for change in CHANGES:
            order = await office.create(repo=repo)
            workspace = Path((await office.claim("w1", order))["workspace"]["path"])
            change(workspace)
            submitted = await office.submit("w1", order)
            failed = [gate["name"] for gate in submitted["gates"] if not gate["passed"]]
            assert failed == ["diff_in_allowed_roots"], change
            assert (submitted["state"], submitted["packet_sha256"]) == ("active", None)
            shown = await office.call("w1", "get_work_order", work_order=order)
            assert (shown["state"], shown["lease"]["epoch"]) == ("active", 1)
            assert await office.events(f"work_order/{order}", "work_order.gates_failed")


async def test_required_evidence_and_every_plugin_gate_must_pass(settings: Settings) -> None:
    plugin = LifecyclePlugin()
    async with open_office(settings, plugin=plugin) as office:
        order = await office.create(contract={"evidence_required": ["test_report", "analysis"]})
        await office.claim("w1", order)
        report = '<testsuite tests="1"><testcase name="it works"/></testsuite>'
        await _record(office, order, kind="test_report", content=report)
        plugin.probe.gate_findings = ["the moon is wrong"]
        gates = {g["name"]: g for g in (await office.submit("w1", order))["gates"]}
        assert len(gates["evidence_required"]["findings"]) == 1
        assert "'analysis'" in gates["evidence_required"]["findings"][0]
        assert gates["probe"]["findings"] == ["the moon is wrong"]
        await _record(office, order, kind="analysis", content="It is safe")
        plugin.probe.gate_error = RuntimeError("a secret inside")
        submitted = await office.submit("w1", order)
        assert submitted["state"] == "active"
        assert submitted["gates"][-1] == {
            "name": "probe",
            "passed": False,
            "findings": ["the gate itself failed: RuntimeError"],
        }
        plugin.probe.gate_error, plugin.probe.gate_findings = None, []
        assert (await office.submit("w1", order))["state"] == "in_review"
        answers = await office.call("planner", "get_work_report", work_order=order)
        assert answers["correctness"]["summary"] == "2 pieces of evidence; 4 of 4 gates passed."


async def test_evidence_that_is_recorded_while_the_gates_run_is_not_let_through(
    settings: Settings,
) -> None:
    plugin = LifecyclePlugin()
    async with open_office(settings, plugin=plugin) as office:
        order = await office.create()
        await office.claim("w1", order)
        plugin.probe.gates_wait = True
        submitting = asyncio.create_task(
            office.dispatch("w1", "submit_work_order", {"work_order": order, "summary": "Done"})
        )
        await plugin.probe.wait_for_body()
        await _record(office, order, content="too late for the gates")
        plugin.probe.gates_wait = False
        plugin.probe.let_go()
        assert (await submitting).error_code == "conflict"
        assert (await office.submit("w1", order))["state"] == "in_review"
        await office.assert_consistent()


async def test_repeated_records_and_submissions_under_one_key_have_one_effect(
    settings: Settings, tmp_path: Path
) -> None:
    async with open_office(settings) as office:
        order, workspace = await _claimed(office, tmp_path)
        (workspace / "src" / "new.py").write_text("new\n", "utf-8")
        record = {"work_order": order, "kind": "note", "claim": "It is so", "path": "src/new.py"}
        submit = {"work_order": order, "summary": "Done"}
        for tool, arguments in (("record_evidence", record), ("submit_work_order", submit)):
            first = await office.dispatch("w1", tool, arguments, key=tool)
            assert not first.is_error, first.text
            (workspace / "src" / "new.py").write_text("new\n", "utf-8")
            assert await office.dispatch("w1", tool, arguments, key=tool) == first
        shown = await office.call("w1", "get_work_order", work_order=order)
        assert len(shown["evidence"]) == 1
        assert len(await office.events(type="work_order.submitted")) == 1
        # Keys belong to their principal.
        other = await office.dispatch("w2", "submit_work_order", submit, key="submit_work_order")
        assert other.error_code == "lease_lost"
        await office.assert_consistent()
