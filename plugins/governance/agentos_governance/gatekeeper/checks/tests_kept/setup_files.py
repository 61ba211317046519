"""What decides for all tests of JavaScript at once: setup files that mock, matchers that always pass, maps.

Above: tests_kept. Below: script_doubles. A library or a service that is replaced for all tests is usual;
what blocks is a module of the product that tests import, and a part of the test framework itself.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from agentos import Finding, LimitExceededError, ReviewedFile
from agentos_governance.gatekeeper.cases import Replaced
from agentos_governance.gatekeeper.files.added_lines import added_lines
from agentos_governance.gatekeeper.files.naming import is_product, is_test_file, is_test_path
from agentos_governance.gatekeeper.foreign.cases import SCRIPTS
from agentos_governance.gatekeeper.foreign.script_doubles import replaced_in, sources_in
from agentos_governance.gatekeeper.foreign.scripts import MATCHERS
from agentos_governance.gatekeeper.foreign.syntax_trees import (
    line_of,
    one_line,
    parse_tree,
    text,
    walk,
)
from agentos_governance.gatekeeper.suites.suites import Suites
from agentos_governance.gatekeeper.work import Work

CHECK = "tests_kept"
MAX_TESTS = 400
_SETTINGS = re.compile(r"(^|/)(package\.json|(jest|vitest|vite)\.config\.\w+|jest\.[\w-]*json)$")
_MAPPED = re.compile(
    r"[\"']([^\"'\s]{2,200})[\"']\s{0,3}:\s{0,3}[\"']([^\"'\s]{0,200}(?:tests?|__tests__|__mocks__|mocks?|doubles|stubs|fakes)"
    r"/[^\"'\s]{1,200})[\"']"
)
_ASSET = re.compile(r"css|less|s[ac]ss|svg|png|jpe?g|gif|woff|ttf|webp|\.md")
_SETUP = re.compile(r"(?i)setup|jest\.|vitest\.|environment")
_FRAMEWORK = re.compile(
    r"(?:global(?:This)?\.)?(?:expect|it|test|describe)(?:\.\w{1,30})?\s{0,3}=(?![=>])"
)


async def setup_files(work: Work, suites: Suites) -> list[Finding]:
    """Findings in changed scripts that are no tests themselves, and in settings of runners."""
    changed = [file for file in work.files if file.new is not None and _decides(file)]
    mapped = [file for file in work.files if _SETTINGS.search(file.path) and file.new is not None]
    if not changed and not mapped:
        return []
    tests = [path for path in sorted(work.submitted_paths) if _is_script_test(path)]
    imported = _imported(await work.read_submitted_files(tests[:MAX_TESTS]))
    products = {path for path in work.submitted_paths if is_product(path)}
    found: list[Finding] = []
    for file in changed:
        found += _in_script(file, imported & _stems(products))
    for file in mapped:
        found += _in_settings(file, imported & _stems(products))
    return found


def _is_script_test(path: str) -> bool:
    return path.endswith(SCRIPTS) and is_test_file(path)


def _decides(file: ReviewedFile) -> bool:
    if not file.path.endswith(SCRIPTS) or is_test_file(file.path):
        return False
    return is_test_path(file.path) or bool(_SETUP.search(file.path))


def _stem(path: str) -> str:
    """A path without the suffix that an import may leave out."""
    for suffix in SCRIPTS:
        path = path.removesuffix(suffix)
    return path.removesuffix("/index")


def _stems(paths: set[str]) -> set[str]:
    return {_stem(path) for path in paths}


def _target(path: str, source: str) -> str:
    return _stem(posixpath.normpath(posixpath.join(posixpath.dirname(path), source)))


def _imported(tests: Mapping[str, bytes]) -> set[str]:
    """Modules of the repository that tests import, without their suffixes."""
    found: set[str] = set()
    for path, content in tests.items():
        try:
            sources = sources_in(parse_tree(path, content)).values()
        except LimitExceededError:
            continue
        found |= {_target(path, source) for source in sources if source.startswith(".")}
    return found


def _in_script(file: ReviewedFile, tested: set[str]) -> Iterator[Finding]:
    known = {each.name for each in _replaced(file.path, file.old)}
    for each in _replaced(file.path, file.new):
        source = each.name.partition(" ")[0]
        if each.name not in known and _target(file.path, source) in tested:
            yield _found(
                file, each.line, f"{source} is replaced for every test, and tests import it"
            )
    had = {what for _, what in _framework(file.path, file.old)}
    for line, what in _framework(file.path, file.new):
        if what not in had:
            yield _found(file, line, f"a part of the test framework is replaced: `{what}`")


def _replaced(path: str, content: bytes | None) -> list[Replaced]:
    return [] if content is None else list(replaced_in(parse_tree(path, content)))


def _framework(path: str, content: bytes | None) -> Iterator[tuple[int, str]]:
    """`expect.extend({ toBe() {...} })`, `global.it = ...`."""
    if content is None or not any(word in content for word in (b"expect", b"global")):
        return
    for each in walk(parse_tree(path, content)):
        if each.type == "assignment_expression" and _FRAMEWORK.match(one_line(each)):
            yield line_of(each), one_line(each)[:120]
        if (
            each.type == "call_expression"
            and one_line(each.child_by_field_name("function")) == "expect.extend"
        ):
            for part in walk(each):
                key = part.child_by_field_name("name") or part.child_by_field_name("key")
                if part.type in {"method_definition", "pair"} and text(key) in MATCHERS:
                    yield line_of(part), f"expect.extend {text(key)}"


def _in_settings(file: ReviewedFile, tested: set[str]) -> Iterator[Finding]:
    for number, line in added_lines(file):
        for match in _MAPPED.finditer(line):
            name = re.sub(r"[\^$*+?()\[\]{}|\\]", "", match[1]).lstrip("./")
            stem = _stem(name)
            is_tested = len(stem) > 2 and any(f"/{each}".endswith(f"/{stem}") for each in tested)
            if is_tested and not _ASSET.search(match[1]):
                yield _found(
                    file,
                    number,
                    f"tests get {match[2]} in the place of {match[1]}, which they test",
                )


def _found(file: ReviewedFile, line: int, what: str) -> Finding:
    claim = "tests get a double of what they test"
    return Finding(CHECK, "blocking", f"{file.path}: {what}", claim, file.path, line, line)
