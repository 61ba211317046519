"""Guards of transitions: conditions of the rule language over what an instance knows.

Above: static checks (compile them), the reactor (asks them). Below: `agentos_governance.rules`.
A fact that is missing makes a guard false, as it makes a policy refuse.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from agentos import Effect, InvalidArgumentError
from agentos_governance.rules import CompiledPolicy, compile_policy, parse_policy
from agentos_governance.rules.schema import Fact, FactType, Schema
from agentos_governance.workflows.definition import Definition, InputKind

GUARD_FACTS: Mapping[str, Fact] = {
    "trigger": Fact(FactType.TEXT, "The trigger, such as `completed` or `signal:approve`"),
    "visits": Fact(FactType.INTEGER, "How often the state that is left has been entered"),
    "target_visits": Fact(FactType.INTEGER, "How often the transition's target has been entered"),
    "transitions": Fact(FactType.INTEGER, "How many transitions the instance has made"),
    "attempts": Fact(
        FactType.INTEGER, "How often the state's work order was claimed", may_be_missing=True
    ),
    "evidence": Fact(
        FactType.INTEGER, "Pieces of evidence on the state's work order", may_be_missing=True
    ),
    "spent_usd": Fact(FactType.NUMBER, "What all work orders of the instance have cost"),
    "budget_usd": Fact(FactType.NUMBER, "The root's cost budget"),
}
"""What a guard may ask, besides `input.NAME`; docs/workflows.md has the same table."""

_INPUT_TYPES: Mapping[InputKind, FactType] = {
    "text": FactType.TEXT,
    "number": FactType.NUMBER,
    "boolean": FactType.BOOLEAN,
}


def compile_guard(definition: Definition, condition: str) -> CompiledPolicy:
    """The guard of a definition; InvalidArgumentError with the position of what is wrong."""
    return _compile(condition, tuple(sorted(definition.inputs.items())))


def guard_holds(guard: CompiledPolicy, facts: Mapping[str, object]) -> bool:
    """Whether a guard admits its transition."""
    return guard.decide(facts).effect is Effect.ALLOW


@lru_cache(maxsize=1_000)
def _compile(condition: str, inputs: tuple[tuple[str, InputKind], ...]) -> CompiledPolicy:
    schema = Schema(
        {
            **GUARD_FACTS,
            **{
                f"input.{name}": Fact(
                    _INPUT_TYPES[kind], "An input of the instance", may_be_missing=True
                )
                for name, kind in inputs
            },
        }
    )
    compiled = compile_policy(
        parse_policy(f"ALLOW operation IF {condition}", source="guard"), schema
    )
    if len(compiled.policy.statements) != 1 or compiled.history_queries:
        # What happened so far is in the facts; a second statement would smuggle in an ALLOW.
        raise InvalidArgumentError("a guard is one condition, without happened() or count()")
    return compiled
