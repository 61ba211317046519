"""`no_new_lint` and `no_new_security_findings`: what ruff and bandit say of the touched lines, and did not before.

Above: the registry. Below: programs. ruff runs once over both sides of the changed files, with its own
defaults, none of the repository's settings and deaf to remarks that tell it to look away, which are
judged here; bandit is asked only about files in which ruff's
security rules found something, and says how bad that is.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from agentos import Finding, ReviewedFile, UnavailableError
from agentos_governance.gatekeeper.files.added_lines import added_lines, text_lines
from agentos_governance.gatekeeper.files.naming import is_python, is_test_path
from agentos_governance.gatekeeper.files.remarks import gives_reason
from agentos_governance.gatekeeper.programs import (
    Diagnostic,
    find_program,
    run_program,
    write_copies,
)
from agentos_governance.gatekeeper.work import Work

LINT = "no_new_lint"
SECURITY = "no_new_security_findings"
RULES = "E4,E7,E9,F,B,S"
TIMEOUT_S = 20.0
MAX_FINDINGS = 40

_LEFT_OUT = frozenset(
    {"S101", "S603", "S607", "S404", "S311", "S110", "S112", "S105", "S106", "S107", "B008"}
)
"""Rules that find what is usual, or what another check judges better."""
_BROKEN = frozenset({"invalid-syntax", "E999"})
_GRAVE = frozenset(
    {"S102", "S307", "S602", "S605", "S501", "S502", "S503", "S507", "S202", "S609", "S604"}
)


async def no_new_lint(work: Work) -> list[Finding]:
    """See the module."""
    fresh = await _fresh(work)
    told = _told(work)
    found = [
        each
        for each in fresh
        if not each.code.startswith("S") and (each.path, each.line) not in told
    ]
    return [
        Finding(
            LINT,
            "warning",
            f"{each.path}: {each.code} {each.message}",
            "the code is broken" if each.code in _BROKEN else "new lint",
            each.path,
            each.line,
            each.line,
        )
        for each in found[:MAX_FINDINGS]
    ]


async def no_new_security_findings(work: Work) -> list[Finding]:
    """See the module."""
    fresh = [each for each in await _fresh(work) if each.code.startswith("S")]
    if not fresh:
        return []
    severities, told = await _bandit(work, {each.path for each in fresh}), _told(work)
    return [
        _security(each, severities, is_told=(each.path, each.line) in told)
        for each in fresh[:MAX_FINDINGS]
    ]


def _told(work: Work) -> set[tuple[str, int]]:
    """Path and number of the lines where the worker says why a checker should look away."""
    return {
        (file.path, number)
        for file in work.files
        if is_python(file.path)
        for number, line in added_lines(file)
        if gives_reason(line)
    }


def _security(
    each: Diagnostic, severities: Mapping[tuple[str, int], str] | None, *, is_told: bool
) -> Finding:
    if severities is None:
        is_grave = each.code in _GRAVE
    else:
        is_grave = severities.get((each.path, each.line)) == "HIGH" or each.code in _GRAVE
    is_blocking = is_grave and not is_told and not is_test_path(each.path)
    return Finding(
        SECURITY,
        "blocking" if is_blocking else "warning",
        f"{each.path}: {each.code} {each.message}",
        "a new security finding",
        each.path,
        each.line,
        each.line,
    )


async def _fresh(work: Work) -> list[Diagnostic]:
    """What ruff finds in the submission and not at the base, on touched lines; asked once."""
    async with work.lint_lock:
        if work.lint is None:
            work.lint = await _run_ruff(work.files)
        return work.lint


async def _run_ruff(files: Sequence[ReviewedFile]) -> list[Diagnostic]:
    changed = [file for file in files if is_python(file.path) and file.new is not None]
    if not changed:
        return []
    ruff = find_program("ruff")
    with tempfile.TemporaryDirectory(prefix="agentos-review-") as name:
        folder = Path(name)
        old = {f"old/{file.path}": file.old for file in changed if file.old is not None}
        new = {f"new/{file.path}": file.new for file in changed if file.new is not None}
        await asyncio.to_thread(write_copies, folder, {**old, **new})
        command = (
            ruff, "check", "--isolated", "--no-cache", "--quiet", "--exit-zero", "--output-format=json",
            "--target-version=py314", "--config=exclude = []", "--ignore-noqa", f"--select={RULES}", f"--ignore={','.join(sorted(_LEFT_OUT))}", "--force-exclude",
            "--", ".",
        )  # fmt: skip
        output = await run_program(command, folder, timeout_s=TIMEOUT_S)
    return await asyncio.to_thread(_new_ones, changed, _diagnostics(output, folder))


def _diagnostics(output: bytes, folder: Path) -> list[Diagnostic]:
    try:
        documents: list[Any] = orjson.loads(output or b"[]")
    except orjson.JSONDecodeError:
        raise UnavailableError("what ruff printed cannot be read") from None
    found = []
    for each in documents:
        path = Path(each["filename"])
        relative = path.relative_to(folder) if path.is_absolute() else path
        code = each.get("code") or "invalid-syntax"
        found.append(
            Diagnostic(str(relative), each["location"]["row"], code, each["message"][:300])
        )
    return found


def _new_ones(files: Sequence[ReviewedFile], found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Those of the submission that the base does not have, on lines that it does not have."""
    found = list(found)
    known = Counter((d.path[4:], d.code, d.message) for d in found if d.path.startswith("old/"))
    touched = {file.path: {number for number, _ in added_lines(file)} for file in files}
    lengths = {file.path: len(text_lines(file.new)) for file in files}
    fresh = []
    for each in found:
        if not each.path.startswith("new/"):
            continue
        path = each.path[4:]
        if known[path, each.code, each.message] > 0:
            known[path, each.code, each.message] -= 1
            continue
        # An error of syntax may be reported at the end of the file, which nobody wrote.
        is_touched = each.line in touched.get(path, ()) or each.code in _BROKEN
        if is_touched:
            line = min(each.line, max(lengths.get(path, 1), 1))
            fresh.append(Diagnostic(path, line, each.code, each.message))
    return sorted(fresh, key=lambda d: (d.path, d.line, d.code))


async def _bandit(work: Work, paths: set[str]) -> dict[tuple[str, int], str] | None:
    """How bad bandit says each line is; None where it is not installed or does not answer."""
    contents = await work.read_submitted_files(sorted(paths))
    try:
        bandit = find_program("bandit")
        with tempfile.TemporaryDirectory(prefix="agentos-review-") as name:
            folder = Path(name)
            await asyncio.to_thread(write_copies, folder, contents)
            command = (bandit, "--format=json", "--quiet", "--exit-zero", "--recursive", ".")
            output = await run_program(command, folder, timeout_s=TIMEOUT_S)
        document: Any = orjson.loads(output)
    except (UnavailableError, orjson.JSONDecodeError):
        return None
    found: dict[tuple[str, int], str] = {}
    for each in document.get("results", []):
        path = str(each["filename"]).removeprefix("./")
        if each.get("issue_confidence") == "LOW":
            continue
        for line in each.get("line_range") or [each["line_number"]]:
            found[path, line] = each["issue_severity"]
    return found
