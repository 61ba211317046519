"""The tests of JavaScript and TypeScript: `it`, `test` and `describe` with their `expect`.

Above: cases. Below: syntax_trees. Jest, Vitest, Mocha with Chai, Jasmine, `node:assert`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from tree_sitter import Node

from agentos_governance.gatekeeper.cases import EXACT, VAGUE, Assertion, Case, Replaced, Skip
from agentos_governance.gatekeeper.foreign.flow import obstacle
from agentos_governance.gatekeeper.foreign.forgotten_promises import is_forgotten
from agentos_governance.gatekeeper.foreign.script_doubles import replaced_in, sources_in
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

_TESTS = frozenset({"it", "test", "specify", "fit", "xit", "xtest", "ftest"})
_GROUPS = frozenset({"describe", "context", "suite", "fdescribe", "xdescribe", "xcontext"})
_SKIPPING = frozenset({"skip", "todo", "failing", "fails", "skipIf", "runIf"})
_FOCUS = frozenset({"only", "fit", "fdescribe", "ftest"})
MATCHERS = {
    "toBe": EXACT, "toEqual": EXACT, "toStrictEqual": EXACT, "toMatchInlineSnapshot": EXACT,
    "toBeNull": EXACT, "toBeUndefined": EXACT, "toBeNaN": EXACT, "toHaveBeenCalledWith": 4,
    "toHaveBeenLastCalledWith": 4, "toHaveBeenCalledTimes": 4, "toThrowError": 4, "toThrow": 4,
    "toHaveLength": 4, "toBeCloseTo": 4, "toMatchSnapshot": 4, "toHaveProperty": 3, "toContain": 3,
    "toContainEqual": 3, "toMatch": 3, "toMatchObject": 4, "toBeGreaterThan": 3, "toBeLessThan": 3,
    "toBeGreaterThanOrEqual": 3, "toBeLessThanOrEqual": 3, "toBeInstanceOf": 2,
    "toHaveBeenNthCalledWith": 4, "toHaveReturnedWith": 4, "toHaveBeenCalledOnce": 4,
    "toHaveBeenCalledExactlyOnceWith": EXACT, "toBeInTheDocument": 4, "toHaveTextContent": 4,
    "toHaveBeenCalled": 2, "toBeTruthy": VAGUE, "toBeDefined": VAGUE, "toBeFalsy": 2,
    "equal": EXACT, "deep": EXACT, "eql": EXACT, "eq": EXACT, "strictEqual": EXACT,
    "deepEqual": EXACT, "deepStrictEqual": EXACT, "throws": 4, "rejects": 4, "ok": VAGUE,
    "exist": VAGUE, "true": EXACT, "false": EXACT, "null": EXACT, "include": 3, "property": 3,
}  # fmt: skip
_UNKNOWN_MATCHER = 3
_OF_T = {
    "is": EXACT, "deepEqual": EXACT, "equal": EXACT, "same": EXACT, "strictSame": EXACT, "equals": EXACT,
    "strictEqual": EXACT, "deepStrictEqual": EXACT, "match": 3, "throws": 4, "rejects": 4, "error": 3,
    "ifError": 3, "ok": VAGUE, "notOk": 2, "fail": 3, "not": 2, "notEqual": 2, "true": EXACT,
}  # fmt: skip
_FINDS = re.compile(r"(?:getBy|getAllBy|findBy|findAllBy)[A-Z]")
_FUNCTIONS = frozenset({"arrow_function", "function_expression", "function"})
_NO_HELPERS = frozenset({"expect", "assert", "it", "test", "describe", "assertThat"})
_MACHINE = re.compile(r"process\.(platform|version|arch)|os\.(platform|type|arch)\(")


@dataclass(frozen=True, slots=True)
class _Place:
    name: str = ""
    skips: tuple[Skip, ...] = ()


@dataclass(frozen=True, slots=True)
class _Reading:
    path: str
    replaced: tuple[Replaced, ...]
    sources: Mapping[str, str]
    helpers: Mapping[str, int]
    chosen: Mapping[str, Skip]
    """Names for `it` or `it.skip`, whichever a condition takes."""
    has_focus: bool


def read_script(path: str, content: bytes, shared: Mapping[str, int]) -> Iterator[Case]:
    """Every test of a file; `describe` gives the first part of its name.

    `shared` says how much functions of other files assert.
    """
    root = parse_tree(path, content)
    chosen = dict(_chosen(root))
    reading = _Reading(
        path,
        tuple(replaced_in(root)),
        sources_in(root),
        {**shared, **helpers_of_script(root)},
        chosen,
        any(
            _modifiers(each, chosen) & _FOCUS
            for each in walk(root)
            if each.type == "call_expression"
        ),
    )
    pending: list[tuple[Node, _Place]] = [(root, _Place())]
    while pending:
        node, place = pending.pop()
        inner = place
        if node.type == "call_expression":
            modifiers = _modifiers(node, chosen)
            title = _title(node)
            if title is not None and modifiers & (_TESTS | _GROUPS):
                skips = _skips(reading, node, modifiers)
                if modifiers & _TESTS:
                    yield _case(reading, node, place, title, skips)
                    continue
                inner = _Place(f"{place.name}{title} > ", (*place.skips, *skips))
        pending.extend((each, inner) for each in reversed(node.named_children))


def helpers_of_script(root: Node) -> dict[str, int]:
    """How much each named function of a file asserts by itself."""
    bodies: dict[str, Node] = {}
    for each in walk(root):
        name, body = "", None
        if each.type in {"function_declaration", "method_definition"}:
            name, body = text(each.child_by_field_name("name")), each.child_by_field_name("body")
        elif each.type == "variable_declarator":
            value = each.child_by_field_name("value")
            if value is not None and value.type in _FUNCTIONS:
                name = text(each.child_by_field_name("name"))
                body = value.child_by_field_name("body")
        if name and body is not None:
            bodies[name] = body
    return strengths_of(bodies, _assertions)


def _chosen(root: Node) -> Iterator[tuple[str, Skip]]:
    """`const onUnix = windows ? it.skip : it`: a name for a test that may be skipped."""
    for each in walk(root):
        if each.type != "variable_declarator":
            continue
        value = each.child_by_field_name("value")
        if value is None or value.type != "ternary_expression":
            continue
        ways = {one_line(value.child_by_field_name(one)) for one in ("consequence", "alternative")}
        names = {way.partition(".")[0] for way in ways}
        if len(names) == 1 and names <= (_TESTS | _GROUPS) and any("." in way for way in ways):
            condition = one_line(value.child_by_field_name("condition"))
            skip = Skip(one_line(value)[:120], line_of(each), bool(_MACHINE.search(condition)))
            yield f"{text(each.child_by_field_name('name'))}={names.pop()}", skip


def _is_in_focus(node: Node, chosen: Mapping[str, Skip]) -> bool:
    above = node.parent
    while above is not None:
        if above.type == "call_expression" and _modifiers(above, chosen) & _FOCUS:
            return True
        above = above.parent
    return False


def _modifiers(call: Node, chosen: Mapping[str, Skip]) -> set[str]:
    """`{it, only}` of `it.only(...)`, `{it, each}` of `it.each(table)(...)`."""
    callee = call.child_by_field_name("function")
    found: set[str] = set()
    while callee is not None:
        if callee.type == "member_expression":
            found.add(text(callee.child_by_field_name("property")))
            callee = callee.child_by_field_name("object")
        elif callee.type == "call_expression":
            callee = callee.child_by_field_name("function")
        elif callee.type == "parenthesized_expression":
            # `(windows ? it.skip : it)("...")`
            found |= set(re.findall(r"\b(?:it|test|describe|skip|todo|only)\b", text(callee)[:300]))
            break
        else:
            name = text(callee)
            meant = [each.partition("=")[2] for each in chosen if each.startswith(f"{name}=")]
            found |= {name, *meant}
            break
    return found if found & (_TESTS | _GROUPS) and len(found) <= 5 else set()


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


def _skips(reading: _Reading, call: Node, modifiers: set[str]) -> tuple[Skip, ...]:
    skips = [skip for name, skip in reading.chosen.items() if name.partition("=")[0] in modifiers]
    found = modifiers & (_SKIPPING | {"xit", "xtest", "xdescribe", "xcontext"})
    if found:
        callee = one_line(call.child_by_field_name("function"))[:120]
        is_bug = bool(found & {"failing", "fails"})
        skips.append(Skip(callee, line_of(call), bool(_MACHINE.search(callee)), is_bug))
    is_out = reading.has_focus and not modifiers & _FOCUS and bool(modifiers & _TESTS)
    if is_out and not _is_in_focus(call, reading.chosen):
        skips.append(Skip("another test is marked `.only`", line_of(call), False))
    return tuple(skips)


def _case(
    reading: _Reading, call: Node, place: _Place, title: str, skips: tuple[Skip, ...]
) -> Case:
    callback = _callback(call)
    body = callback.child_by_field_name("body") if callback is not None else None
    found = with_values(_assertions(body, reading.helpers), body) if body is not None else iter(())
    assertions = tuple(found)
    return Case(
        path=reading.path,
        name=place.name + title,
        line=line_of(call),
        end_line=call.end_point[0] + 1,
        is_test=True,
        assertions=assertions,
        parameters=tuple(_parameters(call)),
        skips=(*place.skips, *skips, *_skip_calls(body)),
        replaced=reading.replaced,
        calls=frozenset(_calls(body, reading.sources, assertions)),
        words=words_in(call),
        constants=literals_in(call),
        body=digest(body),
    )


def _calls(
    body: Node | None, sources: Mapping[str, str], assertions: tuple[Assertion, ...]
) -> Iterator[str]:
    """What is called, with the module that a name is imported from: `../src/cart.js total`."""
    for each in walk(body) if body is not None else ():
        if each.type in {"call_expression", "new_expression"}:
            field = "function" if each.type == "call_expression" else "constructor"
            name, _, rest = one_line(each.child_by_field_name(field)).partition(".")
            yield f"{sources[name]} {rest or name}" if name in sources else name
    for name, source in sources.items():
        if any(_is_called(name, each) for each in assertions):
            yield source


def _is_called(name: str, assertion: Assertion) -> bool:
    return f"{assertion.alias} {assertion.subject}".find(
        f"{name}("
    ) >= 0 or assertion.subject.startswith(f"{name}.")


def _skip_calls(body: Node | None) -> Iterator[Skip]:
    for each in walk(body) if body is not None else ():
        if each.type == "call_expression":
            name = one_line(each.child_by_field_name("function"))
            if name in {"this.skip", "pending", "t.skip", "ctx.skip", "context.skip"}:
                yield Skip(name, line_of(each), False)


def _parameters(call: Node) -> Iterator[str]:
    """Rows of `it.each([...])`, and of a table in a template, whose first line names the columns."""
    callee = call.child_by_field_name("function")
    if callee is None or callee.type != "call_expression":
        return
    arguments = callee.child_by_field_name("arguments")
    if arguments is not None and arguments.type == "template_string":
        lines = text(arguments).strip("`").strip().splitlines()[1:]
        yield from (" ".join(line.split()) for line in lines if "${" in line)
        return
    table = arguments.named_children[0] if arguments and arguments.named_children else None
    if table is not None and table.type == "array":
        yield from (one_line(each) for each in table.named_children)


def _assertions(body: Node, helpers: Mapping[str, int]) -> Iterator[Assertion]:
    found = [
        (each, made)
        for each in walk(body)
        if each.type == "call_expression"
        and (made := _expectation(each) or _plain_assert(each)) is not None
    ]
    known = {name: strength for name, strength in helpers.items() if name not in _NO_HELPERS}
    for node, assertion in [*found, *helper_calls(body, known)]:
        place = obstacle(node, body, _forgets)
        if place.flaw is not None:
            yield replace(assertion, strength=0, flaw=place.flaw)
        else:
            yield replace(assertion, condition=place.condition)


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
        and chain[0] not in MATCHERS
    ):
        return None
    arguments = node.child_by_field_name("arguments")
    subject = arguments.named_children[0] if arguments and arguments.named_children else None
    given = call.child_by_field_name("arguments")
    expected = given.named_children[0] if given and given.named_children else None
    matcher = next((each for each in chain if each in MATCHERS), chain[0])
    strength = MATCHERS.get(matcher, _UNKNOWN_MATCHER)
    flaw = _constant_flaw(subject, expected, matcher)
    if is_forgotten(call, chain):
        flaw = "nobody waits for it"
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
    plain = digits.removeprefix("-")
    return 0.5 * 10.0 ** -(int(digits) if plain.isdecimal() and len(plain) < 3 else 2)


def _constant_flaw(subject: Node | None, expected: Node | None, matcher: str) -> str | None:
    if subject is None:
        return "it expects nothing"
    if subject.type in {"true", "false", "number", "string", "null"}:
        return "it asserts a constant"
    if one_line(expected) in {"expect.anything()", "expect.any(Object)", "sinon.match.any"}:
        return "anything is equal to that"
    if expected is not None and one_line(subject) == one_line(expected):
        return "it compares something with itself"
    return None


def _plain_assert(call: Node) -> Assertion | None:
    """`assert(x)`, `assert.equal(a, b)`, `t.is(a, b)`."""
    callee = one_line(call.child_by_field_name("function"))
    first, _, method = callee.partition(".")
    last = callee.rpartition(".")[2]
    if (last == "expect" and "." in callee) or _FINDS.match(last):
        # supertest and the testing library raise where something is not as it is said.
        strength = EXACT if last == "expect" else 3
        return Assertion(
            one_line(call), line_of(call), strength, words_in(call), last, literals_in(call)
        )
    method = method.removeprefix("assert.") if first == "t" else method
    if first not in {"assert", "t", "sinon"} or (first == "t" and method not in _OF_T):
        return None
    arguments = call.child_by_field_name("arguments")
    given = arguments.named_children if arguments else []
    subject = given[0] if given else None
    strength = _OF_T.get(method, VAGUE) if first == "t" else MATCHERS.get(method, VAGUE)
    if first == "assert" and not method and subject is not None:
        is_equality = subject.type == "binary_expression" and "==" in one_line(subject)
        strength = EXACT if is_equality else VAGUE
    expected = given[1] if len(given) > 1 else None
    flaw = _constant_flaw(subject, expected, method) if subject is not None else None
    if is_forgotten(call, [callee]):
        flaw = "nobody waits for it"
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


def _forgets(handler: Node) -> bool:
    source = text(handler)
    return not any(word in source for word in ("throw", "expect(", "fail(", "assert", "done("))
