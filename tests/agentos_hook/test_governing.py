"""Hooks against a real server: judged, recorded, told, reminded; refused once it is killed."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

from agentos import Settings
from agentos_governance.active_marks import align_mark
from agentos_governance.evidence.blobs import open_blob_store
from tests.agentos_hook.scene import Answer, Scene, finish, scene, serving, start_hook, use

pytestmark = pytest.mark.anyio


async def hook(at: Scene, event: Any, **options: Any) -> Answer:
    """A hook, without holding up the kernel of the test."""
    return await anyio.to_thread.run_sync(lambda: at.hook(event, **options))


async def evidence_of(at: Scene, work_order: str) -> list[dict[str, Any]]:
    details = await at.call("ada", "get_work_order", work_order=work_order)
    return [each for each in details["evidence"] if each["kind"] == "tool_use"]


@pytest.mark.parametrize("client", ["claude-code", "codex"])
async def test_a_clients_own_tools_are_judged_by_the_contract(
    settings: Settings, tmp_path: Path, client: str
) -> None:
    async with scene(settings, tmp_path) as at:
        order, tree = await at.claim()
        async with serving(at.kernel.settings):
            denied = {
                "git push": use("Bash", tree, command="cd src && git -C .. push origin main"),
                "README": use("Write", tree, file_path=str(tree / "README.md"), content="x"),
                "outside": use("Edit", tree, file_path="/etc/hosts", old_string="a"),
                "network": use("Bash", tree, command="curl https://example.org"),
                "WebFetch": use("WebFetch", tree, url="https://example.org", prompt="x"),
                "mcp__other__tool": use("mcp__other__tool", tree, query="x"),
                "the main checkout": use("Bash", at.repo, command="touch src/b.py"),
                "patch": use(
                    "apply_patch",
                    tree,
                    command="*** Begin Patch\n*** Update File: README.md\n*** End Patch",
                ),
            }
            if client == "codex":
                # Both clients go one way; only what they send and read differs.
                denied = {what: denied[what] for what in ("git push", "patch")}
            for what, event in denied.items():
                answer = await hook(at, event, client=client)
                assert order in answer.denial, what
                assert "Rule: " in answer.denial, what
            allowed = [
                use("Bash", tree, command="git status && ls src | head"),
                use("Write", tree, file_path=str(tree / "src/new.py"), content="x = 1\n" * 900),
                use("Edit", tree / "src", file_path="app.py", old_string="1", new_string="2"),
                use("mcp__agentos__submit_work_order", tree, work_order=order),
                use("TodoWrite", tree, todos=[]),
                use("Bash", at.repo, command=f"cd {tree} && touch src/b.py"),
            ]
            for event in allowed if client == "claude-code" else allowed[:1]:
                assert (await hook(at, event, client=client)).is_silent, event
            long = use("Bash", tmp_path, command="echo " + "x" * 9_000)
            assert "8000" in (await hook(at, long, client=client)).denial
            assert (await hook(at, long, client=client, who="bob")).is_silent
            # Another worker has no business in this worktree, and every freedom elsewhere.
            event = use("Bash", tree, command="ls")
            assert "ada holds" in (await hook(at, event, client=client, who="bob")).denial
            assert (await hook(at, use("Bash", tmp_path, command="ls"), who="bob")).is_silent
        judged = [event async for event in _events(at, order) if event["type"] == "action.judged"]
        verdicts = [event["data"]["verdict"] for event in judged]
        assert (verdicts.count("deny"), verdicts.count("allow")) == (
            len(denied),
            4 if client == "claude-code" else 1,
        )


async def _events(at: Scene, order: str) -> Any:
    rows = await at.kernel.database.fetch(
        "select type, data from kernel.event where stream = $1 order by seq", f"work_order/{order}"
    )
    for row in rows:
        yield row


async def test_what_was_done_is_evidence_that_the_server_looked_at(
    settings: Settings, tmp_path: Path
) -> None:
    async with scene(settings, tmp_path) as at:
        order, tree = await at.claim()
        (tree / "src/app.py").write_text("a = 2\n")
        written = hashlib.sha256(b"a = 2\n").hexdigest()
        edit = use("Edit", tree, "PostToolUse", file_path=str(tree / "src/app.py"))
        ran = use("Bash", tree, "PostToolUse", command="echo 'a = 2' > src/app.py; pytest -q")
        failed = use("Bash", tree, "PostToolUseFailure", command="false")
        async with serving(at.kernel.settings):
            assert (await hook(at, {**edit, "tool_response": {"filePath": "x"}})).is_silent
            said = {"stdout": "3 passed", "stderr": "", "interrupted": False}
            assert (await hook(at, {**ran, "tool_response": said})).is_silent
            assert (await hook(at, {**failed, "error": "Exit code 3\nboom"})).is_silent
            text = "Process exited with code 7\nFinal output:\n"
            assert (await hook(at, {**ran, "tool_response": text}, client="codex")).is_silent
            reading = use("Read", tree, "PostToolUse", file_path=str(tree / "src/app.py"))
            assert (await hook(at, {**reading, "tool_response": {}})).is_silent
        found = await evidence_of(at, order)
        assert [each["level"] for each in found] == ["observed", "reported", "reported", "reported"]
        assert [each["facts"]["exit_code"] for each in found] == [None, 0, 3, 7]
        for each, n_files in zip(found, (1, 1, 0, 1), strict=True):
            kept = json.loads(_blob(at, each["sha256"]))
            assert [file["sha256"] for file in kept["files"]] == [written] * n_files
        packet = json.loads((await at.call("ada", "get_resume_packet", work_order=order))["packet"])
        assert (packet["counts"]["tool_uses"], packet["evidence"]) == (4, [])


def _blob(at: Scene, sha256: str) -> bytes:
    return open_blob_store(at.kernel.settings).get(sha256)


async def test_a_session_is_told_its_contract_and_reminded_once_of_what_it_owes(
    settings: Settings, tmp_path: Path
) -> None:
    async with scene(settings, tmp_path) as at:
        order, tree = await at.claim()
        start = {"hook_event_name": "SessionStart", "session_id": "s", "cwd": str(tree)}
        stop = {"hook_event_name": "Stop", "session_id": "s", "cwd": str(tree)}
        async with serving(at.kernel.settings):
            answer = await hook(at, {**start, "source": "startup"})
            context = answer.specific["additionalContext"]
            for said in (order, "src/", "git push*", "Budget: 1", "test_report", str(tree)):
                assert said in context
            assert len(context) < 10_000
            assert (await hook(at, start, who="bob")).is_silent
            assert (await hook(at, {**stop, "stop_hook_active": True})).is_silent
            reminder = json.loads((await hook(at, {**stop, "stop_hook_active": False})).stdout)
            assert reminder["decision"] == "block" and "test_report" in reminder["reason"]
            assert (await hook(at, {**stop, "stop_hook_active": False})).is_silent
            other = {**stop, "session_id": "s2", "stop_hook_active": False}
            assert "block" in (await hook(at, other)).stdout
            await at.call("ada", "stand_down", work_order=order, reason="Enough for today")
            assert (await hook(at, {**other, "session_id": "s3"})).is_silent


async def test_a_killed_server_refuses_active_work_and_nobody_elses(
    settings: Settings, tmp_path: Path
) -> None:
    async with scene(settings, tmp_path) as at:
        order, tree = await at.claim()
        home = at.kernel.settings.home
        event = use("Bash", tree, command="ls")
        async with serving(at.kernel.settings) as server:
            assert (await hook(at, event)).is_silent
            [socket] = (home / "sockets").glob("*.sock")
            assert stat.S_IMODE(socket.stat().st_mode) == 0o600
            assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
            server.kill()
            await server.wait()
        assert socket.exists()
        for client in ("claude-code", "codex"):
            denial = (await hook(at, event, client=client)).denial
            assert order in denial and "agentos serve" in denial
        path = use("Edit", tmp_path, file_path=str(tree / "src/app.py"))
        assert order in (await hook(at, path)).denial
        start = {"hook_event_name": "SessionStart", "session_id": "s", "cwd": str(tree)}
        assert order in (await hook(at, start)).specific["additionalContext"]
        assert (await hook(at, use("Bash", tmp_path, command="ls"))).is_silent
        for broken in (b"", b"{", b"[]", b"\xff", b'{"hook_event_name":"PreToolUse"}'):
            process = start_hook_in(tree, home, at.tokens["ada"])
            answer = await anyio.to_thread.run_sync(finish, process, broken)
            assert (answer.code, answer.stdout) == (2, ""), broken
            assert order in answer.stderr
        await at.call("ada", "stand_down", work_order=order, reason="The server is gone")
        await align_mark(at.kernel, order)
        assert (await hook(at, event)).is_silent
        assert (await hook(at, b"{")).is_silent


def start_hook_in(folder: Path, home: Path, token: str) -> Any:
    import contextlib

    with contextlib.chdir(folder):
        return start_hook(home, token)


async def test_twenty_hooks_at_once_are_all_answered(settings: Settings, tmp_path: Path) -> None:
    async with scene(settings, tmp_path) as at:
        _, tree = await at.claim()
        home, token = at.kernel.settings.home, at.tokens["ada"]
        async with serving(at.kernel.settings):
            # All of them wait for their event before the first gets one.
            processes = [start_hook(home, token) for _ in range(20)]
            answers: list[Answer | None] = [None] * 20

            async def run(number: int) -> None:
                word = "push" if number % 2 else "status"
                event = json.dumps(use("Bash", tree, command=f"git {word}")).encode()
                process = processes[number]
                answers[number] = await anyio.to_thread.run_sync(finish, process, event)

            async with anyio.create_task_group() as tasks:
                for number in range(20):
                    tasks.start_soon(run, number)
        for number, answer in enumerate(answers):
            assert answer is not None
            assert "git push" in answer.denial if number % 2 else answer.is_silent


async def test_without_active_work_a_hook_is_never_in_the_way(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for event in (b"", b"{", b"\xff\x00", json.dumps(use("Bash", tmp_path, command="x")).encode()):
        for folder in (home, tmp_path):
            answer = finish(start_hook(folder, "aos_unknown"), event)
            assert answer.is_silent
    assert not home.exists()


async def test_the_mark_is_there_before_the_claim_answers_and_names_the_holder(
    settings: Settings, tmp_path: Path
) -> None:
    async with scene(settings, tmp_path) as at:
        order, tree = await at.claim()
        mark = at.kernel.settings.home / "active" / f"{order}.json"
        assert stat.S_IMODE(mark.stat().st_mode) == 0o600
        said = json.loads(mark.read_bytes())
        assert said == {
            "work_order": order,
            "worker": "ada",
            "workspace": str(tree),
            "repo": str(at.repo),
        }
        mark.unlink()
    # A server that starts puts right what the folder says.
    async with scene_again(settings) as kernel:
        assert json.loads((kernel.settings.home / "active" / f"{order}.json").read_bytes()) == said


def scene_again(settings: Settings) -> Any:
    from agentos import open_kernel

    return open_kernel(settings.model_copy(update={"plugins": ("governance",)}))
