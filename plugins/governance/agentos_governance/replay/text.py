"""A replay in words, for a terminal.

Above: the command line. Below: outcome and difference. Text that came from outside loses its
control characters.
"""

from __future__ import annotations

import re

from agentos import format_time
from agentos_governance.replay.difference import DifferingStep, RunDifference
from agentos_governance.replay.outcome import FoldedStep, Replay
from agentos_governance.replay.recording import Step
from agentos_governance.replay.serving import Finding, ServedCall

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_LOUD = (Finding.DIVERGED, Finding.BROKEN)


def replay_text(replay: Replay) -> str:
    """The outcome in lines: state first, then the calls."""
    end = "" if replay.until is None else f" up to {replay.until}"
    lines = [f"{replay.work_order}: {replay.n_events} events{end}, {_state(replay)}"]
    lines.append(f"folded from nothing: state {replay.folded.sha256[:16]}")
    if replay.live is None:
        lines.append("not compared with the tables: they are further on")
    elif replay.differing_tables:
        names = ", ".join(replay.differing_tables)
        lines.append(f"THE TABLES DIFFER (state {replay.live.sha256[:16]}): {names}")
    else:
        lines.append("the tables hold the same state")
    lines += [_call(call) for call in replay.calls]
    findings = ", ".join(f"{count} {name}" for name, count in sorted(replay.findings().items()))
    lines.append(f"{len(replay.calls)} calls: {findings or 'none'}")
    return "\n".join(_printable(line) for line in lines)


def step_text(step: FoldedStep) -> str:
    """One step, with what it changed."""
    changed = f"; changed {', '.join(step.changed)}" if step.changed else ""
    return _printable(
        f"{_step(step.step)} [{step.state or 'not there'}, state {step.state_sha256[:12]}{changed}]"
    )


def difference_text(found: RunDifference, first: str, second: str) -> str:
    """How two runs differ, step by step."""
    lines = [f"{first} and {second}: {found.n_same} steps alike, {len(found.differing)} not"]
    lines += [_difference(step) for step in found.differing]
    return "\n".join(_printable(line) for line in lines)


def _state(replay: Replay) -> str:
    return str(replay.folded.order.get("state", "not there"))


def _call(call: ServedCall) -> str:
    recorded = call.recorded
    detail = f" ({call.detail})" if call.detail else ""
    mark = "!" if call.finding in _LOUD else " "
    return f"{mark} {recorded.call} {recorded.tool} by {recorded.actor}: {call.finding}{detail}"


def _step(step: Step) -> str:
    event = step.event
    said = f": {step.summary}" if step.summary else ""
    return f"{event.seq:>5} {format_time(event.at)} {event.actor} {event.type}{said}"


def _difference(step: DifferingStep) -> str:
    if step.first is not None and step.second is not None:
        return f"~ {_step(step.first)} (differs in {', '.join(step.fields)})"
    if step.first is not None:
        return f"- {_step(step.first)}"
    assert step.second is not None
    return f"+ {_step(step.second)}"


def _printable(text: str) -> str:
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
