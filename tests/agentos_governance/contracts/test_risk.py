"""The risk score: declared factors, each of which adds, none of which decides alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_governance.contracts.risk import FACTORS, RiskSubject, compute_risk


@pytest.mark.parametrize(
    ("subject", "factors"),
    [
        (RiskSubject({"read"}), {}),
        (RiskSubject({"read"}, paths=["src/a.py"]), {}),
        (RiskSubject({"write"}, paths=["src/a.py"]), {"writes": 0.1}),
        (RiskSubject({"write"}, paths=["db/migrations/0001.sql"]), {"writes", "sensitive_path"}),
        (RiskSubject({"write"}, paths=[".github/workflows/ci.yml"]), {"writes", "sensitive_path"}),
        (RiskSubject({"write"}, paths=["uv.lock"]), {"writes", "sensitive_path"}),
        (RiskSubject({"write"}, paths=["src/keyboard.py"]), {"writes"}),
        (RiskSubject({"read"}, is_destructive=True), {"destructive": 0.5}),
        (RiskSubject({"execute"}, command="pytest -q"), {"executes": 0.1}),
        (RiskSubject({"execute"}, command="tail -f log.txt"), {"executes"}),
        (RiskSubject({"execute"}, command="rm -rf build"), {"executes", "destructive"}),
        (RiskSubject({"execute"}, command="cd x && rm build"), {"executes", "destructive"}),
        (RiskSubject({"execute"}, command="git reset --hard"), {"executes", "destructive"}),
        (
            RiskSubject({"execute"}, command="git push -f origin"),
            {"executes", "network", "destructive"},
        ),
        (RiskSubject({"execute"}, command="sudo make"), {"executes", "privilege"}),
        (RiskSubject({"execute"}, command="curl http://x"), {"executes", "network"}),
        (RiskSubject({"execute"}, command="cat .env"), {"executes", "sensitive_path"}),
        (RiskSubject({"execute"}, command="$TOOL now"), {"executes", "opaque_command"}),
        (RiskSubject({"network"}), {"network": 0.25}),
        (RiskSubject({"read"}, n_refusals=5), {"refusals": 0.15}),
        (RiskSubject({"read"}, n_refusals=500), {"refusals": 0.3}),
        (RiskSubject({"read"}, cost_share=0.5), {"cost_share": 0.1}),
        (RiskSubject({"read"}, paths=[f"{n}" for n in range(20)]), {"many_paths": 0.3}),
        (RiskSubject({"read"}, paths=["a", "a"]), {}),
    ],
)
def test_a_call_shows_the_factors_that_apply_to_it(
    subject: RiskSubject, factors: dict[str, float] | set[str]
) -> None:
    found = compute_risk(subject).factors
    assert (found if isinstance(factors, dict) else set(found)) == factors


def test_factors_combine_as_independent_reasons() -> None:
    risk = compute_risk(RiskSubject({"write"}, is_destructive=True, cost_share=1.0))
    assert risk.factors == {"writes": 0.1, "destructive": 0.5, "cost_share": 0.2}
    assert risk.score == round(1 - 0.9 * 0.5 * 0.8, 3)


_CAPABILITIES = st.sets(st.sampled_from(["read", "write", "execute", "network"]))


@settings(max_examples=200, deadline=None)
@given(
    capabilities=_CAPABILITIES,
    more=_CAPABILITIES,
    command=st.none() | st.text("rm -f$;|git psuhdo\\\"'", max_size=20),
    n=st.integers(0, 100),
    share=st.floats(0, 2, allow_nan=False),
)
def test_the_score_lies_between_0_and_1_and_never_falls_when_a_reason_is_added(
    capabilities: set[str], more: set[str], command: str | None, n: int, share: float
) -> None:
    less = compute_risk(RiskSubject(capabilities, command=command, n_refusals=n))
    full = compute_risk(RiskSubject(capabilities | more, True, ["uv.lock"], command, n + 1, share))
    assert 0 <= less.score <= full.score < 1
    assert full == compute_risk(
        RiskSubject(capabilities | more, True, ["uv.lock"], command, n + 1, share)
    )


def test_every_weight_leaves_room_for_the_others() -> None:
    assert all(0 < factor.weight < 1 for factor in FACTORS)
    assert len({factor.name for factor in FACTORS}) == len(FACTORS)
