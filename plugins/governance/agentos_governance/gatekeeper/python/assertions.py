"""How much an expression of Python asserts: what would have to be wrong for it to fail.

Above: cases. Below: `ast`. Strengths are an order, no measure: `==` stands above `in`, that
above `is not None`, and that above what cannot fail.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator

from agentos_governance.gatekeeper.cases import EXACT, VAGUE, Assertion

_BUILTINS = frozenset(dir(builtins))
_NO_ROOTS = _BUILTINS | {"self", "cls", "pytest", "approx"}
_TYPES_OF_VALUES = frozenset({"isinstance", "issubclass", "hasattr", "callable"})
_EVERYTHING = frozenset({"Exception", "BaseException", "builtins.Exception"})
FINE_TOLERANCE = 1e-3
COARSE_TOLERANCE = 0.05

_UNITTEST = {
    "assertEqual": EXACT, "assertEquals": EXACT, "assertDictEqual": EXACT, "assertIs": EXACT,
    "assertListEqual": EXACT, "assertTupleEqual": EXACT, "assertSetEqual": EXACT,
    "assertSequenceEqual": EXACT, "assertMultiLineEqual": EXACT, "assertCountEqual": 4,
    "assertIsNone": EXACT, "assertAlmostEqual": EXACT, "assertRaises": 4, "assertRaisesRegex": EXACT,
    "assertRegex": 3, "assertIn": 3, "assertGreater": 3, "assertGreaterEqual": 3, "assertLess": 3,
    "assertLessEqual": 3, "assertLogs": 3, "assertWarns": 4, "assertWarnsRegex": EXACT,
    "assertNotEqual": 2, "assertNotIn": 2, "assertIsInstance": 2, "assertIsNot": 2,
    "assertNotIsInstance": 2, "assertNoLogs": 3, "assertIsNotNone": VAGUE,
}  # fmt: skip
_DOUBLES = {
    "assert_called_once_with": EXACT, "assert_called_with": EXACT, "assert_has_calls": 4,
    "assert_any_call": 4, "assert_awaited_once_with": EXACT, "assert_awaited_with": EXACT,
    "assert_called_once": 3, "assert_awaited_once": 3, "assert_called": 2, "assert_awaited": 2,
    "assert_not_called": 4, "assert_not_awaited": 4,
}  # fmt: skip
_ARRAYS = {
    "assert_array_equal": EXACT, "assert_equal": EXACT, "assert_frame_equal": EXACT,
    "assert_series_equal": EXACT, "assert_allclose": 4, "assert_almost_equal": 4,
    "assert_array_almost_equal": 4,
}  # fmt: skip


def assertion_of(expression: ast.expr, line: int, *, flaw: str | None = None) -> Assertion:
    """What `assert expression` asserts."""
    strength, reason = _strength(expression)
    return _made(expression, line, strength, flaw or reason)


def call_assertion(call: ast.Call, line: int, *, flaw: str | None = None) -> Assertion | None:
    """What a call asserts that is one of unittest, of a double or of numpy; None for others."""
    name = last_name(call.func)
    if name in {"assertTrue", "assertFalse", "assert_"} and call.args:
        strength, reason = _strength(call.args[0])
        if name == "assertFalse" and reason is None:
            strength = max(strength, 2) if strength <= VAGUE else strength
        return _made(call, line, strength, flaw or reason)
    known = _UNITTEST.get(name) or _DOUBLES.get(name) or _ARRAYS.get(name)
    if known is None:
        return None
    reason = None
    if name in _UNITTEST and len(call.args) >= 2 and known >= 2 and not name.startswith("assertR"):
        if _same(call.args[0], call.args[1]):
            known, reason = 0, "it compares something with itself"
        elif all(map(is_constant, call.args[:2])):
            known, reason = 0, "it compares constants"
    if name in {"assertRaises", "assertWarns"} and call.args and _is_everything(call.args[0]):
        known = VAGUE
    return _made(call, line, known, flaw or reason, tolerance=_call_tolerance(name, call))


def raises_assertion(call: ast.Call, line: int, *, flaw: str | None = None) -> Assertion | None:
    """What `pytest.raises(...)` or `pytest.warns(...)` asserts; None for other calls."""
    if last_name(call.func) not in {
        "raises",
        "warns",
        "assertRaises",
        "assertRaisesRegex",
        "deprecated_call",
    }:
        return None
    has_match = any(word.arg in {"match", "check"} for word in call.keywords) or len(call.args) > 1
    strength = EXACT if has_match else 4
    if call.args and isinstance(call.args[0], ast.Tuple) and len(call.args[0].elts) > 1:
        strength -= 1
    if call.args and _is_everything(call.args[0]):
        strength = 3 if has_match else VAGUE
    return _made(call, line, strength, flaw)


def last_name(expression: ast.expr) -> str:
    """`c` of `a.b.c`, and the name itself of a name; empty for anything else."""
    if isinstance(expression, ast.Attribute):
        return expression.attr
    return expression.id if isinstance(expression, ast.Name) else ""


def dotted(expression: ast.expr) -> str:
    """`a.b.c` as text; empty where it is no chain of names."""
    parts: list[str] = []
    while isinstance(expression, ast.Attribute):
        parts.append(expression.attr)
        expression = expression.value
    if not isinstance(expression, ast.Name):
        return ""
    return ".".join([expression.id, *reversed(parts)])


def literals(node: ast.AST) -> frozenset[str]:
    """The constants in it as Python writes them, without None, True and False."""
    return frozenset(_iter_literals(ast.walk(node)))


def names(node: ast.AST) -> frozenset[str]:
    """The names that it reads, without those of Python itself."""
    return _names_among(ast.walk(node))


def _names_among(nodes: Iterable[ast.AST]) -> frozenset[str]:
    return frozenset(each.id for each in nodes if isinstance(each, ast.Name)) - _NO_ROOTS


def text_of(node: ast.AST) -> str:
    """The source of it in one form; empty where it is too deep to be written."""
    try:
        return ast.unparse(node)
    except RecursionError:
        return ""


def _iter_literals(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for each in nodes:
        if not isinstance(each, ast.Constant):
            continue
        value = each.value
        if value is not None and value is not Ellipsis and not isinstance(value, bool):
            yield repr(value)[:200]


def _made(
    expression: ast.expr,
    line: int,
    strength: int,
    flaw: str | None,
    *,
    tolerance: float | None = None,
) -> Assertion:
    nodes = list(ast.walk(expression))
    if tolerance is None:
        tolerance = _tolerance(nodes)
    if tolerance is not None and strength > 3:
        strength = EXACT if tolerance <= FINE_TOLERANCE else 4
        strength = 3 if tolerance > COARSE_TOLERANCE else strength
    return Assertion(
        text_of(expression),
        line,
        0 if flaw is not None and strength == 0 else strength,
        _names_among(nodes),
        text_of(_subject(expression)),
        _expected_literals(nodes),
        tolerance,
        flaw,
    )


def _expected_literals(nodes: list[ast.AST]) -> frozenset[str]:
    """The literals that are values; those that index what is looked at are none."""
    found = frozenset(_iter_literals(nodes))
    for each in nodes:
        if isinstance(each, ast.Subscript):
            found -= literals(each.slice)
    return found


def _subject(expression: ast.expr) -> ast.expr:
    if isinstance(expression, ast.Compare):
        left = expression.left
        return expression.comparators[0] if is_constant(left) else left
    if isinstance(expression, ast.UnaryOp):
        return _subject(expression.operand)
    if isinstance(expression, ast.Call) and expression.args:
        return expression.args[0]
    return expression


def _strength(expression: ast.expr) -> tuple[int, str | None]:
    """How much it asserts, and why nothing where that is so."""
    if isinstance(expression, ast.Tuple):
        return 0, "it asserts a tuple, which is always true"
    if is_constant(expression):
        is_false = isinstance(expression, ast.Constant) and not expression.value
        # `assert False` marks what must not be reached.
        return (EXACT, None) if is_false else (0, "it asserts a constant")
    if isinstance(expression, ast.Lambda | ast.GeneratorExp | ast.JoinedStr):
        return 0, "it asserts something that is always true"
    if isinstance(expression, ast.BoolOp):
        return _of_boolean(expression)
    if isinstance(expression, ast.UnaryOp) and isinstance(expression.op, ast.Not):
        strength, flaw = _strength(expression.operand)
        return (strength, flaw) if flaw else (max(2, min(strength, 3)), None)
    if isinstance(expression, ast.Compare):
        return _of_comparison(expression)
    if isinstance(expression, ast.Call):
        return _of_call(expression)
    if isinstance(expression, ast.IfExp):
        first, second = _strength(expression.body), _strength(expression.orelse)
        return min(first, second, key=lambda each: each[0])
    if isinstance(expression, ast.NamedExpr):
        return VAGUE, None
    return VAGUE, None


def _of_boolean(expression: ast.BoolOp) -> tuple[int, str | None]:
    parts = [_strength(each) for each in expression.values]
    if isinstance(expression.op, ast.And):
        best = max(parts, key=lambda each: each[0])
        return best
    for each in expression.values:
        if isinstance(each, ast.Constant) and each.value:
            return 0, "one side of its `or` is always true"
    weakest = min(parts, key=lambda each: each[0])
    if weakest[1] is not None and not any(_is_falsy(each) for each in expression.values):
        return weakest
    return max(VAGUE, min(weakest[0], 3)), None


def _is_falsy(expression: ast.expr) -> bool:
    return isinstance(expression, ast.Constant) and not expression.value


def _of_comparison(expression: ast.Compare) -> tuple[int, str | None]:
    sides = [expression.left, *expression.comparators]
    if all(map(is_constant, sides)):
        return 0, "it compares constants"
    if len(sides) == 2 and _same(sides[0], sides[1]) and _is_reflexive(expression.ops[0]):
        return 0, "it compares something with itself"
    found = [
        _of_operator(left, operator, right)
        for left, operator, right in zip(sides, expression.ops, sides[1:], strict=False)
    ]
    return max(found, key=lambda each: each[0])


def _is_reflexive(operator: ast.cmpop) -> bool:
    return isinstance(operator, ast.Eq | ast.Is | ast.LtE | ast.GtE)


def _of_operator(left: ast.expr, operator: ast.cmpop, right: ast.expr) -> tuple[int, str | None]:
    is_none = isinstance(right, ast.Constant) and right.value is None
    if isinstance(operator, ast.Eq):
        if _is_call_of(left, "len") or _is_call_of(left, "type"):
            return 4, None
        return EXACT, None
    if isinstance(operator, ast.Is):
        return EXACT, None
    if isinstance(operator, ast.IsNot):
        return (VAGUE if is_none else 2), None
    if isinstance(operator, ast.NotEq):
        return (VAGUE if is_none else 2), None
    if isinstance(operator, ast.In):
        return 3, None
    if isinstance(operator, ast.NotIn):
        return 2, None
    if _is_call_of(left, "len"):
        if isinstance(operator, ast.GtE) and isinstance(right, ast.Constant) and right.value == 0:
            return 0, "a length is never below zero"
        if isinstance(operator, ast.Gt) and isinstance(right, ast.Constant):
            return VAGUE + (right.value not in (0, -1)), None
        return 2, None
    if _deviation(left) is not None:
        return EXACT, None
    return 3, None


def _deviation(left: ast.expr) -> ast.expr | None:
    """`a - b` of `abs(a - b)`."""
    if _is_call_of(left, "abs") and isinstance(left, ast.Call) and left.args:
        inner = left.args[0]
        if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Sub):
            return inner
    return None


def _of_call(expression: ast.Call) -> tuple[int, str | None]:
    name = last_name(expression.func)
    if name in _TYPES_OF_VALUES:
        if (
            name == "isinstance"
            and len(expression.args) == 2
            and last_name(expression.args[1]) == "object"
        ):
            return 0, "everything is an object"
        return 2, None
    if name in {"all", "any"} and expression.args:
        inner = expression.args[0]
        if isinstance(inner, ast.GeneratorExp | ast.ListComp):
            strength, flaw = _strength(inner.elt)
            return (strength, flaw) if flaw else (max(strength - (name == "any"), VAGUE), None)
        return 2, None
    if name in {"isclose", "allclose", "array_equal", "issubset", "issuperset", "startswith", "endswith",
                "is_equal", "equals", "match", "fullmatch", "search"}:  # fmt: skip
        return (
            4 if name in {"isclose", "allclose", "array_equal", "equals", "fullmatch"} else 3
        ), None
    if name == "bool" and len(expression.args) == 1:
        return _strength(expression.args[0])
    return VAGUE, None


def _is_call_of(expression: ast.expr, name: str) -> bool:
    return isinstance(expression, ast.Call) and last_name(expression.func) == name


def _is_everything(expression: ast.expr) -> bool:
    if isinstance(expression, ast.Tuple):
        return any(map(_is_everything, expression.elts))
    return dotted(expression) in _EVERYTHING


def is_constant(expression: ast.expr) -> bool:
    """Whether only literals are in it."""
    return all(
        isinstance(
            each,
            ast.Constant | ast.Tuple | ast.List | ast.Set | ast.Dict | ast.UnaryOp | ast.unaryop
            | ast.expr_context | ast.BinOp | ast.operator,
        )
        for each in ast.walk(expression)
    )  # fmt: skip


def _same(first: ast.expr, second: ast.expr) -> bool:
    if not names(first) and not any(isinstance(each, ast.Call) for each in ast.walk(first)):
        return False
    try:
        return ast.dump(first) == ast.dump(second)
    except RecursionError:
        return False


def _tolerance(nodes: Iterable[ast.AST]) -> float | None:
    """How far off a number may be, where an expression says so with a literal."""
    found: list[float] = []
    for each in nodes:
        if isinstance(each, ast.Call):
            value = _call_tolerance(last_name(each.func), each)
            if value is not None:
                found.append(value)
        elif isinstance(each, ast.Compare) and _deviation(each.left) is not None:
            limit = _number(each.comparators[0])
            if limit is not None:
                found.append(limit)
    return max(found, default=None)


def _call_tolerance(name: str, call: ast.Call) -> float | None:
    words = {word.arg: _number(word.value) for word in call.keywords}
    if name in {"approx", "isclose", "allclose", "assert_allclose"}:
        given = [words.get(key) for key in ("rel", "abs", "rtol", "atol", "rel_tol", "abs_tol")]
        numbers = [each for each in given if each is not None]
        if name == "approx":
            numbers += [n for each in call.args[1:3] if (n := _number(each)) is not None]
        return max(numbers, default=None)
    if name in {"assertAlmostEqual", "assertAlmostEquals", "assert_almost_equal"}:
        if (delta := words.get("delta")) is not None:
            return delta
        places = words.get("places", words.get("decimal"))
        if places is None and len(call.args) > 2:
            places = _number(call.args[2])
        return None if places is None or abs(places) > 300 else 10.0**-places
    if name == "round" and len(call.args) == 1:
        return 0.5
    if name == "round" and len(call.args) == 2:
        places = _number(call.args[1])
        return None if places is None or abs(places) > 300 else 0.5 * 10.0**-places
    return None


def _number(expression: ast.expr) -> float | None:
    sign = 1.0
    if isinstance(expression, ast.UnaryOp) and isinstance(expression.op, ast.USub):
        sign, expression = -1.0, expression.operand
    if isinstance(expression, ast.Constant) and type(expression.value) in (int, float):
        try:
            return sign * float(expression.value)  # type: ignore[arg-type]
        except OverflowError:
            return None
    return None
