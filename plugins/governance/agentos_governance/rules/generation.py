"""A checked policy as Python functions: one that decides, and one for each statement.

Above: `CompiledPolicy`. Below: expressions. Which reason to deny is found first decides nothing,
so the deciding function asks in the order that costs least: what some rule needs in any case is
looked up once, at the start; a target that several DENY share is asked once; what may be missing
is asked before what cannot be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agentos import Effect
from agentos_governance.rules.expressions import Expressions
from agentos_governance.rules.schema import Schema
from agentos_governance.rules.tree import (
    EVERY_CALL,
    Condition,
    HistoryQuery,
    LimitRule,
    Rule,
    Statement,
    Target,
)

StatementFunction = Callable[[Mapping[str, object], Mapping[HistoryQuery, int]], bool]


class EffectFunction(Protocol):
    """Decides one call by the facts of it and the answers to the questions to the history."""

    def __call__(
        self, facts: Mapping[str, object], history: Mapping[HistoryQuery, int] = ..., /
    ) -> Effect:
        """What the policy says."""
        ...


@dataclass(frozen=True, slots=True)
class Functions:
    """What a policy compiles to."""

    effect: EffectFunction
    statements: tuple[StatementFunction, ...]


def generate(statements: Sequence[Statement], schema: Schema) -> Functions:
    """The functions of checked statements."""
    expressions = Expressions(schema)
    lines = [*_EffectFunction(expressions).lines(statements)]
    for index, statement in enumerate(statements):
        code = expressions.statement(statement, frozenset())
        lines += [f"def s{index}(facts, history):", f"    return {code.text}"]
    namespace = expressions.namespace
    # Only fragments of these modules are executed; what a policy says is in the namespace.
    exec(compile("\n".join(lines), "<policy>", "exec"), namespace)  # noqa: S102
    functions = tuple(namespace[f"s{index}"] for index in range(len(statements)))
    return Functions(namespace["effect"], functions)


class _EffectFunction:
    """Writes the function that decides."""

    def __init__(self, expressions: Expressions) -> None:
        self._write = expressions

    def lines(self, statements: Sequence[Statement]) -> Iterable[str]:
        """The source of `effect`: deny on the first reason to, else ask, else allow, else deny."""
        yield from ("def effect(facts, history=no_history):", "    try:")
        loaded = self._needed_anyway(statements)
        for name, variable in self._write.variables.items():
            if variable in loaded:
                key = self._write.constant(name)
                source = "history" if isinstance(name, HistoryQuery) else "facts"
                yield f"        {variable} = {source}[{key}]"
                yield f"        if not {self._write.is_usable(name, variable)}: return deny"
        for target, conditions in _denied(statements).items():
            lines, loaded = self._denials(target, conditions, loaded)
            yield from lines
        for statement in statements:
            if isinstance(statement, LimitRule):
                # Whether it counts is asked elsewhere; what it misses denies here.
                code = self._write.statement(statement, loaded)
                loaded |= code.needs
                if code.may_miss:
                    yield f"        {code.text}"
        yield from self._grants(statements, loaded)
        yield "    except KeyError: return deny"

    def _denials(
        self, target: Target, conditions: Sequence[Condition | None], loaded: frozenset[str]
    ) -> tuple[list[str], frozenset[str]]:
        """Statements that deny what any DENY of one target denies, and what they have loaded."""
        lines, indent, known = [], "        ", loaded
        if target.kind != "any":
            code = self._write.target(target, loaded)
            known = loaded = loaded | code.needs
            lines.append(f"{indent}if {code.text}:")
            indent += "    "
        for condition in conditions:
            if condition is None:
                lines.append(f"{indent}return deny")
                break
            code = self._write.condition(condition, known)
            known |= code.needs
            lines.append(f"{indent}if {code.text}: return deny")
        return lines, known if target.kind == "any" else loaded

    def _grants(self, statements: Sequence[Statement], loaded: frozenset[str]) -> Iterable[str]:
        """ASK and ALLOW: whatever may miss something is asked first, and always."""
        certain: dict[str, list[str]] = {"ASK": [], "ALLOW": []}
        yield "        asks = allows = False"
        for verb, flag in (("ASK", "asks"), ("ALLOW", "allows")):
            for statement in statements:
                if not isinstance(statement, Rule) or statement.verb != verb:
                    continue
                code = self._write.statement(statement, loaded)
                loaded |= code.needs
                if code.may_miss:
                    yield f"        if {code.text}: {flag} = True"
                else:
                    certain[verb].append(code.text)
        for verb, flag in (("ASK", "asks"), ("ALLOW", "allows")):
            yield f"        if {' or '.join([flag, *certain[verb]])}: return {verb.lower()}"
        yield "        return deny"

    def _needed_anyway(self, statements: Sequence[Statement]) -> frozenset[str]:
        """The variables of facts that some statement needs whatever else is so."""
        needed: frozenset[str] = frozenset()
        for statement in statements:
            needed |= self._write.statement(statement, frozenset()).needs
        return needed


def _denied(statements: Sequence[Statement]) -> dict[Target, list[Condition | None]]:
    """The conditions of all DENY by target."""
    denied: dict[Target, list[Condition | None]] = {}
    for statement in statements:
        if isinstance(statement, Rule) and statement.verb == "DENY":
            target = EVERY_CALL if statement.target.kind == "any" else statement.target
            denied.setdefault(target, []).append(statement.condition)
    return denied
