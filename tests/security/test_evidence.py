"""What is claimed about files and reports is what is there, or is refused (docs/security.md)."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from agentos import ToolResult, VerificationError
from agentos_governance.evidence.packet_verification import verify_packet
from tests.agentos_governance.lifecycle import Office
from tests.security.catalogue import attempt
from tests.security.scene import Scene, begin

pytestmark = pytest.mark.anyio

NO_TEST_REPORTS = (
    "<testsuites/>",
    "<testsuites><testsuite tests='9' failures='0'/></testsuites>",
    "<testsuite tests='5'></testsuite>",
    "<html><testcase/></html>",
    "<testcase name='a'/>",
    "",
    "all 12 tests passed",
    '{"tests": 3}',
    "<!DOCTYPE t [<!ENTITY a 'b'>]><testsuite><testcase name='&a;'/></testsuite>",
    "<!DOCTYPE t [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><testsuite><testcase/></testsuite>",
    "<testsuite><testcase name='a'/>",
    "<testsuite><testcase name='a'/></testsuite><testsuite/>",
    "<testsuite>" + "<properties>" * 100 + "</properties>" * 100 + "</testsuite>",
)
FAILING_REPORTS = (
    "<testsuite><testcase name='a'/><testcase name='b'><failure/></testcase></testsuite>",
    "<testsuite><testcase name='a'/><testcase name='b'><error/></testcase></testsuite>",
    "<testsuite failures='1'><testcase name='a'/></testsuite>",
    "<testsuites failures='1'><testsuite failures='0'><testcase name='a'/></testsuite></testsuites>",
    "<testsuite failures='0'><testsuite errors='2'><testcase name='a'/></testsuite></testsuite>",
    "<testsuites><testsuite><testcase/></testsuite><testcase><error/></testcase></testsuites>",
    "<testsuite><testcase name='a'><skipped/></testcase></testsuite>",
    "<testsuite><testcase name='a'><skipped/><failure/></testcase><testcase/></testsuite>",
    "<n:testsuite xmlns:n='u'><n:testcase><n:failure/></n:testcase><n:testcase/></n:testsuite>",
)
RUN = {"tool": {"driver": {"name": "t"}}}
ERROR = {"level": "error"}


async def _record(scene: Scene, kind: str, content: str | None = None, **more: Any) -> ToolResult:
    evidence = {"work_order": scene.order, "kind": kind, "claim": "It is so", **more}
    if content is not None:
        evidence["content"] = content
    return await scene.office.dispatch("w1", "record_evidence", evidence)


async def _submit(scene: Scene) -> ToolResult:
    arguments = {"work_order": scene.order, "summary": "It is done"}
    return await scene.office.dispatch("w1", "submit_work_order", arguments)


async def _is_let_through(scene: Scene) -> bool:
    result = await _submit(scene)
    return not result.is_error and result.structured["state"] != "active"


@attempt("evidence")
async def test_a_report_without_a_test_is_no_test_report(office: Office, folder: Path) -> None:
    scene = await begin(office, folder, evidence_required=["test_report"])
    through = [
        report[:60]
        for report in NO_TEST_REPORTS
        if not (await _record(scene, "test_report", report)).is_error
    ]
    assert through == []
    for name in ("Test_report", "test_report.passing", "test-report", "test_reports"):
        await _record(scene, name, "all tests passed")
    assert not await _is_let_through(scene)


@attempt("evidence")
async def test_a_report_of_failures_lets_nothing_through(office: Office, folder: Path) -> None:
    scene = await begin(office, folder)
    through = []
    for report in FAILING_REPORTS:
        assert not (await _record(scene, "test_report", report)).is_error
        if await _is_let_through(scene):
            through.append(report)
            break
    assert through == []


@attempt("evidence")
async def test_an_analysis_that_failed_or_hides_errors_lets_nothing_through(
    office: Office, folder: Path
) -> None:
    scene = await begin(office, folder, evidence_required=["sarif"])
    runs: tuple[dict[str, Any], ...] = (
        {**RUN},
        {**RUN, "results": None},
        {"results": []},
        {**RUN, "results": [], "invocations": [{"executionSuccessful": False}]},
        {**RUN, "results": [{"level": "ERROR"}]},
    )
    for run in runs:
        log = json.dumps({"version": "2.1.0", "runs": [run]})
        assert (await _record(scene, "sarif", log)).is_error, run
    for result in (
        ERROR,
        {**ERROR, "suppressions": []},
        {**ERROR, "suppressions": [{"kind": "inSource", "status": "rejected"}]},
        {**ERROR, "suppressions": [{"kind": "external", "status": "underReview"}]},
        {**ERROR, "suppressions": [{"status": "accepted"}, {"status": "rejected"}]},
        {**ERROR, "suppressions": "accepted"},
        {**ERROR, "suppressions": [True]},
    ):
        log = json.dumps({"version": "2.1.0", "runs": [{**RUN, "results": [result]}]})
        assert not (await _record(scene, "sarif", log)).is_error
        assert not await _is_let_through(scene), result


@attempt("evidence")
async def test_a_coverage_report_does_not_claim_what_its_lines_do_not_show(
    office: Office, folder: Path
) -> None:
    scene = await begin(office, folder)
    for report in (
        "<coverage line-rate='1.0'/>",
        "<coverage line-rate='1'><packages/></coverage>",
        "<coverage><line hits='1'/></coverage>",
        "<coverage><methods><method><lines><line hits='9'/></lines></method></methods></coverage>",
    ):
        assert (await _record(scene, "coverage", report)).is_error, report
    lines = "<class filename='a'><lines><line hits='0'/><line hits='1'/></lines></class>"
    recorded = await _record(scene, "coverage", f"<coverage line-rate='1.0'>{lines}</coverage>")
    assert recorded.structured["evidence"]["facts"]["line_rate"] == "0.5000"


@attempt("evidence")
async def test_what_is_no_plain_file_of_the_workspace_is_no_evidence(
    office: Office, folder: Path
) -> None:
    scene = await begin(office, folder)
    src = scene.workspace / "src"
    outside = folder / "outside.txt"
    outside.write_text("of somebody else\n", encoding="utf-8")
    os.symlink(outside, src / "link")
    os.symlink("/proc/self/environ", src / "environ")
    os.symlink("/etc", src / "etc")
    os.symlink(".", src / "circle")
    os.symlink("loop", src / "loop")
    os.link(outside, src / "hard")
    os.mkfifo(src / "pipe")
    with (src / "sparse").open("wb") as sparse:
        sparse.truncate(1 << 40)
    (src / "locked").write_text("x", encoding="utf-8")
    for path in (
        *("src/link", "src/environ", "src/etc/hostname", "src/loop", "src/hard", "src/pipe"),
        *("src/sparse", "src", ".", "src/missing", "src/app.py/x", "/etc/passwd", "../outside.txt"),
        *("/proc/self/environ", "/proc/self/fd/0", "/dev/zero", "/dev/stdin", "~/x", "src/\x00"),
        *(str(outside), f"{scene.workspace}/../{scene.order}-x", "src/etc/../../../etc/passwd"),
        *(".git", "./.git", "src/../.git", ".GIT", ".git/config", "file:///etc/passwd"),
    ):
        single = await _record(scene, "note", path=path)
        assert single.is_error, path
        assert "of somebody else" not in single.text
        many = await office.dispatch(
            "w1",
            "record_evidence_files",
            {"work_order": scene.order, "kind": "note", "claim": "It is so", "paths": [path]},
        )
        assert many.is_error, path
    assert await office.events(f"work_order/{scene.order}", "evidence.recorded") == []


@attempt("evidence")
async def test_a_folder_of_evidence_holds_no_link_pipe_or_git_data(
    office: Office, folder: Path
) -> None:
    scene = await begin(office, folder)
    taken = scene.workspace / "src" / "reports"
    (taken / ".git").mkdir(parents=True)
    (taken / ".git" / "config").write_text("x", encoding="utf-8")
    (taken / "one.txt").write_text("x", encoding="utf-8")
    os.symlink("/etc/passwd", taken / "passwd")
    os.symlink("/etc", taken / "etc")
    os.mkfifo(taken / "pipe")
    whole = {"work_order": scene.order, "kind": "note", "claim": "It is so"}
    made = await office.call("w1", "record_evidence_files", **whole, folder="src/reports")
    assert made["n_files"] == 1
    for elsewhere in ("/etc", "..", "src/reports/etc", "src/reports/.git", ".git", "src/missing"):
        result = await office.dispatch(
            "w1", "record_evidence_files", {**whole, "folder": elsewhere, "pattern": "**"}
        )
        assert result.is_error, elsewhere


@attempt("evidence")
async def test_what_the_contract_keeps_from_being_read_is_not_recorded_as_evidence(
    office: Office, folder: Path
) -> None:
    scene = await begin(
        office,
        folder,
        forbidden_actions=["read:**/*.pem", "Read(src/private/*)", "Read:src/other.txt"],
    )
    src = scene.workspace / "src"
    (src / "private").mkdir()
    for name in ("key.pem", "private/x.txt", "other.txt"):
        (src / name).write_text("kept apart\n", encoding="utf-8")
    os.symlink("key.pem", src / "innocent.txt")
    for path in (
        *("src/key.pem", "./src//key.pem", "src/x/../key.pem", "src/innocent.txt"),
        *("src/private/x.txt", "src/other.txt"),
    ):
        result = await _record(scene, "note", path=path)
        assert result.is_error, path
        assert str(result.structured["error"]["rule"]).startswith("forbidden_actions"), path
    whole = {"work_order": scene.order, "kind": "note", "claim": "It is so", "folder": "src"}
    assert (await office.dispatch("w1", "record_evidence_files", whole)).is_error


@attempt("evidence")
async def test_reported_evidence_is_not_observed_whatever_it_says_of_itself(
    office: Office, folder: Path
) -> None:
    scene = await begin(office, folder)
    recorded = await _record(
        scene,
        "command_output",
        json.dumps({"command": "make test", "exit_code": 0}),
        observed_by="the server",
    )
    if not recorded.is_error:
        assert recorded.structured["evidence"]["level"] == "reported"
    assert (await _record(scene, "note", "x", level="observed")).is_error
    assert (await _record(scene, "note", "x", sha256="0" * 64)).is_error
    for forged in ("{}", "[]", '{"payloadType": "x"}', '{"signatures": []}', "x" * 100):
        assert (await _record(scene, "note", "x", observation=forged)).is_error


@attempt("evidence")
async def test_a_claim_about_lines_that_are_not_there_is_refused(
    office: Office, folder: Path
) -> None:
    scene = await begin(office, folder)
    for lines in ([1, 10_000], [0, 1], [5, 2], [-1, 1], [1], [1, 2, 3], [1, 2**70], ["1", "2"]):
        assert (await _record(scene, "note", path="src/app.py", lines=lines)).is_error, lines


@attempt("evidence")
async def test_the_right_report_for_one_path_does_not_speak_for_another(
    office: Office, folder: Path
) -> None:
    scene = await begin(office, folder, evidence_required=["test_report"])
    report = scene.workspace / "src" / "report.xml"
    report.write_text("<testsuite><testcase name='a'/></testsuite>", encoding="utf-8")
    assert not (await _record(scene, "test_report", path="src/report.xml")).is_error
    report.write_text(FAILING_REPORTS[0], encoding="utf-8")
    assert not await _is_let_through(scene), "the file is not what was recorded"
    (report.parent / "other.xml").write_text(FAILING_REPORTS[0], encoding="utf-8")
    assert not (await _record(scene, "test_report", path="src/other.xml")).is_error
    report.write_text("<testsuite><testcase name='a'/></testsuite>", encoding="utf-8")
    assert not await _is_let_through(scene), "the newest report fails"


@attempt("evidence")
async def test_a_poisoned_blob_never_becomes_part_of_a_packet_that_verifies(
    office: Office, folder: Path
) -> None:
    scene = await begin(office, folder)
    recorded = await _record(scene, "note", "what was recorded")
    sha256 = recorded.structured["evidence"]["sha256"]
    blob = office.kernel.settings.home / "blobs" / sha256[:2] / sha256
    blob.chmod(0o600)
    blob.write_bytes(b"what somebody put there")
    submitted = await _submit(scene)
    await office.dispatch(
        "reviewer",
        "review_work_order",
        {
            "work_order": scene.order,
            "packet_sha256": submitted.structured.get("packet_sha256") or "0" * 64,
            "verdict": "approve",
            "reason": "I looked",
        },
    )
    for packet in office.kernel.settings.home.glob(f"packets/**/{scene.order}*"):
        if packet.is_dir():
            with pytest.raises(VerificationError):
                await asyncio.to_thread(verify_packet, packet)
