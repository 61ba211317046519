"""New remarks that tell a checker to look away: `noqa`, `type: ignore`, `eslint-disable` and others.

Above: thresholds. Below: added lines. One that names its rule or gives a reason is for a reviewer to
know; a blanket one without a reason stops the submission, as does one for a whole file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.added_lines import added_lines, moved_texts
from agentos_governance.gatekeeper.naming_of_tests import is_code, is_document, is_test_path

CHECK = "thresholds_kept"

_REMARKS = (
    # pattern, whether the rule is named, whether it is for the whole file
    (re.compile(r"#\s*(ruff|flake8)\s*:\s*noqa\b(?P<rest>.*)", re.IGNORECASE), True),
    (re.compile(r"#\s*mypy\s*:\s*ignore-errors(?P<rest>.*)"), True),
    (re.compile(r"#\s*pyright\s*:\s*(basic|ignore-file)(?P<rest>.*)"), True),
    (re.compile(r"#\s*pylint\s*:\s*skip-file(?P<rest>.*)"), True),
    (re.compile(r"^\s*#\s*type\s*:\s*ignore(?P<rest>.*)$"), True),
    (re.compile(r"//\s*@ts-nocheck(?P<rest>.*)"), True),
    (re.compile(r"^\s*/\*\s*eslint-disable(?!-)(?P<rest>.*)"), True),
    (re.compile(r"@(?:typing\.)?no_type_check(?:_decorator)?\b(?P<rest>.*)"), True),
    (re.compile(r"#!\[allow\((?P<rest>.*)"), True),
    (re.compile(r"#\s*noqa\b(?P<rest>.*)", re.IGNORECASE), False),
    (re.compile(r"#\s*type\s*:\s*ignore(?P<rest>.*)"), False),
    (re.compile(r"#\s*pyright\s*:\s*ignore(?P<rest>.*)"), False),
    (re.compile(r"#\s*pragma\s*:\s*no\s*(cover|branch)(?P<rest>.*)"), False),
    (re.compile(r"#\s*pylint\s*:\s*disable(?P<rest>.*)"), False),
    (re.compile(r"#\s*nosec\b(?P<rest>.*)"), False),
    (re.compile(r"//\s*@ts-(ignore|expect-error)(?P<rest>.*)"), False),
    (re.compile(r"(//|/\*)\s*eslint-disable-(next-)?line(?P<rest>.*)"), False),
    (re.compile(r"/\*\s*(istanbul|c8|v8)\s+ignore(?P<rest>.*)"), False),
    (re.compile(r"//\s*nolint\b(?P<rest>.*)"), False),
    (re.compile(r"#\[allow\((?P<rest>.*)"), False),
    (re.compile(r"@SuppressWarnings\((?P<rest>.*)"), False),
    (re.compile(r"//\s*NOSONAR(?P<rest>.*)"), False),
)
_MAY_REMARK = re.compile(r"#|//|/\*|@Suppress|no_type_check")
_CASTS = {
    (".ts", ".tsx", ".mts", ".cts"): (
        re.compile(r"(?<![\w.])as\s{1,9}(?:any\b(?!\s+[a-z])|unknown\s{1,9}as\s{1,9}\w)|[(=,]\s{0,9}<any>"), "//"
    ),
    (".py",): (re.compile(r"\bcast\(\s{0,9}[\"']?(?:typing\.)?Any\b"), "#"),
}  # fmt: skip
_CODE = re.compile(r"^\s*[:(\[=]?\s*[\w@./-]*[A-Za-z@][\w@./-]*(-[\w]+)*\d*")
_REASON = re.compile(r"(--|[-\u2013\u2014:#]|because|since|\)|\])\s*[A-Za-z]\w+(\s+\S+){1,}")
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
            found = _remark(line) or _cast(file.path, line)
            if found is None:
                continue
            moved = moved_texts(files) if moved is None else moved
            if moved[line.strip()[:4_000]] > 0:
                moved[line.strip()[:4_000]] -= 1
                continue
            yield _finding(file, number, line, *found)


def _remark(line: str) -> tuple[str, str, bool] | None:
    """The remark, what follows it, and whether it is for a whole file."""
    if not _MAY_REMARK.search(line):
        return None
    for pattern, is_for_file in _REMARKS:
        match = pattern.search(line)
        if match is not None and not _is_quoted(line, match.start()):
            return match[0].strip(), match["rest"], is_for_file
    return None


def _cast(path: str, line: str) -> tuple[str, str, bool] | None:
    """A cast in the product that switches its type off, and the comment behind it."""
    for suffixes, (pattern, sign) in _CASTS.items():
        if not path.endswith(suffixes) or is_test_path(path):
            continue
        source, _, comment = line.partition(sign)
        match = pattern.search(source)
        if match is not None and not source.strip().startswith("*"):
            is_quoted = _is_quoted(source, match.start())
            return None if is_quoted else (match[0].strip(), f": {comment.strip()}", False)
    return None


def gives_reason(line: str) -> bool:
    """Whether a remark in it is for this line alone and says why."""
    found = _remark(line)
    return found is not None and not found[2] and bool(_REASON.search(found[1]))


def _is_quoted(line: str, at: int) -> bool:
    """Whether it stands inside of a string, as in a test of such remarks."""
    before = line[:at]
    return before.count('"') % 2 == 1 or before.count("'") % 2 == 1 or before.count("`") % 2 == 1


def _finding(
    file: ReviewedFile, number: int, line: str, remark: str, rest: str, is_for_file: bool
) -> Finding:
    has_reason = bool(_REASON.search(rest))
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
