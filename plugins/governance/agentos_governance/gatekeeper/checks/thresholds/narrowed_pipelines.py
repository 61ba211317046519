"""Pipelines and builds that run less than before: by hand only, of one folder, without a part of the tests.

Above: thresholds_kept. Below: added lines. What starts a pipeline, what it measures, and what a build tool is
told to leave out; nothing is run.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Collection, Iterator, Sequence

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.files.added_lines import added_lines, removed_lines, text_lines
from agentos_governance.gatekeeper.files.commands import CHECKING

CHECK = "thresholds_kept"
_WORKFLOW = re.compile(r"(^|/)\.github/workflows/[^/]+\.ya?ml$")
_STARTS = re.compile(r"\b(push|pull_request|pull_request_target|merge_group)\b")
_IGNORED = re.compile(r"^\s*(?:paths-ignore:\s*(.*)|-\s*(.+))$")
_CONDITION = re.compile(r"^(\s{0,80}+(?:-\s{1,4}+)?+)if:(.+)$")
_HARMLESS = re.compile(
    r"always\(\)|success\(\)|cancelled\(\)|matrix\.|hashFiles|runner\.|startsWith\(matrix|changes|outputs\."
)
_COVERAGE = re.compile(r"--cov(?:[= ])([\w./-]+)")
_PATH = re.compile(r"\s((?:[\w.-]+/)+[\w.-]+|[\w.-]+\.py|test_\w+)(?:::\S+)?(?=\s|$|[\"'])")
_ADDOPTS = re.compile(r"PYTEST_ADDOPTS\s*[:=]\s*.*(?:-k|-m|--deselect|--ignore|--co\b|--lf\b|no:)")
_OUTPUT = re.compile(
    r"--(?:junit-?xml|cov-report|cov-config|rootdir|html|config-file|basetemp|log-file)[= ]\S+|-c \S+|>\s*\S+"
)
_NEXT_COMMAND = re.compile(r"\||;|&&")
_MAVEN = re.compile(
    r"<(?:skipTests|maven\.test\.skip|skipITs|skipUnitTests|testFailureIgnore)>\s*true"
    r"|<exclude>[^<]{0,200}(?:Tests?|IT|Spec)\b[^<]{0,40}</exclude>|<excludedGroups>[^<]+<"
)
_GRADLE = re.compile(
    r"\b(?:enabled|isEnabled)\s*=\s*false|\bonlyIf\s*\{\s*false|\bignoreFailures\s*=\s*true|\bexcludeTags\b|\bexcludeTestsMatching\b"
    r"|\bexclude\s*\(?\s*[\"'][^\"']{0,100}Tests?\b"
)
_TEST_TASK = re.compile(r"[tT]est\w*\W*(?:\{|configure|\.all)|useJUnit|withType<?\(?Test")
_CARGO_SECTION = re.compile(r"^\s*\[+([\w.-]+)\]+")
_CARGO = re.compile(r"^\s*(test|harness)\s*=\s*false|^\s*(autotests)\s*=\s*false")


def narrowed_pipelines(file: ReviewedFile, code: Collection[str]) -> Iterator[Finding]:
    """Findings in one file; `code` are the paths of sources in the submitted tree."""
    if file.new is None:
        return
    name = file.path.rpartition("/")[2]
    if _WORKFLOW.search(file.path):
        yield from _starts(file)
        yield from _ignored(file, code)
        yield from _conditions(file)
    if file.old is not None:
        yield from _measured(file)
    for number, line in added_lines(file):
        if _ADDOPTS.search(line) and not file.path.endswith((".md", ".rst", ".py")):
            yield _found(file, number, "the environment tells pytest to leave tests out", line)
    if name == "pom.xml":
        yield from _lines(file, _MAVEN, "maven leaves tests out")
    elif name.startswith("build.gradle"):
        yield from _gradle(file)
    elif name == "Cargo.toml":
        yield from _cargo(file)


def _starts(file: ReviewedFile) -> Iterator[Finding]:
    """A pipeline with checks that no change starts any more."""
    if file.old is None or not any(CHECKING.search(line) for line in text_lines(file.new)):
        return
    old, new = (set(_STARTS.findall("\n".join(_section(text)))) for text in (file.old, file.new))
    if old and not new:
        yield _found(file, None, f"no change starts it any more; {', '.join(sorted(old))} did", "")


def _conditions(file: ReviewedFile) -> Iterator[Finding]:
    """Jobs and steps with checks of the base that run on a condition now."""
    if file.old is None:
        return
    lines = text_lines(file.new)
    before = "\n".join(text_lines(file.old))
    for number, line in added_lines(file):
        match = _CONDITION.match(line)
        if match is None or _HARMLESS.search(match[2]):
            continue
        checks = [
            c[0] for each in _siblings(lines, number, match[1]) for c in CHECKING.finditer(each)
        ]
        conditional = sum(
            bool(CHECKING.search(each)) for each in _siblings(lines, number, match[1])
        )
        if any(
            check in before and _runs_less(check, before, lines, conditional) for check in checks
        ):
            yield _found(file, number, f"`{checks[0]}` runs only on a condition now", line)


def _runs_less(check: str, before: str, lines: Sequence[str], conditional: int) -> bool:
    """Whether a check runs in fewer places than before, those left out that depend on the condition."""
    now = sum(check in line for line in lines if not line.strip().startswith("#"))
    return now - conditional < sum(check in line for line in before.splitlines())


def _siblings(lines: Sequence[str], number: int, indent: str) -> Iterator[str]:
    """The lines of the job or the step that a key of this indentation belongs to."""
    depth = len(indent.replace("-", " "))
    for step in (1, -1):
        at = number - 1 + step
        while 0 <= at < len(lines):
            line = lines[at]
            is_item = line.lstrip().startswith("- ")
            own = len(line) - len(line.lstrip()) + (2 if is_item else 0)
            if line.strip() and (own < depth or (is_item and own == depth and step > 0)):
                break
            yield line
            if is_item and own == depth:
                break
            at += step


def _section(content: bytes | None) -> Iterator[str]:
    """The lines that say when a workflow starts."""
    is_inside = False
    for line in text_lines(content):
        if re.match(r"[\"']?on[\"']?\s*:", line):
            is_inside = True
        elif line[:1].strip() and not line.startswith("#"):
            is_inside = False
        if is_inside and not line.strip().startswith("#"):
            yield line


def _ignored(file: ReviewedFile, code: Collection[str]) -> Iterator[Finding]:
    """Sources whose changes start nothing."""
    fresh = {number for number, _ in added_lines(file)}
    is_ignoring = False
    starting = set(_section(file.new))
    for number, line in enumerate(text_lines(file.new), start=1):
        match = _IGNORED.match(line)
        if match is None or line not in starting:
            is_ignoring = is_ignoring and not line.strip().endswith(":")
            continue
        is_ignoring = match[1] is not None or is_ignoring
        patterns = re.findall(r"[\w.*!/-]+", match[1] or match[2] or "")
        hit = [each for each in patterns if any(_is_about(each, path) for path in code)]
        if is_ignoring and hit and number in fresh:
            yield _found(file, number, f"changes of {', '.join(hit[:4])} do not start it", line)


def _is_about(pattern: str, path: str) -> bool:
    plain = pattern.replace("**", "*")
    return fnmatch.fnmatch(path, plain) or fnmatch.fnmatch(path, plain.removeprefix("*/"))


def _measured(file: ReviewedFile) -> Iterator[Finding]:
    """A command that looks at fewer files, or measures less, than the one in whose place it stands."""
    removed = [line for line in removed_lines(file) if CHECKING.search(line)]
    for number, line in added_lines(file):
        tool = CHECKING.search(line)
        before = next((old for old in removed if tool and tool[0] in old), None)
        if tool is None or before is None:
            continue
        old, new = _COVERAGE.findall(before), _COVERAGE.findall(line)
        if any(n.startswith((f"{o}.", f"{o.rstrip('/')}/")) for n in new for o in old):
            yield _found(file, number, f"coverage is measured of {', '.join(new)} only", line)
        is_runner = tool[0] in {"pytest", "py.test", "jest", "vitest", "mocha"}
        chosen = _chosen(line, tool.end())
        if is_runner and chosen and not _chosen(before, CHECKING.search(before).end()):  # type: ignore[union-attr]
            yield _found(file, number, f"`{tool[0]}` runs {', '.join(chosen[:4])} only", line)
        elif tool[0].startswith("go test") and "./..." in before and "./..." not in line:
            yield _found(file, number, "`go test` no longer runs every package", line)


def _chosen(line: str, start: int) -> list[str]:
    """Files that a command names; a folder of all tests is none."""
    # What stands behind a pipe or a `;` belongs to another command.
    rest = _OUTPUT.sub(" ", _NEXT_COMMAND.split(line[start:])[0])
    return [
        match[1]
        for match in _PATH.finditer(rest)
        if "." in match[1].rpartition("/")[2] or "::" in match[0]
    ]


def _lines(file: ReviewedFile, pattern: re.Pattern[str], what: str) -> Iterator[Finding]:
    for number, line in added_lines(file):
        if pattern.search(line):
            yield _found(file, number, what, line)


def _gradle(file: ReviewedFile) -> Iterator[Finding]:
    lines = text_lines(file.new)
    for number, line in added_lines(file):
        if _GRADLE.search(line) and _is_in_tests(lines, number):
            yield _found(file, number, "gradle leaves tests out", line)


def _is_in_tests(lines: Sequence[str], number: int) -> bool:
    """Whether the block that a line stands in is about tests."""
    depth = 0
    for line in reversed(lines[max(0, number - 20) : number]):
        depth += line.count("{") - line.count("}")
        if depth > 0 or _TEST_TASK.search(line):
            return bool(_TEST_TASK.search(line))
    return False


def _cargo(file: ReviewedFile) -> Iterator[Finding]:
    fresh = {number for number, _ in added_lines(file)}
    section = ""
    for number, line in enumerate(text_lines(file.new), start=1):
        head = _CARGO_SECTION.match(line)
        section = head[1] if head is not None else section
        is_tested = section in {"lib", "bin", "test", "package"}
        if number in fresh and is_tested and _CARGO.match(line):
            yield _found(file, number, "cargo runs no tests of it", line)


def _found(file: ReviewedFile, line: int | None, what: str, text: str) -> Finding:
    shown = f": `{text.strip()[:120]}`" if text else ""
    claim = "a check asks for less than before"
    return Finding(CHECK, "blocking", f"{file.path}: {what}{shown}", claim, file.path, line, line)
