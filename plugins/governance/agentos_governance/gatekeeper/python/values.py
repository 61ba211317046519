"""What names stand for in one Python test, and assertions that this makes empty or weak.

Above: flow. Below: assertions. `cents = 590; assert cents == 590` cannot fail; nor can
what a double answers that was told to, or a file that the test itself has just written.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agentos_governance.gatekeeper.cases import EXACT, Assertion
from agentos_governance.gatekeeper.python.assertions import is_constant, last_name, text_of

_DOUBLES = frozenset({"Mock", "MagicMock", "AsyncMock", "NonCallableMock", "create_autospec"})
_WRITES = frozenset({"write_text", "write_bytes", "write"})
_READS = frozenset({"read_text", "read_bytes", "read"})
_EMPTY = frozenset({"[]", "()", "{}", "set()", "list()", "dict()", "tuple()", "''"})
MAX_SIDE_CHARS = 500


@dataclass(frozen=True, slots=True)
class Values:
    """Names of one function that are assigned once: their sources, and what kinds they are."""

    assigned: dict[str, str]
    written: frozenset[str]
    """Names for a literal that nothing changes."""
    doubles: frozenset[str]
    empty: frozenset[str]
    """Names for a list of nothing, to which nothing is added."""
    own_files: dict[str, frozenset[str]]
    """Files that the function writes: what the written text calls."""

    def is_empty(self, expression: ast.expr) -> bool:
        """Whether a loop over it never runs."""
        return isinstance(expression, ast.Name) and expression.id in self.empty


def values_of(nodes: Sequence[ast.AST]) -> Values:
    """Of the nodes of a function, as `ast.walk` yields them."""
    bound = Counter(name for node in nodes for name in _bound(node))
    once: dict[str, ast.expr] = {}
    for node in nodes:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
            if isinstance(target, ast.Name) and bound[target.id] == 1:
                once[target.id] = value.value if isinstance(value, ast.Await) else value
    texts = {name: text_of(value) for name, value in once.items()}
    uses = Counter(
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    )
    return Values(
        {name: text for name, text in texts.items() if len(text) < MAX_SIDE_CHARS},
        frozenset(name for name, value in once.items() if _is_fixed(value)),
        frozenset(
            name
            for name, value in once.items()
            if isinstance(value, ast.Call) and last_name(value.func) in _DOUBLES
        ),
        frozenset(name for name, text in texts.items() if text in _EMPTY and uses[name] <= 1),
        _own_files(nodes),
    )


def _bound(node: ast.AST) -> list[str]:
    """Names that a node gives a value to in any way."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return [node.id]
    if isinstance(node, ast.Global | ast.Nonlocal):
        return node.names
    return []


def _is_fixed(value: ast.expr) -> bool:
    """A literal that is no container which something could be put into."""
    is_open = any(isinstance(each, ast.List | ast.Dict | ast.Set) for each in ast.walk(value))
    return is_constant(value) and not is_open


def _own_files(nodes: Sequence[ast.AST]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            calls = _callees(node.args[0]) - {"str", "repr", "dumps", "join", "encode"}
            if node.func.attr in _WRITES and calls:
                found[text_of(node.func.value)] = frozenset(calls)
    return found


def _callees(node: ast.AST) -> set[str]:
    return {last_name(each.func) for each in ast.walk(node) if isinstance(each, ast.Call)} - {""}


def judged(found: Assertion, expression: ast.expr, values: Values) -> Assertion:
    """The assertion, weaker where its sides are one and the same thing by other names."""
    flaw = _flaw(found, expression, values)
    if flaw is not None and found.strength > 0:
        return replace(found, strength=0, flaw=flaw)
    if found.strength == EXACT and _asks_itself(expression, values):
        return replace(found, strength=2)
    return found


def _flaw(found: Assertion, expression: ast.expr, values: Values) -> str | None:
    calls = any(isinstance(each, ast.Call) for each in ast.walk(expression))
    if found.roots and found.roots <= values.written and not calls:
        return "it compares what is written down in the test itself"
    if not isinstance(expression, ast.Compare):
        return None
    sides = [expression.left, *expression.comparators]
    for side in sides:
        if isinstance(side, ast.Call) and getattr(side.func, "id", "") in values.doubles:
            return "it asserts what a double was told to answer"
        if last_name(side) == "ANY":
            return "everything equals ANY"
    for one, other in (sides[:2], sides[1::-1]):
        if isinstance(one, ast.Call) and last_name(one.func) in _READS:
            source = one.func.value if isinstance(one.func, ast.Attribute) else one
            if values.own_files.get(text_of(source), frozenset()) & _callees(other):
                return "it expects what the test itself has just written"
    return None


def _asks_itself(expression: ast.expr, values: Values) -> bool:
    """`total(1) == total(1)`, or `== total(0) + 1`: both sides come from one function."""
    if not isinstance(expression, ast.Compare) or len(expression.comparators) != 1:
        return False
    left, right = (
        _called_by(side, values) for side in (expression.left, expression.comparators[0])
    )
    return bool(left) and bool(right) and left <= right


def _called_by(side: ast.expr, values: Values) -> set[str]:
    """The functions whose answer a side is: that of a call, or of the names in it."""
    found = {text_of(each.func) for each in ast.walk(side) if isinstance(each, ast.Call)}
    for each in ast.walk(side):
        source = values.assigned.get(each.id, "") if isinstance(each, ast.Name) else ""
        name, opened, _ = source.partition("(")
        if opened and name.replace(".", "").replace("_", "").isalnum():
            found.add(name)
    return found - {"len", "str", "int", "sorted", "list", "set", "dict", "tuple", "float", "repr",
                    "Decimal", "pytest.approx", "approx", "round", "abs", "sum"}  # fmt: skip
