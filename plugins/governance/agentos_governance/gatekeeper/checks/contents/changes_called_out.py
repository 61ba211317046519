"""`changes_called_out`: dependencies, migrations, pipelines and permissions, which a reviewer must see.

Above: the registry. Below: nothing. Warnings only: such changes may be just what was asked for.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.files.added_lines import added_lines
from agentos_governance.gatekeeper.files.manifests import (
    LOCK,
    MANIFEST,
    MIGRATION,
    PIPELINE,
    dependency_lines,
)
from agentos_governance.gatekeeper.work import Work

CHECK = "changes_called_out"
MAX_SHOWN = 4

_PERMISSION = re.compile(
    r"(?i)^\s*permissions:|:\s*write(-all)?\s*$|\bchmod\s+(-R\s+)?[0-7]*7[0-7]{2}\b|\bsudo\b|\bsetuid\b"
    r"|\bprivileged:\s*true|\bcap_add\b|\bGRANT\s+\w|pull_request_target|\bUSER\s+root\b|\"Action\":\s*\"\*\""
    r"|allowPrivilegeEscalation:\s*true|AdministratorAccess|hostNetwork:\s*true"
)
_OWNERS = re.compile(r"(^|/)CODEOWNERS$")


async def changes_called_out(work: Work) -> list[Finding]:
    """See the module."""
    return await asyncio.to_thread(lambda: [f for file in work.files for f in _in_file(file)])


def _in_file(file: ReviewedFile) -> Iterator[Finding]:
    path = file.path
    if MANIFEST.search(path):
        yield from _dependencies(file)
    elif LOCK.search(path):
        yield _found(file, "locked versions of dependencies changed", "dependencies changed")
    if MIGRATION.search(path) and not path.endswith("__init__.py"):
        what = "changed after it was made" if file.old is not None else "is new"
        yield _found(file, f"the migration {what}", "the schema of a database changes")
    if PIPELINE.search(path):
        yield _found(file, "how the project is built and tested changes", "the pipeline changes")
    if _OWNERS.search(path):
        yield _found(file, "who must review what changes", "permissions change")
    yield from _permissions(file)


def _dependencies(file: ReviewedFile) -> Iterator[Finding]:
    added, removed = dependency_lines(file)
    if not added and not removed:
        return
    shown = [*(f"+ {line}" for _, line in added), *(f"- {line}" for line in removed)]
    line = added[0][0] if added else None
    yield _found(file, _joined(shown), "dependencies changed", line)


def _permissions(file: ReviewedFile) -> Iterator[Finding]:
    if file.old_mode == "100644" and file.new_mode == "100755":
        yield _found(file, "it can be executed now", "permissions change")
    elif file.old_mode is None and file.new_mode == "100755":
        yield _found(file, "a new file that can be executed", "permissions change")
    if not PIPELINE.search(file.path) and not file.path.endswith(
        (".sh", ".sql", ".tf", ".yml", ".yaml", ".json")
    ):
        return
    for number, line in added_lines(file):
        if _PERMISSION.search(line):
            yield _found(file, f"`{line.strip()[:120]}`", "permissions change", number)
            return


def _joined(shown: Sequence[str]) -> str:
    more = f" and {len(shown) - MAX_SHOWN} more lines" if len(shown) > MAX_SHOWN else ""
    return "; ".join(line[:100] for line in shown[:MAX_SHOWN]) + more


def _found(file: ReviewedFile, what: str, claim: str, line: int | None = None) -> Finding:
    return Finding(CHECK, "warning", f"{file.path}: {what}", claim, file.path, line, line)
