"""What decides for all tests at once: hooks of pytest, `collect_ignore`, settings of collection.

Above: tests_kept. Below: `ast`, collection. A hook that changes an outcome, drops tests or ends the
run stops the submission; one that a new option of the command line switches is told.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.files.naming import is_python, is_test_path
from agentos_governance.gatekeeper.python.assertions import last_name, text_of
from agentos_governance.gatekeeper.python.collection import CONFIGURATION, CollectionRules
from agentos_governance.gatekeeper.python.source import (
    full_name,
    functions_of,
    imported_names,
    parse_python,
)

CHECK = "tests_kept"
MAX_NAMED = 5

_OUTCOME_TARGETS = ("outcome", "wasxfail", "exitstatus", "testsfailed", "excinfo")
_OUTCOME_CALLS = frozenset({"force_result", "_exit", "pytest_deselected"})
_SELECTING = frozenset({"clear", "remove", "pop"})
_SELECTION = re.compile(
    r"\boption\.(keyword|markexpr|deselect|ignore|ignore_glob|collectonly|lf|last_failed|file_or_dir|maxfail)$"
    r"|\bconfig\.args$|PYTEST_ADDOPTS|PYTHONOPTIMIZE|\bsys\.argv$"
)
_STARTED = re.compile(r"(^|/)(sitecustomize|usercustomize)\.py$|\.pth$")
_RUNNING = frozenset({"pytest_runtest_call", "pytest_pyfunc_call", "pytest_runtest_protocol"})
_COLLECTING = frozenset({"pytest_ignore_collect", "pytest_collection_modifyitems"})


def changed_machinery(files: Iterable[ReviewedFile]) -> Iterator[Finding]:
    """Findings in hooks and collection settings that are new or another than at the base."""
    for file in files:
        if _STARTED.search(file.path) and file.new is not None and file.new != file.old:
            yield Finding(
                CHECK, "blocking",
                f"{file.path} runs whenever any Python starts here, before tests and checkers do",
                "the interpreter of tests is changed", file.path,
            )  # fmt: skip
            continue
        if not is_python(file.path) or file.new is None:
            continue
        if not any(
            word in file.new for word in (b"pytest", b"PYTEST", b"collect_ignore", b"unittest")
        ):
            continue
        if not is_test_path(file.path) and b"def pytest_" not in file.new:
            continue
        new = parse_python(file.new)
        old = parse_python(file.old) if file.old is not None else None
        if new is None:
            continue
        if b"def pytest_" in file.new:
            yield from _hooks(file.path, old, new)
        if b"PYTEST_ADDOPTS" in file.new:
            yield from _environment(file.path, old, new)
        if b"collect_ignore" in file.new:
            yield from _ignored(file.path, old, new)
        if _MAY_ASSIGN.search(file.new):
            yield from _replaced_framework(file.path, old, new)


def _hooks(path: str, old: ast.Module | None, new: ast.Module) -> Iterator[Finding]:
    before = functions_of(old) if old is not None else {}
    for name, node in functions_of(new).items():
        if name.startswith("pytest_") and not _same(before.get(name), node):
            yield from _of_hook(path, name, node)


def _environment(path: str, old: ast.Module | None, new: ast.Module) -> Iterator[Finding]:
    """Options that every run gets from the environment, set before the runner reads them."""
    before = {text for _, text in _assigned_options(old)} if old is not None else set()
    for line, text in _assigned_options(new):
        if text not in before:
            yield Finding(
                CHECK, "blocking", f"the options of the test runner are set: `{text[:160]}`",
                "a hook of the test runner changes what runs or counts", path, line, line,
            )  # fmt: skip


def _assigned_options(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.Expr) and "PYTEST_ADDOPTS" in text_of(node):
            yield node.lineno, text_of(node)


_MAY_ASSIGN = re.compile(rb"\.\w+ *=[^=]|setattr\(")
_FRAMEWORKS = ("unittest.", "pytest.", "_pytest.", "builtins.", "doctest.", "hypothesis.")


def _replaced_framework(path: str, old: ast.Module | None, new: ast.Module) -> Iterator[Finding]:
    """Parts of the test framework that are assigned anew: what they are for does not happen."""
    before = {text for _, text in _assigned_framework(old)} if old is not None else set()
    for line, text in _assigned_framework(new):
        if text not in before:
            yield Finding(
                CHECK,
                "blocking",
                f"a part of the test framework is replaced: `{text[:160]}`",
                "the test framework is taken out of force",
                path,
                line,
                line,
            )


def _assigned_framework(tree: ast.Module) -> Iterator[tuple[int, str]]:
    imports = imported_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Attribute) and full_name(target, imports).startswith(
                    _FRAMEWORKS
                ):
                    yield node.lineno, text_of(node)
        elif isinstance(node, ast.Call) and last_name(node.func) == "setattr" and node.args:
            name = full_name(node.args[0], imports)
            if f"{name}.".startswith(_FRAMEWORKS) and len(node.args) > 1:
                yield node.lineno, text_of(node)


def _same(first: ast.AST | None, second: ast.AST) -> bool:
    return first is not None and text_of(first) == text_of(second)


def _of_hook(
    path: str, name: str, node: ast.FunctionDef | ast.AsyncFunctionDef
) -> Iterator[Finding]:
    for line, what in _tampering(name, node):
        # Tests behind an option of the command line are an idiom of pytest's own documentation.
        is_optional = "getoption" in text_of(node) and "outcome" not in what
        yield Finding(
            CHECK,
            "warning" if is_optional else "blocking",
            f"{name} {what}",
            "a hook of the test runner changes what runs or counts",
            path,
            line,
            line,
        )


def _tampering(name: str, node: ast.AST) -> Iterator[tuple[int, str]]:
    for each in ast.walk(node):
        if isinstance(each, ast.Assign | ast.AugAssign):
            targets = each.targets if isinstance(each, ast.Assign) else [each.target]
            for target in targets:
                if isinstance(target, ast.Attribute) and target.attr in _OUTCOME_TARGETS:
                    yield each.lineno, f"sets `{text_of(target)}`, the outcome of tests"
                if _SELECTION.search(text_of(target)):
                    yield each.lineno, f"sets `{text_of(target)}`, which says what tests run"
                if isinstance(target, ast.Subscript) and name == "pytest_collection_modifyitems":
                    yield each.lineno, f"replaces the collected tests: `{text_of(each)[:120]}`"
        elif isinstance(each, ast.Delete) and name in _COLLECTING:
            yield each.lineno, f"drops collected tests: `{text_of(each)[:120]}`"
        elif isinstance(each, ast.Call):
            yield from _of_call(name, each)
        elif isinstance(each, ast.Return) and each.value is not None:
            is_true = isinstance(each.value, ast.Constant) and each.value.value is True
            if is_true and name in _RUNNING | {"pytest_ignore_collect"}:
                yield each.lineno, "returns True, so that tests do not run"


def _of_call(name: str, call: ast.Call) -> Iterator[tuple[int, str]]:
    called = last_name(call.func)
    text = text_of(call)[:120]
    if called in _OUTCOME_CALLS or (called == "exit" and "0" in text):
        yield call.lineno, f"changes the outcome of the run: `{text}`"
    elif called in _SELECTING and name == "pytest_collection_modifyitems" and "item" in text:
        yield call.lineno, f"drops collected tests: `{text}`"
    elif called == "add_marker" and ("skip" in text or "xfail" in text):
        yield call.lineno, f"marks tests so that they do not run or count: `{text}`"
    elif called == "setattr" and any(f"'{each}'" in text for each in _OUTCOME_TARGETS):
        yield call.lineno, f"sets the outcome of tests: `{text}`"
    elif called in {"skip", "xfail"} and name.startswith("pytest_runtest"):
        yield call.lineno, f"keeps tests from running: `{text}`"


def _ignored(path: str, old: ast.Module | None, new: ast.Module) -> Iterator[Finding]:
    before = set(_collect_ignore(old)) if old is not None else set()
    for line, text in _collect_ignore(new):
        if text not in {each for _, each in before}:
            yield Finding(
                CHECK,
                "blocking",
                f"tests are left out: `{text[:160]}`",
                "tests are not collected any more",
                path,
                line,
                line,
            )


def _collect_ignore(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt):
            continue
        text = ""
        if isinstance(node, ast.Assign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(last_name(each).startswith("collect_ignore") for each in targets):
                text = text_of(node)
                if isinstance(node.value, ast.List) and not node.value.elts:
                    continue
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            function = node.value.func
            if isinstance(function, ast.Attribute) and last_name(function.value).startswith(
                "collect_ignore"
            ):
                text = text_of(node)
        if text:
            yield node.lineno, text


def narrowed_collection(
    old: CollectionRules,
    new: CollectionRules,
    tree: Mapping[str, str],
    kept: Iterable[str],
    changed: Iterable[str],
) -> Iterator[Finding]:
    """Files of tests that the base collects and the submission's settings do not; `kept` are there."""
    place = next((path for path in CONFIGURATION if path in set(changed)), None)
    if old == new:
        return
    still = set(kept)
    lost = [
        path
        for path in sorted(tree)
        if path in still
        and is_python(path)
        and old.why_not_collected(path) is None
        and new.why_not_collected(path) is not None
    ]
    if lost:
        shown = ", ".join(lost[:MAX_NAMED])
        yield Finding(
            CHECK,
            "blocking",
            f"the settings of pytest leave {len(lost)} files of tests out now: {shown}: "
            f"{new.why_not_collected(lost[0])}",
            "tests are not collected any more",
            place,
        )
    if set(old.functions) - set(new.functions) or set(old.classes) - set(new.classes):
        yield Finding(
            CHECK,
            "blocking",
            f"tests are called {', '.join(new.functions)} and {', '.join(new.classes)} now; they "
            f"were called {', '.join(old.functions)} and {', '.join(old.classes)}",
            "tests are not collected any more",
            place,
        )
