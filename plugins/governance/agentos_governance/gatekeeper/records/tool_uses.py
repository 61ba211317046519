"""What a client's hook recorded of the worker's own tools, in order: commands, files, exit codes.

Above: reports_untouched, tests_ran. Below: evidence of the kind `tool_use`, only the newest of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson

from agentos import ReviewedEvidence
from agentos_governance.evidence.kinds import TOOL_USE
from agentos_governance.gatekeeper.files.commands import CHECKING
from agentos_governance.gatekeeper.work import Work

MAX_READ = 300


@dataclass(frozen=True, slots=True)
class ToolRecord:
    """One use of a tool. `at` is its place among all evidence."""

    at: int
    evidence: ReviewedEvidence
    tool: str
    command: str | None
    exit_code: int | None
    written: dict[str, str | None] = field(default_factory=dict)
    """SHA-256 of each file after the use; None where it was gone."""

    @property
    def runs_tests(self) -> bool:
        """Whether its command runs a test runner, a build or a checker."""
        return self.command is not None and bool(CHECKING.search(self.command))


async def tool_records(work: Work) -> list[ToolRecord]:
    """The newest records, oldest first."""
    places = [at for at, item in enumerate(work.evidence) if item.kind == TOOL_USE]
    found = []
    for at in places[-MAX_READ:]:
        item = work.evidence[at]
        content = await work.read_evidence(item.sha256)
        record = None if content is None else _parsed(at, item, content)
        if record is not None:
            found.append(record)
    return found


def _parsed(at: int, item: ReviewedEvidence, content: bytes) -> ToolRecord | None:
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(document, dict):
        return None
    command, exit_code = document.get("command"), document.get("exit_code")
    files = document.get("files")
    written = {
        str(each["path"]): each.get("sha256")
        for each in (files if isinstance(files, list) else [])
        if isinstance(each, dict) and "path" in each
    }
    return ToolRecord(
        at,
        item,
        str(document.get("tool", "")),
        command if isinstance(command, str) else None,
        exit_code if isinstance(exit_code, int) else None,
        written,
    )
