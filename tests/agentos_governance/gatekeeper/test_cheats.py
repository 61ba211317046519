"""Packets that lie: each is stopped by the check that is there for it."""

from __future__ import annotations

import pytest

from tests.agentos_governance.gatekeeper.corpus import CHEATS, MORE_CHEATS
from tests.agentos_governance.gatekeeper.form import Case
from tests.agentos_governance.gatekeeper.submitting import Submissions

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CHEATS])
async def test_every_cheat_is_caught_by_its_named_check(
    submissions: Submissions, case: Case
) -> None:
    outcome = await submissions.submit(case)
    assert outcome.is_caught(case), f"{case.caught_by} at {case.at}; got: {outcome}"
    assert outcome.state == "active", outcome


@pytest.mark.nightly
@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in MORE_CHEATS])
async def test_every_further_cheat_is_caught_by_its_named_check(
    submissions: Submissions, case: Case
) -> None:
    outcome = await submissions.submit(case)
    assert outcome.is_caught(case), f"{case.caught_by} at {case.at}; got: {outcome}"
    assert outcome.state == "active", outcome


def test_the_corpus_has_forty_cheats_and_each_says_who_catches_it() -> None:
    every = (*CHEATS, *MORE_CHEATS)
    assert len(CHEATS) >= 40
    assert len({case.id for case in every}) == len(every)
    assert all(1 <= len(set(case.caught_by)) <= 2 for case in every)
