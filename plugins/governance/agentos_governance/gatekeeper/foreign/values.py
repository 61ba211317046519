"""What names stand for in a test of another language than Python, and functions that assert for it.

Above: the readers of Go, Rust, Java and JavaScript. Below: syntax_trees, cases. A name that is given a
literal once is that literal: what compares it with another one cannot fail.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from tree_sitter import Node

from agentos_governance.gatekeeper.cases import EXACT, Assertion
from agentos_governance.gatekeeper.foreign.syntax_trees import (
    line_of,
    literals_in,
    one_line,
    text,
    walk,
    words_in,
)

_DECLARATIONS = {
    "short_var_declaration": ("left", "right"),
    "var_spec": ("name", "value"),
    "variable_declarator": ("name", "value"),
    "let_declaration": ("pattern", "value"),
}
_CALLS = {"call_expression": "function", "method_invocation": "name"}
_WRITTEN = re.compile(
    r"(?:\s|[-+*/(),]|-?\d[\d_.]*(?:[a-zA-Z]\w{0,4})?|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
    r"|\b(?:Some|Ok|Err|None|nil|null|undefined|true|false|error|Long|Integer|BigInt|Number|String|valueOf"
    r"|Decimal|int|float|str|int64|uint64|long|final)\b)++"
)
_CHECK_NAME = re.compile(
    r"_*(assert|check|expect|verify|ensure|should|must|compare)", re.IGNORECASE
)
_ALWAYS = re.compile(r"\|\|\s*\(?true\b|\btrue\s*\|\||&&\s*\(?false\b|\bfalse\s*&&")
_NAME = re.compile(r"[A-Za-z_$][\w$]*")
_TEXTS = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
# An assertion may be as long as a file: names and arguments are looked at up to a limit.
_CALL = re.compile(
    r"(?<![\w$.:])[A-Za-z_$][\w$.:]{0,100}+\([^()]{0,300}+(?:\([^()]{0,200}+\)[^()]{0,300}+){0,8}+\)"
)
_CALLEE = re.compile(r"(?<![\w$])([A-Za-z_$][\w$]{0,100}+)!?\(")
_LITERAL = re.compile(r"\b\d|[\"']")
_ASSERTING = re.compile(
    r"(?:assert\w*|expect\w*|to[A-Z]\w*|be|not|is|equals?|eq|deep|strictEqual|deepEqual|require|Equal|t|err|nil|None"
    r"|Some|Ok|Err|null|true|false|undefined|Assertions|Assert|isEqualTo)$"
)
_WRAPPERS = frozenset({"Some", "Ok", "Err", "unwrap", "expect", "assert", "assertEquals", "assertThat", "toBe",
                       "toEqual", "isEqualTo", "equal", "toStrictEqual", "len", "String", "Number"})  # fmt: skip
MAX_JUDGED_CHARS = 4_000
MAX_NAMES = 200
MAX_BODY_CHARS = 64 * 1024
MAX_VALUE_CHARS = 500


def assigned_in(body: Node) -> dict[str, str]:
    """The source of what each name is declared as; those of a list one by one."""
    found: dict[str, str] = {}
    for node in walk(body):
        fields = _DECLARATIONS.get(node.type)
        if fields is None:
            continue
        name, value = (node.child_by_field_name(each) for each in fields)
        for each, source in zip(_parts(name), _parts(value), strict=False):
            if len(source) < MAX_VALUE_CHARS:
                found[each] = source
    return found


def _parts(node: Node | None) -> list[str]:
    if node is None:
        return []
    if node.type == "expression_list":
        return [one_line(each) for each in node.named_children]
    return [one_line(node)]


def written_names(body: Node, assigned: Mapping[str, str]) -> frozenset[str]:
    """The names that stand for a literal and are never given another value, nor lent to be changed."""
    source = text(body)
    if len(source) > MAX_BODY_CHARS:
        return frozenset()
    return frozenset(
        name
        for name, value in list(assigned.items())[:MAX_NAMES]
        if is_written(value) and name.isidentifier() and not _is_changed(source, name)
    )


def is_written(source: str) -> bool:
    """Whether a value is a literal, or a few of them, that nothing computes."""
    return bool(_WRITTEN.fullmatch(source)) and bool(re.search(r"[\d\"'a-z]", source))


def _is_changed(source: str, name: str) -> bool:
    again = re.compile(
        rf"(?<![\w.]){re.escape(name)}\s{{0,3}}(?:\+\+|--|[-+*/%|&^]?=(?![=>]))|(?:\+\+|--|&(?:mut )?){re.escape(name)}\b"
        rf"|\bmut {re.escape(name)}\b"
    )
    return len(again.findall(source)) > 1 or bool(
        re.search(rf"&(?:mut )?{re.escape(name)}\b|\bmut {re.escape(name)}\b", source)
    )


def with_values(found: Iterable[Assertion], body: Node) -> Iterator[Assertion]:
    """The assertions with what their subjects stand for; those of literals alone cannot fail."""
    assigned = assigned_in(body)
    written = written_names(body, assigned)
    for each in found:
        flaw, strength = each.flaw, each.strength
        if flaw is None and not each.is_helper and len(each.text) < MAX_JUDGED_CHARS:
            flaw = _flaw(each, written)
            if strength == EXACT and _asks_itself(each, assigned):
                strength = 2
        alias = alias_of(each.subject, assigned)
        yield replace(each, alias=alias, flaw=flaw, strength=0 if flaw else strength)


def _flaw(each: Assertion, written: frozenset[str]) -> str | None:
    if _ALWAYS.search(each.text):
        return "one side of it decides without the other"
    if written and _compares_written(each, written):
        return "it compares what is written down just above"
    return None


def _asks_itself(each: Assertion, assigned: Mapping[str, str]) -> bool:
    """`total(1) == expected`, where `expected` is `total(1)` as well: nothing else is compared."""
    plain = _CALL.sub(" ", each.text)
    names = [name for name in _NAME.findall(plain) if name in assigned]
    sources = [assigned.get(assigned[name], assigned[name]) for name in names]
    sources += _CALL.findall(each.text)
    called = [set(_CALLEE.findall(source)) - _WRAPPERS for source in sources]
    called = [names for names in called if names]
    is_literal = bool(_LITERAL.search(_CALL.sub(" ", plain)))
    return len(called) > 1 and not is_literal and all(names == called[0] for names in called)


def alias_of(subject: str, assigned: Mapping[str, str]) -> str:
    """`total(1).cents` for `got.cents`, where `got` is declared as `total(1)`."""
    match = re.match(r"([A-Za-z_$][\w$]*)(.*)", subject, re.DOTALL)
    return "" if match is None or match[1] not in assigned else assigned[match[1]] + match[2]


def _compares_written(each: Assertion, written: frozenset[str]) -> bool:
    """Whether all that an assertion names, beside what asserts, are such names."""
    words = {
        word for word in _NAME.findall(_TEXTS.sub(" ", each.text)) if not _ASSERTING.match(word)
    }
    return bool(words & written) and words <= written


def callee_of(node: Node) -> str:
    """The last part of the name of what a node calls; empty where it calls nothing."""
    field = _CALLS.get(node.type)
    if field is None:
        return ""
    return re.split(r"[.:]", one_line(node.child_by_field_name(field)))[-1]


def helper_calls(body: Node, helpers: Mapping[str, int]) -> Iterator[tuple[Node, Assertion]]:
    """Calls of functions that assert, by how much each of them does; `helpers` by name."""
    for node in walk(body) if helpers else ():
        name = callee_of(node)
        strength = helpers.get(name)
        if strength is None or not (strength or _CHECK_NAME.match(name)):
            continue
        yield node, Assertion(
            one_line(node), line_of(node), strength, words_in(node), name, literals_in(node), None,
            None if strength else f"{name} asserts nothing", is_helper=True,
        )  # fmt: skip


def strengths_of(
    bodies: Mapping[str, Node],
    assertions: Callable[[Node, Mapping[str, int]], Iterable[Assertion]],
) -> dict[str, int]:
    """How much functions assert, by themselves and by those among them that they call."""
    known: dict[str, int] = {}
    for _ in range(2):
        known = {
            name: max((each.strength for each in assertions(body, known)), default=0)
            for name, body in bodies.items()
        }
    return known
