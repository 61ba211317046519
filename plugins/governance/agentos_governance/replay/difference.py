"""Two runs side by side: which steps both have, which only one, and what differs in a common one.

Above: the command line. Below: recordings. Steps are matched by what was done (event type, tool,
outcome), not by ids, times or who did it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from agentos import LimitExceededError, digest_of
from agentos_governance.replay.recording import Step

MAX_STEPS = 20_000
_OWN_TO_A_RUN = frozenset(
    {
        "call",
        "duration_ms",
        "evidence",
        "request_id",
        "arguments_sha256",
        "result_sha256",
        "packet_sha256",
        "workspace",
        "branch",
        "base_commit",
        "claims",
        "decision",
        "edge",
        "event_tree",
        "review",
        "clock",
    }
)
_WORK_ORDER = "<work order>"


@dataclass(frozen=True, slots=True)
class DifferingStep:
    """A step that one run has and the other has not, or has with other content."""

    change: str
    """`only first`, `only second` or `differs`."""
    first: Step | None
    second: Step | None
    fields: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """The difference as JSON."""
        return {
            "change": self.change,
            "fields": list(self.fields),
            "first": None if self.first is None else self.first.document(),
            "second": None if self.second is None else self.second.document(),
        }


@dataclass(frozen=True, slots=True)
class RunDifference:
    """How two runs compare."""

    n_same: int
    differing: tuple[DifferingStep, ...]

    @property
    def is_same(self) -> bool:
        """Whether both runs did the same with the same content."""
        return not self.differing


def compare_runs(
    first: Sequence[Step], second: Sequence[Step], first_order: str, second_order: str
) -> RunDifference:
    """The difference of two recordings; LimitExceededError for runs too long to compare."""
    if len(first) + len(second) > MAX_STEPS:
        raise LimitExceededError(f"two runs of more than {MAX_STEPS} steps cannot be compared")
    matcher = SequenceMatcher(
        None, [_what(step) for step in first], [_what(step) for step in second], autojunk=False
    )
    n_same = 0
    differing: list[DifferingStep] = []
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag != "equal":
            differing += [DifferingStep("only first", step, None) for step in first[a:b]]
            differing += [DifferingStep("only second", None, step) for step in second[c:d]]
            continue
        for one, other in zip(first[a:b], second[c:d], strict=True):
            fields = _fields_that_differ(_content(one, first_order), _content(other, second_order))
            if fields:
                differing.append(DifferingStep("differs", one, other, fields))
            else:
                n_same += 1
    return RunDifference(n_same, tuple(differing))


def _what(step: Step) -> tuple[str, ...]:
    data = step.event.data
    said = (data.get("tool"), data.get("outcome"), data.get("verdict"), data.get("kind"))
    error = data.get("error") or {}
    return (step.event.type, *(str(part) for part in (*said, error.get("code"))))


def _content(step: Step, work_order: str) -> dict[str, str]:
    """Digests of the fields that are the run's doing, with its own id taken out."""
    return {
        name: digest_of(_without_id(value, work_order))
        for name, value in step.event.data.items()
        if name not in _OWN_TO_A_RUN
    }


def _without_id(value: Any, work_order: str) -> Any:
    if isinstance(value, str):
        return value.replace(work_order, _WORK_ORDER)
    if isinstance(value, dict):
        return {key: _without_id(item, work_order) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_id(item, work_order) for item in value]
    return value


def _fields_that_differ(first: dict[str, str], second: dict[str, str]) -> tuple[str, ...]:
    names = first.keys() | second.keys()
    return tuple(sorted(name for name in names if first.get(name) != second.get(name)))
