"""The tests of Go: `func TestX(t *testing.T)`, what they fail on, and build constraints.

Above: cases. Below: syntax_trees. In Go a test asserts by an `if` that ends in `t.Error` or
`t.Fatal`; the condition is what it asserts. testify's calls are read as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from tree_sitter import Node

from agentos_governance.gatekeeper.cases import EXACT, VAGUE, Assertion, Case, Skip
from agentos_governance.gatekeeper.foreign.flow import Obstacle, obstacle
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
    assigned_in,
    helper_calls,
    strengths_of,
    with_values,
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
_NEVER = re.compile(r"\(?(?:false\b|1 == 2|!true\b)")
_OTHER = re.compile(r"(?:new\(|&)testing\.")
_TAG = re.compile(rb"^//(?:go:build|\s*\+build)\s+(.+)$", re.MULTILINE)
_SYSTEMS = re.compile(r"\b(linux|windows|darwin|unix|amd64|arm64|freebsd|cgo|race|go1\.\d+)\b")
_OF_NAMES = frozenset(
    [
        "aix",
        "android",
        "darwin",
        "dragonfly",
        "freebsd",
        "illumos",
        "ios",
        "js",
        "linux",
        "netbsd",
        "openbsd",
        "plan9",
        "solaris",
        "wasip1",
        "windows",
        "386",
        "amd64",
        "arm",
        "arm64",
        "loong64",
        "mips",
        "mips64",
        "mips64le",
        "mipsle",
        "ppc64",
        "ppc64le",
        "riscv64",
        "s390x",
        "wasm",
    ]
)


def read_go(path: str, content: bytes, shared: Mapping[str, int]) -> Iterator[Case]:
    """Every test function of a file; `shared` says how much functions of other files assert."""
    root = parse_tree(path, content)
    tags = (*_tags(content), *_of_name(path))
    helpers = {**shared, **helpers_of_go(root)}
    for name, body in _functions(root):
        node = body.parent or body
        is_main = name == "TestMain" and "testing.M" in one_line(node)
        yield Case(
            path=path,
            name=name,
            line=line_of(node),
            end_line=node.end_point[0] + 1,
            is_test=bool(_TEST.match(name)) and not is_main,
            assertions=tuple(with_values(_assertions(body, helpers), body)),
            parameters=tuple(_rows(body)),
            skips=(*tags, *_skips(body)),
            calls=_callees(body),
            words=words_in(body),
            constants=literals_in(body),
            body=digest(body),
            doubts=tuple(_doubts_of_main(body)) if is_main else (),
        )


def _doubts_of_main(body: Node) -> Iterator[tuple[int, str]]:
    """What `TestMain` does with how the tests end: their status is that of `m.Run()`."""
    calls = [(one_line(each), each) for each in walk(body) if each.type == "call_expression"]
    if not any(re.fullmatch(r"\w+\.Run\(\)", call) for call, _ in calls):
        yield line_of(body), "it runs no test"
    for call, node in calls:
        if call == "os.Exit(0)":
            yield line_of(node), "it ends with success, whatever tests there are"


def helpers_of_go(root: Node) -> dict[str, int]:
    """How much each function that is no test asserts by itself."""
    bodies = {
        name: body
        for name, body in _functions(root)
        if not _TEST.match(name) and "testing." in one_line(body.parent)
    }
    return strengths_of(bodies, _assertions)


def _functions(root: Node) -> Iterator[tuple[str, Node]]:
    for node in root.named_children:
        if node.type in {"function_declaration", "method_declaration"}:
            body = node.child_by_field_name("body")
            if body is not None:
                yield text(node.child_by_field_name("name")), body


def _callees(body: Node) -> frozenset[str]:
    return frozenset(
        one_line(each.child_by_field_name("function"))
        for each in walk(body)
        if each.type == "call_expression"
    )


def _tags(content: bytes) -> Iterator[Skip]:
    """A constraint that a plain `go test` does not meet."""
    for match in _TAG.finditer(content):
        wanted = match[1].decode("utf-8", "replace").strip()
        line = content.count(b"\n", 0, match.start()) + 1
        yield Skip(f"//go:build {wanted}"[:120], line, bool(_SYSTEMS.search(wanted)))


def _of_name(path: str) -> Iterator[Skip]:
    """`cart_plan9_test.go` is for one system by its name alone."""
    parts = path.rpartition("/")[2].removesuffix(".go").removesuffix("_test").split("_")[1:]
    for part in parts[-2:]:
        if part in _OF_NAMES:
            yield Skip(f"the name of the file is for {part} only", 1, is_conditional=True)


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


def _assertions(body: Node, helpers: Mapping[str, int]) -> Iterator[Assertion]:
    is_other = bool(_OTHER.match(assigned_in(body).get("t", "")))
    for each in walk(body):
        found = _assertion(each, body)
        if found is not None and is_other:
            found = replace(found, strength=0, flaw="its `t` is not that of the test")
        if found is not None:
            yield found
    for node, found in helper_calls(body, helpers):
        yield _placed(found, obstacle(node, body, _no_handler))


def _assertion(node: Node, body: Node) -> Assertion | None:
    if node.type != "call_expression":
        return None
    callee = node.child_by_field_name("function")
    if callee is None or callee.type != "selector_expression":
        return None
    owner = text(callee.child_by_field_name("operand"))
    method = text(callee.child_by_field_name("field"))
    if owner in {"assert", "require", "a", "r", "is"} and method in _TESTIFY:
        return _testify(node, method, body)
    if method in _FAILS and owner in {"t", "tt", "tb", "b", "f", "s"}:
        return _failing_branch(node, body)
    return None


def _no_handler(handler: Node) -> bool:
    return False


def _placed(found: Assertion, place: Obstacle) -> Assertion:
    if place.flaw is not None:
        return replace(found, strength=0, flaw=place.flaw)
    return replace(found, condition=place.condition)


def _testify(call: Node, method: str, body: Node) -> Assertion:
    arguments = call.child_by_field_name("arguments")
    given = [each for each in arguments.named_children if text(each) != "t"] if arguments else []
    subject = given[-1] if method.startswith(("Equal", "JSONEq", "Exactly")) and given else None
    subject = subject or (given[0] if given else call)
    same = len(given) > 1 and one_line(given[0]) == one_line(given[1])
    is_constant = method in {"True", "False"} and bool(given) and given[0].type in {"true", "false"}
    flaw = "it compares something with itself" if same else None
    flaw = "it asserts a constant" if is_constant else flaw
    found = Assertion(
        one_line(call), line_of(call), 0 if flaw else _TESTIFY[method], words_in(call) - {"t", "assert", "require"},
        one_line(subject), literals_in(call), None, flaw,
    )  # fmt: skip
    return _placed(found, obstacle(call, body, _no_handler))


def _failing_branch(call: Node, body: Node) -> Assertion:
    branch = _branch_of(call, body)
    condition = "" if branch is None else one_line(branch.child_by_field_name("condition"))
    flaw = None
    if _NEVER.match(condition):
        flaw = "it stands in a branch that never runs"
    left = re.split(r"\s*(?:!=|==|<=|>=|<|>)\s*", condition.rpartition("|| ")[2])
    if len(left) == 2 and left[0] == left[1]:
        flaw = "it compares something with itself"
    found = Assertion(
        condition or one_line(call), line_of(call), 0 if flaw else _strength(condition),
        frozenset(re.findall(r"[A-Za-z_]\w*", condition)) - {"nil", "err"} or frozenset({"err"}),
        left[0], frozenset(re.findall(r'"[^"]*"|\b\d[\d.]*\b', condition)), None, flaw,
    )  # fmt: skip
    return _placed(found, obstacle(branch or call, body, _no_handler))


def _branch_of(node: Node, body: Node) -> Node | None:
    """The nearest `if` around a node."""
    above = node.parent
    while above is not None and above != body:
        if above.type == "if_statement":
            return above
        above = above.parent
    return None


def _strength(condition: str) -> int:
    """Of the strongest of its parts: a test fails where any of them holds."""
    return max((_of_part(part.strip("() ")) for part in condition.split("||")), default=3)


def _of_part(part: str) -> int:
    if "&&" in part or part in {"", "err != nil", "err == nil"}:
        return 3
    if "!=" in part or "DeepEqual" in part or "cmp.Diff" in part:
        return 4 if part.startswith("len(") else EXACT
    return 3
