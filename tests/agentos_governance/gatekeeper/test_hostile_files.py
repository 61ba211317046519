"""Files that are made to stop the checks: they neither hold up the server nor go unchecked.

A search that reads a text again from each of its lines holds the interpreter for minutes, and with it
every other caller of the server; a check that fails must not be one that was passed.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest

from agentos import (
    Finding,
    InvalidStateError,
    LimitExceededError,
    ReviewCheck,
    ReviewedEvidence,
    ReviewedFile,
    ReviewedWork,
    Settings,
    UnavailableError,
)
from agentos_governance.contracts.model import Contract
from agentos_governance.gatekeeper.checking import Adversarial, run_checks
from agentos_governance.gatekeeper.checks.contents.joined_secrets import MAX_CHARS, joined_texts
from agentos_governance.gatekeeper.files.checker_settings import checker_settings
from agentos_governance.gatekeeper.files.product_names import defined_names
from agentos_governance.gatekeeper.finding import numbered
from agentos_governance.gatekeeper.foreign import syntax_trees
from agentos_governance.gatekeeper.registry import CHECKS
from agentos_governance.gatekeeper.work import Work
from tests.agentos_governance.lifecycle import open_office, sample_repository

pytestmark = pytest.mark.anyio

MOST_S = 20.0
"""Of processor time; each of these took minutes, and needs less than two seconds."""
N = 400_000


def changed(path: str, new: bytes, old: bytes | None = None) -> ReviewedFile:
    return ReviewedFile(
        path=path,
        status="added" if old is None else "modified",
        old=old,
        new=new,
        old_mode=None if old is None else "100644",
        new_mode="100644",
    )


def work_of(*files: ReviewedFile, evidence: Sequence[ReviewedEvidence] = ()) -> Work:
    return Work(
        work_order="WO-1",
        summary="Changed the prices.",
        objective="Prices",
        files=files,
        evidence=evidence,
        contract=Contract(allowed_roots=["."]),
        repo_root=None,
        base_commit=None,
        branch=None,
    )


def reading(name: str) -> ReviewCheck:
    (check,) = [each for each in CHECKS if each.name == name]
    return check


@pytest.mark.parametrize(
    ("check", "path", "unit"),
    [
        ("thresholds_kept", "package.json", "/* "),
        ("thresholds_kept", "package.json", '"\\'),
        ("no_secrets", "docs/a.md", "-----BEGIN PRIVATE KEY-----\n"),
        ("diff_matches_claims", "src/a.js", " a(\n"),
        ("diff_matches_claims", "src/a.go", "func (a\n"),
        ("diff_matches_claims", "src/a.py", "public\n"),
        ("thresholds_kept", "pyproject.toml", "a."),
        ("tests_kept", "pyproject.toml", "a."),
        ("no_secrets", "docs/a.md", "password." * 440 + "\n"),
        ("no_hidden_failures", "src/A.java", "\n a a a a a a a a"),
    ],
)
async def test_no_file_makes_a_check_read_it_again_and_again(
    monkeypatch: pytest.MonkeyPatch, check: str, path: str, unit: str
) -> None:
    monkeypatch.setattr(syntax_trees, "MAX_PARSE_S", 0.2)
    content = (unit * (N // len(unit))).encode()
    began_s = time.process_time()
    # Here and not in a process of its own, whose processor time is not this one's.
    with contextlib.suppress(LimitExceededError):
        await reading(check).examine(work_of(changed(path, content, content[:1_000])))
    assert time.process_time() - began_s < MOST_S


async def test_names_are_found_in_every_part_of_a_large_file() -> None:
    lines = [f"def price_{number}():\n    return {number}\n" for number in range(5_000)]
    found = defined_names("".join(lines).encode())
    assert {f"price_{number}" for number in range(5_000)} <= found


async def test_settings_are_read_beside_comments_and_texts_that_look_like_them() -> None:
    content = b'{"jest": {/* a */ "bail": true, // b\n "testMatch": ["/*", "\\"//"],},}'
    found = checker_settings("package.json", content)
    assert found == {"jest.bail": True, "jest.testMatch": ("/*", '"//')}


async def test_a_key_is_found_among_begins_that_never_end() -> None:
    begin = "-----BEGIN " + "PRIVATE KEY-----\n"
    body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n" * 4
    text = begin * 20 + body + "-----END " + "PRIVATE KEY-----\n"
    found = await run_checks(work_of(changed("src/a.txt", text.encode())), [reading("no_secrets")])
    assert [each.claim for each in found.findings] == ["a secret would be committed"]


PASSWORD = "password = " + "'Xq7" + "vB2nLw9zRt'"


@pytest.mark.parametrize("before", ["\n" * 60_000, " " * 9_000, "x = 1; " * 9_000, "a\x0cb\n"])
async def test_a_secret_is_found_however_far_down_or_to_the_right(before: str) -> None:
    files = (changed("src/a.py", f"{before}{PASSWORD}\n".encode()),)
    found = await run_checks(work_of(*files), [reading("no_secrets")])
    lines = before.count("\n") + 1
    assert [(each.severity, each.start_line) for each in found.findings] == [("blocking", lines)]


async def test_signs_that_only_some_take_for_line_ends_do_not_move_what_a_checker_says() -> None:
    old = "import subprocess\n\n\ndef run(text):\n    return text\n"
    new = "# \x0c\x1c\x85\n" + old.replace(
        "return text", "return subprocess.call(text, shell=True)"
    )
    files = (changed("src/a.py", new.encode(), old.encode()),)
    found = await run_checks(work_of(*files), [reading("no_new_security_findings")])
    assert [(each.severity, each.start_line) for each in found.findings] == [("blocking", 6)]


@pytest.mark.parametrize("folder", ["dist", "build", "venv", "_build", "buck-out", ".hidden"])
async def test_no_folder_keeps_the_code_in_it_from_being_looked_at(folder: str) -> None:
    """Linters leave folders of such names out by themselves."""
    content = (
        b"import subprocess\n\n\ndef run(text):\n    return subprocess.call(text, shell=True)\n"
    )
    files = (changed(f"src/{folder}/a.py", content),)
    found = await run_checks(work_of(*files), [reading("no_new_security_findings")])
    assert [(each.severity, each.start_line) for each in found.findings] == [("blocking", 5)]


CALL = "subprocess.call(text, shell=True)"


@pytest.mark.parametrize(
    ("head", "call", "severity"),
    [
        ("", f"{CALL}  # noqa: S602", "blocking"),
        ("", f'{CALL}, "it\'s"  # noqa', "blocking"),
        ("", f"{CALL}  # ruff: ignore[S602]", "blocking"),
        ("# ruff: file-ignore[S602]\n", CALL, "blocking"),
        ("# ruff: disable[S602]\n", CALL, "blocking"),
        ("# ruff: noqa\n", CALL, "blocking"),
        ("", f"{CALL}  # nosec", "blocking"),
        ("", f"{CALL}  # noqa: S602 - the text is a constant of ours", "warning"),
    ],
)
async def test_no_remark_hides_a_security_finding_and_a_reason_leaves_it_to_a_person(
    head: str, call: str, severity: str
) -> None:
    content = f"{head}import subprocess\n\n\ndef run(text):\n    return {call}\n".encode()
    files = (changed("src/a.py", content),)
    found = await run_checks(work_of(*files), [reading("no_new_security_findings")])
    assert [each.severity for each in found.findings] == [severity]


async def _answer(name: str, error: BaseException, **options: bool) -> Adversarial:
    async def examine(work: ReviewedWork) -> Sequence[Finding]:
        raise error

    return await run_checks(work_of(), [ReviewCheck(name, "Fails.", examine, **options)])


@pytest.mark.parametrize("error", [RecursionError(), OverflowError(), InvalidStateError("odd")])
async def test_work_that_makes_a_check_fail_is_stopped_and_not_unchecked(error: Exception) -> None:
    found = await _answer("no_odd", error)
    assert [(each.check, each.claim) for each in found.blocking] == [("no_odd", "not checked")]
    assert [each.state for each in found.checks] == ["not_run"]


async def test_work_that_takes_a_check_too_long_is_stopped() -> None:
    found = await _answer("no_odd", TimeoutError())
    assert [each.severity for each in found.findings] == ["blocking"]


async def test_a_check_that_only_informs_stops_nothing_when_it_fails() -> None:
    found = await _answer("no_odd", OverflowError(), only_informs=True)
    assert [each.severity for each in found.findings] == ["warning"]


async def test_a_program_that_is_not_installed_stands_against_nobodys_work() -> None:
    found = await _answer("no_odd", UnavailableError("it is not installed"))
    assert found.findings == ()
    assert [each.state for each in found.checks] == ["not_run"]


def test_a_finding_about_a_file_whose_name_is_no_text_can_be_recorded() -> None:
    (found,) = numbered(
        [Finding("no_binaries", "warning", "odd", "odd", "src/a\udcff\n\u202e.bin")]
    )
    assert found.path == "src/a\\xff\\x0a\\xe2\\x80\\xae.bin"


def _leave_odd_files(worktree: str) -> None:
    folder = os.fsencode(worktree) + b"/src/"
    for name, text in ((b"\xff.txt", PASSWORD), (b"package.json", "/* " * 100_000)):
        with open(folder + name, "w", encoding="utf-8") as file:
            file.write(text)


async def test_work_with_such_files_is_answered_with_findings_and_recorded(
    settings: Settings, tmp_path: Path
) -> None:
    async with open_office(settings) as office:
        order = await office.create("Odd", repo=sample_repository(tmp_path))
        claim = await office.claim("w1", order)
        await anyio.to_thread.run_sync(_leave_odd_files, claim["workspace"]["path"])
        found = await office.submit("w1", order)
        assert found["state"] == "active"
        paths = {each["path"] for each in found["adversarial"]["findings"]}
        assert "src/\\xff.txt" in paths
        await office.assert_consistent()


def test_names_that_double_one_anothers_texts_are_not_put_together() -> None:
    lines = ['a0 = "0123456789abcdef"', *(f"a{n + 1} = a{n} + a{n}" for n in range(60))]
    texts = joined_texts(changed("src/doubled.py", "\n".join(lines).encode()))
    longest = max(len(text) for _, text in texts)
    assert 16 < longest < 2 * MAX_CHARS
