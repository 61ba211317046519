"""New remarks that tell a checker to look away: `noqa`, `type: ignore`, `eslint-disable` and others.

Above: thresholds_kept. Below: added lines. One that names its rule or gives a reason is for a reviewer to
know; a blanket one without a reason stops the submission, as does one for a whole file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.files.added_lines import added_lines, moved_texts
from agentos_governance.gatekeeper.files.naming import is_code, is_document, is_test_path
from agentos_governance.gatekeeper.files.remarks import REASON, is_in_string, remark_in

CHECK = "thresholds_kept"

_CASTS = {
    (".ts", ".tsx", ".mts", ".cts"): (
        re.compile(r"(?<![\w.])as\s{1,9}(?:any\b(?!\s+[a-z])|unknown\s{1,9}as\s{1,9}\w)|[(=,]\s{0,9}<any>"), "//"
    ),
    (".py",): (re.compile(r"\bcast\(\s{0,9}[\"']?(?:typing\.)?Any\b"), "#"),
}  # fmt: skip
_CODE = re.compile(r"^\s*[:(\[=]?\s*[\w@./-]*[A-Za-z@][\w@./-]*(-[\w]+)*\d*")
_HARMLESS = re.compile(
    r"TYPE_CHECKING|__name__\s*==|NotImplementedError|@overload|@abstractmethod|__repr__|\.\.\.\s*(#|$)"
    r"|assert_never|sys\.platform|sys\.version_info"
)


def new_suppressions(files: Sequence[ReviewedFile]) -> Iterator[Finding]:
    """Findings in the added lines of sources; a line that another file lost was moved."""
    moved: Counter[str] | None = None
    for file in files:
        if not is_code(file.path) or is_document(file.path):
            continue
        for number, line in added_lines(file):
            found = remark_in(line) or _cast(file.path, line)
            if found is None:
                continue
            moved = moved_texts(files) if moved is None else moved
            if moved[line.strip()[:4_000]] > 0:
                moved[line.strip()[:4_000]] -= 1
                continue
            yield _finding(file, number, line, *found)


def _cast(path: str, line: str) -> tuple[str, str, bool] | None:
    """A cast in the product that switches its type off, and the comment behind it."""
    for suffixes, (pattern, sign) in _CASTS.items():
        if not path.endswith(suffixes) or is_test_path(path):
            continue
        source, _, comment = line.partition(sign)
        match = pattern.search(source)
        if match is not None and not source.strip().startswith("*"):
            is_quoted = is_in_string(source, match.start())
            return None if is_quoted else (match[0].strip(), f": {comment.strip()}", False)
    return None


def _finding(
    file: ReviewedFile, number: int, line: str, remark: str, rest: str, is_for_file: bool
) -> Finding:
    has_reason = bool(REASON.search(rest))
    names_rule = (
        bool(_CODE.match(rest.strip()))
        and not remark.startswith(("as ", "cast("))
        and rest.strip()[:1] in {"[", "(", ":", "="}
    )
    is_coverage = "no cover" in remark or "ignore" in remark.partition(" ")[2][:14]
    is_blocking = is_for_file or not (has_reason or names_rule)
    if has_reason and not is_for_file:
        is_blocking = False
    if _HARMLESS.search(line) or (is_coverage and "# type" not in remark and has_reason):
        is_blocking = False
    if is_for_file and has_reason:
        is_blocking = False
    why = "" if has_reason else ", without a reason"
    what = "for a whole file" if is_for_file else "here"
    return Finding(
        CHECK,
        "blocking" if is_blocking else "warning",
        f"{file.path}: a checker is told to look away {what}{why}: `{remark[:120]}`",
        "a checker is told to look away",
        file.path,
        number,
        number,
    )
