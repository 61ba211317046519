"""Which assertions of a Python test can be reached, and whether their failure would be noticed.

Above: cases. Below: assertions. An assertion behind a `return`, in a branch that never
runs, or inside of a `try` whose handler forgets it asserts nothing, however strong it reads.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from agentos_governance.gatekeeper.cases import EXACT, Assertion
from agentos_governance.gatekeeper.python.assertions import (
    assertion_of,
    call_assertion,
    last_name,
    literals,
    names,
    raises_assertion,
    text_of,
)
from agentos_governance.gatekeeper.python.source import full_name
from agentos_governance.gatekeeper.python.values import Values, judged, values_of

_CATCHES_FAILURES = frozenset({"Exception", "BaseException", "AssertionError", "Failed", "Error"})
_ENDS = frozenset({"pytest.skip", "pytest.exit", "pytest.xfail", "sys.exit", "os._exit", "exit"})
_HELPER = ("assert", "check", "expect", "verify", "ensure", "should", "must", "compare")
_TEST_PARTS = frozenset(
    {"tests", "test", "testing", "helpers", "conftest", "support", "assertions"}
)
AWAIT = "await "
"""Before the name of a coroutine: how much it asserts where somebody waits for it."""
HELPER_STRENGTH = EXACT
"""Of one that stands elsewhere: it may assert anything."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class _Place:
    """What surrounds a statement."""

    flaw: str | None = None
    condition: str | None = None


def assertions_in(
    function: Function, imports: dict[str, str], helpers: Mapping[str, int]
) -> list[Assertion]:
    """The assertions of a function in the order of lines, nested functions included.

    `helpers` says how much each function of the file asserts.
    """
    nodes = list(ast.walk(function))
    # To ask whether a function is there is not to call it.
    asked = {id(one) for each in nodes for one in _asked_whether_there(each)}
    used = frozenset(
        each.id
        for each in nodes
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load) and id(each) not in asked
    )
    values = values_of(nodes)
    found = _Walk(imports, helpers, used, values).block(function.body, _Place())
    return [replace(each, alias=_alias(each.subject, values.assigned)) for each in found]


def _asked_whether_there(node: ast.AST) -> Iterator[ast.AST]:
    """`assert check`, `assert callable(check)`, `check is not None`, and `check` alone."""
    if isinstance(node, ast.Assert):
        yield node.test
    elif isinstance(node, ast.Expr):
        yield node.value
    elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Is | ast.IsNot):
        yield node.left
    elif isinstance(node, ast.Call) and last_name(node.func) == "callable":
        yield from node.args


def _alias(subject: str, assigned: Mapping[str, str]) -> str:
    """`parse(text).id` for `order.id`, where `order` was assigned `parse(text)`."""
    match = re.match(r"([A-Za-z_]\w*)(.*)", subject, re.DOTALL)
    if match is None or match[1] not in assigned:
        return ""
    return assigned[match[1]] + match[2]


