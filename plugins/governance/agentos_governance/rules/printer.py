"""A policy as canonical text: one print for all layouts, which parses to the same policy.

Above: `agentos policy fmt`, the policy hash, rule texts in decisions. Below: tree, words.
"""

from __future__ import annotations

from collections.abc import Iterator

from agentos_governance.rules.tree import (
    And,
    Attribute,
    Comment,
    Comparison,
    Condition,
    Count,
    Happened,
    Has,
    LimitRule,
    Literal,
    Membership,
    Not,
    Operand,
    Or,
    Policy,
    Rule,
    Statement,
    Target,
    TextTest,
    ValueType,
)
from agentos_governance.rules.words import is_bare_tool_name, number_literal, text_literal

LINE_LENGTH = 100


def format_policy(policy: Policy) -> str:
    """The canonical text: comments and single blank lines kept, statements wrapped at 100.

    `parse_policy` of it is the same policy, and printing that again is the same text.
    """
    return "".join(f"{line}\n" for item in policy.items for line in _lines(item))


def statement_text(statement: Statement) -> str:
    """A statement on one line, without its comment."""
    return " ".join([_head(statement), *_clauses(statement)])


def condition_text(condition: Condition) -> str:
    """A condition on one line."""
    if isinstance(condition, And | Or):
        return _CONNECTIVES[type(condition)].join(_terms(condition))
    if isinstance(condition, Not):
        return f"NOT {_within(condition.operand, And, Or)}"
    if isinstance(condition, Comparison):
        return (
            f"{operand_text(condition.left)} {condition.operator} {operand_text(condition.right)}"
        )
    if isinstance(condition, Membership):
        return f"{operand_text(condition.item)} IN {_collection(condition)}"
    if isinstance(condition, TextTest):
        argument = operand_text(condition.argument)
        return f"{operand_text(condition.subject)} {condition.operator} {argument}"
    if isinstance(condition, Has):
        return f"has({condition.attribute.name})"
    return operand_text(condition)


def operand_text(operand: Operand | Happened) -> str:
    """A fact, a constant, or a question to the history."""
    if isinstance(operand, Attribute):
        return operand.name
    if isinstance(operand, Literal):
        return _literal(operand)
    function = "count" if isinstance(operand, Count) else "happened"
    return f"{function}({target_text(operand.target)}) SINCE {operand.since}"


def target_text(target: Target) -> str:
    """Which calls are meant, as written in a statement; empty where no word was written."""
    if target.kind == "tool" and not is_bare_tool_name(target.pattern):
        return text_literal(target.pattern)
    return target.pattern


_CONNECTIVES: dict[type[And | Or], str] = {And: " AND ", Or: " OR "}


def _terms(condition: And | Or) -> list[str]:
    inner = (Or,) if isinstance(condition, And) else ()
    return [_within(term, *inner) for term in condition.operands]


def _within(condition: Condition, *looser: type[Condition]) -> str:
    text = condition_text(condition)
    return f"({text})" if isinstance(condition, looser) else text


def _literal(literal: Literal) -> str:
    value = literal.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if literal.type is ValueType.TEXT or isinstance(value, str):
        return text_literal(str(value))
    return number_literal(value)


def _collection(condition: Membership) -> str:
    if isinstance(condition.collection, Attribute):
        return condition.collection.name
    return f"[{', '.join(map(_literal, condition.collection))}]"


def _lines(item: Statement | Comment) -> Iterator[str]:
    if item.blank_before:
        yield ""
    if isinstance(item, Comment):
        yield f"#{item.text}"
        return
    *before, last = _statement_lines(item)
    yield from before
    yield last if item.comment is None else f"{last}  #{item.comment}"


def _statement_lines(statement: Statement) -> list[str]:
    line = statement_text(statement)
    if len(line) <= LINE_LENGTH:
        return [line]
    return [_head(statement), *_wrapped_condition(statement.condition), *_wrapped_reason(statement)]


def _wrapped_condition(condition: Condition | None) -> Iterator[str]:
    if condition is None:
        return
    line = f"    IF {condition_text(condition)}"
    if len(line) <= LINE_LENGTH or not isinstance(condition, And | Or):
        yield line
        return
    first, *others = _terms(condition)
    yield f"    IF {first}"
    for term in others:
        yield f"      {_CONNECTIVES[type(condition)]}{term}"


def _wrapped_reason(statement: Statement) -> Iterator[str]:
    if statement.reason is not None:
        yield f"    REASON {text_literal(statement.reason)}"


def _head(statement: Rule | LimitRule) -> str:
    id_ = "" if statement.id is None else f"{statement.id}: "
    target = target_text(statement.target)
    if isinstance(statement, LimitRule):
        return f"{id_}LIMIT calls({target}) TO {statement.max_calls} PER {statement.per}"
    return f"{id_}{statement.verb} {target}".rstrip()


def _clauses(statement: Statement) -> Iterator[str]:
    if statement.condition is not None:
        yield f"IF {condition_text(statement.condition)}"
    if statement.reason is not None:
        yield f"REASON {text_literal(statement.reason)}"
