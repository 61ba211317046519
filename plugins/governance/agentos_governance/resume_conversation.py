"""What workers asked persons, and reviewers asked workers, as the events of a work order tell it.

Above: resume packets. Below: nothing. A pure function of the events, as the packet is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

Data = Mapping[str, Any]


def picked(data: Data, *names: str) -> dict[str, Any]:
    """Those fields of an event's data; None for what it lacks."""
    return {name: data.get(name) for name in names}


@dataclass(slots=True)
class Conversation:
    """Requests for decisions and questions by id, in the order in which they were asked."""

    EVENTS: ClassVar = (
        "decision.requested",
        "decision.decided",
        "decision.expired",
        "decision.cancelled",
        "question.asked",
        "question.answered",
    )

    decisions: dict[str, dict[str, Any]] = field(default_factory=dict)
    questions: dict[str, dict[str, Any]] = field(default_factory=dict)

    def apply(self, data: Data, event: Mapping[str, Any]) -> None:
        """Take in one of `EVENTS`."""
        match event["type"]:
            case "decision.requested":
                self._request(data)
            case "question.asked":
                self._ask(data, event)
            case "question.answered":
                self._answer(data)
            case kind:
                self._end(data, str(kind))

    def _request(self, data: Data) -> None:
        asked = picked(data, "review", "kind", "title", "text", "worker")
        asked["options"] = [option["id"] for option in data.get("options") or []]
        open_yet = dict.fromkeys(("outcome", "answer", "reason", "by"))
        self.decisions[str(data["review"])] = {**asked, **open_yet}

    def _end(self, data: Data, kind: str) -> None:
        asked = self.decisions.get(str(data["review"]))
        if asked is not None:
            outcome = data.get("outcome") or kind.removeprefix("decision.")
            asked.update(picked(data, "answer", "reason"), outcome=outcome, by=data.get("person"))

    def _ask(self, data: Data, event: Mapping[str, Any]) -> None:
        by = data.get("person") or event["actor"]
        asked = picked(data, "question", "review", "text")
        self.questions[str(data["question"])] = {**asked, "by": by, "answer": None}

    def _answer(self, data: Data) -> None:
        asked = self.questions.get(str(data["question"]))
        if asked is not None:
            asked["answer"] = data.get("text")
