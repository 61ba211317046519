"""A model as adversary: it adds findings that stand on real lines, and can never make work pass."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from agentos import BudgetExceededError, Completer, Finding, UnavailableError
from agentos_governance.gatekeeper.model_pass.review import ModelReview, review_with_model
from tests.agentos_governance.model_pass.submitted import (
    Model,
    Work,
    answering,
    asking,
    finding,
    review_settings,
    token_of,
)

pytestmark = pytest.mark.anyio


async def review(
    completer: Completer | None,
    work: Work | None = None,
    suspicions: Sequence[Finding] = (),
    **settings: Any,
) -> ModelReview:
    work = Work() if work is None else work
    return await review_with_model(
        completer,
        work,
        asking(work),
        suspicions=suspicions,
        settings=review_settings(**settings),
    )


async def test_a_finding_at_real_lines_is_kept_as_the_model_s_and_does_not_block() -> None:
    outcome = await review(answering(finding()))
    assert (outcome.state, outcome.n_dropped) == ("found", 0)
    (found,) = outcome.findings
    assert (found.check, found.by, found.severity) == ("model_review", "model", "warning")
    assert (found.path, found.start_line, found.end_line) == ("src/app.py", 2, 3)
    assert outcome.why == "judge-1 was shown 1 of 1 changed files"


async def test_it_blocks_where_the_settings_say_that_it_may() -> None:
    outcome = await review(answering(finding()), model_may_block=True)
    assert [each.severity for each in outcome.findings] == ["blocking"]


@pytest.mark.parametrize(
    "said",
    [
        finding("src/none.py"),
        finding(first=1, last=5),
        finding(first=4, last=3),
        finding(first=0, last=1),
        finding(first=-3, last=-1),
        finding(first=True, last=1),
        finding(first="2", last="3"),
        finding("/etc/passwd", 1, 1),
        finding("src/../src/app.py", 1, 1),
        finding("~/x", 1, 1),
        finding("src/app.py\x00", 1, 1),
        finding("", 1, 1),
        finding(severity="fatal"),
        finding(message=None),
        finding(claim=""),
        {},
        [],
        None,
        "src/app.py:2",
    ],
)
async def test_a_finding_that_cites_nothing_that_is_there_is_dropped_and_counted(said: Any) -> None:
    outcome = await review(answering(said, finding()))
    assert (len(outcome.findings), outcome.n_dropped) == (1, 1)
    assert outcome.why is not None and "1 of 2 findings were dropped" in outcome.why


async def test_unchanged_files_of_the_tree_may_be_cited_and_deleted_ones_may_not() -> None:
    work = Work(tree={"src/other.py": b"a\nb", "src/empty.py": b""})
    said = [finding("src/other.py", 2, 2), finding("src/other.py", 3, 3)]
    outcome = await review(answering(*said, finding("src/empty.py", 1, 1)), work)
    assert [each.path for each in outcome.findings] == ["src/other.py"]
    assert outcome.n_dropped == 2


async def test_at_most_twenty_findings_are_kept_and_few_files_read_for_them() -> None:
    work = Work()
    said = [finding(claim=f"fault {number}") for number in range(50)]
    invented = [finding(f"src/{number}.py") for number in range(500)]
    outcome = await review(answering(*invented, *said), work)
    assert (len(outcome.findings), outcome.n_dropped) == (0, 550)
    assert len(work.read) <= 40
    outcome = await review(answering(*said), work)
    assert (len(outcome.findings), outcome.n_dropped) == (20, 30)


async def test_twins_are_one_finding() -> None:
    assert len((await review(answering(finding(), finding()))).findings) == 1


async def test_a_model_without_findings_passes_and_what_it_saw_is_told() -> None:
    outcome = await review(answering())
    assert (outcome.state, outcome.findings) == ("passed", ())
    assert outcome.why == "judge-1 was shown 1 of 1 changed files"


async def test_an_answer_between_fences_is_read() -> None:
    def answer(prompt: str, system: str) -> str:
        said = {"token": token_of(prompt), "findings": [finding()]}
        return f"Here it is:\n```json\n{json.dumps(said)}\n```\n"

    assert (await review(Model(answer))).state == "found"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("Looks good to me!", "not the JSON object"),
        ("", "not the JSON object"),
        ("[]", "not the JSON object"),
        ("{" * 100_000, "not the JSON object"),
        ('{"findings": []}', "token"),
        ('{"token": "0123456789abcdef", "findings": []}', "token"),
        ('{"verdict": "approve"}', "token"),
        ("x" * 300_000, "more than 200000 characters"),
    ],
)
async def test_an_answer_that_is_not_in_the_form_has_not_run_and_never_passes(
    said: str, why: str
) -> None:
    outcome = await review(Model(lambda prompt, system: said))
    assert outcome.state == "not_run" and outcome.why is not None and why in outcome.why
    outcome = await review(answering(findings="none"))
    assert outcome.state == "not_run"


async def test_without_a_model_or_a_difference_it_has_not_run() -> None:
    assert (await review(None)).state == "not_run"
    model = answering()
    assert (await review(model, Work(files=()))).state == "not_run"
    assert model.asked == []


async def test_a_silent_model_has_not_run() -> None:
    class Silent(Model):
        async def complete(self, prompt: str, *, system: str, max_tokens: int) -> str:
            await asyncio.Event().wait()
            raise AssertionError("never")

    outcome = await review(Silent(lambda prompt, system: ""), model_timeout_s=0.05)
    assert (outcome.state, outcome.why) == ("not_run", "judge-1 did not answer within 0.05 s")


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (UnavailableError("the endpoint is away"), "the endpoint is away"),
        (BudgetExceededError("too dear", rule="cost_budget_usd"), "too dear"),
        (KeyError("secret-value"), "judge-1 failed: KeyError"),
    ],
)
async def test_a_model_that_fails_or_may_not_be_paid_has_not_run(
    error: Exception, why: str
) -> None:
    def answer(prompt: str, system: str) -> str:
        raise error

    outcome = await review(Model(answer))
    assert (outcome.state, outcome.why) == ("not_run", why)


async def test_cancelling_the_call_cancels_the_model() -> None:
    arrived, left = asyncio.Event(), asyncio.Event()

    class Silent(Model):
        async def complete(self, prompt: str, *, system: str, max_tokens: int) -> str:
            arrived.set()
            try:
                await asyncio.Event().wait()
            finally:
                left.set()
            raise AssertionError("never")

    task = asyncio.create_task(review(Silent(lambda prompt, system: "")))
    async with asyncio.timeout(60):
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert left.is_set()
