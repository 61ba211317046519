"""Shell that loses how a check ended: a pipe, a background job, a condition; make and Python told to go on.

Above: no_hidden_failures. Below: added lines. In a pipe the last command's status counts, unless `pipefail`
is set; GitHub sets it where a step says `shell: bash`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.checks.hidden_failures.in_scripts import CHECK
from agentos_governance.gatekeeper.files.added_lines import added_lines, text_lines
from agentos_governance.gatekeeper.files.commands import CHECKING

_NO_COMMAND = re.compile(
    r"\s*(?:-\s+)?(?:key|name|uses|path|restore-keys|with|id|image|if|args|title|description|group|- name):\s"
)
_QUOTED = re.compile(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"")
_PIPE = re.compile(r"(?<![|>&])\|(?![|&])|\|&")
_BACKGROUND = re.compile(r"(?<![&>|])&\s*$")
_IF = re.compile(r"^\s*(?:-\s+)?(?:run:\s*)?(?:\|\s*)?(?:if|while)\s+(?!!)")
_NEGATED = re.compile(r"^\s*(?:-\s+)?(?:run:\s*)?!\s+")
_FAILS = re.compile(
    r"\bexit\s+(?:[1-9$]|\"?\$)|\breturn\s+[1-9$]|\bfalse\b|\bexit\s*$|\bstatus=|\brc=|\bfailed="
)
_PIPEFAIL = re.compile(r"pipefail|PIPESTATUS|^\s*shell:\s*bash\s*$", re.MULTILINE)
_REPORTING = re.compile(r"--version|\bcoverage\s+(?:report|xml|html|json)|\bcollect-only|^\s*#")
_MAKE = re.compile(
    r"^\.IGNORE\s*:|^SHELL\s*[:?+]?=\s*(?:/usr)?/?(?:bin/)?(?:true|echo|:)\b"
    r"|^(?:export\s+)?MAKEFLAGS\s*[:?+]?=.*(?:-\w*[ik]\b|--ignore-errors|--keep-going)"
)
_WITHOUT_ASSERTS = re.compile(
    r"\bPYTHONOPTIMIZE\s*[:=]\s*[\"']?[1-9x]|\bpython[\d.]*\s+(?:-\w+\s+)*-OO?\s+-m\s+(?:pytest|unittest)"
)
_WRITES_EXPECTED = re.compile(
    r"--snapshot-update|--update-snapshots?\b|--updateSnapshot|\b(?:jest|vitest)\b.*\s-u\b|\bINSTA_(?:UPDATE=always|FORCE_UPDATE)"
    r"|\bUPDATE_(?:SNAPSHOTS?|GOLDENS?|EXPECT)\s*[:=]\s*[\"']?[1-9ty]|--force-regen|--inline-snapshot=(?:fix|create|update)"
    r"|--update-goldens?\b|\bgo test\b.*\s-update\b"
)
MAX_LINES_OF_BRANCH = 12


def masked_status(file: ReviewedFile, *, is_shell: bool) -> Iterator[Finding]:
    """Findings in the added lines of a script, a pipeline or a manifest."""
    lines = text_lines(file.new)
    whole = "\n".join(lines)
    is_pipeline = is_shell or file.path.endswith((".yml", ".yaml", "package.json", "tox.ini"))
    for number, line in added_lines(file):
        if line.strip().startswith("#"):
            continue
        what = _whatever(file, line)
        if what is None and is_pipeline and CHECKING.search(line) and not _REPORTING.search(line):
            what = _masked(line, number, lines, has_pipefail=bool(_PIPEFAIL.search(whole)))
        if what is not None:
            yield Finding(
                CHECK,
                "blocking",
                f"{file.path}: {what}: `{line.strip()[:160]}`",
                "a failure would look like success",
                file.path,
                number,
                number,
            )


def _whatever(file: ReviewedFile, line: str) -> str | None:
    """What hides failures without naming a check."""
    name = file.path.rpartition("/")[2]
    if (name in {"Makefile", "GNUmakefile"} or name.endswith(".mk")) and _MAKE.search(line):
        return "make goes on whatever fails"
    if _WITHOUT_ASSERTS.search(line):
        return "Python leaves every assert out"
    if _WRITES_EXPECTED.search(line):
        return "a check writes down what it expects"
    return None


def _masked(line: str, number: int, lines: Sequence[str], *, has_pipefail: bool) -> str | None:
    plain = _QUOTED.sub("''", line)
    # Of a manifest the command itself is what is quoted.
    if not CHECKING.search(plain):
        plain = line.replace('\\"', "'")
    check = CHECKING.search(plain)
    if (
        check is None
        or _NO_COMMAND.match(line)
        or plain[max(check.start() - 1, 0) : check.start()] in {"/", "."}
    ):
        return None
    rest = plain[check.start() :]
    pipe = _PIPE.search(rest)
    if pipe is not None and not has_pipefail and not rest[: pipe.start()].rstrip().endswith(":"):
        return "a pipe hides how a check ended"
    if _BACKGROUND.search(plain) and not any(re.search(r"\bwait\b", each) for each in lines):
        return "nobody waits for a check"
    if _NEGATED.search(plain):
        return "a failure is what is asked for"
    if _IF.search(plain) and not _FAILS.search(" ".join(_branch(lines, number))):
        return "a condition swallows how a check ended"
    return None


def _branch(lines: Sequence[str], number: int) -> Iterator[str]:
    """The lines from an `if` to its `fi`."""
    for line in lines[number - 1 : number - 1 + MAX_LINES_OF_BRANCH]:
        yield line
        if re.search(r"\b(?:fi|done)\b", line):
            return
