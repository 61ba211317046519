"""What stands between a test of another language than Python and its assertion: ends, branches, handlers.

Above: the readers of Go, Rust, Java and JavaScript. Below: syntax_trees. An assertion that is not reached,
or whose failure is caught, cannot fail; one in a branch holds only there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tree_sitter import Node

from agentos_governance.gatekeeper.foreign.syntax_trees import line_of, one_line, text

_BLOCKS = frozenset({"block", "statement_list", "statement_block", "constructor_body"})
_ENDS = frozenset({"return_statement", "throw_statement", "return_expression"})
_BRANCHES = frozenset({"if_statement", "if_expression"})
_LOOPS = frozenset({"for_in_statement", "enhanced_for_statement", "for_expression"})
_CALLBACKS = frozenset({"arrow_function", "function_expression", "function", "closure_expression"})
_NEVER = re.compile(r"\(*\s*(?:false|0|1 == 2|!true)\b\s*(?:&&.*|\)*)$")
_EMPTY = re.compile(r"(?:&?\[\]|vec!\[\]|List\.of\(\)|new \w+\[0\]|\w+::new\(\)|0\.\.0)$")
MAX_CONDITION_CHARS = 300
_LATER = frozenset({"then", "catch", "finally"})
_TIMERS = frozenset({"setTimeout", "setInterval", "setImmediate", "queueMicrotask", "nextTick"})
_WALKS = frozenset({"forEach", "map", "every", "some"})
_TELLS = re.compile(r"\b(?:done|resolve|reject|next|cb|callback|end|fulfill)\(")
_WAITED = frozenset({"await_expression", "return_statement", "yield_expression"})
_KEPT = frozenset({"variable_declarator", "assignment_expression", "arguments", "array", "pair"})


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why an assertion cannot fail, or where alone it is asserted."""

    flaw: str | None = None
    condition: str | None = None


def obstacle(node: Node, body: Node, forgets: Callable[[Node], bool]) -> Obstacle:
    """What stands between the body of a test and a node in it; `forgets` judges a handler."""
    condition: str | None = None
    inner, above = node, node.parent
    while above is not None and inner != body:
        flaw = _handler(inner, above, forgets) or _never(inner, above) or _callback(inner, above)
        if above.type in _BLOCKS:
            ended, leaves = _before(inner, above)
            flaw = flaw or ended
            condition = condition or leaves
        if flaw is not None:
            return Obstacle(flaw)
        condition = condition or _branch(inner, above)
        inner, above = above, above.parent
    return Obstacle(None, condition)


def _before(inner: Node, block: Node) -> tuple[str | None, str | None]:
    """What earlier statements of a block do: they end the test, always or on a condition."""
    leaves: str | None = None
    for each in block.named_children:
        if each.start_byte >= inner.start_byte:
            break
        if is_end(each):
            return f"line {line_of(each)} ends the test before it", None
        branch = each.named_children[0] if _is_statement(each) else each
        if branch.type in _BRANCHES and branch.child_by_field_name("alternative") is None:
            consequence = branch.child_by_field_name("consequence")
            if consequence is not None and _only_leaves(consequence):
                leaves = f"not {one_line(branch.child_by_field_name('condition'))[:80]}"
    return None, leaves


def _is_statement(node: Node) -> bool:
    return node.type == "expression_statement" and bool(node.named_children)


def is_end(node: Node) -> bool:
    """Whether what follows a statement is never reached."""
    if _is_statement(node):
        node = node.named_children[0]
    return node.type in _ENDS


def _only_leaves(node: Node) -> bool:
    """`{ return; }` or `return;`, with nothing before."""
    while node.type in _BLOCKS and len(node.named_children) == 1:
        node = node.named_children[0]
    return is_end(node)


def _branch(inner: Node, above: Node) -> str | None:
    """The condition of a branch that has an assertion, where the other has none."""
    if above.type not in _BRANCHES or above.child_by_field_name("consequence") != inner:
        return None
    other = text(above.child_by_field_name("alternative"))
    if re.search(r"expect|assert|\bt\.(Error|Fatal|Fail)|fail\(|panic!", other):
        return None
    return one_line(above.child_by_field_name("condition"))[:100]


def _never(inner: Node, above: Node) -> str | None:
    condition = one_line(above.child_by_field_name("condition"))[:MAX_CONDITION_CHARS]
    if above.type in _BRANCHES and above.child_by_field_name("consequence") == inner:
        return "it stands in a branch that never runs" if _NEVER.match(condition) else None
    if above.type in {"while_statement", "while_expression"} and _NEVER.match(condition):
        return "it stands in a loop that never runs"
    if above.type in _LOOPS:
        walked = above.child_by_field_name("right") or above.child_by_field_name("value")
        if _EMPTY.match(one_line(walked)):
            return "it stands in a loop over nothing"
    return None


def _handler(inner: Node, above: Node, forgets: Callable[[Node], bool]) -> str | None:
    if not above.type.startswith("try_") or above.child_by_field_name("body") != inner:
        return None
    for handler in above.named_children:
        if handler.type == "catch_clause" and forgets(handler):
            return f"the handler in line {line_of(handler)} forgets its failure"
    return None


def _callback(inner: Node, above: Node) -> str | None:
    """A function that is given to something that calls it later, never, or catches what it throws."""
    if inner.type not in _CALLBACKS or above.type != "arguments" or above.parent is None:
        return None
    call = above.parent
    callee = call.child_by_field_name("function")
    name = re.split(r"[.:]", one_line(callee))[-1]
    if name == "catch_unwind":
        return "a panic of it is caught and forgotten" if _is_dropped(call) else None
    if _TELLS.search(text(inner)):
        # It says itself when the test is over.
        return None
    if name in _TIMERS:
        return "the test has ended when a timer comes to it"
    owner = callee.child_by_field_name("object") if callee is not None else None
    if name in _WALKS and owner is not None and _EMPTY.match(one_line(owner)):
        return "it stands in a loop over nothing"
    if name in _LATER and owner is not None and not is_waited_for(call):
        return "nobody waits for the promise in which it stands"
    return None


def is_waited_for(call: Node) -> bool:
    """Whether a promise is awaited, returned, or kept by a name for later."""
    node, above = call, call.parent
    while above is not None:
        if above.type in _WAITED or above.type in _KEPT:
            return True
        if above.type == "arrow_function" and above.child_by_field_name("body") == node:
            return True
        if above.type == "expression_statement":
            return False
        node, above = above, above.parent
    return True


def _is_dropped(call: Node) -> bool:
    """`let _ = catch_unwind(...)`, or a statement that does nothing with what it is told."""
    node: Node | None = call
    while node is not None and node.type not in {"let_declaration", "expression_statement"}:
        if node.type in {"call_expression", "macro_invocation"} and node is not call:
            return False
        node = node.parent
    if node is None or node.type == "expression_statement":
        return node is not None
    return text(node.child_by_field_name("pattern")).startswith("_")
