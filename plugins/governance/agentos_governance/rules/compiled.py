"""A policy ready to decide calls: fast, and with reasons.

Above: whoever enforces policies. Below: checking, generation, printer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agentos import Effect, sha256_hex
from agentos_governance.rules.checking import type_errors
from agentos_governance.rules.decision import NO_HISTORY, Decision, Determining, Limit
from agentos_governance.rules.generation import (
    EffectFunction,
    Functions,
    StatementFunction,
    generate,
)
from agentos_governance.rules.printer import format_policy, operand_text, statement_text
from agentos_governance.rules.schema import DEFAULT_SCHEMA, Schema
from agentos_governance.rules.tree import (
    HistoryQuery,
    LimitRule,
    Policy,
    Statement,
    attributes_of,
    questions_of,
    rule_id,
)

Facts = Mapping[str, object]
History = Mapping[HistoryQuery, int]


def compile_policy(policy: Policy, schema: Schema = DEFAULT_SCHEMA) -> CompiledPolicy:
    """The policy as functions. Raises PolicyTypeError where it does not fit the schema."""
    errors = type_errors(policy, schema)
    if errors:
        raise errors[0]
    return CompiledPolicy(policy, schema, generate(policy.statements, schema))


def policy_hash(policy: Policy) -> str:
    """`sha256:` and the SHA-256 of the canonical print in UTF-8, comments included."""
    return f"sha256:{sha256_hex(format_policy(policy).encode())}"


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A statement with what a decision says of it."""

    statement: Statement
    id: str
    text: str
    applies: StatementFunction
    effect: Effect
    limit: Limit | None
    attributes: tuple[str, ...]
    questions: tuple[tuple[str, HistoryQuery], ...]
    """As the statement words them, and as the history is asked."""

    def seen(self, facts: Facts, history: History) -> dict[str, object]:
        """The values of what the statement names, as far as they are there."""
        values = {name: facts[name] for name in self.attributes if name in facts}
        for text, query in self.questions:
            if query in history:
                values[text] = history[query]
        return values


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of asking a statement: it applies, or it misses something."""

    compiled: _Compiled
    effect: Effect
    missing: tuple[str, ...] = ()

    def determining(self, facts: Facts, history: History) -> Determining:
        compiled = self.compiled
        return Determining(
            compiled.id,
            compiled.statement.span.line,
            compiled.text,
            compiled.effect,
            compiled.seen(facts, history),
            self.missing,
            compiled.statement.reason,
        )


@dataclass(frozen=True, slots=True, eq=False)
class CompiledPolicy:
    """Decides calls by all rules of a policy: deny over ask over allow, and deny where none applies.

    A fact or a count that a rule needs and that is absent, or not of its type, denies. A rule
    needs what its target asks and what its condition asks from left to right until it is decided.
    """

    policy: Policy
    schema: Schema
    functions: Functions = field(repr=False)
    hash: str = field(init=False)
    """`sha256:` and 64 digits: of what `agentos policy fmt` prints."""
    has_allow: bool = field(init=False)
    """Whether there is an ALLOW; a policy without one only restricts others."""
    limits: tuple[Limit, ...] = field(init=False)
    history_queries: frozenset[HistoryQuery] = field(init=False)
    attributes: frozenset[str] = field(init=False)
    effect: EffectFunction = field(init=False, repr=False)
    """`effect(facts, history)` is what `decide` would decide, without reasons, in a microsecond."""
    _statements: tuple[_Compiled, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        statements = self.policy.statements
        compiled = tuple(
            _compile(statement, rule_id(statement, ordinal), applies)
            for ordinal, (statement, applies) in enumerate(
                zip(statements, self.functions.statements, strict=True), start=1
            )
        )
        questions = [question for each in statements for question in questions_of(each)]
        values: dict[str, object] = {
            "_statements": compiled,
            "attributes": frozenset(name for each in statements for name in attributes_of(each)),
            "effect": self.functions.effect,
            "has_allow": any(each.effect is Effect.ALLOW for each in compiled),
            "hash": policy_hash(self.policy),
            "history_queries": frozenset(question.query for question in questions),
            "limits": tuple(each.limit for each in compiled if each.limit is not None),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def source(self) -> str:
        """What errors and decisions call the policy."""
        return self.policy.source

    def decide(self, facts: Facts, history: History = NO_HISTORY) -> Decision:
        """The effect of the policy on a call, with the rules that made it and what they saw."""
        limits: list[Limit] = []
        outcomes: list[_Outcome] = []
        for each in self._statements:
            try:
                if not each.applies(facts, history):
                    continue
            except KeyError as error:
                outcomes.append(_Outcome(each, Effect.DENY, (_name_of(*error.args),)))
                continue
            if each.limit is not None:
                limits.append(each.limit)
            else:
                outcomes.append(_Outcome(each, each.effect))
        effect = _strongest(outcomes)
        determining = [each for each in outcomes if each.effect is effect]
        return Decision(
            effect=effect,
            determining=tuple(each.determining(facts, history) for each in determining),
            missing=tuple(dict.fromkeys(name for each in outcomes for name in each.missing)),
            limits=tuple(limits),
            policy_hash=self.hash,
            source=self.source,
            is_default=not outcomes,
        )

    def limits_for(self, facts: Facts, history: History = NO_HISTORY) -> tuple[Limit, ...]:
        """The limits that count a call, should it be admitted; what they need must not be missing.

        KeyError names a fact or count that is missing; of such a call the effect is deny.
        """
        return tuple(
            each.limit
            for each in self._statements
            if each.limit is not None and each.applies(facts, history)
        )


def _compile(statement: Statement, id_: str, applies: StatementFunction) -> _Compiled:
    text = statement_text(statement)
    return _Compiled(
        statement,
        id_,
        text,
        applies,
        Effect.DENY if isinstance(statement, LimitRule) else Effect(statement.verb.lower()),
        Limit.of(statement, id_, text) if isinstance(statement, LimitRule) else None,
        tuple(attributes_of(statement)),
        tuple((operand_text(each), each.query) for each in questions_of(statement)),
    )


def _strongest(outcomes: list[_Outcome]) -> Effect:
    effects = {each.effect for each in outcomes}
    for effect in (Effect.DENY, Effect.ASK, Effect.ALLOW):
        if effect in effects:
            return effect
    return Effect.DENY


def _name_of(missing: object) -> str:
    return missing.text if isinstance(missing, HistoryQuery) else str(missing)
