"""Remarks in sources that tell a checker to look away, and whether they say why.

Above: thresholds_kept, the linters. Below: nothing.
"""

from __future__ import annotations

import re

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
REASON = re.compile(r"(--|[-\u2013\u2014:#]|because|since|\)|\])\s*[A-Za-z]\w+(\s+\S+){1,}")


def remark_in(line: str) -> tuple[str, str, bool] | None:
    """The remark, what follows it, and whether it is for a whole file."""
    if not _MAY_REMARK.search(line):
        return None
    for pattern, is_for_file in _REMARKS:
        match = pattern.search(line)
        if match is not None and not is_in_string(line, match.start()):
            return match[0].strip(), match["rest"], is_for_file
    return None


def gives_reason(line: str) -> bool:
    """Whether a remark in it is for this line alone and says why."""
    found = remark_in(line)
    return found is not None and not found[2] and bool(REASON.search(found[1]))


def is_in_string(line: str, at: int) -> bool:
    """Whether it stands inside of a string, as in a test of such remarks."""
    before = line[:at]
    return before.count('"') % 2 == 1 or before.count("'") % 2 == 1 or before.count("`") % 2 == 1
