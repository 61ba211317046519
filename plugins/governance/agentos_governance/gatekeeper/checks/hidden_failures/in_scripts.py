"""Commands in scripts, pipelines and manifests whose failure is swallowed: `|| true` and its kin.

Above: no_hidden_failures. Below: added lines. Only commands that test, check or build block; that a clean-up may fail
is usual. The same is asked of commands whose result was recorded as evidence.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator

import orjson

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.files.added_lines import added_lines
from agentos_governance.gatekeeper.files.commands import CHECKING, is_shell
from agentos_governance.gatekeeper.work import Work

CHECK = "no_hidden_failures"
_SWALLOWED = re.compile(
    r"\|\|\s*(true|:|exit\s+0|/bin/true|echo\b|return\s+0|printf\b)|;\s*(true|:|exit\s+0)\s*[\"'`]?\s*[,;)]?\s*$"
    r"|&&\s*true\s*;\s*exit 0|\|\|\s*\(?exit\s+0"
)
_FORGIVING = re.compile(
    r"^\s*-?\s*(continue-on-error:\s*(true|\$\{\{)|allow_failure:\s*true|ignore_outcome\s*=\s*true"
    r"|ignore_errors\s*[:=]\s*(true|yes)|failFast:\s*false\b.*ignore|continueOnError:\s*true|soft_fail:\s*true"
    r"|ignore_failures?\s*[:=]\s*true|testFailureIgnore>\s*true|<maven\.test\.failure\.ignore>true"
    r"|allow_failures:)",
    re.IGNORECASE,
)
_WITHOUT_TESTS = re.compile(
    r"--passWithNoTests|--pass-with-no-tests|--exit-zero\b|--no-error-on-unmatched|-DskipTests|-Dmaven\.test\.skip"
    r"|--suppress-no-test-exit-code|-x\s+test\b|--no-verify|SKIP_TESTS=|-Dmaven\.test\.failure\.ignore"
    r"|\bHUSKY=0\b|--ignore-errors?\b"
)
_NO_EXIT = re.compile(r"^\s*set\s+\+(e|o\s+errexit)\b|^\s*trap\s+['\"]?(exit\s+0|true|:)['\"]?\s")
_STOPS = re.compile(r"(?m)^[ \t]*set[ \t]+-\w*e|^[ \t]*set[ \t]+-o\s+errexit|^#!.*\s-\w*e")
_EXIT_ZERO = re.compile(r"^\s*exit\s+0\s*;?\s*$")
_MAKE_IGNORED = re.compile(r"^\t[@+]*-[@+]*\s*\S")
_CONFIGURATION = re.compile(
    r"\.(ya?ml|json|toml|ini|cfg|xml|gradle|kts)$|(^|/)(tox\.ini|Procfile)$"
)
_DOCUMENT = (".md", ".rst", ".txt", ".adoc", ".html")


def hidden_in_scripts(file: ReviewedFile) -> Iterator[Finding]:
    """Findings in the added lines of a script, a pipeline or a manifest."""
    is_script = is_shell(file)
    if file.path.endswith(_DOCUMENT) or not (is_script or _CONFIGURATION.search(file.path)):
        return
    whole = (file.new or b"").decode("utf-8", "replace")
    checks = bool(CHECKING.search(whole))
    stops = bool(_STOPS.search(whole))
    for number, line in added_lines(file):
        severity, what = _judged(file.path, line, is_shell=is_script, checks=checks, stops=stops)
        if severity is None:
            continue
        yield Finding(
            CHECK,
            "blocking" if severity == "blocking" else "warning",
            f"{file.path}: {what}: `{line.strip()[:160]}`",
            "a failure would look like success",
            file.path,
            number,
            number,
        )


def _judged(
    path: str, line: str, *, is_shell: bool, checks: bool, stops: bool
) -> tuple[str | None, str]:
    plain = line.strip()
    if plain.startswith(("#", "//")) and not plain.startswith("#!"):
        return None, ""
    is_check = bool(CHECKING.search(plain))
    if _SWALLOWED.search(plain):
        return ("blocking" if is_check else None), "the failure of a check is swallowed"
    if _FORGIVING.search(line):
        return "blocking", "a step may fail and nothing fails"
    if _WITHOUT_TESTS.search(plain) and (is_check or is_shell or '"' in plain):
        return "blocking", "a check passes that checked nothing"
    is_make = path.endswith(("Makefile", ".mk"))
    if is_make and _MAKE_IGNORED.match(line) and is_check:
        return "blocking", "make goes on after the failure of a check"
    if path.endswith("tox.ini") and re.match(r"\s*-\s*\S", line) and is_check:
        return "blocking", "tox goes on after the failure of a check"
    is_pipeline = path.endswith((".yml", ".yaml"))
    if (is_shell or is_pipeline) and checks and _NO_EXIT.search(line):
        return "blocking", "a script that checks goes on after failures"
    if is_shell and checks and _EXIT_ZERO.match(line):
        is_whole = not line[:1].isspace() and not stops
        return ("blocking" if is_whole else None), "a script that checks ends with success"
    return None, ""


async def hidden_in_evidence(work: Work) -> AsyncIterator[Finding]:
    """Recorded results of commands that could not fail."""
    for item in work.evidence:
        if item.kind not in {"command_result", "tool_use"}:
            continue
        content = await work.read_evidence(item.sha256)
        if content is None or item.kind == "tool_use":
            continue
        command = _command_of(content)
        if CHECKING.search(command) and _SWALLOWED.search(command):
            yield Finding(
                CHECK,
                "blocking",
                f"{item.id}: the recorded command could not fail: `{command[:200]}`; run it without "
                "what swallows its status",
                f"{item.id}: {item.claim}",
                item.path,
            )


def _command_of(content: bytes) -> str:
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        return ""
    command = document.get("command") if isinstance(document, dict) else None
    return command if isinstance(command, str) else ""
