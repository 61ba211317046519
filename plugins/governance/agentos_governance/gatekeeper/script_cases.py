"""The tests of JavaScript and TypeScript: `it`, `test` and `describe` with their `expect`.

Above: foreign_cases. Below: syntax_trees. Jest, Vitest, Mocha with Chai, Jasmine, `node:assert`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tree_sitter import Node

from agentos_governance.gatekeeper.cases import EXACT, VAGUE, Assertion, Case, Replaced, Skip
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

_TESTS = frozenset({"it", "test", "specify", "fit", "xit", "xtest", "ftest"})
_GROUPS = frozenset({"describe", "context", "suite", "fdescribe", "xdescribe", "xcontext"})
_SKIPPING = frozenset({"skip", "todo", "failing", "fails", "skipIf", "runIf"})
_FOCUS = frozenset({"only", "fit", "fdescribe", "ftest"})
_MATCHERS = {
    "toBe": EXACT, "toEqual": EXACT, "toStrictEqual": EXACT, "toMatchInlineSnapshot": EXACT,
    "toBeNull": EXACT, "toBeUndefined": EXACT, "toBeNaN": EXACT, "toHaveBeenCalledWith": 4,
    "toHaveBeenLastCalledWith": 4, "toHaveBeenCalledTimes": 4, "toThrowError": 4, "toThrow": 4,
    "toHaveLength": 4, "toBeCloseTo": 4, "toMatchSnapshot": 4, "toHaveProperty": 3, "toContain": 3,
    "toContainEqual": 3, "toMatch": 3, "toMatchObject": 4, "toBeGreaterThan": 3, "toBeLessThan": 3,
    "toBeGreaterThanOrEqual": 3, "toBeLessThanOrEqual": 3, "toBeInstanceOf": 2,
    "toHaveBeenCalled": 2, "toBeTruthy": VAGUE, "toBeDefined": VAGUE, "toBeFalsy": 2,
    "equal": EXACT, "deep": EXACT, "eql": EXACT, "eq": EXACT, "strictEqual": EXACT,
    "deepEqual": EXACT, "deepStrictEqual": EXACT, "throws": 4, "rejects": 4, "ok": VAGUE,
    "exist": VAGUE, "true": EXACT, "false": EXACT, "null": EXACT, "include": 3, "property": 3,
}  # fmt: skip
_UNKNOWN_MATCHER = 3


@dataclass(frozen=True, slots=True)
class _Place:
    name: str = ""
    skips: tuple[Skip, ...] = ()


def read_script(path: str, content: bytes) -> Iterator[Case]:
    """Every test of a file; `describe` gives the first part of its name."""
    root = parse_tree(path, content)
    replaced = tuple(_replaced(root))
    sources = _sources(root)
    pending: list[tuple[Node, _Place]] = [(root, _Place())]
    has_focus = any(
        _modifiers(each) & _FOCUS for each in walk(root) if each.type == "call_expression"
    )
    while pending:
        node, place = pending.pop()
        inner = place
        if node.type == "call_expression":
            modifiers = _modifiers(node)
            title = _title(node)
            callback = _callback(node)
            if title is not None and modifiers & (_TESTS | _GROUPS):
                skips = _skips(node, modifiers)
                is_out = has_focus and not modifiers & _FOCUS and bool(modifiers & _TESTS)
                if is_out and not _is_in_focus(node):
                    skips = (*skips, Skip("another test is marked `.only`", line_of(node), False))
                if modifiers & _TESTS:
                    yield _case(path, node, place, title, callback, skips, replaced, sources)
                    continue
                inner = _Place(f"{place.name}{title} > ", (*place.skips, *skips))
        pending.extend((each, inner) for each in reversed(node.named_children))


def _is_in_focus(node: Node) -> bool:
    above = node.parent
    while above is not None:
        if above.type == "call_expression" and _modifiers(above) & _FOCUS:
            return True
        above = above.parent
    return False


def _modifiers(call: Node) -> set[str]:
    """`{it, only}` of `it.only(...)`, `{it, each}` of `it.each(table)(...)`."""
    callee = call.child_by_field_name("function")
    found: set[str] = set()
    while callee is not None:
        if callee.type == "member_expression":
            found.add(text(callee.child_by_field_name("property")))
            callee = callee.child_by_field_name("object")
        elif callee.type == "call_expression":
            callee = callee.child_by_field_name("function")
        else:
            found.add(text(callee))
            break
    return found if found & (_TESTS | _GROUPS) and len(found) <= 4 else set()


def _title(call: Node) -> str | None:
    arguments = call.child_by_field_name("arguments")
    first = arguments.named_children[0] if arguments and arguments.named_children else None
    if first is None or first.type not in {"string", "template_string", "identifier"}:
        return None
    return text(first).strip("\"'`")[:200]


def _callback(call: Node) -> Node | None:
    arguments = call.child_by_field_name("arguments")
    for each in arguments.named_children if arguments else []:
        if each.type in {"arrow_function", "function_expression", "function"}:
            return each
    return None


def _skips(call: Node, modifiers: set[str]) -> tuple[Skip, ...]:
    found = modifiers & (_SKIPPING | {"xit", "xtest", "xdescribe", "xcontext"})
    if not found:
        return ()
    callee = one_line(call.child_by_field_name("function"))[:120]
    is_machine = "process.platform" in callee or "process.version" in callee
    return (Skip(callee, line_of(call), is_machine, bool(found & {"failing", "fails"})),)


def _case(
    path: str,
    call: Node,
    place: _Place,
    title: str,
    callback: Node | None,
    skips: tuple[Skip, ...],
    replaced: tuple[Replaced, ...],
    sources: dict[str, str],
) -> Case:
    body = callback.child_by_field_name("body") if callback is not None else None
    assertions = tuple(_assertions(body)) if body is not None else ()
    inner_skips = _skip_calls(body)
    return Case(
        path=path,
        name=place.name + title,
        line=line_of(call),
        end_line=call.end_point[0] + 1,
        is_test=True,
        assertions=assertions,
        parameters=tuple(_parameters(call)),
        skips=(*place.skips, *skips, *inner_skips),
        replaced=replaced,
        calls=frozenset(
            source
            for name, source in sources.items()
            if any(each.subject.startswith(f"{name}(") for each in assertions)
        ),
        words=words_in(call),
        constants=literals_in(call),
        body=digest(body),
    )


def _skip_calls(body: Node | None) -> Iterator[Skip]:
    for each in walk(body) if body is not None else ():
        if each.type == "call_expression":
            name = one_line(each.child_by_field_name("function"))
            if name in {"this.skip", "pending", "t.skip", "ctx.skip", "context.skip"}:
                yield Skip(name, line_of(each), False)


def _parameters(call: Node) -> Iterator[str]:
    """Rows of `it.each([...])`."""
    callee = call.child_by_field_name("function")
    if callee is None or callee.type != "call_expression":
        return
    arguments = callee.child_by_field_name("arguments")
    table = arguments.named_children[0] if arguments and arguments.named_children else None
    if table is not None and table.type == "array":
        yield from (one_line(each) for each in table.named_children)


def _assertions(body: Node) -> Iterator[Assertion]:
    for each in walk(body):
        if each.type != "call_expression":
            continue
        found = _expectation(each) or _plain_assert(each)
        if found is not None:
            flaw = _flaw(each, body)
            condition = _condition(each, body)
            if condition is not None:
                found = replace(found, condition=condition)
            if flaw is not None:
                found = Assertion(found.text, found.line, 0, found.roots, found.subject,
                                  found.constants, found.tolerance, flaw)  # fmt: skip
            yield found


def _expectation(call: Node) -> Assertion | None:
    """`expect(subject).not.toBe(value)` as one assertion; None for other calls."""
    callee = call.child_by_field_name("function")
    chain: list[str] = []
    node = callee
    while node is not None and node.type == "member_expression":
        chain.append(text(node.child_by_field_name("property")))
        node = node.child_by_field_name("object")
    if node is None or node.type != "call_expression" or not chain:
        return None
    if text(node.child_by_field_name("function")) not in {"expect", "assertThat", "expectTypeOf"}:
        return None
    if (
        call.parent is not None
        and call.parent.type == "member_expression"
        and chain[0] not in _MATCHERS
    ):
        return None
    arguments = node.child_by_field_name("arguments")
    subject = arguments.named_children[0] if arguments and arguments.named_children else None
    given = call.child_by_field_name("arguments")
    expected = given.named_children[0] if given and given.named_children else None
    matcher = next((each for each in chain if each in _MATCHERS), chain[0])
    strength = _MATCHERS.get(matcher, _UNKNOWN_MATCHER)
    flaw = _constant_flaw(subject, expected, matcher)
    if "not" in chain:
        strength = (
            min(strength, 2) if matcher not in {"toThrow", "toBeNull", "toHaveBeenCalled"} else 2
        )
    if matcher in {"toThrow", "toThrowError"} and expected is None:
        strength = 3
    tolerance = None
    if matcher == "toBeCloseTo":
        digits = given.named_children[1] if given and len(given.named_children) > 1 else None
        tolerance = _digits(text(digits))
        strength = EXACT if tolerance <= 0.005 else 4
    return Assertion(
        one_line(call),
        line_of(call),
        0 if flaw else strength,
        words_in(subject) if subject is not None else frozenset(),
        one_line(subject),
        literals_in(call),
        tolerance,
        flaw,
    )


def _digits(digits: str) -> float:
    return 0.5 * 10.0 ** -(int(digits) if digits.isdecimal() and len(digits) < 3 else 2)


def _constant_flaw(subject: Node | None, expected: Node | None, matcher: str) -> str | None:
    if subject is None:
        return "it expects nothing"
    if subject.type in {"true", "false", "number", "string", "null"}:
        return "it asserts a constant"
    if expected is not None and one_line(subject) == one_line(expected):
        return "it compares something with itself"
    return None


def _plain_assert(call: Node) -> Assertion | None:
    """`assert(x)`, `assert.equal(a, b)`, `t.is(a, b)`."""
    callee = one_line(call.child_by_field_name("function"))
    first, _, method = callee.partition(".")
    if first not in {"assert", "t", "sinon"} or (
        first == "t" and method not in {"is", "deepEqual"}
    ):
        return None
    arguments = call.child_by_field_name("arguments")
    given = arguments.named_children if arguments else []
    subject = given[0] if given else None
    strength = _MATCHERS.get(method, EXACT if method in {"is", "deepEqual"} else VAGUE)
    if first == "assert" and not method and subject is not None:
        is_equality = subject.type == "binary_expression" and "==" in one_line(subject)
        strength = EXACT if is_equality else VAGUE
    expected = given[1] if len(given) > 1 else None
    flaw = _constant_flaw(subject, expected, method) if subject is not None else None
    return Assertion(
        one_line(call),
        line_of(call),
        0 if flaw else strength,
        words_in(subject) if subject is not None else frozenset(),
        one_line(subject),
        literals_in(call),
        None,
        flaw,
    )


def _flaw(node: Node, body: Node) -> str | None:
    """Why an assertion is not reached, or its failure not noticed."""
    inner: Node = node
    above = node.parent
    while above is not None and inner != body:
        if above.type == "statement_block":
            for each in above.named_children:
                if each.start_byte >= inner.start_byte:
                    break
                if each.type in {"return_statement", "throw_statement"}:
                    return f"line {line_of(each)} ends the test before it"
        if above.type == "try_statement" and above.child_by_field_name("body") == inner:
            handler = above.child_by_field_name("handler")
            if handler is not None and _forgets(handler):
                return f"the handler in line {line_of(handler)} forgets its failure"
        if above.type == "if_statement" and above.child_by_field_name("consequence") == inner:
            condition = one_line(above.child_by_field_name("condition"))
            if condition in {"(false)", "(0)"}:
                return "it stands in a branch that never runs"
        inner, above = above, above.parent
    return None


def _condition(node: Node, body: Node) -> str | None:
    """The condition of the branch that an assertion stands in, where the other has none."""
    inner: Node = node
    above = node.parent
    while above is not None and inner != body:
        if above.type == "if_statement" and above.child_by_field_name("consequence") == inner:
            other = above.child_by_field_name("alternative")
            if other is None or "expect" not in text(other):
                return one_line(above.child_by_field_name("condition"))[:100]
        inner, above = above, above.parent
    return None


def _forgets(handler: Node) -> bool:
    source = text(handler)
    return not any(word in source for word in ("throw", "expect(", "fail(", "assert", "done("))


def _sources(root: Node) -> dict[str, str]:
    """The module that each imported name comes from."""
    found: dict[str, str] = {}
    for each in walk(root):
        if each.type == "import_statement":
            source = text(each.child_by_field_name("source")).strip("\"'`")
            clause = next((c for c in each.named_children if c.type == "import_clause"), None)
            for part in walk(clause) if clause is not None else ():
                if part.type == "identifier":
                    found[text(part)] = source
    return found


def _replaced(root: Node) -> Iterator[Replaced]:
    """Modules and methods that `jest.mock`, `vi.mock` and `spyOn` replace."""
    for each in walk(root):
        if each.type != "call_expression":
            continue
        name = one_line(each.child_by_field_name("function"))
        arguments = each.child_by_field_name("arguments")
        given = arguments.named_children if arguments else []
        if name in {"jest.mock", "vi.mock", "jest.doMock", "vi.doMock"} and len(given) > 1:
            yield Replaced(text(given[0]).strip("\"'`"), line_of(each))
