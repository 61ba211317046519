"""What tests expect of which call: the literals that go in, and the literal that comes out.

Above: no_hard_coded_results. Below: `ast` for Python, the texts of assertions for other languages.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agentos_governance.gatekeeper.files.naming import is_python
from agentos_governance.gatekeeper.python.assertions import last_name
from agentos_governance.gatekeeper.python.collection import CollectionRules
from agentos_governance.gatekeeper.python.source import parse_python
from agentos_governance.gatekeeper.suites.reading import holds_tests, read_file

_TRIVIAL = frozenset({"0", "1", "-1", "2", "''", '""', "None", "True", "False", "[]", "()", "{}", "set()",
                      "0.0", "1.0", "b''", "null", "undefined", "nil", "true", "false"})  # fmt: skip
_CALL = re.compile(r"\b([A-Za-z_$][\w$]*)\(([^()]*)\)")


@dataclass
class Expectations:
    """For each function by its short name: pairs of inputs and result, as literals in one form."""

    pairs: dict[str, set[tuple[tuple[str, ...], str]]] = field(
        default_factory=lambda: defaultdict(set)
    )

    raised: dict[str, set[tuple[tuple[str, ...], str]]] = field(
        default_factory=lambda: defaultdict(set)
    )
    """For each function: inputs, and `raises` with the exception that a test expects."""

    def every(self, name: str) -> set[tuple[tuple[str, ...], str]]:
        """Inputs and result of a function, exceptions among them."""
        return self.pairs.get(name, set()) | self.raised.get(name, set())

    def results_of(self, name: str) -> set[str]:
        """Every result that a test expects of the function."""
        return {result for _, result in self.pairs.get(name, ())}

    def inputs(self, value: str) -> Iterator[tuple[str, tuple[str, ...], str]]:
        """Everything expected where the value goes in: function, inputs, result."""
        for name, pairs in self.pairs.items():
            for inputs, result in pairs:
                if value in inputs:
                    yield name, inputs, result


def is_trivial(literal: str) -> bool:
    """Whether a value is one that honest code returns as a special case as well."""
    return literal in _TRIVIAL


def literal_of(node: ast.AST | None) -> str | None:
    """A literal in one form; None for what is no literal."""
    if node is None:
        return None
    try:
        return repr(ast.literal_eval(node))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def expectations_in(path: str, content: bytes, expected: Expectations) -> None:
    """Adds what the tests of one file expect."""
    if is_python(path):
        tree = parse_python(content)
        if tree is not None:
            _of_python(tree, expected)
    elif holds_tests(path, content):
        for case in read_file(path, content, CollectionRules()).cases:
            for assertion in case.assertions:
                _of_text(assertion.text, expected)


def _of_python(tree: ast.Module, expected: Expectations) -> None:
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        nodes = list(ast.walk(function))
        assigned = _assigned_calls(nodes)
        for node in nodes:
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.Is):
                _of_sides(node.left, node.comparators[0], assigned, expected)
            elif isinstance(node, ast.Call) and _is_assert_equal(node):
                _of_sides(node.args[0], node.args[1], assigned, expected)
            elif isinstance(node, ast.With):
                _of_raises(node, expected)
        _of_parameters(function, expected)


def _of_raises(node: ast.With, expected: Expectations) -> None:
    """`with pytest.raises(OrderError): parse_order("[]")`."""
    for item in node.items:
        raising = item.context_expr
        if not isinstance(raising, ast.Call) or not raising.args:
            continue
        if last_name(raising.func) not in {"raises", "assertRaises", "assertRaisesRegex"}:
            continue
        for call in (
            each for each in ast.walk(ast.Module(node.body, [])) if isinstance(each, ast.Call)
        ):
            inputs = tuple(text for each in call.args if (text := literal_of(each)) is not None)
            if inputs and len(inputs) == len(call.args):
                raised = f"raises {last_name(raising.args[0])}"
                expected.raised[last_name(call.func)].add((inputs, raised))


def _is_assert_equal(node: ast.Call) -> bool:
    return last_name(node.func).startswith("assertEqual") and len(node.args) >= 2


def _assigned_calls(nodes: Iterable[ast.AST]) -> dict[str, ast.Call]:
    """`result = add(1, 2)`: the call behind a name."""
    found: dict[str, ast.Call] = {}
    for node in nodes:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
            value = value.value if isinstance(value, ast.Await) else value
            if isinstance(target, ast.Name) and isinstance(value, ast.Call):
                found[target.id] = value
    return found


def _of_sides(
    left: ast.expr, right: ast.expr, assigned: dict[str, ast.Call], expected: Expectations
) -> None:
    for call, value in ((left, right), (right, left)):
        call = call.value if isinstance(call, ast.Await) else call
        if isinstance(call, ast.Name):
            call = assigned.get(call.id, call)
        result = literal_of(value)
        if result is None and isinstance(value, ast.Call) and last_name(value.func) == "approx":
            result = literal_of(value.args[0]) if value.args else None
        if not isinstance(call, ast.Call) or result is None:
            continue
        given = [*call.args, *(word.value for word in call.keywords)]
        inputs = tuple(text for each in given if (text := literal_of(each)) is not None)
        if inputs and len(inputs) == len(given):
            expected.pairs[last_name(call.func)].add((inputs, result))


def _of_parameters(
    function: ast.FunctionDef | ast.AsyncFunctionDef, expected: Expectations
) -> None:
    """Rows of `parametrize`: the last value is the result where the test compares a call with it."""
    for decorator in function.decorator_list:
        if not isinstance(decorator, ast.Call) or last_name(decorator.func) != "parametrize":
            continue
        if len(decorator.args) < 2 or not isinstance(decorator.args[1], ast.List | ast.Tuple):
            continue
        names = _parameter_names(decorator.args[0])
        called = _compared_call(function, names)
        if called is None or len(names) < 2:
            continue
        name, result_at = called
        for row in decorator.args[1].elts:
            values = row.elts if isinstance(row, ast.Tuple | ast.List) else getattr(row, "args", [])
            texts = [literal_of(each) for each in values]
            if len(texts) == len(names) and None not in texts:
                plain = [text for text in texts if text is not None]
                result = plain.pop(result_at)
                expected.pairs[name].add((tuple(plain), result))


def _parameter_names(node: ast.expr) -> list[str]:
    text = literal_of(node)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [part.strip() for part in node.value.split(",")]
    if text is not None and isinstance(node, ast.List | ast.Tuple):
        return [str(each.value) for each in node.elts if isinstance(each, ast.Constant)]
    return []


def _compared_call(function: ast.AST, names: list[str]) -> tuple[str, int] | None:
    """The function that is called with the parameters, and which of them is the result."""
    nodes = list(ast.walk(function))
    assigned = _assigned_calls(nodes)
    for node in nodes:
        if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq):
            continue
        for call, value in ((node.left, node.comparators[0]), (node.comparators[0], node.left)):
            if isinstance(call, ast.Name):
                call = assigned.get(call.id, call)
            if isinstance(call, ast.Call) and isinstance(value, ast.Name) and value.id in names:
                return last_name(call.func), names.index(value.id)
    return None


def _of_text(text: str, expected: Expectations) -> None:
    """`expect(add(1, 2)).toBe(3)` and `assert_eq!(add(1, 2), 3)`: the literals beside a call."""
    for match in _CALL.finditer(text):
        name, inside = match[1], match[2]
        values = [part.strip() for part in inside.split(",") if part.strip()]
        if name in {"toBe", "toEqual", "toStrictEqual", "equal", "expect"} or not values:
            continue
        if not all(re.fullmatch(r"-?\d[\d._]*|\"[^\"]*\"|'[^']*'", each) for each in values):
            continue
        rest = text[match.end() :] + " " + text[: match.start()]
        for found in re.finditer(r"-?\b\d[\d._]*\b|\"[^\"]*\"|'[^']*'", rest):
            expected.pairs[name].add((tuple(map(_one_form, values)), _one_form(found[0])))


def _one_form(text: str) -> str:
    return f"'{text[1:-1]}'" if text[:1] in {'"', "'"} else text.replace("_", "")
