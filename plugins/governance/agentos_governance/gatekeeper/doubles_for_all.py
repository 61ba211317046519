"""Doubles that take the place of the product for every test: in automatic fixtures, and at import.

Above: tests_kept. Below: `ast`. Only of functions that tests themselves call: a network that is cut off for all
tests is usual.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agentos import Finding
from agentos_governance.gatekeeper.naming_of_tests import is_product, is_python, is_test_path
from agentos_governance.gatekeeper.product_names import defined_names
from agentos_governance.gatekeeper.python_assertions import text_of
from agentos_governance.gatekeeper.python_source import full_name, imported_names, parse_python
from agentos_governance.gatekeeper.suites import Suites
from agentos_governance.gatekeeper.work import Work

CHECK = "tests_kept"
MAX_TEST_FILES = 1_000


async def doubles_for_all(work: Work, suites: Suites) -> list[Finding]:
    """Findings in support of tests that is new or was changed."""
    found: list[Finding] = []
    for path, line, name in _replaced(work, suites):
        if await _is_tested(work, name):
            found.append(
                Finding(
                    CHECK,
                    "blocking",
                    f"{name} is replaced for every test, and tests assert about what it answers",
                    "tests get a double of what they test",
                    path,
                    line,
                    line,
                )
            )
    return found


def _replaced(work: Work, suites: Suites) -> Iterator[tuple[str, int, str]]:
    for path, file in suites.new.items():
        before = suites.old.get(path)
        known = {
            each.name
            for fixture in (before.fixtures if before is not None else ())
            for each in fixture.replaced
        }
        for fixture in file.fixtures:
            if fixture.is_automatic:
                for each in fixture.replaced:
                    if each.name not in known:
                        yield path, each.line, each.name
    for changed in work.files:
        if is_python(changed.path) and is_test_path(changed.path) and changed.new is not None:
            old = set(_assigned(changed.old)) if changed.old is not None else set()
            had = {name for _, name in old}
            for line, name in _assigned(changed.new):
                if name not in had:
                    yield changed.path, line, name


def _assigned(content: bytes) -> Iterator[tuple[int, str]]:
    """`shop.price.total = ...` at the top of a module."""
    tree = parse_python(content)
    if tree is None:
        return
    imports = imported_names(tree)
    for node in tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Attribute) and "." in text_of(target):
                    yield node.lineno, full_name(target, imports)


async def _is_tested(work: Work, name: str) -> bool:
    """Whether the product defines it where the name says, and some test calls it by name."""
    module, _, function = name.rpartition(".")
    if not function or not module:
        return False
    ending = module.replace(".", "/")
    sources = [
        path
        for path in work.submitted_paths
        if is_product(path) and path.endswith((f"{ending}.py", f"{ending}/__init__.py"))
    ]
    contents = await work.read_submitted_files(sources)
    if not any(function in defined_names(content) for content in contents.values()):
        return False
    tests = sorted(path for path in work.submitted_paths if is_python(path) and is_test_path(path))
    called = re.compile(rb"\b" + re.escape(function.encode()) + rb"\(")
    read = await work.read_submitted_files(tests[:MAX_TEST_FILES])
    return any(called.search(content) for content in read.values())