@dataclass(frozen=True, slots=True)
class _Walk:
    imports: dict[str, str]
    helpers: Mapping[str, int]
    used: frozenset[str]
    values: Values

    def block(self, body: list[ast.stmt], place: _Place) -> Iterator[Assertion]:
        """Statement by statement; what follows an end is out of reach."""
        for statement in body:
            yield from self._statement(statement, place)
            if place.flaw is None and self._ends(statement):
                place = replace(place, flaw=f"line {statement.lineno} ends the test before it")
            elif (
                place.condition is None
                and isinstance(statement, ast.If)
                and self._leaves(statement)
            ):
                place = replace(place, condition=f"not ({text_of(statement.test)[:80]})")

    def _leaves(self, statement: ast.If) -> bool:
        """`if ...: return`: what follows depends on the condition."""
        return not statement.orelse and self._ends(statement.body[-1])

    def _ends(self, statement: ast.stmt) -> bool:
        if isinstance(statement, ast.Return | ast.Raise | ast.Continue | ast.Break):
            return True
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            name = full_name(statement.value.func, self.imports)
            return name in _ENDS or name.endswith("skipTest")
        if isinstance(statement, ast.If):
            always = constant_truth(statement.test)
            return always is True and bool(statement.body) and self._ends(statement.body[-1])
        return False

    def _statement(self, statement: ast.stmt, place: _Place) -> Iterator[Assertion]:
        if isinstance(statement, ast.Assert):
            found = assertion_of(statement.test, statement.lineno, flaw=place.flaw)
            yield self._found(judged(found, statement.test, self.values), place)
        elif isinstance(statement, ast.If):
            yield from self._branch(statement, place)
        elif isinstance(statement, ast.Try):
            yield from self._try(statement, place)
        elif isinstance(statement, ast.With | ast.AsyncWith):
            yield from self._with(statement, place)
        elif isinstance(statement, ast.For | ast.AsyncFor):
            yield from self._calls(statement.iter, place)
            inner = place
            is_empty = _is_empty(statement.iter) or self.values.is_empty(statement.iter)
            if place.flaw is None and is_empty:
                inner = replace(place, flaw="it stands in a loop over nothing")
            if isinstance(statement.body[-1], ast.Break | ast.Return):
                inner = _inside(inner, f"it is the first of {text_of(statement.iter)}")
            yield from self.block(statement.body, inner)
            yield from self.block(statement.orelse, place)
        elif isinstance(statement, ast.While):
            inner = place
            if place.flaw is None and constant_truth(statement.test) is False:
                inner = replace(place, flaw="it stands in a loop that never runs")
            yield from self.block(statement.body, inner)
        elif isinstance(statement, ast.Match):
            for case in statement.cases:
                yield from self.block(case.body, _inside(place, text_of(statement.subject)))
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = place
            if (
                place.flaw is None
                and statement.name not in self.used
                and not statement.decorator_list
            ):
                inner = replace(place, flaw=f"nothing calls {statement.name}, in which it stands")
            yield from self.block(statement.body, inner)
        elif not isinstance(statement, ast.ClassDef):
            yield from self._calls(statement, place)

    def _branch(self, statement: ast.If, place: _Place) -> Iterator[Assertion]:
        truth = constant_truth(statement.test)
        text = text_of(statement.test)[:80]
        yes = no = place
        if place.flaw is None and truth is False:
            yes = replace(place, flaw=f"it stands below `if {text}`, which is never true")
        elif place.flaw is None and truth is True:
            no = replace(place, flaw=f"it stands in the other branch of `if {text}`")
        elif truth is None and not self._ends_in_failure(statement):
            yes = _inside(place, text)
            no = _inside(place, f"not ({text})")
        inner = list(self.block(statement.body, yes))
        other = list(self.block(statement.orelse, no))
        if truth is None and inner and other:
            # One of the two is asserted in any case.
            inner = [replace(each, condition=place.condition) for each in inner]
            other = [replace(each, condition=place.condition) for each in other]
        yield from (*inner, *other)

    def _ends_in_failure(self, statement: ast.If) -> bool:
        """`if wrong: pytest.fail()`: an assertion itself, and no condition of one."""
        last = statement.body[-1]
        if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call):
            return last_name(last.value.func) == "fail"
        return isinstance(last, ast.Raise)

    def _try(self, statement: ast.Try, place: _Place) -> Iterator[Assertion]:
        inner = place
        for handler in statement.handlers:
            if place.flaw is None and _swallows(handler):
                inner = replace(
                    place, flaw=f"the handler in line {handler.lineno} forgets its failure"
                )
        if place.flaw is None and any(isinstance(each, ast.Return) for each in statement.finalbody):
            inner = replace(place, flaw="a `return` in `finally` forgets its failure")
        yield from self.block(statement.body, inner)
        for handler in statement.handlers:
            yield from self.block(handler.body, _inside(place, "an exception"))
        yield from self.block(statement.orelse, inner if statement.finalbody else place)
        yield from self.block(statement.finalbody, place)

    def _with(self, statement: ast.With | ast.AsyncWith, place: _Place) -> Iterator[Assertion]:
        inner = place
        for item in statement.items:
            call = item.context_expr
            if not isinstance(call, ast.Call):
                continue
            found = raises_assertion(call, statement.lineno, flaw=place.flaw)
            if found is not None:
                yield self._found(found, place)
                if call.args and _names_failures(call.args[:1]):
                    # What is raised within may be the failure of an assertion within.
                    inner = replace(inner, flaw=inner.flaw or "its failure is what is expected")
            elif last_name(call.func) == "suppress" and _names_failures(call.args):
                inner = replace(inner, flaw=inner.flaw or "`suppress` forgets its failure")
            else:
                yield from self._calls(call, place)
        yield from self.block(statement.body, inner)

    def _calls(self, node: ast.AST, place: _Place) -> Iterator[Assertion]:
        """Assertions that are calls, in one simple statement."""
        for each in ast.walk(node):
            if not isinstance(each, ast.Call):
                continue
            found = call_assertion(each, each.lineno, flaw=place.flaw)
            if found is None and last_name(each.func) in {"raises", "warns"} and len(each.args) > 1:
                found = raises_assertion(each, each.lineno, flaw=place.flaw)
            if found is None:
                is_alone = isinstance(node, ast.Expr) and node.value is each
                found = self._helper(each, is_alone=is_alone)
            if found is not None:
                yield self._found(found, place)

    def _helper(self, call: ast.Call, *, is_alone: bool) -> Assertion | None:
        """A call of a function that asserts, by what is known of it.

        One that stands alone is waited for by nobody; another may be, by what it is given to.
        """
        name = last_name(call.func)
        plain = name.lstrip("_").lower()
        known = self.helpers.get(name)
        waited = self.helpers.get(AWAIT + name)
        if waited is not None and not is_alone:
            known = waited
        is_known = known is not None
        if known is not None and (
            plain.startswith(_HELPER)
            or (max(known, waited or 0) > 0 and isinstance(call.func, ast.Name))
        ):
            strength = known
        elif plain == "fail" or plain.startswith("assert") or self._is_of_tests(call):
            strength = HELPER_STRENGTH
        else:
            return None
        flaw = None if strength else f"{name} asserts nothing"
        if waited and not strength:
            flaw = f"nobody waits for {name}"
        return Assertion(
            text_of(call), call.lineno, strength, names(call), text_of(call.func), literals(call),
            flaw=flaw, is_helper=True, is_awaited=None if is_known else not is_alone,
        )  # fmt: skip

    def _is_of_tests(self, call: ast.Call) -> bool:
        """Whether it is called like a helper and comes from the tests."""
        plain = last_name(call.func).lstrip("_").lower()
        if not plain.startswith(_HELPER):
            return False
        full = full_name(call.func, self.imports)
        parts = full.split(".")[:-1]
        return parts[:1] in (["self"], ["cls"]) or any(
            part in _TEST_PARTS or part.startswith("test_") for part in parts
        )

    def _found(self, found: Assertion, place: _Place) -> Assertion:
        if place.flaw is not None:
            return replace(found, strength=0, flaw=place.flaw)
        return replace(found, condition=place.condition)


