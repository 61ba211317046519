"""The seven answers of a work report, in the order and words in which people read them.

Above: the report as text and as a page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

QUESTIONS = {
    "who": "Who did it?",
    "why_allowed": "Why was it allowed?",
    "grounding": "What was it grounded in?",
    "correctness": "How do we know it is correct?",
    "cost": "What did it cost?",
    "reviewed_by": "Who reviewed it?",
    "recovery": "How was it recovered?",
}


def answers(report: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Question, sentence, and facts with their sources, of each answer that the report has."""
    for name, question in QUESTIONS.items():
        answer = report.get(name)
        if not isinstance(answer, Mapping):
            continue
        facts = answer.get("facts")
        shown = dict(facts) if isinstance(facts, Mapping) else {}
        if answer.get("sources"):
            shown["sources"] = answer["sources"]
        yield question, str(answer.get("summary", "")), shown


def headline(report: Mapping[str, Any]) -> str:
    """Id, title and state in one line."""
    return " · ".join(
        str(report[name]) for name in ("work_order", "title", "state") if name in report
    )
