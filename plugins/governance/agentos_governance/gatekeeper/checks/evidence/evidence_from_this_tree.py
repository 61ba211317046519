"""`evidence_from_this_tree`: evidence is of the submitted state, and of no other commit or work.

Above: the registry. Below: reports, git. Evidence may name a commit, files with their lines, or blobs of a difference;
each must be what is submitted. Nothing that names none of these is doubted.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta

from agentos import Finding, ReviewedEvidence
from agentos_governance.gatekeeper.files.added_lines import text_lines
from agentos_governance.gatekeeper.files.naming import is_code
from agentos_governance.gatekeeper.records.reports import (
    parse_time,
    read_coverage_report,
    read_test_report,
)
from agentos_governance.gatekeeper.work import Work

CHECK = "evidence_from_this_tree"
MAX_READ = 60
LEAST_TIMES = 4
MAX_SEARCHED = 256 * 1024
_COMMIT = re.compile(
    rb"(?i)\b(git[._-]?commit|commit[._-]?(?:sha|id|hash)?|revision(?:Id)?|head[._-]?sha|git[._-]?sha|GITHUB_SHA|CI_COMMIT_SHA"
    rb"|vcs[._-]?revision|build[._-]?commit|git[._-]?(?:rev|head)|tree[._-]?(?:sha|id)|git[._-]?tree)"
    rb"[\"']?(?:\s{1,9}value)?\s{0,9}[:= ]\s{0,9}[\"']?([0-9a-f]{7,64})\b"
)
_CLAIMED = re.compile(
    r"(?i)\b(?:at|on|from|of|for)\s+(?:commit|revision|tree)\s+`?([0-9a-f]{7,64})\b"
)
_RUNS = frozenset({"test_report", "coverage", "command_result", "sarif", "log"})
_DIFF_FILE = re.compile(rb"^diff --git a/(\S+) b/(\S+)$", re.MULTILINE)
_DIFF_INDEX = re.compile(rb"^index ([0-9a-f]{7,64})\.\.([0-9a-f]{7,64})", re.MULTILINE)
_BEFORE = timedelta(minutes=1)
_SLACK = timedelta(seconds=2)
MAX_NAMED = 5


async def evidence_from_this_tree(work: Work) -> list[Finding]:
    """See the module."""
    accepted = await work.own_objects() if work.evidence else []
    found: list[Finding] = []
    for item in _standing(work.evidence):
        found += _claimed(item, accepted)
        content = await work.read_evidence(item.sha256)
        if content is None:
            continue
        found += await asyncio.to_thread(lambda i=item, c=content: list(_of(work, i, c, accepted)))  # type: ignore[misc]
    for item in work.evidence:
        order = work.recorded_before.get(item.sha256)
        if order is not None and await _is_of_one_run(work, item):
            found.append(_found(item, f"the same report was recorded on {order} before"))
    return found


async def _is_of_one_run(work: Work, item: ReviewedEvidence) -> bool:
    """Whether two runs would not write the very same report: it has fine times."""
    content = await work.read_evidence(item.sha256)
    report = None if content is None else await asyncio.to_thread(read_test_report, content)
    if report is None:
        return False
    is_fine = any("." in (suite.timestamp or "") for suite in report.suites)
    return is_fine or len({case.time for case in report.cases}) >= LEAST_TIMES


def _standing(evidence: Sequence[ReviewedEvidence]) -> list[ReviewedEvidence]:
    """The newest of each kind about each file, without uses of tools."""
    found: dict[tuple[str, str], ReviewedEvidence] = {}
    for item in evidence:
        if item.kind != "tool_use":
            is_one = item.kind in {"test_report", "coverage", "diff"}
            found[item.kind, item.path or ("" if is_one else item.sha256)] = item
    return list(found.values())[-MAX_READ:]


def _of(
    work: Work, item: ReviewedEvidence, content: bytes, accepted: Sequence[str]
) -> Iterator[Finding]:
    if item.kind in _RUNS and accepted:
        yield from _stated(item, content, accepted)
    if item.kind == "coverage":
        yield from _coverage(work, item, content)
    elif item.kind == "diff":
        yield from _difference(work, item, content)
    elif item.kind == "test_report":
        yield from _times(work, item, content)


def _stated(item: ReviewedEvidence, content: bytes, accepted: Sequence[str]) -> Iterator[Finding]:
    for match in _COMMIT.finditer(content[:MAX_SEARCHED]):
        stated = match[2].decode("ascii").lower()
        if not any(each.startswith(stated) for each in accepted):
            yield _found(item, f"it is of the commit {stated[:12]}, which is not part of this work")
            return


def _claimed(item: ReviewedEvidence, accepted: Sequence[str]) -> Iterator[Finding]:
    match = _CLAIMED.search(item.claim) if item.kind in _RUNS and accepted else None
    if match is not None and not any(each.startswith(match[1].lower()) for each in accepted):
        yield _found(
            item, f"its claim is about the commit {match[1][:12]}, which is not part of this work"
        )


def _coverage(work: Work, item: ReviewedEvidence, content: bytes) -> Iterator[Finding]:
    report = read_coverage_report(content)
    if report is None or not report.files:
        return
    paths = work.submitted_paths
    changed = work.by_path
    unknown = []
    for name, last in report.files.items():
        path = _resolved(name, paths)
        if path is None:
            unknown.append(name)
        elif path in changed and last > len(text_lines(changed[path].new)) > 0:
            yield _found(
                item,
                f"it speaks of line {last} of {path}, which has {len(text_lines(changed[path].new))}",
            )
            return
    if unknown and len(unknown) * 2 >= len(report.files):
        yield _found(item, f"files that the submitted tree does not have: {', '.join(unknown[:4])}")


def _resolved(name: str, paths: set[str]) -> str | None:
    plain = name.replace("\\", "/").removeprefix("./").lstrip("/")
    if plain in paths:
        return plain
    return next((p for p in paths if p.endswith(f"/{plain}") or plain.endswith(f"/{p}")), None)


def _difference(work: Work, item: ReviewedEvidence, content: bytes) -> Iterator[Finding]:
    """Files of a recorded difference that this work does not change, or changes otherwise."""
    changed = {file.path: file for file in work.files}
    blobs = work.blob_ids
    for section in re.split(rb"(?m)^(?=diff --git )", content):
        header = _DIFF_FILE.search(section)
        if header is None:
            continue
        path = header[2].decode("utf-8", "replace")
        if path not in changed and not any(file.old_path == path for file in work.files):
            yield _found(item, f"a difference in {path}, which the submitted work does not change")
            return
        index = _DIFF_INDEX.search(section)
        now = blobs.get(path)
        if index is None or now is None:
            continue
        stated = index[2].decode("ascii")
        if set(stated) != {"0"} and not now.startswith(stated):
            yield _found(item, f"{path} is another file in it than in the submitted work")
            return


def _times(work: Work, item: ReviewedEvidence, content: bytes) -> Iterator[Finding]:
    """Runs before the work began, and code that was changed after the run."""
    report = read_test_report(content)
    times = report.times() if report is not None else []
    recorded = parse_time(item.created_at)
    if not work.changed_at or recorded is None:
        return
    ended = max((at + timedelta(seconds=took) for at, took in times), default=None)
    if ended is not None and work.began_at is not None and ended < work.began_at - _BEFORE:
        yield _found(item, f"it is of a run at {ended.isoformat()}, before this work began")
        return
    # What the server took has its own time; what the report says of itself is coarse.
    until = recorded if ended is None else min(recorded, ended + _SLACK)
    later = [p for p, at in sorted(work.changed_at.items()) if is_code(p) and at > until]
    if later:
        shown = ", ".join(later[:MAX_NAMED])
        yield _found(item, f"later than that run, {shown} changed")


def _found(item: ReviewedEvidence, what: str) -> Finding:
    return Finding(
        CHECK,
        "blocking",
        f"{item.id} ({item.kind}): {what}; record evidence of what you submit",
        "evidence of another state",
        item.path,
    )
