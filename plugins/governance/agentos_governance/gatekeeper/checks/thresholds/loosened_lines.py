"""Limits in pipelines, scripts, manifests and tests that were loosened, and checks that no step runs any more.

Above: thresholds_kept. Below: the lines of a file that differ. These files are programs or are written in
many languages: numbers beside telling words are compared, nothing is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.files.added_lines import added_lines, removed_lines, text_lines
from agentos_governance.gatekeeper.files.checker_settings import is_checker_settings
from agentos_governance.gatekeeper.files.commands import CHECKING
from agentos_governance.gatekeeper.files.naming import is_document, is_test_path

CHECK = "thresholds_kept"
MUCH = 3.0
"""How many times as long a time limit is that does not only make room for a slow machine."""

_PIPELINE = re.compile(
    r"(^|/)(\.github/|\.gitlab-ci|\.circleci/|Jenkinsfile|azure-pipelines|\.travis\.yml|Makefile|GNUmakefile"
    r"|justfile|noxfile\.py|tox\.ini|package\.json|\.pre-commit-config|codecov\.ya?ml|\.codecov\.ya?ml|\.golangci"
    r"|(jest|vitest|playwright|karma|cypress|vite|eslint)\.config\.\w+|\.eslintrc\.\w+|sonar-project|pom\.xml"
    r"|build\.gradle|\.nycrc|lefthook|clippy\.toml|\.buildkite|\.drone)|(^|/)(ci|check|test|lint)[\w-]*\.sh$"
    r"|(^|/)scripts?/[\w-]+\.(sh|py)$"
)
_MINIMUM = re.compile(
    r"(?i)([\w-]{0,40}(?:fail[-_]?under|min[-_]?coverage|coverage[-_]?min\w{0,20}|coverage[-_]?threshold|minimum[-_]?coverage"
    r"|cov_?min|required[-_]?coverage)|branches|functions|statements|\blines|\btarget|minimum)"
    r"[\"']?\s*[:=(> ]\s*[\"']?(\d+(?:\.\d+)?)"
)
_MAXIMUM = re.compile(
    r"(?i)([\w-]{0,40}(?:max[-_]?warnings|max[-_]?complexity|max[-_]?errors|allowed[-_]?failures)|\bthreshold)"
    r"[\"']?\s*[:=(> ]\s*[\"']?(\d+(?:\.\d+)?)"
)
_TIMEOUT = re.compile(
    r"(?i)([\w.-]{0,40}time[-_]?out[\w-]{0,20})[\"']?\s*[:=(]\s*[\"']?(\d+(?:\.\d+)?)"
)
_REPEAT = re.compile(
    r"(?i)(@?(?:pytest\.mark\.)?flaky\b|--reruns|\breruns\b|\bretryTimes|this\.retries|\bretries\b|@retry\b"
    r"|--retries|rerunFailingTestsCount|test-?retry|@RepeatedIfExceptions|--flake-attempts)\D{0,12}(\d+)?"
)
_NAMED_LIMIT = re.compile(
    r"^\s*(?:export\s+|const\s+|static\s+|final\s+|let\s+|var\s+|int\s+|double\s+)*"
    r"([A-Z][A-Z0-9_]*|[A-Za-z_]*(?:[Tt]hreshold|[Tt]olerance|[Ll]imit|[Bb]udget)\w*)"
    r"\s*(?::[^=]+)?(?:=|:=)\s*(-?\d[\d_.eE-]*)\b"
)
_UPPER = re.compile(
    r"(?i)max|limit|tolerance|threshold|epsilon|eps\b|delta|budget|atol|rtol|slack|ceiling|_ms$|_s$|seconds"
)
_LOWER = re.compile(
    r"(?i)min|floor|least|coverage|accuracy|recall|precision|score|required|baseline"
)
_STRICT_FLAG = re.compile(
    r"(?<![\w-])(--strict(?:-[\w-]+)?|-Werror|-D\s*warnings|--error-on-warnings|--max-warnings[ =]0|-race|"
    r"--cov-fail-under|--fail-under|--check-coverage|--locked|--frozen-lockfile|-W error|-Wall|--ci)(?![\w-])"
)
_SHELL_OPTIONS = re.compile(r"\bset\s+(?:-([a-z]+)\b)?(?:\s*(?:-o\s+)?(errexit|pipefail)\b)?")
_LEAVES_OUT = re.compile(
    r"\s(-k[ =]\S+|--deselect[ =]\S+|--ignore(?:-glob)?[ =]\S+|-m[ =][\"']?not\b|--exclude[ =]\S+|--extend-exclude[ =]\S+|--skip[ =]\S+"
    r"|--testPathIgnorePatterns\S*|-short\b|--last-failed|--lf\b|-run[ =]\S+|--grep[ =]\S+|-t[ =]\S+|--testNamePattern\S*|--testPathPatterns?\S*|--onlyChanged|--changedSince\S*|-Dtest=\S+|-DexcludedGroups=\S+|--invert|--ignore-pattern[ =]\S+|--co\b|--collect-only|--no-cov\b)"
)
_CHECK_TARGET = re.compile(r"(?i)(check|test|ci|all|lint|verify|validate|qa|quality)")
_NEVER = re.compile(
    r"^\s*-?\s*(if:\s*(\$\{\{\s*)?false|when:\s*(never|manual)|enabled:\s*false|skip:\s*true)",
    re.IGNORECASE,
)
_KINDS = (
    frozenset(
        [
            "ruff",
            "flake8",
            "pylint",
            "eslint",
            "golangci-lint",
            "prettier",
            "shellcheck",
            "clippy",
            "biome",
        ]
    ),
    frozenset(["mypy", "pyright", "tsc"]),
    frozenset(["pytest", "unittest", "tox", "nox", "jest", "vitest", "mocha", "ava", "karma"]),
    frozenset(["bandit", "semgrep"]),
)


def loosened_lines(file: ReviewedFile) -> Iterator[Finding]:
    """Findings in one file; none in documents."""
    if file.old is None or is_document(file.path):
        if file.old is None and file.new is not None and is_test_path(file.path):
            yield from _repeats(file)
        return
    if _PIPELINE.search(file.path):
        yield from _lost_checks(file)
        yield from _narrowed(file)
        if not is_checker_settings(file.path) or file.path.endswith(("package.json", "tox.ini")):
            yield from _numbers(file)
            yield from _lost_flags(file)
    if is_test_path(file.path) or _PIPELINE.search(file.path):
        yield from _repeats(file)
        yield from _times(file)
        yield from _limits(file)


def _numbers(file: ReviewedFile) -> Iterator[Finding]:
    for pattern, is_worse in ((_MINIMUM, _is_lower), (_MAXIMUM, _is_higher)):
        yield from _compared(file, pattern, is_worse)


def _is_lower(old: float, new: float) -> bool:
    return new < old


def _is_higher(old: float, new: float) -> bool:
    return new > old


def _compared(file: ReviewedFile, pattern: re.Pattern[str], is_worse: object) -> Iterator[Finding]:
    """Numbers of the same word in lines that went and lines that came, in their order."""
    removed = [m for line in removed_lines(file) for m in pattern.finditer(line)]
    for number, line in added_lines(file):
        for match in pattern.finditer(line):
            before = next((m for m in removed if m[1].lower() == match[1].lower()), None)
            if before is None:
                continue
            removed.remove(before)
            old, new = float(before[2]), float(match[2])
            if callable(is_worse) and is_worse(old, new):
                yield _found(file, number, f"{match[1]} was {old:g} and is {new:g}")


def _times(file: ReviewedFile) -> Iterator[Finding]:
    removed = [m for line in removed_lines(file) for m in _TIMEOUT.finditer(line)]
    for number, line in added_lines(file):
        for match in _TIMEOUT.finditer(line):
            before = next((m for m in removed if m[1].lower() == match[1].lower()), None)
            if before is None:
                continue
            removed.remove(before)
            old, new = float(before[2]), float(match[2])
            if new > old:
                what = f"{match[1]} was {old:g} and is {new:g}"
                yield _found(file, number, what, is_serious=new >= MUCH * max(old, 1e-6))


def _repeats(file: ReviewedFile) -> Iterator[Finding]:
    """Tests that are run again until they pass."""
    removed = [m for line in removed_lines(file) for m in _REPEAT.finditer(line)]
    for number, line in added_lines(file):
        match = _REPEAT.search(line)
        if match is None or line.strip().startswith(("#", "//", "*", "import ", "from ")):
            continue
        before = next((m for m in removed if m[1].lower() == match[1].lower()), None)
        old = int(before[2] or 1) if before is not None else 0
        new = int(match[2][:6]) if match[2] else 1
        is_count = match[1].lower() in {"retries", "reruns"} and match[2] is None
        if new > old and not is_count:
            yield _found(file, number, f"failing tests are run again: `{line.strip()[:120]}`")


def _limits(file: ReviewedFile) -> Iterator[Finding]:
    """Named numbers such as `MAX_MS = 50` that went up, or `MIN_SCORE` that went down."""
    removed = [m for line in removed_lines(file) if (m := _NAMED_LIMIT.match(line))]
    for number, line in added_lines(file):
        match = _NAMED_LIMIT.match(line)
        before = next((m for m in removed if match and m[1] == match[1]), None)
        if match is None or before is None:
            continue
        old, new = _number(before[2]), _number(match[2])
        if old is None or new is None or old == new or _TIMEOUT.search(line):
            continue
        is_upper = bool(_UPPER.search(match[1])) and not _LOWER.search(match[1])
        is_lower = bool(_LOWER.search(match[1])) and not is_upper
        if (is_upper and new > old) or (is_lower and new < old):
            yield _found(file, number, f"{match[1]} was {old:g} and is {new:g}")


def _number(text: str) -> float | None:
    try:
        return float(text.replace("_", "").rstrip("."))
    except ValueError:
        return None


def _lost_flags(file: ReviewedFile) -> Iterator[Finding]:
    old, new = _strict_flags(file.old), _strict_flags(file.new)
    for flag in sorted(set(old)):
        if old.count(flag) > new.count(flag) and file.new is not None:
            yield _found(file, None, f"`{flag}` is gone")


def _strict_flags(content: bytes | None) -> list[str]:
    """Each flag as often as it stands there; of `set -euo pipefail` every part by itself."""
    found = []
    for line in text_lines(content):
        found += [m[1] for m in _STRICT_FLAG.finditer(line)]
        for match in _SHELL_OPTIONS.finditer(line):
            letters = set(match[1] or "")
            named = {match[2]} - {None}
            found += ["set -e"] if "e" in letters or "errexit" in named else []
            found += ["set -o pipefail"] if "pipefail" in named else []
    return found


def _lost_checks(file: ReviewedFile) -> Iterator[Finding]:
    for number, line in added_lines(file):
        if _NEVER.search(line):
            yield _found(file, number, f"a step never runs: `{line.strip()[:120]}`")
    lost = _commands(removed_lines(file)) - _commands(text_lines(file.new))
    for command in sorted(lost):
        kind = next(
            (each for each in _KINDS if command.split(" ")[0] in each), frozenset({command})
        )
        now = _commands(text_lines(file.new))
        is_replaced = any(each.split(" ")[0] in kind for each in now)
        yield _found(file, None, f"nothing runs `{command}` any more", is_serious=not is_replaced)


def _narrowed(file: ReviewedFile) -> Iterator[Finding]:
    """Commands that check less than before: tests left out, fewer folders."""
    removed = [line for line in removed_lines(file) if CHECKING.search(line)]
    for number, line in added_lines(file):
        tool = CHECKING.search(line)
        if tool is None or line.strip().startswith(("#", "//")):
            continue
        before = next((old for old in removed if tool[0] in old), None)
        if before is None:
            continue
        removed.remove(before)
        hidden = [m[0].strip() for m in _LEAVES_OUT.finditer(line) if m[0].strip() not in before]
        if hidden:
            yield _found(file, number, f"`{tool[0]}` leaves something out now: {' '.join(hidden)}")
        old, new = _arguments(before, tool[0]), _arguments(line, tool[0])
        narrower = [
            n
            for n in new
            for o in old
            if n != o and (n.startswith(f"{o.rstrip('/')}/") or o == ".")
        ]
        if narrower and not set(old) <= set(new):
            yield _found(file, number, f"`{tool[0]}` looks at {', '.join(narrower)} only")
    if file.path.rpartition("/")[2] in {"Makefile", "GNUmakefile"}:
        yield from _prerequisites(file)


def _arguments(line: str, tool: str) -> list[str]:
    """The paths that a command names."""
    rest = re.split(r"[;&|#]", line.partition(tool)[2])[0]
    words = [word.strip("\"'") for word in rest.split()]
    return [
        word
        for word in words
        if word and not word.startswith("-") and re.fullmatch(r"[\w./*-]+", word)
    ]


def _prerequisites(file: ReviewedFile) -> Iterator[Finding]:
    """Targets of make that no longer run what they ran."""
    old = _targets(text_lines(file.old))
    new = _targets(text_lines(file.new))
    for target, needed in old.items():
        lost = [each for each in needed if each not in new.get(target, needed)]
        if lost and _CHECK_TARGET.match(target):
            yield _found(file, None, f"`make {target}` does not run {', '.join(lost)} any more")


def _targets(lines: Sequence[str]) -> dict[str, list[str]]:
    found = {}
    for line in lines:
        match = re.match(r"^([A-Za-z][\w.-]*)\s*:(?!=)\s*([^#=]*)", line)
        if match:
            found[match[1]] = match[2].split()
    return found


def _commands(lines: Sequence[str]) -> set[str]:
    return {
        " ".join(match[0].split())
        for line in lines
        if not line.strip().startswith(("#", "//"))
        for match in CHECKING.finditer(line)
    }


def _found(file: ReviewedFile, line: int | None, what: str, *, is_serious: bool = True) -> Finding:
    return Finding(
        CHECK,
        "blocking" if is_serious else "warning",
        f"{file.path}: {what}",
        "a check asks for less than before",
        file.path,
        line,
        line,
    )
