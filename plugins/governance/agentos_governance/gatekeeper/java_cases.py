"""The tests of Java: methods under `@Test`, assertions of JUnit and AssertJ, `@Disabled`.

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
    literals_in,
    one_line,
    parse_tree,
    text,
    walk,
    words_in,
)

_TEST = re.compile(r"@(Test|ParameterizedTest|RepeatedTest|TestFactory|Property)\b")
_SKIP = re.compile(r"@(Disabled|Ignore)\w*\b|enabled\s*=\s*false")
_MACHINE = re.compile(r"@(Disabled|Enabled)(OnOs|OnJre|IfSystemProperty|ForJreRange)\b")
_JUNIT = {
    "assertEquals": EXACT, "assertArrayEquals": EXACT, "assertSame": EXACT, "assertNull": EXACT,
    "assertIterableEquals": EXACT, "assertThrows": 4, "assertThrowsExactly": EXACT,
    "assertLinesMatch": 4, "assertTimeout": 3, "assertDoesNotThrow": 3, "assertInstanceOf": 2,
    "assertNotEquals": 2, "assertNotSame": 2, "assertFalse": 2, "assertTrue": 2, "fail": 3,
    "assertNotNull": VAGUE, "isEqualTo": EXACT, "isNull": EXACT, "containsExactly": EXACT,
    "hasSize": 4, "isEmpty": EXACT, "hasMessage": EXACT, "isTrue": 4, "isFalse": 4, "contains": 3,
    "isNotEmpty": VAGUE, "isNotNull": VAGUE, "isInstanceOf": 2, "isGreaterThan": 3, "verify": 4,
    "isLessThan": 3, "isCloseTo": 4, "assertAll": 3,
}  # fmt: skip


def read_java(path: str, content: bytes) -> Iterator[Case]:
    """Every method of a file of tests; whether it is one, its annotations tell."""
    root = parse_tree(path, content)
    for owner in walk(root):
        if owner.type != "class_declaration":
            continue
        class_name = text(owner.child_by_field_name("name"))
        class_marks = _marks(owner)
        body = owner.child_by_field_name("body")
        for node in body.named_children if body else []:
            if node.type == "method_declaration":
                yield _case(path, node, class_name, class_marks)


def _marks(node: Node) -> str:
    modifiers = next((each for each in node.named_children if each.type == "modifiers"), None)
    return one_line(modifiers)


def _case(path: str, node: Node, class_name: str, class_marks: str) -> Case:
    marks = _marks(node)
    body = node.child_by_field_name("body")
    skips = [
        Skip(mark[:120], line_of(node), bool(_MACHINE.search(mark)))
        for mark in (marks, class_marks)
        if _SKIP.search(mark)
    ]
    rows = re.findall(r'"(?:[^"\\]|\\.)*"', marks) if "Source" in marks else []
    return Case(
        path=path,
        name=f"{class_name}.{text(node.child_by_field_name('name'))}",
        line=line_of(node),
        end_line=node.end_point[0] + 1,
        is_test=bool(_TEST.search(marks)),
        assertions=tuple(_assertions(body)) if body is not None else (),
        parameters=tuple(rows),
        skips=tuple(skips),
        words=words_in(body) if body is not None else frozenset(),
        constants=literals_in(node),
        body=digest(body),
    )


def _assertions(body: Node) -> Iterator[Assertion]:
    for each in walk(body):
        if each.type == "assert_statement":
            condition = each.named_children[0] if each.named_children else None
            is_equality = "==" in one_line(condition) or ".equals(" in one_line(condition)
            yield _made(
                each, EXACT if is_equality else VAGUE, [condition] if condition else [], body
            )
        elif each.type == "method_invocation":
            name = text(each.child_by_field_name("name"))
            if name in _JUNIT and (
                name.startswith(("assert", "fail", "verify")) or _is_fluent(each)
            ):
                arguments = each.child_by_field_name("arguments")
                given = arguments.named_children if arguments else []
                yield _made(each, _JUNIT[name], given, body)


def _is_fluent(node: Node) -> bool:
    return "assertThat" in text(node.child_by_field_name("object"))


def _made(node: Node, strength: int, given: list[Node], body: Node) -> Assertion:
    flaw = _flaw(node, body)
    constants = {"true", "false", "decimal_integer_literal", "string_literal", "null_literal"}
    if given and all(each.type in constants for each in given[:2]) and not _is_fluent(node):
        flaw = flaw or ("it asserts a constant" if text(node).startswith("assert") else None)
    if len(given) > 1 and one_line(given[0]) == one_line(given[1]):
        flaw = "it compares something with itself"
    subject = given[1] if len(given) > 1 and given[0].type in constants else None
    subject = subject or (given[0] if given else node)
    if _is_fluent(node):
        subject = node.child_by_field_name("object") or node
    return Assertion(
        one_line(node), line_of(node), 0 if flaw else strength, words_in(node), one_line(subject),
        literals_in(node), None, flaw,
    )  # fmt: skip


def _flaw(node: Node, body: Node) -> str | None:
    inner: Node = node
    above = node.parent
    while above is not None and inner != body:
        if above.type == "block":
            for each in above.named_children:
                if each.start_byte >= inner.start_byte:
                    break
                if each.type in {"return_statement", "throw_statement"}:
                    return f"line {line_of(each)} ends the test before it"
        if above.type.startswith("try_") and above.child_by_field_name("body") == inner:
            for handler in above.named_children:
                if handler.type == "catch_clause" and _forgets(handler):
                    return f"the handler in line {line_of(handler)} forgets its failure"
        inner, above = above, above.parent
    return None


def _forgets(handler: Node) -> bool:
    source = text(handler)
    catches = re.search(
        r"catch\s*\(\s*(final\s+)?(Throwable|Exception|Error|AssertionError)", source
    )
    return bool(catches) and not re.search(r"\bthrow\b|fail\(|assert", source)
