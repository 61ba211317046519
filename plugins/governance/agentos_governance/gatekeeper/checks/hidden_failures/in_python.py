"""Handlers of Python that catch everything and forget it, and exits that claim success.

Above: no_hidden_failures. Below: `ast`. A handler that logs, raises, or does something with the error
hides nothing; a narrow type is a decision. One that gives its reason beside a `noqa` is a warning.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.checks.hidden_failures.silenced_warnings import (
    silenced_warnings,
)
from agentos_governance.gatekeeper.files.added_lines import text_lines
from agentos_governance.gatekeeper.files.naming import is_python, is_test_path
from agentos_governance.gatekeeper.python.assertions import is_constant, last_name, text_of
from agentos_governance.gatekeeper.python.source import parse_python

CHECK = "no_hidden_failures"
_MAY_HIDE = re.compile(
    rb"\b(except|suppress|finally|exit|_exit|quit|simplefilter|filterwarnings)\b|logging\.disable\b"
)
_BROAD = frozenset({"Exception", "BaseException", "AssertionError"})
_REASON = re.compile(
    r"#\s*(?:noqa|pragma|pylint|nosec|type|ruff)[^#\n]*?\s(?:-|\u2013|\u2014|:|#|because)\s*\w+\s+\w+"
)
_COMMENT = re.compile(r"#\s*(?!noqa|type:|pragma|pylint|nosec)\w+(?:\s+\w+){3,}")
_TOLD = frozenset(
    {"exception", "error", "warning", "warn", "critical", "fatal", "print_exc", "print_exception",
     "capture_exception", "info", "log", "print", "format_exc", "fail", "set_exception",
     "record_exception", "notify", "send", "exc_info", "add_note", "append", "put", "put_nowait"}
)  # fmt: skip


_QUIET = frozenset({"debug", "info", "trace"})
_LOGGER = re.compile(r"(?i)log")


def known_handlers(file: ReviewedFile) -> list[str]:
    """What makes each handler of the base the same one."""
    if file.old is None or not is_python(file.path) or not _MAY_HIDE.search(file.old):
        return []
    old = parse_python(file.old)
    return [key for _, key, _ in _handlers(old)] if old is not None else []


def hidden_in_python(file: ReviewedFile, known: Counter[str]) -> Iterator[Finding]:
    """Findings in handlers that are not among the `known` ones, of which each counts once."""
    if not _MAY_HIDE.search(file.new or b""):
        return
    new = parse_python(file.new or b"")
    if new is None:
        return
    old = parse_python(file.old) if file.old is not None else None
    lines = text_lines(file.new)
    for node, key, what in _handlers(new):
        if known[key] > 0:
            known[key] -= 1
            continue
        yield _finding(file, node, what, lines)
    yield from _exits(file, old, new)


def _handlers(tree: ast.Module) -> Iterator[tuple[ast.AST, str, str]]:
    """Each handler that swallows: the node, what makes it the same one, and what it does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Try):
            for handler in node.handlers:
                what = _swallowed(handler)
                if what is not None:
                    # The same handler around other code is another one.
                    yield handler, text_of(handler) + text_of(node.body[0])[:200], what
            for statement in node.finalbody:
                if isinstance(statement, ast.Return | ast.Break | ast.Continue):
                    does = text_of(statement)[:80]
                    yield (
                        statement,
                        f"{text_of(node)[:400]} finally",
                        (f"`{does}` in `finally` forgets every failure"),
                    )
        elif isinstance(node, ast.With | ast.AsyncWith):
            for item in node.items:
                call = item.context_expr
                if _suppresses(call):
                    yield node, text_of(node)[:400], f"`{text_of(call)}` forgets every failure"
    for call in silenced_warnings(tree):
        does = text_of(call)[:80]
        yield call, text_of(call)[:400], f"`{does}` takes warnings from everybody"


def _suppresses(call: ast.expr) -> bool:
    """Whether it is `suppress(Exception)` or the like."""
    if not isinstance(call, ast.Call) or last_name(call.func) != "suppress":
        return False
    return any(_is_broad(each) for each in call.args)


