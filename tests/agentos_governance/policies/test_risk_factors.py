"""Risk factors of other plugins (issue 3): they add to the score, and never decide or block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from agentos import ConfigurationError, Kernel, RiskFactor, RiskQuestion, Settings, hookimpl
from agentos_governance.policies.risk import RiskFactors
from tests.agentos_governance.lifecycle import open_office
from tests.agentos_governance.lifecycle_plugin import LifecyclePlugin
from tests.agentos_governance.policies.offices import check, held, last_decision, write_policy
from tests.agentos_governance.repositories import make_repository

pytestmark = pytest.mark.anyio

POLICY = "ALLOW any\nDENY write IF risk_score > 0.2"


class FactorPlugin(LifecyclePlugin):
    """Declares a factor whose answer the test chooses."""

    def __init__(self, assess: Callable[[RiskQuestion], float | None]) -> None:
        super().__init__()
        self.asked: list[RiskQuestion] = []
        self._assess = assess

    @hookimpl
    def register_risk_factors(self, kernel: Kernel) -> Sequence[RiskFactor]:
        return [RiskFactor("untested", 0.5, "no test reaches it", self._answer)]

    def _answer(self, question: RiskQuestion) -> float | None:
        self.asked.append(question)
        return self._assess(question)


def _fail(question: RiskQuestion) -> float | None:
    raise RuntimeError("the index is being rebuilt")


@pytest.mark.parametrize(
    ("assess", "score", "verdict"),
    [
        (lambda question: 1.0, "0.55", "deny"),
        (lambda question: 7.0, "0.55", "deny"),
        (lambda question: 0.0, "0.1", "allow"),
        (lambda question: -3.0, "0.1", "allow"),
        (lambda question: None, "0.1", "allow"),
        (_fail, "0.1", "allow"),
    ],
    ids=["shown", "beyond", "not shown", "below", "not known", "broken"],
)
async def test_a_plugin_s_factor_adds_to_the_score_and_is_left_out_where_it_is_not_known(
    settings: Settings, tmp_path: Path, assess: Any, score: str, verdict: str
) -> None:
    write_policy(settings, POLICY)
    plugin = FactorPlugin(assess)
    repo = make_repository(tmp_path / "repo")
    async with open_office(settings, plugin=plugin) as office:
        await held(office, repo=repo)
        answer = await check(office, "Edit", paths=["src/app.py"])
        assert answer["verdict"] == verdict
        decision = await last_decision(office, "action.judged")
        assert decision["facts"]["risk_score"] == score
    asked = [question for question in plugin.asked if question.paths]
    assert asked == [RiskQuestion(str(repo), ("src/app.py",), frozenset({"write"}))]


@pytest.mark.parametrize(
    ("name", "weight"), [("writes", 0.5), ("mine", 0.0), ("mine", 1.0), ("mine", -0.1)]
)
def test_a_factor_that_cannot_be_used_stops_the_start(name: str, weight: float) -> None:
    with pytest.raises(ConfigurationError, match=name):
        RiskFactors([RiskFactor(name, weight, "x", lambda question: 1.0)])


def test_two_factors_of_one_name_stop_the_start() -> None:
    factor = RiskFactor("mine", 0.5, "x", lambda question: 1.0)
    with pytest.raises(ConfigurationError, match="mine"):
        RiskFactors([factor, factor])
