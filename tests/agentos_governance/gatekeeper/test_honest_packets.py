"""Packets that look suspicious and are honest: a reviewer gets to see every one of them."""

from __future__ import annotations

import pytest

from tests.agentos_governance.gatekeeper.corpus import HONEST, MORE_HONEST
from tests.agentos_governance.gatekeeper.form import Case
from tests.agentos_governance.gatekeeper.submitting import Submissions

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in HONEST])
async def test_no_honest_packet_is_blocked(submissions: Submissions, case: Case) -> None:
    outcome = await submissions.submit(case)
    assert outcome.is_accepted, outcome


@pytest.mark.nightly
@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in MORE_HONEST])
async def test_no_further_honest_packet_is_blocked(submissions: Submissions, case: Case) -> None:
    outcome = await submissions.submit(case)
    assert outcome.is_accepted, outcome


def test_the_corpus_has_forty_honest_packets() -> None:
    assert len(HONEST) >= 40
    every = (*HONEST, *MORE_HONEST)
    assert len({case.id for case in every}) == len(every)
    assert not any(case.caught_by for case in every)
