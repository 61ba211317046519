"""Branches of Python that inputs of tests take and no others, however they are written.

Above: special_cases. Below: asked_inputs, constant_folding, expectations. An empty value for an empty input
is what honest code answers; a document or a sentence that only a test has is not, where the function
computes nothing of that kind, or has several of them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agentos_governance.gatekeeper.checks.hard_coded.asked_inputs import (
    Function,
    Special,
    is_telling,
    parameters_of,
    values_asked,
)
from agentos_governance.gatekeeper.checks.hard_coded.constant_folding import UnfoldableError, folded
from agentos_governance.gatekeeper.checks.hard_coded.expectations import (
    Expectations,
    is_trivial,
    literal_of,
)
from agentos_governance.gatekeeper.python.assertions import last_name, text_of

MAX_PAIRS = 200
_DOCUMENT = re.compile(r"^'(?:\[.*\]|\{.*\}|<.*>)'$", re.DOTALL)
_SENTENCE = re.compile(r"^'(?=.{5}).*[\s,;=()\"].*'$", re.DOTALL)
LEAST_GUARDS = 2


def guarded_inputs(
    node: Function, known: Function | None, name: str, expected: Expectations
) -> list[Special]:
    """Inputs that only a test has, with whatever answer; usual where there is one and the rest computes."""
    short = name.rpartition(".")[2]
    was = text_of(known) if known is not None else ""
    found = [each for each in _guards(node, short, expected) if each.text not in was]
    inputs = {value for each in found for value in each.asked}
    guarding = {each.line for each in found}
    if len(inputs) >= LEAST_GUARDS:
        return found
    is_usual = {each.line: _is_computed(node, each, guarding) for each in found}
    return [
        Special(each.line, each.text, each.result, each.asked, is_usual=is_usual[each.line])
        for each in found
    ]


def _guards(node: Function, name: str, expected: Expectations) -> Iterator[Special]:
    parameters = parameters_of(node)
    for each in ast.walk(node):
        if not isinstance(each, ast.If):
            continue
        answer = _answer_of(each.body[0])
        if answer is None:
            continue
        asked = {value for value in values_asked(each.test, parameters) if _is_of_a_test(value)}
        hits = {value for value in asked if ((value,), answer) in expected.every(name)}
        if hits:
            text = f"if {text_of(each.test)}: {text_of(each.body[0])}"
            yield Special(each.test.lineno, text, answer, tuple(sorted(hits)))


def _answer_of(statement: ast.stmt) -> str | None:
    """The literal that a branch returns, or the exception that it raises."""
    if isinstance(statement, ast.Raise) and statement.exc is not None:
        raised = statement.exc
        return f"raises {last_name(raised.func if isinstance(raised, ast.Call) else raised)}"
    return literal_of(statement.value) if isinstance(statement, ast.Return) else None


def _is_of_a_test(value: str) -> bool:
    """Whether nobody asks for a value by name who has not read the test: no symbol, no word."""
    return is_telling(value) or bool(_DOCUMENT.match(value) or _SENTENCE.match(value))


def _is_named(value: str) -> bool:
    """Whether it is a word or a symbol, which a function of flags or operators asks for by name."""
    return value[:1] in {"'", '"'} and not _is_of_a_test(value)


def _is_computed(node: Function, guard: Special, guarding: set[int]) -> bool:
    """Whether the function has another way to an answer of that kind, which asks for no such input."""
    inside = {
        id(one)
        for each in ast.walk(node)
        if isinstance(each, ast.If) and each.test.lineno in guarding
        for statement in each.body
        for one in ast.walk(statement)
    }
    for each in ast.walk(node):
        if id(each) in inside or not isinstance(each, ast.Return | ast.Raise | ast.Yield):
            continue
        if guard.result.startswith("raises ") and isinstance(each, ast.Raise):
            if each.exc is None or _answer_of(each) == guard.result:
                return True
        elif isinstance(each, ast.Return | ast.Yield) and each.value is not None:
            is_answer = literal_of(each.value) is None and not guard.result.startswith("raises ")
            if is_answer:
                return True
    return False


def singled_out(
    node: Function, name: str, expected: Expectations, found: list[Special]
) -> Iterator[Special]:
    """Branches that just one input of a test takes and no neighbour of it, however that is written."""
    known = {each.line for each in found}
    pairs = sorted(expected.pairs.get(name.rpartition(".")[2], ()))[:MAX_PAIRS]
    for each in ast.walk(node):
        if not isinstance(each, ast.If | ast.IfExp) or each.test.lineno in known:
            continue
        statement = each.body if isinstance(each, ast.IfExp) else each.body[0]
        value = statement.value if isinstance(statement, ast.Return) else statement
        result = _folded_result(value) if isinstance(value, ast.expr) else None
        if result is None:
            continue
        for inputs, answer in pairs:
            if (
                answer == result
                and not all(map(is_trivial, inputs))
                and not (is_trivial(result) and all(map(_is_named, inputs)))
                and _takes(node, each.test, inputs)
            ):
                text = f"if {text_of(each.test)}: {text_of(statement)}"
                yield Special(each.test.lineno, text, result, inputs)
                break


def _folded_result(value: ast.expr) -> str | None:
    try:
        return repr(folded(value, {}))
    except UnfoldableError:
        return None


def _takes(node: Function, test: ast.expr, inputs: tuple[str, ...]) -> bool:
    """Whether the condition holds for the inputs, and for none that are near to them."""
    names = [
        each.arg
        for each in (*node.args.posonlyargs, *node.args.args)
        if each.arg not in {"self", "cls"}
    ]
    used = {each.id for each in ast.walk(test) if isinstance(each, ast.Name)}
    values = [ast.literal_eval(text) for text in inputs]
    given = dict(zip(names, values, strict=False))
    if not used & given.keys():
        return False
    try:
        if folded(test, given) is not True:
            return False
        near = [
            {**given, name: other} for name in used & given.keys() for other in _near(given[name])
        ]
        return bool(near) and not any(folded(test, each) for each in near)
    except UnfoldableError:
        return False


def _near(value: object) -> list[object]:
    if isinstance(value, bool):
        return []
    if isinstance(value, int | float):
        return [value - 2, value - 1, value + 1, value + 2, value + 10, value * 2 + 1]
    return [f"{value}x", f"x{value}", ""] if isinstance(value, str) else []
