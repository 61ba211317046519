"""Code of the product that asks whether it is being tested.

Above: no_hard_coded_results. Below: added lines. A module for tests that ships with the product, such as a
pytest plugin, names the runner rightly; it is known by its name or by its entry point.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.files.added_lines import added_lines

CHECK = "no_hard_coded_results"
_RUNNER = re.compile(
    r"PYTEST_CURRENT_TEST|PYTEST_XDIST|startswith\(\s*[\"'](?:PYTEST|JEST|VITEST)|_called_from_test|sys\.gettrace\(\)|[\"'](?:pytest|_pytest|unittest|nose|doctest)[\"']\s*(?:not\s+)?in\s+sys\.modules"
    r"|sys\.modules\.get\(\s*[\"'](?:pytest|_pytest|unittest)|sys\.modules\s*\[\s*[\"']pytest"
    r"|sys\.modules\.keys\(\)|[\"'](?:py\.?test|unittest)[\"'] in (?:sys\.argv|' '\.join\(sys\.argv)"
    r"|sys\.argv\[0\].{0,20}(?:pytest|py\.test|unittest)|(?:pytest|unittest).{0,20}sys\.argv\[0\]"
    r"|JEST_WORKER_ID|VITEST_WORKER_ID|VITEST_POOL_ID|process\.env\.VITEST\b|import\.meta\.vitest"
    r"|typeof\s+(?:jest|describe|it|vi|expect)\s*[!=]==?|global(?:This)?\.(?:jest|__JEST|vi)\b"
    r"|testing\.Testing\(\)|flag\.Lookup\(\s*\"test\.|os\.Args\[0\].{0,30}\.test\b|\.test\".{0,20}os\.Args\[0\]"
    r"|\braise\s+(?:[\w.]+\.)?(?:SkipTest|Skipped)\b|\bpytest\.(?:skip|xfail|importorskip|exit)\("
    r"|org\.junit\.|\"junit\"|surefire\.test\.class\.path|RUST_TEST_THREADS|NEXTEST\b|cfg!\(test\)"
)
_CALLER = re.compile(
    r"(?:inspect\.(?:stack|currentframe|getouterframes)|sys\._getframe|traceback\.(?:extract_stack|walk_stack)"
    r"|new Error\(\)\.stack|runtime\.Caller).{0,120}"
)
_TESTS = re.compile(
    r"[\"'`](?:_?test[_\w]*|\w*_test|tests?/|/tests?/|conftest|\.test\.|\.spec\.)[\"'`.]?"
)
_SETTING = re.compile(
    r"(?i)(?:os\.environ(?:\.get)?[\[(]\s*|os\.getenv\(\s*|process\.env[.\[]\s*[\"']?|Getenv\(\s*|env::var\(\s*)"
    r"[\"']?(IS_TEST|TESTING|TEST_MODE|UNDER_TEST|RUNNING_TESTS|CI_TEST|UNIT_TEST|IN_TEST|NODE_ENV|APP_ENV|ENV)"
    r"[\"']?[\])]?(?P<rest>.{0,40})"
)
_PIPELINE = re.compile(
    r"(?:os\.environ(?:\.get)?[\[(]\s*|os\.getenv\(\s*|process\.env[.\[]\s*[\"']?|Getenv\(\s*|env::var\(\s*|getenv\(\s*|[\"'] in os\.environ)"
    r"[\"']?(?:CI|GITHUB_ACTIONS|GITLAB_CI|CONTINUOUS_INTEGRATION|BUILD_NUMBER)\b|[\"'](?:CI|GITHUB_ACTIONS)[\"']\s+in\s+os\.environ"
)
_ANSWER = re.compile(r"\breturn\s+(?:-?\d[\d._]*|[\"'][^\"']*[\"']|\[|\{)")
_READS_TESTS = re.compile(
    r"(?:open|Path|read_text|read_bytes|readFile\w*|ReadFile|File|joinpath|glob|require|import_module)\s*\("
    r"[^)]{0,60}[\"'`](?:\.{1,2}/)*(?:tests?|spec|__tests__)/|[\"'`][\w./-]*test_\w+\.py[\"'`]"
)
_SUPPORT = re.compile(
    r"(^|[/_.])(testing|pytest|conftest|test_support|testutils?|fixtures?|mocks?|fakes?)([/_.]|$)"
)


def runner_detection(file: ReviewedFile) -> Iterator[Finding]:
    """Findings in the added lines of one file of the product."""
    if _SUPPORT.search(file.path):
        return
    text = (file.new or b"").decode("utf-8", "replace")
    lines = text.splitlines()
    asks_caller = bool(_CALLER.search(text)) and bool(_TESTS.search(text))
    for number, line in added_lines(file):
        plain = line.strip()
        if plain.startswith(("#", "//", "*")):
            continue
        asks = _RUNNER.search(line) and not _is_rust_tests(file.path, line)
        if (
            asks
            or (asks_caller and _CALLER.search(line))
            or _READS_TESTS.search(line)
            or (_PIPELINE.search(line) and _decides(lines, number))
        ):
            yield _found(file, number, line, "blocking")
        elif (match := _SETTING.search(line)) is not None:
            name, rest = match[1].upper(), match["rest"]
            is_general = name in {"NODE_ENV", "APP_ENV", "ENV"}
            if is_general and not re.search(r"[\"'`]test", rest, re.IGNORECASE):
                continue
            yield _found(file, number, line, "warning" if is_general else "blocking")


def _decides(lines: list[str], number: int) -> bool:
    """Whether a result is written down just below the question whether it runs in a pipeline."""
    return any(_ANSWER.search(line) for line in lines[number - 1 : number + 2])


def _is_rust_tests(path: str, line: str) -> bool:
    return path.endswith(".rs") and "#[cfg" in line


def _found(file: ReviewedFile, number: int, line: str, severity: str) -> Finding:
    return Finding(
        CHECK,
        "warning" if severity == "warning" else "blocking",
        f"{file.path} asks whether, or by what, it is tested: `{line.strip()[:160]}`",
        "the product knows its tests",
        file.path,
        number,
        number,
    )
