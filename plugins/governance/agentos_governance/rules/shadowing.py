"""Statements that can never decide anything, for `agentos policy check`.

Above: the command line. Below: tree, printer. Nothing here is an error: a rule that another hides
today may matter tomorrow; but whoever wrote it should know.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentos_governance.rules.printer import condition_text
from agentos_governance.rules.tree import (
    LimitRule,
    Policy,
    Rule,
    Span,
    Statement,
    Target,
    rule_id,
)

_RANK = {"ALLOW": 0, "ASK": 1, "DENY": 2}


@dataclass(frozen=True, slots=True)
class PolicyWarning:
    """A statement that has no effect, and the statement that takes it away."""

    rule_id: str
    span: Span
    problem: str


def policy_warnings(policy: Policy) -> tuple[PolicyWarning, ...]:
    """The statements that others hide: repeated, or overruled in every call that they describe.

    Only what the text shows is found: a rule without condition hides what its target includes,
    and a rule with the same condition and target hides its like.
    """
    found: list[PolicyWarning] = []
    statements = policy.statements
    for number, statement in enumerate(statements):
        problem = _problem_of(statement, number, statements)
        if problem is not None:
            id_ = rule_id(statement, number + 1)
            found.append(PolicyWarning(id_, statement.span, problem))
    return tuple(found)


def _problem_of(statement: Statement, number: int, statements: tuple[Statement, ...]) -> str | None:
    if isinstance(statement, LimitRule):
        is_closed = statement.max_calls == 0
        return "a limit of 0 admits no call; DENY says so with a reason" if is_closed else None
    for other_number, other in enumerate(statements):
        if isinstance(other, LimitRule) or other is statement or not _includes(other, statement):
            continue
        line = other.span.line
        difference = _RANK[other.verb] - _RANK[statement.verb]
        if difference > 0:
            return f"{other.verb} in line {line} overrules it in every call"
        # Of two that hide each other, the later one is told.
        if difference == 0 and (other_number < number or not _includes(statement, other)):
            return f"line {line} says it already"
    return None


def _includes(wide: Rule, narrow: Rule) -> bool:
    """Whether `wide` applies wherever `narrow` does, as far as the text shows."""
    if not _target_includes(wide.target, narrow.target):
        return False
    if wide.condition is None:
        return True
    if narrow.condition is None:
        return False
    return condition_text(wide.condition) == condition_text(narrow.condition)


def _target_includes(wide: Target, narrow: Target) -> bool:
    if wide.kind == "any":
        return True
    if wide == narrow:
        return True
    is_exact = narrow.kind == "tool" and not any(sign in narrow.pattern for sign in "*?[")
    return is_exact and wide.kind == "tool" and wide.matches(narrow.pattern, "")
