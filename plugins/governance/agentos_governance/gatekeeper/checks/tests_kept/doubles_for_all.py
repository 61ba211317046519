"""Doubles that tests get without asking: of automatic fixtures, hooks, set-ups, and modules of tests.

Above: tests_kept. Below: python.doubles, the sources of the product. Only of functions that tests
themselves call: a network that is cut off for all tests is usual.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.cases import Case, Replaced
from agentos_governance.gatekeeper.files.naming import is_product, is_python, is_test_path
from agentos_governance.gatekeeper.files.product_names import defined_names
from agentos_governance.gatekeeper.python.assertions import text_of
from agentos_governance.gatekeeper.python.doubles import doubles_among, doubles_in
from agentos_governance.gatekeeper.python.source import imported_names, parse_python
from agentos_governance.gatekeeper.suites.suites import Suites
from agentos_governance.gatekeeper.work import Work

CHECK = "tests_kept"
MAX_TEST_FILES = 1_000
_SETUPS = re.compile(r"(pytest_\w+|set_?up(_?\w+)?|asyncSetUp)$", re.IGNORECASE)
Function = ast.FunctionDef | ast.AsyncFunctionDef


async def doubles_for_all(work: Work, suites: Suites) -> list[Finding]:
    """Findings in support of tests that is new or was changed."""
    tests: dict[str, bytes] | None = None
    found: list[Finding] = []
    for path, each in _replaced(work):
        tests = await _python_tests(work) if tests is None else tests
        name = _through_tests(each.name, tests)
        if await _is_tested(work, name, tests):
            found.append(
                Finding(
                    CHECK,
                    "blocking",
                    f"{each.name} is replaced for every test, and tests assert about what it answers",
                    "tests get a double of what they test",
                    path,
                    each.line,
                    each.line,
                )
            )
    return found + _asked_for(suites, tests)


def _asked_for(suites: Suites, tests: Mapping[str, bytes] | None) -> list[Finding]:
    """Tests that take a fixture which replaces just what they call, and did not before."""
    before = {(now.path, now.name): old for old, now in suites.pairing.pairs}
    fixtures = [each for file in suites.new.values() for each in file.fixtures if each.replaced]
    found = []
    for case in suites.new_cases if fixtures else ():
        old = before.get((case.path, case.name))
        for fixture in fixtures:
            if not case.is_test or not _uses(case, fixture) or (old and _uses(old, fixture)):
                continue
            names = {
                _through_tests(each.name, tests or suites.sources) for each in fixture.replaced
            }
            hit = sorted(names & case.calls)
            if hit:
                found.append(
                    Finding(
                        CHECK,
                        "blocking",
                        f"{case.name} gets {hit[0]} replaced by the fixture {fixture.name}, and asserts "
                        "about what that answers",
                        "a test replaces what it tests",
                        case.path,
                        case.line,
                        case.end_line,
                    )
                )
    return found


def _uses(case: Case, fixture: Case) -> bool:
    return fixture.short_name in case.words or repr(fixture.short_name) in case.constants


def _replaced(work: Work) -> Iterator[tuple[str, Replaced]]:
    """What is replaced for tests that do not ask for it, and was not at the base."""
    for file in work.files:
        if not is_python(file.path) or not is_test_path(file.path) or file.new is None:
            continue
        known = {each.name for each in _for_all(file.old)} if file.old is not None else set()
        yield from ((file.path, each) for each in _unique(file) if each.name not in known)


def _unique(file: ReviewedFile) -> list[Replaced]:
    found: dict[str, Replaced] = {}
    for each in _for_all(file.new or b""):
        found.setdefault(each.name, each)
    return list(found.values())


def _for_all(content: bytes) -> Iterator[Replaced]:
    tree = parse_python(content)
    if tree is None:
        return
    imports = imported_names(tree)
    pending: list[ast.stmt] = list(tree.body)
    while pending:
        node = pending.pop(0)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if _is_for_all(node):
                yield from doubles_in(node, _known_in(node, imports))
        elif isinstance(node, ast.ClassDef):
            pending = [*node.body, *pending]
        elif isinstance(node, ast.If | ast.Try | ast.With | ast.For):
            pending = [*node.body, *getattr(node, "orelse", []), *pending]
            if isinstance(node, ast.With):
                contexts = [one for item in node.items for one in ast.walk(item.context_expr)]
                yield from doubles_among(contexts, imports)
        else:
            yield from doubles_among(ast.walk(node), imports)


def _is_for_all(node: Function) -> bool:
    return bool(_SETUPS.match(node.name)) or any(
        "autouse=True" in text_of(each) for each in node.decorator_list
    )


def _known_in(node: Function, imports: dict[str, str]) -> dict[str, str]:
    """The imports of the module and those of the function itself."""
    inner = ast.Module([each for each in ast.walk(node) if _is_import(each)], [])  # type: ignore[misc]
    return {**imports, **imported_names(inner)}


def _is_import(node: ast.AST) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


async def _python_tests(work: Work) -> dict[str, bytes]:
    tests = sorted(path for path in work.submitted_paths if is_python(path) and is_test_path(path))
    return await work.read_submitted_files(tests[:MAX_TEST_FILES])


def _through_tests(name: str, tests: Mapping[str, bytes]) -> str:
    """`shop.price.total` of `test_price.total`, which that module of tests imports."""
    module, _, attribute = name.rpartition(".")
    ending = f"{module.replace('.', '/')}.py"
    for path, content in tests.items():
        if module and (path == ending or path.endswith(f"/{ending}")):
            tree = parse_python(content)
            return imported_names(tree).get(attribute, name) if tree is not None else name
    return name


async def _is_tested(work: Work, name: str, tests: Mapping[str, bytes]) -> bool:
    """Whether the product has it where the name says, and some test calls it, or imports the module."""
    module, _, function = name.rpartition(".")
    if _sources(work, name):
        imported = re.compile(rb"\b" + re.escape(name.encode()) + rb"\b")
        return any(imported.search(content) for content in _that_test(tests))
    sources = _sources(work, module)
    if not function or not sources:
        owner, _, holder = module.rpartition(".")
        if not holder[:1].isupper():
            return False
        # A method of a class of the product.
        sources = _sources(work, owner)
    contents = await work.read_submitted_files(sources)
    if not any(function in defined_names(content) for content in contents.values()):
        return False
    called = re.compile(rb"\b" + re.escape(function.encode()) + rb"\(")
    return any(called.search(content) for content in _that_test(tests))


def _that_test(tests: Mapping[str, bytes]) -> Sequence[bytes]:
    """The files that hold tests, without those that only support them."""
    return [content for content in tests.values() if b"def test" in content]


def _sources(work: Work, module: str) -> list[str]:
    ending = module.replace(".", "/")
    return [
        path
        for path in work.submitted_paths
        if ending
        and is_product(path)
        and f"/{path}".endswith((f"/{ending}.py", f"/{ending}/__init__.py"))
    ]
