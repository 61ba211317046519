"""Cedar and CEL decide the common subset as we do."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from agentos import Effect
from agentos_governance.rules import (
    CompiledPolicy,
    Decision,
    HistoryQuery,
    Policy,
    compile_policy,
    format_policy,
    parse_policy,
)
from tests.agentos_governance.rules.oracles import CedarOracle, CelOracle
from tests.agentos_governance.rules.policies import CEDAR, CEL, SCHEMA, Maker

SEED = 20261121


def determining_numbers(compiled: CompiledPolicy, decision: Decision) -> frozenset[int]:
    """The numbers from 0 of the rules that made a decision."""
    ids = [each.rule_id for each in decision.determining]
    written = [each.id for each in compiled.policy.statements]
    return frozenset(
        written.index(id_) if id_ in written else int(id_.removeprefix("#")) - 1 for id_ in ids
    )


def disagreements(
    kind: str, n_policies: int, n_calls: int = 1
) -> tuple[list[str], Counter[Effect], int]:
    """What the engine decides otherwise, how often each effect was decided, and n of errors."""
    maker = Maker(random.Random(SEED), CEDAR if kind == "cedar" else CEL)
    found: list[str] = []
    effects: Counter[Effect] = Counter()
    n_errors = 0
    for _ in range(n_policies):
        policy = parse_policy(format_policy(maker.policy(max_statements=8)))
        compiled = compile_policy(policy, SCHEMA)
        oracle = CedarOracle(policy) if kind == "cedar" else CelOracle(policy, SCHEMA)
        for _ in range(n_calls):
            facts, history = maker.facts(), maker.history(policy)
            decision = compiled.decide(facts, history)
            effect, rules = oracle.decide(facts, history)
            effects[effect] += 1
            n_errors += rules is None
            same = effect is decision.effect is compiled.effect(facts, history)
            if rules is None:
                same = same and bool(decision.missing)
            else:
                same = same and not decision.missing
                same = same and rules == determining_numbers(compiled, decision)
            if not same:
                found.append(_told(policy, facts, history, effect, decision))
    return found, effects, n_errors


def _told(
    policy: Policy,
    facts: dict[str, object],
    history: dict[HistoryQuery, int],
    effect: Effect,
    decision: Decision,
) -> str:
    return f"{format_policy(policy)}\n{facts}\n{history}\ntheirs {effect}, ours {decision}"


@pytest.mark.parametrize("kind", ["cedar", "cel"])
def test_another_engine_never_disagrees(kind: str) -> None:
    """Issue 3: 0 disagreements on the common subset; by night on twenty times as much."""
    found, effects, n_errors = disagreements(kind, n_policies=500)
    assert not found, found[0]
    assert min(effects[effect] for effect in Effect) > 30, effects
    assert n_errors > 30


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["cedar", "cel"])
def test_another_engine_never_disagrees_on_ten_thousand_policies(kind: str) -> None:
    """Issue 3: differential tests on 10,000 generated policies and calls."""
    found, effects, n_errors = disagreements(kind, n_policies=10_000)
    print(f"{kind}: {len(found)} disagreements, {dict(effects)}, {n_errors} with a missing fact")
    assert not found, found[0]