def _swallowed(handler: ast.ExceptHandler) -> str | None:
    """What a catch-all handler does with what it caught; None where that hides nothing."""
    if handler.type is not None and not _is_broad(handler.type):
        return None
    caught = text_of(handler.type) if handler.type is not None else "everything"
    name = handler.name
    # Beside an answer that reads like a real one, a line of debugging tells nobody.
    calls = _quiet_calls(handler) if _returns_made_up(handler) else ()
    quiet = {id(part) for call in calls for part in ast.walk(call)}
    for each in ast.walk(handler):
        if id(each) in quiet:
            continue
        if isinstance(each, ast.Raise):
            return None
        if isinstance(each, ast.Call) and last_name(each.func) in _TOLD:
            return None
        if isinstance(each, ast.Call) and any(word.arg == "exc_info" for word in each.keywords):
            return None
        if name and isinstance(each, ast.Name) and each.id == name:
            return None
    last = handler.body[-1]
    does = text_of(last).splitlines()[0][:80] if text_of(last) else "nothing"
    if _is_exit(last, failing=True):
        return None
    return f"it catches {caught} and goes on with `{does}`"


def _quiet_calls(handler: ast.ExceptHandler) -> Iterator[ast.Call]:
    """Lines of a log that nobody reads where something fails: `log.debug(...)`, `logger.info(...)`."""
    for each in ast.walk(handler):
        if not isinstance(each, ast.Call) or not isinstance(each.func, ast.Attribute):
            continue
        if each.func.attr in _QUIET and _LOGGER.search(text_of(each.func.value)):
            yield each


def _returns_made_up(handler: ast.ExceptHandler) -> bool:
    """Whether the answer is written down, and reads like a real one; what is empty tells of itself."""
    last = handler.body[-1]
    value = last.value if isinstance(last, ast.Return) else None
    if isinstance(value, ast.Call) and value.args and not value.keywords:
        # `Decimal(1)`, `str("EUR")`
        value = value.args[0] if len(value.args) == 1 else None
    return value is not None and is_constant(value) and not _is_empty(value)


def _is_empty(value: ast.expr) -> bool:
    try:
        return not ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return False


def _is_broad(expression: ast.expr) -> bool:
    if isinstance(expression, ast.Tuple):
        return any(map(_is_broad, expression.elts))
    return last_name(expression) in _BROAD


def _is_exit(statement: ast.stmt, *, failing: bool) -> bool:
    """`sys.exit(n)` and the like, with a status that tells of a failure, or of none."""
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return False
    call = statement.value
    if last_name(call.func) not in {"exit", "_exit", "quit"}:
        return False
    status = call.args[0] if call.args else None
    is_zero = status is None or (isinstance(status, ast.Constant) and status.value in (0, None))
    return is_zero != failing


def _exits(file: ReviewedFile, old: ast.Module | None, new: ast.Module) -> Iterator[Finding]:
    """Exits with success at once: in tests and their support, and behind a handler."""
    before = Counter(text for _, text in _hard_exits(old)) if old is not None else Counter()
    for line, text in _hard_exits(new):
        if before[text] > 0:
            before[text] -= 1
        elif "os._exit" in text or is_test_path(file.path):
            yield Finding(
                CHECK,
                "blocking",
                f"{file.path} ends the process with success: `{text}`",
                "a failure would look like success",
                file.path,
                line,
                line,
            )


def _hard_exits(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and _is_exit(node, failing=False):
            call = text_of(node)
            if call.startswith(("os._exit", "sys.exit(0", "pytest.exit", "exit(0")):
                yield node.lineno, call


def _finding(file: ReviewedFile, node: ast.AST, what: str, lines: list[str]) -> Finding:
    start = getattr(node, "lineno", 1)
    end = getattr(node, "end_lineno", start) or start
    beside = "\n".join(lines[start - 1 : min(end, start + 3)])
    has_reason = bool(_REASON.search(beside) or _COMMENT.search(beside))
    is_final = "BaseException" in what or "AssertionError" in what or "everything" in what
    severity = "warning" if has_reason and not is_final else "blocking"
    if is_test_path(file.path) and severity == "blocking" and not is_final and "pass" not in what:
        severity = "warning"
    return Finding(
        CHECK,
        "warning" if severity == "warning" else "blocking",
        f"{file.path}: {what}; catch the narrow type, or tell somebody",
        "a handler hides failures",
        file.path,
        start,
        end,
    )
