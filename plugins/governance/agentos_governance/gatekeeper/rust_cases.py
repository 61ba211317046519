"""The tests of Rust: functions under `#[test]`, their `assert!` family, and `#[ignore]`.

Above: foreign_cases. Below: syntax_trees.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tree_sitter import Node

from agentos_governance.gatekeeper.cases import EXACT, VAGUE, Assertion, Case, Skip
from agentos_governance.gatekeeper.syntax_trees import (
    digest,
    line_of,
    one_line,
    parse_tree,
    text,
    walk,
    words_in,
)

_MACROS = {
    "assert_eq": EXACT, "assert_ne": 2, "assert": VAGUE, "assert_matches": 4, "prop_assert": VAGUE,
    "prop_assert_eq": EXACT, "debug_assert_eq": EXACT, "panic": 3, "unreachable": 3,
}  # fmt: skip
_TEST = re.compile(r"(^|::|\b)(test|rstest|test_case|proptest|quickcheck)\b")
_LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"|\b\d[\d_.]*\b')


def read_rust(path: str, content: bytes) -> Iterator[Case]:
    """Every test of a file, and the functions beside tests that carried the attribute before."""
    root = parse_tree(path, content)
    pending: list[tuple[Node, str]] = [(root, "")]
    while pending:
        node, prefix = pending.pop()
        attributes: list[Node] = []
        inner: list[tuple[Node, str]] = []
        for each in node.named_children:
            if each.type == "attribute_item":
                attributes.append(each)
                continue
            name = text(each.child_by_field_name("name"))
            if each.type == "function_item":
                case = _case(path, each, prefix + name, attributes)
                if case.is_test or case.assertions:
                    yield case
            elif each.type in {"mod_item", "impl_item", "declaration_list"}:
                inner.append((each, f"{prefix}{name}::" if each.type == "mod_item" else prefix))
            if each.type not in {"line_comment", "block_comment"}:
                attributes = []
        pending.extend(reversed(inner))


def _case(path: str, node: Node, name: str, attributes: list[Node]) -> Case:
    marks = [one_line(each) for each in attributes]
    body = node.child_by_field_name("body")
    return Case(
        path=path,
        name=name,
        line=line_of(node),
        end_line=node.end_point[0] + 1,
        is_test=any(_TEST.search(mark) for mark in marks),
        assertions=tuple(_assertions(body, marks)) if body is not None else (),
        parameters=tuple(mark for mark in marks if "case(" in mark),
        skips=tuple(
            Skip(mark, line_of(node), "cfg_attr" in mark)
            for mark in marks
            if re.search(r"\bignore\b", mark)
        ),
        words=words_in(body) if body is not None else frozenset(),
        constants=frozenset(_LITERAL.findall(text(body))),
        body=digest(body),
    )


def _assertions(body: Node, marks: list[str]) -> Iterator[Assertion]:
    for mark in marks:
        if "should_panic" in mark:
            strength = EXACT if "expected" in mark else 3
            yield Assertion(
                mark, line_of(body), strength, frozenset({"should_panic"}), "panic", frozenset()
            )
    for each in walk(body):
        if each.type != "macro_invocation":
            continue
        name = text(each.child_by_field_name("macro")).rpartition("::")[2]
        if name in _MACROS:
            yield _macro(each, name, body)


def _macro(node: Node, name: str, body: Node) -> Assertion:
    given = one_line(node).partition("!")[2].strip("()[]{} ")
    first, second = _split(given)
    strength, flaw = _MACROS[name], _ended(node, body)
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


def _ended(node: Node, body: Node) -> str | None:
    inner: Node = node
    above = node.parent
    while above is not None and inner != body:
        if above.type == "block":
            for each in above.named_children:
                if each.start_byte >= inner.start_byte:
                    break
                kinds = {each.type, *(part.type for part in each.named_children)}
                is_statement = each.type in {"expression_statement", "return_expression"}
                if is_statement and "return_expression" in kinds:
                    return f"line {line_of(each)} ends the test before it"
        inner, above = above, above.parent
    return None
