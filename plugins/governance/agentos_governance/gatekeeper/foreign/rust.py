"""The tests of Rust: functions under `#[test]`, their `assert!` family, and `#[ignore]`.

Above: cases. Below: syntax_trees.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from tree_sitter import Node

from agentos_governance.gatekeeper.cases import EXACT, VAGUE, Assertion, Case, Skip
from agentos_governance.gatekeeper.foreign.flow import obstacle
from agentos_governance.gatekeeper.foreign.syntax_trees import (
    digest,
    line_of,
    one_line,
    parse_tree,
    text,
    walk,
    words_in,
)
from agentos_governance.gatekeeper.foreign.values import (
    helper_calls,
    strengths_of,
    with_values,
)

_MACROS = {
    "assert_eq": EXACT, "assert_ne": 2, "assert": VAGUE, "assert_matches": 4, "prop_assert": VAGUE,
    "prop_assert_eq": EXACT, "debug_assert_eq": EXACT, "panic": 3, "unreachable": 3,
}  # fmt: skip
_TEST = re.compile(r"(^|::|\b)(test|rstest|test_case|proptest|quickcheck)\b")
_SYSTEM = re.compile(r"\b(target_\w+|unix|windows|miri|debug_assertions)\b")
_IS_TESTED = re.compile(r"test|all\(test\)|any\(test\)|any\(test, ?feature = \"[\w-]+\"\)")
_LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"|\b\d[\d_.]*\b')


def read_rust(path: str, content: bytes, shared: Mapping[str, int]) -> Iterator[Case]:
    """Every test of a file, and the functions beside tests that carried the attribute before.

    `shared` says how much functions of other files assert.
    """
    root = parse_tree(path, content)
    found = list(_functions(root))
    helpers = {**shared, **_asserting(found)}
    for node, name, attributes in found:
        case = _case(path, node, name, attributes, helpers)
        if case.is_test or case.assertions:
            yield case


def helpers_of_rust(root: Node) -> dict[str, int]:
    """How much each function that is no test asserts by itself."""
    return _asserting(list(_functions(root)))


def _asserting(functions: list[tuple[Node, str, list[Node]]]) -> dict[str, int]:
    bodies: dict[str, Node] = {}
    for node, name, attributes in functions:
        body = node.child_by_field_name("body")
        is_test = _is_test(map(one_line, attributes))
        if body is not None and not is_test and not _is_product(name, attributes):
            bodies[name.rpartition("::")[2]] = body
    return strengths_of(bodies, lambda body, known: _assertions(body, [], known))


def _is_test(marks: Iterable[str]) -> bool:
    return any(_TEST.search(mark) and "cfg" not in mark for mark in marks)


def _is_product(name: str, attributes: list[Node]) -> bool:
    """Whether a function stands in no module of tests, so that its checks are its own."""
    return "::" not in name and not any("cfg(test)" in one_line(each) for each in attributes)


def _functions(root: Node) -> Iterator[tuple[Node, str, list[Node]]]:
    """Each function with its name in the file and its attributes, those of its modules among them."""
    pending: list[tuple[Node, str, list[Node]]] = [(root, "", _inner_attributes(root))]
    while pending:
        node, prefix, outer = pending.pop()
        attributes: list[Node] = []
        inner: list[tuple[Node, str, list[Node]]] = []
        for each in node.named_children:
            if each.type == "attribute_item":
                attributes.append(each)
                continue
            name = text(each.child_by_field_name("name"))
            if each.type == "function_item":
                yield each, prefix + name, [*outer, *attributes]
            elif each.type in {"mod_item", "impl_item", "declaration_list"}:
                is_module = each.type == "mod_item"
                inner.append(
                    (each, f"{prefix}{name}::" if is_module else prefix, [*outer, *attributes])
                )
            if each.type not in {"line_comment", "block_comment"}:
                attributes = []
        pending.extend(reversed(inner))


def _inner_attributes(root: Node) -> list[Node]:
    return [each for each in root.named_children if each.type == "inner_attribute_item"]


def _case(
    path: str, node: Node, name: str, attributes: list[Node], helpers: Mapping[str, int]
) -> Case:
    marks = [one_line(each) for each in attributes]
    body = node.child_by_field_name("body")
    found = _assertions(body, marks, helpers) if body is not None else iter(())
    return Case(
        path=path,
        name=name,
        line=line_of(node),
        end_line=node.end_point[0] + 1,
        is_test=_is_test(marks),
        assertions=tuple(with_values(found, body)) if body is not None else (),
        parameters=tuple(mark for mark in marks if "case(" in mark),
        skips=tuple(_skips(attributes)),
        calls=frozenset(_callees(body)) if body is not None else frozenset(),
        words=words_in(body) if body is not None else frozenset(),
        constants=frozenset(_LITERAL.findall(text(body))),
        body=digest(body),
    )


def _skips(attributes: list[Node]) -> Iterator[Skip]:
    """`#[ignore]`, and conditions other than that it is tested."""
    for each in attributes:
        mark = one_line(each)
        condition = re.search(r"\bcfg(?:_attr)?\((.*)\)", mark)
        if re.search(r"\bignore\b", mark):
            is_machine = "cfg_attr" in mark and bool(_SYSTEM.search(mark))
            yield Skip(mark[:120], line_of(each), is_machine)
        elif condition and "cfg_attr" not in mark and not _IS_TESTED.fullmatch(condition[1]):
            yield Skip(mark[:120], line_of(each), bool(_SYSTEM.search(mark)))


def _callees(body: Node) -> Iterator[str]:
    for each in walk(body):
        if each.type == "call_expression":
            yield one_line(each.child_by_field_name("function")).rpartition("::")[2]
        elif each.type == "token_tree":
            # Calls within macros are no nodes.
            yield from re.findall(r"\b([a-z_]\w*)\(", one_line(each)[:4_000])


def _assertions(body: Node, marks: list[str], helpers: Mapping[str, int]) -> Iterator[Assertion]:
    for mark in marks:
        if "should_panic" in mark:
            strength = EXACT if "expected" in mark else 3
            yield Assertion(
                mark, line_of(body), strength, frozenset({"should_panic"}), "panic", frozenset()
            )
    found = [
        (each, _macro(each, name))
        for each in walk(body)
        if each.type == "macro_invocation"
        and _asserts(name := text(each.child_by_field_name("macro")).rpartition("::")[2])
    ]
    for node, assertion in [*found, *helper_calls(body, helpers)]:
        place = obstacle(node, body, lambda handler: False)
        if place.flaw is not None:
            yield replace(assertion, strength=0, flaw=place.flaw)
        else:
            yield replace(assertion, condition=place.condition)


def _asserts(name: str) -> bool:
    """Whether a macro is one that asserts, of the language or of somebody's own."""
    return name in _MACROS or name.startswith(("assert", "prop_assert", "check_", "expect"))


