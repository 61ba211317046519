"""What a client's session is told at its start, and at its end, of the work order that it works on.

Above: get_session_context. Below: resume packets, contracts. Text for a model, at most
MAX_CONTEXT_CHARS: clients put longer texts aside.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from agentos import format_time
from agentos_governance.authority.enforcement import HeldOrder
from agentos_governance.contracts.model import Contract
from agentos_governance.orders import cost_view
from agentos_governance.views import ResumePacketView

MAX_CONTEXT_CHARS = 9_500
MAX_OBJECTIVE_CHARS = 2_000
MAX_LISTED = 30
MAX_ASKED_CHARS = 500


def context_text(row: Any, held: HeldOrder, packet: ResumePacketView, now: datetime) -> str:
    """Contract, place, remaining budget and resume packet; the packet only if it fits."""
    contract = held.contract.contract
    state = json.loads(packet.packet)
    lines = [
        f"You work on the AgentOS work order {held.id}: {row['title']}",
        f"Objective: {row['objective'][:MAX_OBJECTIVE_CHARS]}",
        (
            f"Worktree: {held.workspace or 'none'} (branch {held.branch or 'none'}). Edit and run "
            "commands there; this client's own tools are judged by the contract."
        ),
        *_contract_lines(contract, held.contract.version),
        _budget_line(row, contract, state, now),
        f"Lease: until {format_time(held.expires_at)}, epoch {held.epoch}; work renews it.",
        (
            f"Evidence required: {_listed(contract.evidence_required)}; still missing: "
            f"{_listed(state['evidence_missing'])}."
        ),
        *(f"To mend: {finding}" for finding in state["findings"][-5:]),
        *_asked_lines(state),
        (
            "When done: record_evidence for each claim, then submit_work_order; stand_down gives it "
            "back."
        ),
    ]
    text = "\n".join(lines)[: MAX_CONTEXT_CHARS - 500]
    packet_text = f"\nResume packet (sha256 {packet.sha256}): {packet.packet}"
    if len(text) + len(packet_text) <= MAX_CONTEXT_CHARS:
        return text + packet_text
    return (
        f"{text}\nResume packet: {len(packet.packet)} characters, sha256 {packet.sha256}; "
        f"get_resume_packet shows it."
    )


def reminder_text(work_order: str, packet: ResumePacketView) -> str:
    """What a session is reminded of before it stops; empty where nothing is owed."""
    missing = json.loads(packet.packet)["evidence_missing"]
    if not missing:
        return ""
    return (
        f"AgentOS: {work_order} still owes evidence: {_listed(missing)}. Record it with "
        "record_evidence and submit with submit_work_order; if the work is not finished, say where "
        "it stands, or stand_down so that another can continue."
    )


def _asked_lines(state: dict[str, Any]) -> Sequence[str]:
    """What people asked the worker, and what they decided about what it asked."""
    waiting = [each for each in state["questions"] if each["answer"] is None]
    decided = [each for each in state["decisions"] if each["outcome"] is not None]
    return (
        *(
            f"{each['by']} asks ({each['question']}): {each['text'][:MAX_ASKED_CHARS]} Answer with "
            "answer_question."
            for each in waiting[-5:]
        ),
        *(
            f"You asked: {each['title']} ({each['review']}): {each['outcome']}{_answer_text(each)}."
            for each in decided[-5:]
        ),
    )


def _answer_text(decided: dict[str, Any]) -> str:
    said = list((decided["answer"] or {}).values()) or [decided["reason"]]
    return f", {said[0][:MAX_ASKED_CHARS]}" if said[0] else ""


def _contract_lines(contract: Contract, version: str) -> Sequence[str]:
    commands = "any that is not forbidden"
    if contract.commands_allowed is not None:
        commands = _listed(contract.commands_allowed)
    return (
        (
            f"Contract {version[:16]}: write only in {_listed(contract.allowed_roots)}; tools "
            f"{_listed(contract.allowed_tools)}; commands {commands}; forbidden "
            f"{_listed(contract.forbidden_actions)}; network "
            f"{'refused' if contract.network is False else 'allowed'}."
        ),
        *(f"Constraint: {statement}" for statement in contract.constraints[:10]),
    )


def _budget_line(row: Any, contract: Contract, state: dict[str, Any], now: datetime) -> str:
    cost = cost_view(row)
    parts = [f"{state['cost']['remaining_usd']} of {cost.budget_usd} USD left"]
    if contract.token_budget is not None:
        used = state["cost"]["input_tokens"] + state["cost"]["output_tokens"]
        parts.append(f"{max(contract.token_budget - used, 0)} of {contract.token_budget} tokens")
    if contract.wall_clock_s is not None and row["first_claimed_at"] is not None:
        left = contract.wall_clock_s - (now - row["first_claimed_at"]).total_seconds()
        parts.append(f"{max(int(left), 0)} of {contract.wall_clock_s} s")
    return "Budget: " + ", ".join(parts) + "."


def _listed(items: Sequence[str]) -> str:
    shown = ", ".join(items[:MAX_LISTED]) or "none"
    return shown if len(items) <= MAX_LISTED else f"{shown}, and {len(items) - MAX_LISTED} more"
