"""No policy is shadowed, edited away, evaded, or outrun (docs/security.md, class `policies`)."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agentos import ConfigurationError, Settings
from agentos.testing.databases import TestDatabases
from tests.agentos_governance.lifecycle import Office, open_office
from tests.agentos_governance.repositories import git
from tests.security.actions import COMMANDS
from tests.security.arenas import (
    delegate,
    held_by,
    open_arena,
    organisation,
    repository_with,
    verdict,
    worker,
)
from tests.security.catalogue import attempt

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
NO_NOTES = "DENY write_note"


@pytest.fixture(scope="module")
async def arena(
    anyio_backend: str, databases: TestDatabases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Office]:
    async with open_arena(databases, tmp_path_factory.mktemp("policies")) as office:
        yield office


async def _note(office: Office, who: str, **more: Any) -> str:
    """`ok`, or the code with which writing a note is refused."""
    result = await office.dispatch(who, "write_note", {"text": "x"}, **more)
    return result.error_code or "ok"


# ---- texts ------------------------------------------------------------------------------------


@attempt("policies")
@pytest.mark.parametrize(
    "entries",
    [
        ["a: DENY write_note", "a: ALLOW operation"],
        ["D\u0415NY write_note"],
        ['DENY write_note IF \u0440ath == ""'],
        ["\ufeffDENY write_note"],
        ["DENY write_note # \u202eno more"],
        ["DENY write_note\u2028IF false"],
        ["DENY write_note", 'IF tool == "nothing"'],
        ["DENY write_note IF tool == 'x'"],
        ["deny write_note"],
        ["DENY write_note IF " + "(" * 40 + "true" + ")" * 40],
        ["DENY write_note IF TRUE"],
        ["DENY writes"],
        ['DENY write IF path MATCHES "/etc/**"'],
        ["LIMIT calls(write_note) TO -1 PER 60s"],
        ["LIMIT calls(write_note) TO 1e9 PER 60s"],
        ["LIMIT calls(write_note) TO 1 PER 0s"],
    ],
)
async def test_a_rule_that_only_looks_like_one_is_not_taken(
    arena: Office, entries: list[str]
) -> None:
    contract = {"constraints": entries, "allowed_tools": ["*"]}
    arguments = {"title": "A", "objective": "Do A", "contract": contract}
    made = await arena.dispatch("planner", "create_work_order", arguments)
    if made.is_error:
        assert made.error_code == "invalid_argument"
        return
    # What is taken after all, such as a rule about a tool of that name, must not hide another.
    assert entries == ["DENY writes"]


@attempt("policies")
@pytest.mark.parametrize(
    "text",
    [
        "DENY write_note\nALLOW operation\n",
        "ALLOW operation\nALLOW write_note\nDENY write_note\n",
        "# mode: enforce\n# mode is: shadow\nDENY write_note\n",
        "DENY read_note\n# mode: shadow\nDENY write_note\n",
        "DENY write_note\r\nALLOW operation\r\n",
        'DENY "write\\u{5f}note"\nALLOW "*"\n',
        'DENY "w*e_n?te"\n',
        "ALLOW operation\nDENY write_note IF NOT (file_bytes == 1)\n",
        "ALLOW write_note IF spent_usd < 1 OR file_bytes > 0\nDENY write_note IF true\n",
    ],
)
async def test_no_other_rule_or_comment_shadows_a_denial(arena: Office, text: str) -> None:
    who = await worker(arena)
    await held_by(arena, who)
    with organisation(arena, text):
        assert await _note(arena, who) == "call_refused"


@attempt("policies")
async def test_no_other_layer_allows_what_one_denies(arena: Office, tmp_path: Path) -> None:
    repo = repository_with(tmp_path / "repo", {".agentos/policy": "ALLOW operation\n"})
    who = await worker(arena)
    contract = {"constraints": ["yes: ALLOW operation", "ALLOW write_note"]}
    await held_by(arena, who, contract, repo=repo)
    with organisation(arena, NO_NOTES):
        assert await _note(arena, who) == "call_refused"
    assert await _note(arena, who) == "ok"


@attempt("policies")
@pytest.mark.parametrize("text", [b"DENY write\xff", b"", b"\xef\xbb\xbfDENY write_note"])
async def test_a_policy_that_breaks_while_running_lets_nothing_through(
    arena: Office, text: bytes
) -> None:
    who = await worker(arena)
    await held_by(arena, who)
    with organisation(arena, NO_NOTES) as path:
        assert await _note(arena, who) == "call_refused"
        if text:
            path.write_bytes(text)
        else:
            path.unlink()
            path.mkdir()
        try:
            assert await _note(arena, who) == "call_refused"
            assert (await arena.refuse(who, "read_note"))["rule"] == "organisation"
        finally:
            if path.is_dir():
                path.rmdir()


@attempt("policies")
async def test_a_misspelt_mode_does_not_switch_a_policy_off(settings: Settings) -> None:
    folder = settings.home / "policy"
    folder.mkdir(parents=True)
    for text in ("# mode: shadowed\nDENY any\n", "# MODE: shadow\nDENY any\n"):
        (folder / "a.policy").write_text(text)
        if "MODE" not in text:
            with pytest.raises(ConfigurationError):
                async with open_office(settings):
                    pass
            continue
        async with open_office(settings) as office:
            assert await office.code("w1", "get_budget_status") == "call_refused"


# ---- files in the repository ------------------------------------------------------------------


@attempt("policies")
async def test_nothing_done_in_the_worktree_or_to_branches_changes_the_policy_of_a_claim(
    arena: Office, tmp_path: Path
) -> None:
    repo = repository_with(tmp_path / "repo", {".agentos/policy": NO_NOTES})
    who = await worker(arena)
    order = await arena.create(repo=repo, contract={"lease_ttl_s": 3600})
    tree = Path((await arena.claim(who, order))["workspace"]["path"])
    policy = tree / ".agentos" / "policy"
    assert await _note(arena, who) == "call_refused"
    policy.write_text("# mode: shadow\nDENY write_note\n")
    assert await _note(arena, who) == "call_refused"
    policy.unlink()
    policy.symlink_to("/dev/null")
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "No more policy")
    assert await _note(arena, who) == "call_refused"
    git(tree, "update-ref", "refs/heads/" + git(repo, "symbolic-ref", "--short", "HEAD"), "HEAD")
    git(tree, "replace", git(repo, "rev-list", "--max-parents=0", "HEAD"), "HEAD")
    assert await _note(arena, who) == "call_refused"
    await arena.call(who, "stand_down", work_order=order, reason="To come back")
    await arena.claim(who, order)
    assert await _note(arena, who) == "call_refused"


@attempt("policies")
async def test_a_child_of_a_claim_does_not_begin_with_the_policy_that_the_worker_committed(
    arena: Office, tmp_path: Path
) -> None:
    repo = repository_with(tmp_path / "repo", {".agentos/policy": NO_NOTES})
    who = await worker(arena)
    order = await arena.create(repo=repo, contract={"lease_ttl_s": 3600})
    tree = Path((await arena.claim(who, order))["workspace"]["path"])
    (tree / ".agentos" / "policy").write_text("ALLOW operation\n")
    git(tree, "commit", "-qam", "Everything")
    git(tree, "update-ref", "refs/heads/" + git(repo, "symbolic-ref", "--short", "HEAD"), "HEAD")
    child = await delegate(arena, who, order, repo=str(repo))
    await arena.claim(who, child["id"])
    assert await _note(arena, who, under=child["id"]) == "call_refused"


@attempt("policies")
@pytest.mark.parametrize("kind", ["link", "folder link", "submodule", "folder submodule"])
async def test_a_policy_behind_a_link_or_in_a_submodule_is_not_taken_for_none(
    arena: Office, tmp_path: Path, kind: str
) -> None:
    repo = repository_with(tmp_path / "repo", {"rules/policy": NO_NOTES})
    name = ".agentos" if "folder" in kind else ".agentos/policy"
    path = repo / name
    path.parent.mkdir(exist_ok=True)
    if "link" in kind:
        path.symlink_to("rules" if "folder" in kind else "../rules/policy")
        git(repo, "add", "-A")
    else:
        head = git(repo, "rev-parse", "HEAD")
        git(repo, "update-index", "--add", "--cacheinfo", f"160000,{head},{name}")
    git(repo, "commit", "-qm", "Policy elsewhere")
    who = await worker(arena)
    await held_by(arena, who, repo=repo)
    assert await _note(arena, who) == "call_refused"


@attempt("policies")
@pytest.mark.parametrize(
    "files",
    [
        {".agentos/policy": "# " + "x" * 300_000},
        {".agentos/policy": "DENY write IF " + "NOT " * 100 + "tool.writes"},
        {".agentos/policy": "ALLOW operation\n" * 1_001},
        {f".agentos/policy/{n}.policy": "ALLOW operation" for n in range(51)},
        {".agentos/policy": b"\xff\xfeALLOW operation"},
        {".agentos/policy/a.policy/b": "ALLOW operation"},
        {".agentos/policy": "ALLOW operation\n\x00DENY write_note\n"},
    ],
    ids=["huge", "deep", "long", "many", "bytes", "folder", "nul"],
)
async def test_a_repository_policy_that_cannot_be_used_refuses_instead_of_vanishing(
    arena: Office, tmp_path: Path, files: dict[str, Any]
) -> None:
    repo = repository_with(tmp_path / "repo", files)
    who = await worker(arena)
    await held_by(arena, who, repo=repo)
    assert (await arena.refuse(who, "write_note", text="x"))["rule"] == "repository"


# ---- paths and commands -----------------------------------------------------------------------


@attempt("policies")
async def test_no_spelling_of_a_path_evades_a_rule_about_it(arena: Office, tmp_path: Path) -> None:
    repo = repository_with(tmp_path / "repo", {"src/db/a.sql": "x", "src/b.py": "x"})
    who = await worker(arena)
    order = await arena.create(repo=repo, contract={"lease_ttl_s": 3600})
    tree = Path((await arena.claim(who, order))["workspace"]["path"])
    (tree / "src" / "to_db").symlink_to("db")
    (tree / "src" / "to_file").symlink_to("to_db/a.sql")
    (tree / "src" / "to_tree").symlink_to(tree)
    spellings = [
        "src/db/a.sql",
        "./src/db/a.sql",
        "src//db///a.sql",
        "src/x/../db/a.sql",
        "src/db/./new/../a.sql",
        "src/to_db/a.sql",
        "src/to_db/new",
        "src/to_file",
        "src/to_tree/src/db/a.sql",
        "src/to_tree/src/to_tree/src/to_db/a.sql",
        str(tree / "src/db/a.sql"),
        "src/db/",
    ]
    with organisation(arena, 'DENY write IF path MATCHES "src/db/**"\n'):
        await arena.call(who, "edit_file", path="src/b.py")
        for path in spellings:
            assert await arena.code(who, "edit_file", path=path) == "call_refused", path
            many = ["src/b.py", "src/c.py", path]
            for paths in (many, many[::-1], [path] * 3):
                assert await arena.code(who, "edit_files", paths=paths) == "call_refused", paths
            judged = await verdict(arena, who, order, tool="Edit", paths=["src/b.py", path])
            assert judged == "deny", path
        for command in ("sed -i s/a/b/ src/to_file", "cd src/to_db && touch a.sql", "rm -r src/db"):
            assert await verdict(arena, who, order, tool="Bash", command=command) == "deny", command
        assert await arena.code(who, "edit_file") == "call_refused"
        assert await arena.code(who, "edit_files", paths=[]) == "call_refused"


@attempt("policies")
async def test_no_spelling_of_a_command_evades_a_rule_about_it(
    arena: Office, tmp_path: Path
) -> None:
    pushes = [c for c in COMMANDS if "push" in c.replace("''", "").replace("\\", "")]
    repo = repository_with(tmp_path / "repo", {"src/b.py": "x"})
    who = await worker(arena)
    order = await held_by(arena, who, {"allowed_roots": ["."]}, repo=repo)
    through = []
    with organisation(arena, 'DENY execute IF command MATCHES "git push*"\n'):
        assert await verdict(arena, who, order, tool="Bash", command="git status") == "allow"
        for command in pushes:
            if await verdict(arena, who, order, tool="Bash", command=command) != "deny":
                through.append(command)
    assert not through, "\n".join(through)


@attempt("policies")
async def test_no_wrapper_hides_a_program_from_a_rule_about_it(
    arena: Office, tmp_path: Path
) -> None:
    repo = repository_with(tmp_path / "repo", {"src/b.py": "x"})
    who = await worker(arena)
    order = await held_by(arena, who, {"allowed_roots": ["."]}, repo=repo)
    commands = [
        "curl x",
        "/usr/bin/curl x",
        "./../../usr/bin/curl x",
        "env curl x",
        "c''url x",
        "\\curl x",
        "$(echo curl) x",
        "C=curl; $C x",
        "bash -c 'curl x'",
        "xargs curl",
        "find . -exec curl {} +",
        "echo $(curl x)",
        "cat <(curl x)",
        "ls && curl x",
        "true; { curl x; }",
        "timeout 5 nice curl x",
        "eval curl x",
        "sh <<< 'curl x'",
        "command -p curl x",
        "busybox curl x",
        "sudo -u nobody curl x",
    ]
    through = []
    with organisation(arena, 'DENY execute IF program == "curl"\n'):
        for command in commands:
            for action in (
                {"tool": "Bash", "command": command},
                {"tool": "Bash", "args": {"command": command}},
                {"tool": "Mine", "capability": "read", "command": command},
            ):
                if await verdict(arena, who, order, **action) != "deny":
                    through.append(action)
    assert not through, "\n".join(map(str, through))


@attempt("policies")
async def test_a_client_tool_cannot_be_declared_to_be_less_than_it_is(
    arena: Office, tmp_path: Path
) -> None:
    repo = repository_with(tmp_path / "repo", {"src/b.py": "x"})
    who = await worker(arena)
    order = await held_by(arena, who, repo=repo)
    actions: list[dict[str, Any]] = [
        {"tool": "Edit", "capability": "read", "paths": ["src/b.py"]},
        {"tool": "Write", "capability": "execute", "paths": ["src/b.py"], "command": "ls"},
        {"tool": "Unknown", "paths": ["src/b.py"]},
        {"tool": "Unknown"},
        {"tool": "Read", "capability": "write", "paths": ["src/b.py"]},
        {"tool": "apply_patch", "args": {"patch": "*** Update File: src/b.py\n"}},
        {"tool": "Bash", "command": "echo x > src/b.py"},
        {"tool": "Bash", "command": "cp README.md src/b.py"},
        {"tool": "Bash", "command": "python -c \"open('src/b.py','w')\" > src/b.py"},
    ]
    with organisation(arena, "DENY write\n"):
        for action in actions:
            assert await verdict(arena, who, order, **action) == "deny", action


@attempt("policies")
async def test_a_tool_that_says_nothing_is_not_taken_to_touch_no_path_and_run_no_program(
    arena: Office,
) -> None:
    who = await worker(arena)
    order = await held_by(arena, who)
    actions: tuple[dict[str, Any], ...] = (
        {"tool": "mcp__fs__write_file", "args": {"path": "src/db/a.sql", "content": "x"}},
        {"tool": "mcp__shell__run", "args": {"cmd": "curl x"}},
    )
    for rule in (
        'DENY write IF path MATCHES "src/db/**"',
        'DENY execute IF program == "curl"',
        'DENY execute IF command MATCHES "curl*"',
        'ALLOW operation IF NOT path MATCHES "src/db/**"',
    ):
        with organisation(arena, f"{rule}\n"):
            for action in actions:
                assert await verdict(arena, who, order, **action) == "deny", (rule, action)


@attempt("policies")
async def test_no_way_of_saying_it_lowers_the_risk_of_a_command(
    arena: Office, tmp_path: Path
) -> None:
    repo = repository_with(tmp_path / "repo", {".github/ci.yml": "x", "src/b.py": "x"})
    who = await worker(arena)
    order = await arena.create(repo=repo, contract={"lease_ttl_s": 3600, "allowed_roots": ["."]})
    tree = Path((await arena.claim(who, order))["workspace"]["path"])
    (tree / "src" / "link").symlink_to("../.github/ci.yml")
    (tree / "src" / "folder").symlink_to("../.github")
    through = []
    with organisation(arena, "ALLOW operation IF risk_score < 0.5\n"):
        assert await verdict(arena, who, order, tool="Bash", command="ls src") == "allow"
        assert await verdict(arena, who, order, tool="Edit", paths=["src/b.py"]) == "allow"
        for command in (
            "sudo ls",
            "s''udo ls",
            "env sudo ls",
            "bash -c 'sudo ls'",
            "$X ls",
            "git push --force",
            "sed -i s/a/b/ src/link",
            "cd .github && touch ci.yml",
            "touch src/folder/new",
            "rm -r src/folder",
        ):
            for action in (
                {"tool": "Bash", "command": command},
                {"tool": "Bash", "args": {"command": command}},
                {"tool": "shell", "args": {"command": ["bash", "-c", command]}},
            ):
                if await verdict(arena, who, order, **action) != "deny":
                    through.append(action)
        for path in (".github/ci.yml", "src/link", "src/folder/ci.yml", "src/folder"):
            if await verdict(arena, who, order, tool="Edit", paths=[path]) != "deny":
                through.append({"path": path})
    assert not through, "\n".join(map(str, through))


@attempt("policies")
@pytest.mark.parametrize(
    "facts",
    [
        {"role": "admin"},
        {"path": ""},
        {"unsafe": "false"},
        {"unsafe": 0},
        {"unsafe": {"type": "boolean", "value": "no"}},
        {"unsafe": {"type": "boolean", "value": 0}},
        {"unsafe": {"type": "text", "value": "false"}},
    ],
    ids=str,
)
async def test_no_deployment_fact_poses_as_another_or_as_another_type(
    settings: Settings, facts: dict[str, Any]
) -> None:
    folder = settings.home / "policy"
    folder.mkdir(parents=True)
    (folder / "a.policy").write_text("DENY any IF unsafe == true\n")
    changed = settings.model_validate(settings.model_dump(exclude_unset=True) | {"facts": facts})
    with pytest.raises(ConfigurationError):
        async with open_office(changed):
            pass


# ---- history ----------------------------------------------------------------------------------

FIRST_READ = {"constraints": ["DENY write_note IF NOT happened(read_note) SINCE claim"]}


@attempt("policies")
async def test_asking_about_a_tool_does_not_count_as_having_used_it(arena: Office) -> None:
    who = await worker(arena)
    order = await held_by(arena, who, FIRST_READ)
    for tool in ("read_note", "mcp__agentos__read_note", "mcp__agentos__mcp__agentos__read_note"):
        await verdict(arena, who, order, tool=tool, capability="read")
        assert await _note(arena, who) == "call_refused", tool
    await arena.call(who, "read_note")
    assert await _note(arena, who) == "ok"


@attempt("policies")
async def test_no_call_of_another_order_claim_or_worker_fulfils_a_rule_about_history(
    arena: Office,
) -> None:
    who, other = await worker(arena), await worker(arena)
    await held_by(arena, other, FIRST_READ)
    await arena.call(other, "read_note")
    order = await held_by(arena, who, FIRST_READ)
    assert await _note(arena, who) == "call_refused"
    await arena.call(who, "read_note")
    await arena.call(who, "stand_down", work_order=order, reason="To come back")
    await arena.claim(who, order)
    assert await _note(arena, who) == "call_refused"
    child = await delegate(arena, who, order)
    await arena.claim(other, child["id"])
    await arena.dispatch(other, "read_note", {}, under=child["id"])
    assert await _note(arena, who, under=order) == "call_refused"


@attempt("policies")
async def test_no_refused_call_fulfils_a_rule_about_history(arena: Office) -> None:
    who = await worker(arena)
    order = await held_by(arena, who, {**FIRST_READ, "forbidden_actions": ["read_note"]})
    for _ in range(2):
        assert await arena.code(who, "read_note") == "call_refused"
        assert await arena.code(who, "read_note", nonsense=1) == "invalid_argument"
        assert await verdict(arena, who, order, tool="mcp__agentos__read_note") == "deny"
        assert await _note(arena, who) == "call_refused"


@attempt("policies")
async def test_a_worker_cannot_choose_the_phase_that_a_rule_speaks_of(arena: Office) -> None:
    rule = 'DENY write_note IF phase == "plan"\n'
    who = await worker(arena)
    order = await held_by(arena, who, phase="plan")
    with organisation(arena, rule):
        assert await _note(arena, who) == "call_refused"
        made = await delegate(arena, who, order, phase="change")
        assert made["error"]["rule"] == "parent.phase"
        child = await delegate(arena, who, order)
        assert child["phase"] == "plan"
        await arena.claim(who, child["id"])
        assert await _note(arena, who, under=child["id"]) == "call_refused"


# ---- limits -----------------------------------------------------------------------------------


async def _processes(office: Office, jobs: list[dict[str, Any]]) -> list[str]:
    """What the calls of several processes at once came to."""
    settings = office.kernel.settings.model_dump(mode="json", exclude_unset=True)
    started = []
    for job in jobs:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.agentos_governance.policies.limit_process",
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        document = json.dumps({"settings": settings, **job})
        started.append(process.communicate(document.encode() + b"\n"))
    return [line for out, _ in await asyncio.gather(*started) for line in out.decode().split()]


@attempt("policies")
async def test_workers_of_three_processes_get_no_more_than_a_limit_and_no_less(
    arena: Office,
) -> None:
    jobs = []
    for _ in range(3):
        who = await worker(arena)
        order = await held_by(arena, who)
        jobs.append({"token": arena.tokens[who], "order": order, "n_calls": 12})
    for per in ("1d", "work_order"):
        n_orders = 3 if per == "work_order" else 1
        with organisation(arena, f"LIMIT calls(read_note) TO 5 PER {per}\n"):
            results = await _processes(arena, jobs)
        assert results.count("allowed") == 5 * n_orders
        assert len(results) == 36


@attempt("policies")
async def test_asking_and_calling_at_once_share_one_limit(arena: Office) -> None:
    who = await worker(arena)
    order = await held_by(arena, who)
    with organisation(arena, "LIMIT calls(read_note) TO 3 PER claim\n"):
        asked = [
            verdict(arena, who, order, tool="mcp__agentos__read_note", capability="read")
            for _ in range(8)
        ]
        called = [arena.dispatch(who, "read_note", {}) for _ in range(8)]
        verdicts, results = await asyncio.gather(asyncio.gather(*asked), asyncio.gather(*called))
    assert verdicts.count("allow") + sum(not each.is_error for each in results) == 3


@attempt("policies")
async def test_the_border_of_a_window_lets_none_through_twice(arena: Office) -> None:
    who = await worker(arena)
    await held_by(arena, who)
    with organisation(arena, "LIMIT calls(write_note) TO 2 PER 60s\n"):
        assert [await _note(arena, who) for _ in range(3)] == ["ok", "ok", "call_refused"]
        arena.clock.advance(59.999_999)
        assert await _note(arena, who) == "call_refused"
        arena.clock.advance(0.000_001)
        assert [await _note(arena, who) for _ in range(3)] == ["ok", "ok", "call_refused"]


@attempt("policies")
async def test_a_replayed_key_is_one_use_and_another_key_another(arena: Office) -> None:
    who = await worker(arena)
    order = await held_by(arena, who)
    with organisation(arena, "LIMIT calls(write_note) TO 2 PER work_order\n"):
        results = await asyncio.gather(*(_note(arena, who, key="one") for _ in range(6)))
        assert "ok" in results
        results += [await _note(arena, who, key=f"key {n}") for n in range(4)]
    events = await arena.events(f"work_order/{order}", "call.allowed")
    assert sum(event["data"]["tool"] == "write_note" for event in events) <= 2
    written = await arena.events("notes", "note.written")
    assert sum(event["actor"] == who for event in written) <= 2


@attempt("policies")
async def test_no_edit_of_spaces_comments_or_place_begins_a_limit_anew(arena: Office) -> None:
    who = await worker(arena)
    await held_by(arena, who)
    with organisation(arena, "few: LIMIT calls(write_note) TO 1 PER work_order\n") as path:
        assert await _note(arena, who) == "ok"
        for text in (
            "\n\n# moved\nfew:   LIMIT calls( write_note )  TO 1   PER work_order # here\n",
            "few: LIMIT calls(write_note)\n    TO 1 PER work_order\n",
            'few: LIMIT calls("write_note") TO 1 PER work_order\n',
            "few: LIMIT calls(write_note) TO 01 PER work_order\n",
        ):
            path.write_text(text, encoding="utf-8")
            assert await _note(arena, who) == "call_refused", text


@attempt("policies")
async def test_an_approval_does_not_lift_a_limit(arena: Office) -> None:
    who = await worker(arena)
    await held_by(arena, who)
    policy = "ASK write_note\nALLOW operation\nLIMIT calls(write_note) TO 1 PER work_order\n"
    with organisation(arena, policy):
        for expected in ("ok", "call_refused"):
            asked = await arena.refuse(who, "write_note", text="x")
            await arena.call(
                "reviewer",
                "decide_review",
                review_id=asked["review_id"],
                verdict="approve",
                reason="I looked",
            )
            assert await _note(arena, who) == expected


@attempt("policies")
async def test_a_contract_s_limit_is_not_multiplied_by_children(arena: Office) -> None:
    who = await worker(arena)
    limit = {"constraints": ["LIMIT calls(write_note) TO 2 PER claim"]}
    order = await held_by(arena, who, limit)
    results = [await _note(arena, who, under=order)]
    for _ in range(3):
        child = await delegate(arena, who, order)
        await arena.claim(who, child["id"])
        results.append(await _note(arena, who, under=child["id"]))
    assert results.count("ok") == 2
