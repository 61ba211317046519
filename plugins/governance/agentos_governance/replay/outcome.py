"""One replay, both levels, as the command line shows it.

Above: the command line. Below: folding, serving, recording.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agentos import Kernel, LimitExceededError
from agentos_governance.replay.folding import MAX_STEPS, OrderFold, State, open_fold
from agentos_governance.replay.recording import Step, calls_of, recording_digest, steps_of
from agentos_governance.replay.serving import Finding, ServedCall, serve_call


@dataclass(frozen=True, slots=True)
class FoldedStep:
    """A step and the state after it."""

    step: Step
    state_sha256: str
    changed: tuple[str, ...]
    """Tables that the step changed."""
    state: str | None
    """Where the work order stands after it."""

    def document(self) -> dict[str, Any]:
        """The step as JSON."""
        return {
            **self.step.document(),
            "work_order_state": self.state,
            "changed": list(self.changed),
            "state_sha256": self.state_sha256,
        }


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of a replay."""

    work_order: str
    until: str | None
    n_events: int
    recording_sha256: str
    folded: State
    live: State | None
    """The tables' state; None for a replay that ends before the recording does."""
    steps: tuple[FoldedStep, ...]
    calls: tuple[ServedCall, ...]

    @property
    def differing_tables(self) -> list[str]:
        """The tables that the events do not give; empty where all is well."""
        return [] if self.live is None else self.folded.differences(self.live)

    @property
    def ok(self) -> bool:
        """Whether the events give the state, and no record contradicts itself."""
        broken = any(call.finding is Finding.BROKEN for call in self.calls)
        return not self.differing_tables and not broken

    def findings(self) -> dict[str, int]:
        """How many calls stand how."""
        counts: dict[str, int] = {}
        for call in self.calls:
            counts[call.finding.value] = counts.get(call.finding.value, 0) + 1
        return counts

    def document(self) -> dict[str, Any]:
        """The replay as JSON."""
        return {
            "ok": self.ok,
            "work_order": self.work_order,
            "until": self.until,
            "events": self.n_events,
            "recording_sha256": self.recording_sha256,
            "kernel": {
                "state_sha256": self.folded.sha256,
                "live_sha256": None if self.live is None else self.live.sha256,
                "differing_tables": self.differing_tables,
                "rows": self.folded.counts(),
                "work_order": self.folded.order,
            },
            "tools": {
                "findings": self.findings(),
                "calls": [call.document() for call in self.calls],
            },
            "steps": [step.document() for step in self.steps],
        }


async def replay_order(
    kernel: Kernel, work_order: str, *, until: str | None, with_steps: bool, rerun: bool
) -> Replay:
    """Replay a work order, all of it or up to a step.

    NotFoundError for an unknown work order or step; LimitExceededError for too many steps.
    """
    async with open_fold(kernel, work_order, until) as fold:
        events = fold.events
        steps: list[FoldedStep] = []
        if with_steps:
            steps = await _step_through(fold)
        else:
            await fold.apply_all(events)
        folded = await fold.folded()
        live = await fold.live() if until is None else None
    calls = [await serve_call(kernel, call, rerun=rerun) for call in calls_of(events)]
    return Replay(
        work_order=work_order,
        until=until,
        n_events=len(events),
        recording_sha256=recording_digest(events),
        folded=folded,
        live=live,
        steps=tuple(steps),
        calls=tuple(calls),
    )


async def recorded_steps(kernel: Kernel, work_order: str, until: str | None) -> list[Step]:
    """The steps on record, without folding them."""
    async with open_fold(kernel, work_order, until) as fold:
        return steps_of(fold.events)


async def _step_through(fold: OrderFold) -> list[FoldedStep]:
    if len(fold.events) > MAX_STEPS:
        raise LimitExceededError(
            f"{len(fold.events)} steps are too many to fold one by one; the limit is {MAX_STEPS}",
            remedy="end earlier with --until",
        )
    folded: list[FoldedStep] = []
    before = await fold.folded()
    for step in steps_of(fold.events):
        after = await fold.folded() if await fold.apply(step.event) else before
        state = after.order.get("state")
        folded.append(FoldedStep(step, after.sha256, tuple(after.differences(before)), state))
        before = after
    return folded
