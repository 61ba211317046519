"""The tests of Go: `func TestX(t *testing.T)`, what they fail on, and build constraints.

Above: foreign_cases. Below: syntax_trees. In Go a test asserts by an `if` that ends in `t.Error` or
`t.Fatal`; the condition is what it asserts. testify's calls are read as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

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

_TEST = re.compile(r"(Test|Fuzz|Example|Benchmark)([^a-z]|$)")
_FAILS = frozenset({"Error", "Errorf", "Fatal", "Fatalf", "Fail", "FailNow"})
_TESTIFY = {
    "Equal": EXACT, "Equalf": EXACT, "JSONEq": EXACT, "EqualValues": EXACT, "Nil": EXACT,
    "EqualError": EXACT, "Same": EXACT, "Exactly": EXACT, "Zero": EXACT, "Empty": EXACT,
    "ErrorIs": EXACT, "ElementsMatch": 4, "Len": 4, "ErrorContains": 4, "ErrorAs": 4, "InDelta": 4,
    "NoError": 4, "Contains": 3, "Greater": 3, "Less": 3, "Error": 2, "NotEqual": 2, "True": 2,
    "False": 2, "NotEmpty": VAGUE, "NotNil": VAGUE,
}  # fmt: skip
_TAG = re.compile(rb"^//(?:go:build|\s*\+build)\s+(.+)$", re.MULTILINE)
_SYSTEMS = re.compile(r"\b(linux|windows|darwin|unix|amd64|arm64|freebsd|cgo|race|go1\.\d+)\b")


def read_go(path: str, content: bytes) -> Iterator[Case]:
    """Every test function of a file."""
    root = parse_tree(path, content)
    tags = tuple(_tags(content))
    for node in root.named_children:
        if node.type not in {"function_declaration", "method_declaration"}:
            continue
        name = text(node.child_by_field_name("name"))
        body = node.child_by_field_name("body")
        if body is None:
            continue
        yield Case(
            path=path,
            name=name,
            line=line_of(node),
            end_line=node.end_point[0] + 1,
            is_test=bool(_TEST.match(name)),
            assertions=tuple(_named(_assertions(body), _assigned(body))),
            parameters=tuple(_rows(body)),
            skips=(*tags, *_skips(body)),
            words=words_in(body),
            constants=literals_in(body),
            body=digest(body),
        )


def _tags(content: bytes) -> Iterator[Skip]:
    """A constraint that a plain `go test` does not meet."""
    for match in _TAG.finditer(content):
        wanted = match[1].decode("utf-8", "replace").strip()
        line = content.count(b"\n", 0, match.start()) + 1
        yield Skip(f"//go:build {wanted}"[:120], line, bool(_SYSTEMS.search(wanted)))


def _skips(body: Node) -> Iterator[Skip]:
    for each in walk(body):
        if each.type != "call_expression":
            continue
        name = one_line(each.child_by_field_name("function"))
        if name.endswith((".Skip", ".Skipf", ".SkipNow")):
            condition = f"{_condition_of(each, body)} {_initializer_of(each, body)}"
            words = ("runtime.", "testing.Short", "exec.LookPath", "GOOS", "os.Getuid")
            is_machine = any(word in condition for word in words)
            yield Skip(one_line(each)[:120], line_of(each), is_machine)


def _condition_of(node: Node, body: Node) -> str:
    above = node.parent
    while above is not None and above != body:
        if above.type == "if_statement":
            return one_line(above.child_by_field_name("condition"))
        above = above.parent
    return ""


def _initializer_of(node: Node, body: Node) -> str:
    above = node.parent
    while above is not None and above != body:
        if above.type == "if_statement":
            return one_line(above.child_by_field_name("initializer"))
        above = above.parent
    return ""


def _assigned(body: Node) -> dict[str, str]:
    """What each name is declared as: `got := Total(1)`."""
    found: dict[str, str] = {}
    for each in walk(body):
        if each.type == "short_var_declaration":
            name = one_line(each.child_by_field_name("left")).partition(",")[0]
            found[name] = one_line(each.child_by_field_name("right"))
    return found


def _rows(body: Node) -> Iterator[str]:
    """Rows of a table: composite literals of a slice of structs."""
    for each in walk(body):
        if each.type == "composite_literal" and one_line(
            each.child_by_field_name("type")
        ).startswith(("[]struct", "map[string]struct", "[]")):
            value = each.child_by_field_name("body")
            for row in value.named_children if value else []:
                if "{" in text(row):
                    yield one_line(row)


def _assertions(body: Node) -> Iterator[Assertion]:
    for each in walk(body):
        if each.type != "call_expression":
            continue
        callee = each.child_by_field_name("function")
        if callee is None or callee.type != "selector_expression":
            continue
        owner = text(callee.child_by_field_name("operand"))
        method = text(callee.child_by_field_name("field"))
        if owner in {"assert", "require", "a", "r", "is"} and method in _TESTIFY:
            yield _testify(each, method, body)
        elif method in _FAILS and owner in {"t", "tt", "tb", "b", "f", "s"}:
            yield _failing_branch(each, body)


def _named(found: Iterator[Assertion], assigned: dict[str, str]) -> Iterator[Assertion]:
    for each in found:
        yield replace(each, alias=assigned.get(each.subject, ""))


def _testify(call: Node, method: str, body: Node) -> Assertion:
    arguments = call.child_by_field_name("arguments")
    given = [each for each in arguments.named_children if text(each) != "t"] if arguments else []
    subject = given[-1] if method.startswith(("Equal", "JSONEq", "Exactly")) and given else None
    subject = subject or (given[0] if given else call)
    same = len(given) > 1 and one_line(given[0]) == one_line(given[1])
    is_constant = method in {"True", "False"} and bool(given) and given[0].type in {"true", "false"}
    flaw = "it compares something with itself" if same else _ended(call, body)
    flaw = "it asserts a constant" if is_constant else flaw
    return Assertion(
        one_line(call), line_of(call), 0 if flaw else _TESTIFY[method], words_in(call) - {"t", "assert", "require"},
        one_line(subject), literals_in(call), None, flaw,
    )  # fmt: skip


def _failing_branch(call: Node, body: Node) -> Assertion:
    condition = _condition_of(call, body)
    strength = _strength(condition)
    flaw = _ended(call, body)
    if condition in {"false", "1 == 2"}:
        flaw = "it stands in a branch that never runs"
    left = re.split(r"\s*(?:!=|==|<=|>=|<|>)\s*", condition)
    if len(left) == 2 and left[0] == left[1]:
        flaw = "it compares something with itself"
    return Assertion(
        condition or one_line(call), line_of(call), 0 if flaw else strength,
        frozenset(re.findall(r"[A-Za-z_]\w*", condition)) - {"nil", "err"} or frozenset({"err"}),
        left[0], frozenset(re.findall(r'"[^"]*"|\b\d[\d.]*\b', condition)), None, flaw,
    )  # fmt: skip


def _strength(condition: str) -> int:
    if not condition:
        return 3
    if "err != nil" in condition or "err == nil" in condition:
        return 3
    if "!=" in condition or "DeepEqual" in condition or "cmp.Diff" in condition:
        return 4 if condition.startswith("len(") else EXACT
    return 3


def _ended(node: Node, body: Node) -> str | None:
    inner: Node = node
    above = node.parent
    while above is not None and inner != body:
        if above.type in {"block", "statement_list"}:
            for each in above.named_children:
                if each.start_byte >= inner.start_byte:
                    break
                if each.type == "return_statement":
                    return f"line {line_of(each)} ends the test before it"
        inner, above = above, above.parent
    return None
