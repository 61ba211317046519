"""What a condition of TypeScript says about names: `x instanceof Class`.

Above: statements and expressions. Below: types.
"""

from __future__ import annotations

from tree_sitter import Node

from agentos_memory.expressions import Expression, Typed
from agentos_memory.languages.nodes import node_text
from agentos_memory.languages.typescript_types import read_type

LEAVING = frozenset({"return_statement", "throw_statement", "continue_statement"})
CLASS_NAMES = frozenset({"identifier", "member_expression"})


def narrowed_by(condition: Node | None) -> dict[str, Expression]:
    """Names with what they hold where the condition is true."""
    found: dict[str, Expression] = {}
    pending = [condition] if condition is not None else []
    while pending:
        node = pending.pop()
        if node.type == "parenthesized_expression":
            pending.extend(node.named_children[:1])
            continue
        operator = node.child_by_field_name("operator")
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if operator is None or left is None or right is None:
            continue
        if operator.type == "&&":
            pending += [left, right]
        is_check = operator.type == "instanceof" and right.type in CLASS_NAMES
        if is_check and left.type == "identifier":
            found[node_text(left)] = Typed(read_type(right))
    return found


def narrowed_after(condition: Node | None, consequence: Node) -> dict[str, Expression]:
    """What holds after `if (!(x instanceof Class)) return`."""
    while condition is not None and condition.type == "parenthesized_expression":
        condition = condition.named_children[0] if condition.named_children else None
    if condition is None or condition.type != "unary_expression":
        return {}
    operator = condition.child_by_field_name("operator")
    is_block = consequence.type == "statement_block"
    last = consequence.named_children[-1:] if is_block else [consequence]
    if operator is None or operator.type != "!" or not last or last[0].type not in LEAVING:
        return {}
    return narrowed_by(condition.child_by_field_name("argument"))