def _macro(node: Node, name: str) -> Assertion:
    given = one_line(node).partition("!")[2].strip("()[]{} ")
    first, second = _split(given)
    strength, flaw = _MACROS.get(name, 4), None
    if name == "assert":
        if first in {"true", "1 == 1"}:
            flaw = "it asserts a constant"
        sides = re.split(r"\s*==\s*", first)
        strength = EXACT if len(sides) == 2 else VAGUE
        if "matches!" in first:
            strength = 4
        if len(sides) == 2 and sides[0] == sides[1]:
            flaw = "it compares something with itself"
    elif second and first == second:
        flaw = "it compares something with itself"
    elif second and _LITERAL.fullmatch(first) and _LITERAL.fullmatch(second):
        flaw = "it compares constants"
    return Assertion(
        one_line(node), line_of(node), 0 if flaw else strength,
        frozenset(re.findall(r"[A-Za-z_]\w*", given)) - set(_MACROS),
        first, frozenset(_LITERAL.findall(given)), None, flaw,
    )  # fmt: skip


def _split(given: str) -> tuple[str, str]:
    """The first two arguments of a macro, split at commas outside of brackets."""
    parts, depth, start = [], 0, 0
    quoted = False
    for at, character in enumerate(given):
        if character == '"' and given[at - 1 : at] != "\\":
            quoted = not quoted
        elif not quoted and character in "([{":
            depth += 1
        elif not quoted and character in ")]}":
            depth -= 1
        elif not quoted and character == "," and depth == 0:
            parts.append(given[start:at].strip())
            start = at + 1
    parts.append(given[start:].strip())
    return parts[0], parts[1] if len(parts) > 1 else ""
