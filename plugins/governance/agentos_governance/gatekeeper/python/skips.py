"""What keeps Python tests from running, or from counting: marks, calls, decorators.

Above: cases, machinery. Below: `ast`. A skip is conditional where it asks about
the machine: its platform, the version of Python, a program or library that may be missing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agentos_governance.gatekeeper.cases import Skip
from agentos_governance.gatekeeper.python.assertions import dotted, last_name, text_of
from agentos_governance.gatekeeper.python.machines import holds_everywhere
from agentos_governance.gatekeeper.python.source import full_name

_MARKS = frozenset({"skip", "skipif", "skipIf", "skipUnless", "xfail", "expectedFailure"})
_CALLS = frozenset(
    {"pytest.skip", "pytest.xfail", "unittest.skip", "self.skipTest", "pytest.importorskip"}
)
_MACHINE = (
    "sys.platform", "sys.version_info", "os.name", "platform.", "shutil.which", "find_spec",
    "sys.implementation", "os.getuid", "os.geteuid", "sys.maxsize", "hasattr", "importorskip",
    "is_available", "HAS_", "HAVE_", "hexversion", "PY3", "WINDOWS", "os.path.exists", "cpu_count",
)  # fmt: skip


def marks_of(decorators: list[ast.expr], imports: dict[str, str]) -> list[Skip]:
    """The skips and expected failures among decorators or marks."""
    found = []
    for each in decorators:
        callee = each.func if isinstance(each, ast.Call) else each
        name = last_name(callee)
        if name not in _MARKS:
            continue
        arguments = each.args if isinstance(each, ast.Call) else []
        is_conditional = name in {"skipif", "skipIf", "skipUnless"} or (
            name == "xfail" and bool(arguments)
        )
        condition = arguments[0] if arguments and is_conditional else None
        found.append(
            Skip(
                text_of(each)[:200],
                each.lineno,
                condition is not None and asks_about_machine(condition),
                name in {"xfail", "expectedFailure"},
            )
        )
    return found


def asks_about_machine(condition: ast.expr) -> bool:
    """Whether a condition depends on where a test runs, and not on a wish."""
    text = text_of(condition)
    return any(word in text for word in _MACHINE) and not holds_everywhere(condition)


def module_skips(tree: ast.Module, imports: dict[str, str]) -> Iterator[Skip]:
    """What skips a whole file: `pytestmark`, or a call at its top."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(last_name(t) == "pytestmark" for t in node.targets):
            values = (
                node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [node.value]
            )
            yield from marks_of(values, imports)
        elif isinstance(node, ast.Raise | ast.Expr | ast.If | ast.Assign):
            yield from _calls_in([node], imports, None)


def skips_in(node: ast.AST, imports: dict[str, str]) -> list[Skip]:
    """Calls in a body that end the test without a verdict."""
    body = getattr(node, "body", [])
    return list(_calls_in(body, imports, None))


def _calls_in(
    body: list[ast.stmt], imports: dict[str, str], condition: ast.expr | None
) -> Iterator[Skip]:
    for statement in body:
        inner = condition
        if isinstance(statement, ast.If):
            inner = statement.test
        if isinstance(statement, ast.If | ast.With | ast.For | ast.While | ast.AsyncWith):
            yield from _calls_in(statement.body, imports, inner)
            yield from _calls_in(getattr(statement, "orelse", []), imports, inner)
        elif isinstance(statement, ast.Try):
            yield from _calls_in(statement.body, imports, condition)
            for handler in statement.handlers:
                # What is skipped where an import fails depends on the machine.
                is_import = "ImportError" in text_of(handler) or "ModuleNotFound" in text_of(
                    handler
                )
                yield from _calls_in(
                    handler.body,
                    imports,
                    ast.parse("sys.platform").body[0].value  # type: ignore[attr-defined]
                    if is_import
                    else condition,
                )
        elif isinstance(statement, ast.Expr | ast.Raise | ast.Assign):
            yield from _of_statement(statement, imports, condition)


def _of_statement(
    statement: ast.stmt, imports: dict[str, str], condition: ast.expr | None
) -> Iterator[Skip]:
    value = getattr(statement, "value", None) or getattr(statement, "exc", None)
    call = value
    if not isinstance(call, ast.Call):
        return
    name = full_name(call.func, imports)
    if not (
        name in _CALLS or name.endswith(("SkipTest", ".skipTest")) or dotted(call.func) in _CALLS
    ):
        return
    is_conditional = name.endswith("importorskip") or (
        condition is not None and asks_about_machine(condition)
    )
    yield Skip(text_of(call)[:200], call.lineno, is_conditional, name.endswith("xfail"))
