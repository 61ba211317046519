"""Properties that are asked of fewer values than before: strategies of Hypothesis with closer bounds.

Above: tests_kept. Below: `ast`. Only what a reader sees at once: bounds and sizes that are numbers, how
many examples are tried, and what is filtered or assumed away.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.files.naming import is_python
from agentos_governance.gatekeeper.python.assertions import last_name, text_of
from agentos_governance.gatekeeper.python.source import functions_of, parse_python
from agentos_governance.gatekeeper.suites.suites import Suites

CHECK = "tests_kept"
_BOUNDS = {"integers": ("min_value", "max_value"), "floats": ("min_value", "max_value"),
           "decimals": ("min_value", "max_value"), "lists": (None, "min_size", "max_size"),
           "text": (None, "min_size", "max_size"), "binary": ("min_size", "max_size"),
           "sets": (None, "min_size", "max_size")}  # fmt: skip

Function = ast.FunctionDef | ast.AsyncFunctionDef


def narrowed_properties(files: Sequence[ReviewedFile], suites: Suites) -> Iterator[Finding]:
    """One finding for each test of the base that tries fewer values now."""
    for file in files:
        if (
            file.old is None
            or file.new is None
            or not is_python(file.path)
            or b"given" not in file.old
        ):
            continue
        old, new = parse_python(file.old), parse_python(file.new)
        if old is None or new is None:
            continue
        before = functions_of(old)
        for name, node in functions_of(new).items():
            why = _why_fewer(before[name], node) if name in before else None
            if why is not None:
                yield Finding(
                    CHECK,
                    "warning" if suites.is_path_disclosed(file.path) else "blocking",
                    f"{name} tries fewer values than before: {why}",
                    "a property is asked of fewer values",
                    file.path,
                    node.lineno,
                    node.lineno,
                )


def _why_fewer(old: Function, new: Function) -> str | None:
    before, now = _strategies(old), _strategies(new)
    if not before:
        return None
    for first, second in zip(before, now, strict=False):
        if last_name(first.func) == last_name(second.func) and _is_closer(first, second):
            return f"`{text_of(first)[:80]}` became `{text_of(second)[:80]}`"
    tried = _examples(old), _examples(new)
    if tried[1] is not None and tried[1] < (tried[0] or 100):
        return f"{tried[1]} examples instead of {tried[0] or 100}"
    if len(now) < len(before) and _chosen(new) > _chosen(old):
        return f"`{text_of(before[0])[:80]}` became a choice of a few"
    more = _restrictions(new) - _restrictions(old)
    return f"`{min(more)[:80]}` leaves some out" if more else None


def _strategies(node: Function) -> list[ast.Call]:
    """Strategies that are given, in the order of the source."""
    return [
        each
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and last_name(decorator.func) == "given"
        for each in ast.walk(decorator)
        if isinstance(each, ast.Call) and last_name(each.func) in _BOUNDS
    ]


def _is_closer(old: ast.Call, new: ast.Call) -> bool:
    names = [each for each in _BOUNDS[last_name(old.func)] if each is not None]
    lowest, highest = ((_bound(old, each), _bound(new, each)) for each in names)
    is_higher = lowest[1] is not None and (lowest[0] is None or lowest[1] > lowest[0])
    is_lower = highest[1] is not None and (highest[0] is None or highest[1] < highest[0])
    return is_higher or is_lower


def _bound(call: ast.Call, name: str) -> float | None:
    for word in call.keywords:
        if word.arg == name:
            return _number(word.value)
    places = _BOUNDS[last_name(call.func)]
    at = places.index(name)
    return _number(call.args[at]) if at < len(call.args) else None


def _number(node: ast.expr) -> float | None:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
    return value if isinstance(value, int | float) else None


def _examples(node: Function) -> float | None:
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and last_name(decorator.func) == "settings":
            for word in decorator.keywords:
                if word.arg == "max_examples":
                    return _number(word.value)
    return None


def _restrictions(node: Function) -> set[str]:
    """`assume(...)` in the body, `.filter(...)` of what is given."""
    given = [each for decorator in node.decorator_list for each in ast.walk(decorator)]
    found = {text_of(each) for each in given if _is_call_of(each, "filter")}
    return found | {text_of(each) for each in ast.walk(node) if _is_call_of(each, "assume")}


def _is_call_of(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and last_name(node.func) == name


def _chosen(node: Function) -> int:
    """How many values are one of a few that are written down."""
    given = [each for decorator in node.decorator_list for each in ast.walk(decorator)]
    return sum(_is_call_of(each, "just") or _is_call_of(each, "sampled_from") for each in given)
