"""`no_new_type_errors`: what mypy says of the touched lines and did not say before.

Above: the registry. Below: programs. mypy costs seconds, so it runs only where the repository uses it,
or the setting `type_check` says so. It sees a copy of the Python files, and neither the settings nor
the plugins of the repository; `strict` is taken over, because it names no code.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from agentos import Finding, UnavailableError
from agentos_governance.gatekeeper.files.added_lines import added_lines
from agentos_governance.gatekeeper.files.checker_settings import checker_settings
from agentos_governance.gatekeeper.files.naming import is_python, is_test_path
from agentos_governance.gatekeeper.programs import (
    Diagnostic,
    find_program,
    run_program,
    write_copies,
)
from agentos_governance.gatekeeper.work import Work

CHECK = "no_new_type_errors"
TIMEOUT_S = 60.0
MAX_FILES = 5_000
MAX_FINDINGS = 40
_CONFIGURATION = ("mypy.ini", ".mypy.ini", "pyproject.toml", "setup.cfg")
_USES = re.compile(rb"(?m)^[ \t]*(-[ \t]*)?(id:[ \t]*)?mypy\b|\bmypy\s+[\w./-]")


async def no_new_type_errors(work: Work) -> list[Finding]:
    """See the module."""
    changed = [file for file in work.files if is_python(file.path) and file.new is not None]
    if not changed:
        return []
    strict = await _strictness(work)
    mypy = find_program("mypy")
    touched = {file.path: {number for number, _ in added_lines(file)} for file in changed}
    now = await _run(mypy, work, sorted(touched), strict, is_base=False)
    fresh = [
        each
        for each in now
        if each.line in touched.get(each.path, ())
        and not (is_test_path(each.path) and each.code.startswith("no-untyped"))
    ]
    if fresh:
        before = await _run(
            mypy, work, sorted({file.old_path or file.path for file in changed if file.old is not None}), strict,
            is_base=True,
        )  # fmt: skip
        known = Counter((each.code, each.message) for each in before)
        fresh = [each for each in fresh if not _taken(known, each)]
    return [
        Finding(
            CHECK,
            "warning",
            f"{each.path}: {each.message} [{each.code}]",
            "a new type error",
            each.path,
            each.line,
            each.line,
        )
        for each in fresh[:MAX_FINDINGS]
    ]


def _taken(known: Counter[tuple[str, str]], each: Diagnostic) -> bool:
    if known[each.code, each.message] > 0:
        known[each.code, each.message] -= 1
        return True
    return False


async def _strictness(work: Work) -> bool:
    """Whether to be strict; UnavailableError where mypy is not to run."""
    if work.type_check == "never":
        raise UnavailableError("the setting `type_check` says never")
    contents = await work.read_base_files(
        [*_CONFIGURATION, ".pre-commit-config.yaml", "Makefile", "tox.ini"]
    )
    settings: dict[str, object] = {}
    for path in _CONFIGURATION:
        settings |= checker_settings(path, contents.get(path))
    ours = {name: value for name, value in settings.items() if name.startswith("mypy")}
    others = (
        contents.get(path, b"") for path in (".pre-commit-config.yaml", "Makefile", "tox.ini")
    )
    is_used = bool(ours) or any(_USES.search(content) for content in others)
    if not is_used and work.type_check != "always":
        raise UnavailableError("the repository does not use mypy; `type_check` = always runs it")
    return ours.get("mypy.strict") is True


async def _run(
    mypy: str, work: Work, paths: Sequence[str], strict: bool, *, is_base: bool
) -> list[Diagnostic]:
    if not paths:
        return []
    tree = set(work.base_tree) if is_base else work.submitted_paths
    wanted = sorted(path for path in tree if path.endswith((".py", ".pyi")))
    if len(wanted) > MAX_FILES:
        raise UnavailableError(f"the repository has more than {MAX_FILES} Python files")
    reading = work.read_base_files if is_base else work.read_submitted_files
    contents = await reading(wanted)
    with tempfile.TemporaryDirectory(prefix="agentos-review-") as name:
        folder = Path(name)
        await asyncio.to_thread(write_copies, folder / "tree", contents)
        options = ["--strict"] if strict else ["--check-untyped-defs"]
        command = (
            mypy, "--config-file=", f"--cache-dir={folder / 'cache'}", "--no-site-packages",
            "--ignore-missing-imports", "--follow-imports=silent", "--explicit-package-bases",
            "--namespace-packages", "--no-error-summary", "--no-color-output", "--output=json", "--no-warn-unused-ignores",
            *options, "--", *(path for path in paths if path in contents),
        )  # fmt: skip
        source = folder / "tree"
        environment_roots = _roots(paths, contents)
        command = ("env", f"MYPYPATH={':'.join(environment_roots)}", *command)
        output = await run_program(command, source, timeout_s=TIMEOUT_S)
    return _diagnostics(output)


def _roots(paths: Sequence[str], contents: Mapping[str, bytes]) -> list[str]:
    """The folders that imports start from: above the topmost package of each file."""
    roots = {"."}
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and f"{folder}/__init__.py" in contents:
            folder = folder.rpartition("/")[0]
        roots.add(folder or ".")
    return sorted(roots)


def _diagnostics(output: bytes) -> list[Diagnostic]:
    found = []
    for line in output.splitlines():
        try:
            each: Any = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(each, dict) and each.get("severity") == "error":
            path = str(each.get("file", "")).removeprefix("./")
            found.append(
                Diagnostic(
                    path,
                    int(each.get("line", 0)),
                    str(each.get("code") or "misc"),
                    str(each.get("message", ""))[:300],
                )
            )
    return sorted(found, key=lambda d: (d.path, d.line, d.code, d.message))