def _inside(place: _Place, condition: str) -> _Place:
    return place if place.condition is not None else replace(place, condition=condition[:100])


def swallowing_functions(functions: Iterable[Function]) -> frozenset[str]:
    """Names of those that forget whatever fails within, such as a decorator's wrapper."""
    return frozenset(
        function.name
        for function in functions
        for each in ast.walk(function)
        if isinstance(each, ast.ExceptHandler) and _swallows(each)
    )


def _swallows(handler: ast.ExceptHandler) -> bool:
    """Whether a failed assertion ends in this handler and is not told."""
    if handler.type is not None and not _names_failures([handler.type]):
        return False
    for each in ast.walk(handler):
        if isinstance(each, ast.Raise):
            return False
        if isinstance(each, ast.Assert) and assertion_of(each.test, each.lineno).strength > 0:
            return False
        if isinstance(each, ast.Call) and last_name(each.func) in {"fail", "exit"}:
            return False
    return True


def _names_failures(types: list[ast.expr]) -> bool:
    for each in types:
        inner = each.elts if isinstance(each, ast.Tuple) else [each]
        if any(
            last_name(one) in _CATCHES_FAILURES or last_name(one) == "Exception" for one in inner
        ):
            return True
    return False


def constant_truth(expression: ast.expr) -> bool | None:
    """Whether a condition is always true or never; None where it depends on something."""
    if isinstance(expression, ast.Constant):
        return bool(expression.value)
    if isinstance(expression, ast.UnaryOp) and isinstance(expression.op, ast.Not):
        inner = constant_truth(expression.operand)
        return None if inner is None else not inner
    if isinstance(expression, ast.BoolOp):
        parts = [constant_truth(each) for each in expression.values]
        if isinstance(expression.op, ast.And):
            return False if False in parts else (True if all(p is True for p in parts) else None)
        return True if True in parts else (False if all(p is False for p in parts) else None)
    if isinstance(expression, ast.Compare) and len(expression.ops) == 1:
        return _constant_comparison(expression)
    return False if last_name(expression) == "TYPE_CHECKING" else None


def _constant_comparison(expression: ast.Compare) -> bool | None:
    left, right = expression.left, expression.comparators[0]
    if not (isinstance(left, ast.Constant) and isinstance(right, ast.Constant)):
        return None
    if isinstance(expression.ops[0], ast.Eq):
        return bool(left.value == right.value)
    return bool(left.value != right.value) if isinstance(expression.ops[0], ast.NotEq) else None


def _is_empty(expression: ast.expr) -> bool:
    if isinstance(expression, ast.List | ast.Tuple | ast.Set):
        return not expression.elts
    if isinstance(expression, ast.Dict):
        return not expression.keys
    if (
        isinstance(expression, ast.Call)
        and last_name(expression.func) == "range"
        and expression.args
    ):
        last = expression.args[-1] if len(expression.args) < 3 else expression.args[1]
        return len(expression.args) == 1 and isinstance(last, ast.Constant) and last.value == 0
    return isinstance(expression, ast.Constant) and expression.value == ""
