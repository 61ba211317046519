"""The tests of Java: methods under `@Test`, assertions of JUnit and AssertJ, `@Disabled`.

Above: cases. Below: syntax_trees.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from tree_sitter import Node

from agentos_governance.gatekeeper.cases import EXACT, VAGUE, Assertion, Case, Skip
from agentos_governance.gatekeeper.foreign.flow import obstacle
from agentos_governance.gatekeeper.foreign.syntax_trees import (
    digest,
    line_of,
    literals_in,
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

_TEST = re.compile(r"@(Test|ParameterizedTest|RepeatedTest|TestFactory|Property)\b")
_SKIP = re.compile(r"@(Disabled|Ignore|Enabled)\w*+(?:\([^()]{0,200}\))?|enabled\s*=\s*false")
_MACHINE = re.compile(r"@(Disabled|Enabled)(OnOs|OnJre|ForJreRange|InNativeImage)\b")
_ASSUMING = frozenset({"assumeTrue", "assumeFalse", "assumingThat", "assumeThat", "assumeNotNull"})
_ASKS_MACHINE = re.compile(
    r"OS\.|os\.name|java\.version|JRE\.|Files\.exists|isSymbolicLink|getFileStore"
)
_ANY = re.compile(r"(?:Throwable|Exception|RuntimeException|Error)\.class$")
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


def read_java(path: str, content: bytes, shared: Mapping[str, int]) -> Iterator[Case]:
    """Every method of a file of tests; whether it is one, its annotations tell.

    `shared` says how much methods of other files assert.
    """
    root = parse_tree(path, content)
    methods = list(_methods(root))
    helpers = {**shared, **_asserting(methods)}
    for node, owner in methods:
        class_name = text(owner.child_by_field_name("name"))
        yield _case(path, node, class_name, _marks(owner), helpers)


def helpers_of_java(root: Node) -> dict[str, int]:
    """How much each method that is no test asserts by itself."""
    return _asserting(list(_methods(root)))


def _methods(root: Node) -> Iterator[tuple[Node, Node]]:
    for owner in walk(root):
        if owner.type not in {"class_declaration", "interface_declaration"}:
            continue
        body = owner.child_by_field_name("body")
        for node in body.named_children if body else []:
            if node.type == "method_declaration":
                yield node, owner


def _asserting(methods: list[tuple[Node, Node]]) -> dict[str, int]:
    bodies = {
        text(node.child_by_field_name("name")): body
        for node, _ in methods
        if (body := node.child_by_field_name("body")) is not None and not _TEST.search(_marks(node))
    }
    return strengths_of(bodies, _assertions)


def _marks(node: Node) -> str:
    modifiers = next((each for each in node.named_children if each.type == "modifiers"), None)
    return one_line(modifiers)


def _case(
    path: str, node: Node, class_name: str, class_marks: str, helpers: Mapping[str, int]
) -> Case:
    marks = _marks(node)
    body = node.child_by_field_name("body")
    rows = re.findall(r'"(?:[^"\\]|\\.)*"', marks) if "Source" in marks else []
    found = with_values(_assertions(body, helpers), body) if body is not None else iter(())
    return Case(
        path=path,
        name=f"{class_name}.{text(node.child_by_field_name('name'))}",
        line=line_of(node),
        end_line=node.end_point[0] + 1,
        # What is private or static is annotated in vain.
        is_test=bool(_TEST.search(marks)) and not re.search(r"\b(private|static)\b", marks),
        assertions=tuple(found),
        parameters=tuple(rows),
        skips=tuple(_skips(node, marks, class_marks)),
        calls=frozenset(_callees(body)) if body is not None else frozenset(),
        words=words_in(body) if body is not None else frozenset(),
        constants=literals_in(node),
        body=digest(body),
    )


def _skips(node: Node, *marks: str) -> Iterator[Skip]:
    for mark in marks:
        for match in _SKIP.finditer(mark):
            yield Skip(match[0][:120], line_of(node), bool(_MACHINE.search(match[0])))
    for each in walk(node):
        if each.type == "method_invocation" and text(each.child_by_field_name("name")) in _ASSUMING:
            source = one_line(each)
            yield Skip(source[:120], line_of(each), bool(_ASKS_MACHINE.search(source)))


def _callees(body: Node) -> Iterator[str]:
    for each in walk(body):
        if each.type == "method_invocation":
            owner = text(each.child_by_field_name("object"))
            name = text(each.child_by_field_name("name"))
            yield f"{owner}.{name}" if owner else name
        elif each.type == "object_creation_expression":
            yield one_line(each.child_by_field_name("type"))


def _assertions(body: Node, helpers: Mapping[str, int]) -> Iterator[Assertion]:
    found = [(node, made) for node in walk(body) if (made := _assertion(node)) is not None]
    known = {name: strength for name, strength in helpers.items() if name not in _JUNIT}
    for node, assertion in [*found, *helper_calls(body, known)]:
        place = obstacle(node, body, _forgets)
        if place.flaw is not None:
            yield replace(assertion, strength=0, flaw=place.flaw)
        else:
            yield replace(assertion, condition=place.condition)


def _assertion(node: Node) -> Assertion | None:
    if node.type == "assert_statement":
        condition = node.named_children[0] if node.named_children else None
        is_equality = "==" in one_line(condition) or ".equals(" in one_line(condition)
        return _made(node, EXACT if is_equality else VAGUE, [condition] if condition else [])
    if node.type != "method_invocation":
        return None
    name = text(node.child_by_field_name("name"))
    if name not in _JUNIT:
        return None
    if not (name.startswith(("assert", "fail", "verify")) or _is_fluent(node)):
        return None
    arguments = node.child_by_field_name("arguments")
    return _made(node, _JUNIT[name], arguments.named_children if arguments else [])


def _is_fluent(node: Node) -> bool:
    return "assertThat" in text(node.child_by_field_name("object"))


def _made(node: Node, strength: int, given: list[Node]) -> Assertion:
    flaw: str | None = None
    constants = {"true", "false", "decimal_integer_literal", "string_literal", "null_literal"}
    if given and all(each.type in constants for each in given[:2]) and not _is_fluent(node):
        flaw = flaw or ("it asserts a constant" if text(node).startswith("assert") else None)
    if len(given) > 1 and one_line(given[0]) == one_line(given[1]):
        flaw = "it compares something with itself"
    if "Throws" in text(node.child_by_field_name("name")) and given and _ANY.match(text(given[0])):
        strength = 2
    tolerance = _tolerance(node, given)
    if tolerance is not None and strength == EXACT:
        strength = 3 if tolerance > 0.05 else 4 if tolerance > 1e-3 else EXACT
    subject = given[1] if len(given) > 1 and given[0].type in constants else None
    subject = subject or (given[0] if given else node)
    if _is_fluent(node):
        subject = node.child_by_field_name("object") or node
    return Assertion(
        one_line(node), line_of(node), 0 if flaw else strength, words_in(node), one_line(subject),
        literals_in(node), tolerance, flaw,
    )  # fmt: skip


def _tolerance(node: Node, given: list[Node]) -> float | None:
    """The third argument of `assertEquals(4.33, mean, 0.01)`."""
    if text(node.child_by_field_name("name")) != "assertEquals" or len(given) < 3:
        return None
    digits = text(given[2]).rstrip("dfDFL").replace("_", "")
    return float(digits) if re.fullmatch(r"\d{1,9}(?:\.\d{1,9})?", digits) else None


def _forgets(handler: Node) -> bool:
    source = text(handler)
    catches = re.search(
        r"catch\s*\(\s*(final\s+)?(Throwable|Exception|Error|Assertion\w{0,12}Error)", source
    )
    return bool(catches) and not re.search(r"\bthrow\b|fail\(|assert", source)
