"""Nothing gets past the gate by being changed between a check and its use (docs/security.md)."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from pathlib import Path

import pytest

from agentos import ToolResult
from agentos_governance.evidence.gates import Submission, run_gates
from agentos_governance.orders import contract_of, get_order, list_evidence
from agentos_governance.review.worktree import workspace_of
from agentos_governance.workspace.changes import diff_workspace
from tests.agentos_governance.lifecycle import Office
from tests.agentos_governance.repositories import git
from tests.security.catalogue import attempt
from tests.security.scene import Scene, begin

pytestmark = pytest.mark.anyio


def _write(scene: Scene, path: str, text: str) -> None:
    (scene.workspace / path).write_text(text, encoding="utf-8")


async def _submit(scene: Scene) -> ToolResult:
    arguments = {"work_order": scene.order, "summary": "It is done"}
    return await scene.office.dispatch("w1", "submit_work_order", arguments)


async def _is_let_through(scene: Scene) -> bool:
    result = await _submit(scene)
    return not result.is_error and result.structured["state"] != "active"


async def _approve(scene: Scene, packet: str) -> ToolResult:
    arguments = {"work_order": scene.order, "packet_sha256": packet, "verdict": "approve"}
    return await scene.office.dispatch(
        "reviewer", "review_work_order", {**arguments, "reason": "I looked"}
    )


@attempt("check and use")
async def test_a_branch_does_not_carry_what_the_worktree_hides(
    office: Office, folder: Path
) -> None:
    scene = await begin(office, folder)
    _write(scene, "README.md", "for whoever merges\n")
    git(scene.workspace, "commit", "--quiet", "-am", "x")
    git(scene.workspace, "checkout", "HEAD~1", "--", "README.md")
    assert not await _is_let_through(scene)
    git(scene.workspace, "reset", "--quiet", "--hard", "HEAD~1")
    assert await _is_let_through(scene)


@attempt("check and use")
async def test_a_branch_does_not_carry_ignored_files_that_were_added_by_force(
    office: Office, folder: Path
) -> None:
    scene = await begin(office, folder)
    (scene.workspace / "build").mkdir()
    _write(scene, "build/run.py", "print()\n")
    git(scene.workspace, "add", "--force", "build/run.py")
    git(scene.workspace, "commit", "--quiet", "-m", "x")
    assert not await _is_let_through(scene)


@attempt("check and use")
async def test_a_branch_does_not_hold_another_version_of_an_allowed_file(
    office: Office, folder: Path
) -> None:
    scene = await begin(office, folder)
    _write(scene, "src/app.py", "what the branch says\n")
    git(scene.workspace, "commit", "--quiet", "-am", "x")
    _write(scene, "src/app.py", "what the reviewer sees\n")
    assert not await _is_let_through(scene)
    git(scene.workspace, "commit", "--quiet", "-am", "y")
    _write(scene, "src/old.py", "not committed, and no other version is\n")
    assert await _is_let_through(scene)


@attempt("check and use")
async def test_a_branch_that_moves_after_submission_is_not_approved(
    office: Office, folder: Path
) -> None:
    scene = await begin(office, folder)
    _write(scene, "src/app.py", "reviewed\n")
    packet = (await _submit(scene)).structured["packet_sha256"]
    _write(scene, "src/app.py", "merged\n")
    git(scene.workspace, "commit", "--quiet", "-am", "x")
    _write(scene, "src/app.py", "reviewed\n")
    assert (await _approve(scene, packet)).is_error
    git(scene.workspace, "reset", "--quiet", "--soft", "HEAD~1")
    assert not (await _approve(scene, packet)).is_error


@attempt("check and use")
async def test_a_worktree_that_is_deleted_after_submission_is_not_approved(
    office: Office, folder: Path
) -> None:
    scene = await begin(office, folder)
    packet = (await _submit(scene)).structured["packet_sha256"]
    shutil.rmtree(scene.workspace)
    assert (await _approve(scene, packet)).error_code == "conflict"


@attempt("check and use")
async def test_a_worktree_that_is_swapped_for_a_link_is_not_compared(
    office: Office, folder: Path
) -> None:
    scene = await begin(office, folder, allowed_roots=["."])
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "private-name.txt").write_text("private\n", encoding="utf-8")
    scene.workspace.rename(folder / "moved")
    for target in (elsewhere, folder / "moved", Path("/etc")):
        scene.workspace.symlink_to(target)
        result = await _submit(scene)
        assert result.is_error or result.structured["state"] == "active"
        assert "private-name" not in result.text
        recorded = await office.dispatch(
            "w1",
            "record_evidence",
            {"work_order": scene.order, "kind": "note", "claim": "It is", "path": "src/app.py"},
        )
        assert recorded.is_error
        scene.workspace.unlink()


@attempt("check and use")
async def test_a_file_that_changes_between_record_and_submission_is_found(
    office: Office, folder: Path
) -> None:
    scene = await begin(office, folder, evidence_required=["analysis"])
    _write(scene, "src/app.py", "good\n")
    evidence = {"work_order": scene.order, "kind": "analysis", "claim": "It is good"}
    await office.call("w1", "record_evidence", **evidence, path="src/app.py")
    for change in ("another\n", "good\n\n", ""):
        _write(scene, "src/app.py", change)
        assert not await _is_let_through(scene)
    (scene.workspace / "src/app.py").unlink()
    os.symlink("old.py", scene.workspace / "src/app.py")
    assert not await _is_let_through(scene)
    (scene.workspace / "src/app.py").unlink()
    (scene.workspace / "src/app.py").mkdir()
    assert not await _is_let_through(scene)


@attempt("check and use")
async def test_an_evidence_file_that_is_swapped_all_the_time_is_whole_or_refused(
    office: Office, folder: Path
) -> None:
    scene = await begin(office, folder)
    target, spare = scene.workspace / "src/x.txt", scene.workspace / "src/spare"
    outside = folder / "outside.txt"
    outside.write_text("of somebody else\n", encoding="utf-8")
    stop = asyncio.Event()

    def swap() -> None:
        while not stop.is_set():
            spare.write_text("mine\n", encoding="utf-8")
            os.replace(spare, target)
            os.symlink(outside, spare)
            os.replace(spare, target)

    swapping = asyncio.create_task(asyncio.to_thread(swap))
    arguments = {"work_order": scene.order, "kind": "note", "claim": "It is", "path": "src/x.txt"}
    results = [await office.dispatch("w1", "record_evidence", arguments) for _ in range(25)]
    stop.set()
    await swapping
    seen = {r.structured["evidence"]["sha256"] for r in results if not r.is_error}
    assert len(seen) <= 1, "only the worker's own content was ever read"
    assert not any("of somebody else" in r.text for r in results)


@attempt("check and use")
async def test_nothing_that_a_worker_plants_in_git_runs_in_the_server(
    office: Office, folder: Path
) -> None:
    scene = await begin(office, folder, allowed_roots=["."])
    mark, program = folder / "it-ran", folder / "program"
    program.write_text(f"#!/bin/sh\necho x >> {mark}\ncat\n", encoding="utf-8")
    program.chmod(0o755)
    for key in (
        *("core.fsmonitor", "core.sshCommand", "core.pager", "core.editor", "core.askPass"),
        *("diff.external", "diff.x.command", "diff.x.textconv", "merge.x.driver"),
        *("filter.x.clean", "filter.x.smudge", "filter.x.process", "gpg.program"),
        *("credential.helper", "uploadpack.packObjectsHook", "core.alternateRefsCommand"),
        *("sequence.editor", "alias.diff-tree", "alias.ls-files", "remote.o.uploadpack"),
    ):
        git(scene.workspace, "config", key, str(program))
    git(scene.workspace, "config", "remote.o.url", f"ext::{program}")
    git(scene.workspace, "config", "remote.o.promisor", "true")
    git(scene.workspace, "config", "extensions.partialClone", "o")
    git(scene.workspace, "config", "core.hooksPath", str(folder / "hooks"))
    (folder / "hooks").mkdir()
    for hook in ("post-checkout", "post-index-change", "reference-transaction", "pre-commit"):
        (folder / "hooks" / hook).symlink_to(program)
        (folder / "repo" / ".git" / "hooks" / hook).unlink(missing_ok=True)
        (folder / "repo" / ".git" / "hooks" / hook).symlink_to(program)
    _write(scene, ".gitattributes", "* filter=x diff=x merge=x\n")
    _write(scene, "src/app.py", "x\n")
    # The gatekeeper stops what is in the difference; what lies in git's own folder is not in it.
    assert not await _is_let_through(scene)
    (scene.workspace / ".gitattributes").unlink()
    attributes = folder / "repo" / ".git" / "info" / "attributes"
    attributes.parent.mkdir(exist_ok=True)
    attributes.write_text("* filter=x diff=x merge=x\n", "utf-8")
    for wanted in ("request_changes", "approve"):
        packet = (await _submit(scene)).structured["packet_sha256"]
        assert packet is not None
        await office.vote("reviewer", scene.order, packet, wanted)
        if wanted == "request_changes":
            shutil.rmtree(scene.workspace)
            await office.claim("w1", scene.order)
    assert not mark.exists()


@attempt("check and use")
async def test_forged_objects_and_borrowed_ones_do_not_change_what_is_compared(
    office: Office, folder: Path
) -> None:
    scene = await begin(office, folder)
    _write(scene, "README.md", "changed outside the roots\n")
    base = git(scene.workspace, "rev-parse", "HEAD")
    changed = git(scene.workspace, "hash-object", "-w", "README.md")
    git(
        scene.workspace,
        "replace",
        "--force",
        git(scene.workspace, "rev-parse", "HEAD:README.md"),
        changed,
    )
    assert not await _is_let_through(scene)
    git(scene.workspace, "commit", "--quiet", "-am", "x")
    git(scene.workspace, "replace", "--force", base, "HEAD")
    assert not await _is_let_through(scene)
    (folder / "repo/.git/info/grafts").write_text(
        f"{git(scene.workspace, 'rev-parse', 'HEAD')}\n", encoding="utf-8"
    )
    assert not await _is_let_through(scene)
    (scene.workspace / ".git").write_text(f"gitdir: {folder / 'repo/.git'}\n", encoding="utf-8")
    assert not await _is_let_through(scene)


@attempt("check and use")
async def test_files_written_while_submissions_run_are_in_the_packet_or_refuse_the_vote(
    office: Office, folder: Path
) -> None:
    scene = await begin(office, folder)
    stop = asyncio.Event()

    def rewrite() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            _write(scene, "src/app.py", f"version {number}\n")

    writing = asyncio.create_task(asyncio.to_thread(rewrite))
    results = await asyncio.gather(*(_submit(scene) for _ in range(3)))
    stop.set()
    await writing
    _write(scene, "src/app.py", "after all of them\n")
    accepted = [r.structured["packet_sha256"] for r in results if not r.is_error]
    packets = [packet for packet in accepted if packet is not None]
    assert len(packets) <= 1, "one submission ended the lease"
    for packet in packets:
        assert (await _approve(scene, packet)).error_code == "conflict"


@attempt("check and use")
async def test_evidence_does_not_speak_of_another_file_than_the_difference_holds(
    office: Office, folder: Path
) -> None:
    scene = await begin(office, folder)
    evidence = {"work_order": scene.order, "kind": "analysis", "claim": "It is good"}
    _write(scene, "src/app.py", "good\n")
    await office.call("w1", "record_evidence", **evidence, path="src/app.py")
    row = await get_order(office.kernel.database, scene.order)
    workspace = workspace_of(row)
    assert workspace is not None
    recorded = await list_evidence(office.kernel.database, scene.order)
    for compared, is_let_through in (("bad\n", False), ("good\n", True), ("good\r\n", False)):
        _write(scene, "src/app.py", compared)
        diff = await diff_workspace(workspace, ["src/app.py"])
        _write(scene, "src/app.py", "good\n")
        gates = await run_gates(
            Submission(scene.order, contract_of(row), recorded, workspace, diff, "It is done")
        )
        assert all(gate.passed for gate in gates) is is_let_through, compared


@attempt("check and use")
async def test_evidence_does_not_speak_of_a_file_that_was_the_base_s_while_it_was_compared(
    office: Office, folder: Path
) -> None:
    """The difference does not name such a file: what it holds now was never in it."""
    scene = await begin(office, folder, allowed_roots=["."])
    base = (scene.workspace / "src/app.py").read_bytes()
    (scene.workspace / ".gitignore").write_text("ignored.txt\n", encoding="utf-8")
    evidence = {"work_order": scene.order, "kind": "analysis", "claim": "It is good"}
    for path in ("src/app.py", "src/new.py"):
        _write(scene, path, "claimed\n")
        await office.call("w1", "record_evidence", **evidence, path=path)
    row = await get_order(office.kernel.database, scene.order)
    workspace = workspace_of(row)
    assert workspace is not None
    recorded = await list_evidence(office.kernel.database, scene.order)
    paths = ["src/app.py", "src/new.py"]

    async def findings() -> list[str]:
        diff = await diff_workspace(workspace, paths)
        for path in paths:
            _write(scene, path, "claimed\n")
        submission = Submission(
            scene.order, contract_of(row), recorded, workspace, diff, "It is done"
        )
        gates = await run_gates(submission)
        return [finding for gate in gates for finding in gate.findings]

    assert await findings() == []
    (scene.workspace / "src/app.py").write_bytes(base)
    [found] = await findings()
    assert "src/app.py" in found
    assert "another file when the changes were compared" in found
    (scene.workspace / "src/new.py").unlink()
    [found] = await findings()
    assert "src/new.py" in found


@attempt("check and use")
async def test_a_branch_does_not_carry_a_pointer_where_the_worktree_has_the_content(
    office: Office, folder: Path
) -> None:
    """Git LFS: the branch holds a text that names the content; what a merge brings is not there."""
    scene = await begin(office, folder)
    content = b"weights " * 64
    digest = hashlib.sha256(content).hexdigest()
    pointer = (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(content)}\n"
    )
    _write(scene, "src/model.bin", pointer)
    git(scene.workspace, "add", "src/model.bin")
    git(scene.workspace, "commit", "--quiet", "-m", "x")
    (scene.workspace / "src/model.bin").write_bytes(content)
    result = await _submit(scene)
    findings = [text for gate in result.structured["gates"] for text in gate["findings"]]
    assert result.structured["state"] == "active"
    assert any("src/model.bin" in text for text in findings)
    # The pointer itself is what git holds, and can be looked at.
    _write(scene, "src/model.bin", pointer)
    assert await _is_let_through(scene)


@attempt("check and use")
async def test_a_claim_does_not_hand_out_the_folder_that_a_link_leads_to(
    office: Office, folder: Path
) -> None:
    scene = await begin(office, folder)
    (folder / "other").mkdir()
    other = await begin(office, folder / "other", who="w2")
    (other.workspace / "src/mine.py").write_text("of w2\n", encoding="utf-8")
    scene.workspace.rename(folder / "moved")
    for target in (other.workspace, folder / "other" / "repo", folder / "repo", Path("/etc")):
        scene.workspace.symlink_to(target)
        action = {"tool": "Edit", "paths": ["src/app.py"]}
        judged = await office.call("w1", "check_action", work_order=scene.order, action=action)
        assert (judged["verdict"], judged["rule"]) == ("deny", "workspace")
        await office.claim("w1", scene.order)
        assert not scene.workspace.is_symlink()
        assert not (scene.workspace / "src/mine.py").exists()
        scene.workspace.rename(folder / f"moved-{target.name}-{target.parent.name}")
    assert (other.workspace / "src/mine.py").read_text(encoding="utf-8") == "of w2\n"
