"""Files that hold what tests expect: snapshots, golden outputs, recorded answers.

Above: tests_kept. Below: suites. One that changes changes what a test expects; a claim must say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.files.added_lines import added_lines, removed_lines
from agentos_governance.gatekeeper.files.naming import is_golden
from agentos_governance.gatekeeper.suites.suites import Suites, mentions

CHECK = "tests_kept"


def changed_golden_files(files: Sequence[ReviewedFile], suites: Suites) -> Iterator[Finding]:
    """Findings in files of expectations that were there before."""
    for file in files:
        path = file.old_path or file.path
        if file.old is None or not is_golden(path) or file.old == file.new:
            continue
        if file.new is None:
            if not suites.pairing.gone and not file.is_left_out:
                yield _found(file, "is deleted, and with it what a test expects", "blocking")
            continue
        is_told = suites.is_path_disclosed(file.path) or _was_asked_for(file, suites)
        yield _found(
            file,
            "holds what tests expect, and changes"
            + ("" if is_told else "; no claim says so: record one that names it"),
            "warning" if is_told else "blocking",
        )


def _was_asked_for(file: ReviewedFile, suites: Suites) -> bool:
    """Whether all that is new in it stands in the work order."""
    before = set(re.findall(r"[\w.]+", " ".join(removed_lines(file))))
    after = {word for _, line in added_lines(file) for word in re.findall(r"[\w.]+", line)}
    new = after - before
    return bool(new) and all(mentions(suites.asked, word) for word in new)


def _found(file: ReviewedFile, what: str, severity: str) -> Finding:
    line = next((number for number, _ in added_lines(file)), None)
    return Finding(
        CHECK,
        "blocking" if severity == "blocking" else "warning",
        f"{file.path} {what}",
        "an expected result was changed",
        file.path,
        line,
        line,
    )
