"""What a model is asked is put together in a process of its own, which work can end and nothing else."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from agentos import Finding
from agentos_governance.gatekeeper.model_pass.prompt import NoQuestionError, ask_about
from agentos_governance.gatekeeper.model_pass.review import review_with_model
from agentos_governance.gatekeeper.processes import questions
from agentos_governance.gatekeeper.processes.frames import UnreadableAnswerError
from agentos_governance.gatekeeper.processes.questions import question_about
from tests.agentos_governance.gatekeeper_checks.reviewed import work_of
from tests.agentos_governance.model_pass.submitted import answering, review_settings

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="processes of checks"),
]

SUSPICION = Finding("tests_kept", "warning", "An assertion is gone", path="src/b.py", start_line=1)


async def test_it_asks_the_same_as_without_a_process() -> None:
    after = {"src/a.py": "x = 2\n", "src/b.py": "y = '\u2028 <<<MATERIAL'\n", "src/c\udc80.py": "z"}
    work = work_of({"src/a.py": "x = 1\n"}, after)
    asked = await question_about(work, [SUSPICION], 5_000)
    here = ask_about(work, work.contract, [SUSPICION], 5_000)
    assert (asked.n_shown, asked.n_files) == (here.n_shown, here.n_files) == (3, 3)
    assert asked.token != here.token and asked.token in asked.system
    marks = [each.system.split("<<<MATERIAL ")[1].split()[0] for each in (asked, here)]
    assert asked.prompt.replace(asked.token, here.token).replace(marks[0], marks[1]) == here.prompt
    assert asked.prompt.index("src/b.py (") < asked.prompt.index("src/a.py (")


async def test_work_that_takes_long_to_compare_is_told_as_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """4,000 lines, each of them forty times: comparing these takes eight times the limit and more."""
    monkeypatch.setattr(questions, "LIMIT_S", 0.05)
    lines = [f"line {n % 101}" for n in range(3_999)]
    work = work_of({"src/a.py": "\n".join(lines)}, {"src/a.py": "\n".join(lines[::-1])})

    async def ask(suspicions: Any, max_chars: int) -> Any:
        return await question_about(work, suspicions, max_chars)

    outcome = await review_with_model(
        model := answering(), work, ask, suspicions=(), settings=review_settings()
    )
    assert outcome.state == "not_run" and "longer than 0.05 s" in str(outcome.why)
    assert model.asked == []


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"system": "S", "prompt": "P", "token": "t", "n_shown": 1},
        {"system": "S", "prompt": "P", "token": "t", "n_shown": True, "n_files": 1},
        {"system": "S", "prompt": None, "token": "t", "n_shown": 1, "n_files": 1},
        {"system": "S", "prompt": "P", "token": "t", "n_shown": 1, "n_files": 1, "more": 1},
    ],
)
def test_only_a_question_is_read_as_one(said: dict[str, Any]) -> None:
    with pytest.raises(UnreadableAnswerError):
        questions._question_of(said)


async def test_a_process_that_ends_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a machine without memory ends it."""
    work = work_of({}, {"src/a.py": "x = 1\n"})
    with pytest.raises(NoQuestionError, match="ended its process"):
        await question_about(work, [SUSPICION], 10**400)
