"""The seven answers about a work order, from its events: who, why allowed, grounding,
correctness, cost, reviewed by, recovery.

Above: the report tool and command. Below: orders, `sql/queries.sql`. Every answer is a sentence
for people and the facts behind it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from agentos import Event, Kernel, format_time
from agentos_governance.bounds import newest_within
from agentos_governance.contracts.model import contract_document, parse_contract, usd_text
from agentos_governance.evidence.packets import packet_folder
from agentos_governance.orders import (
    MAX_EVIDENCE,
    MAX_LIST_BYTES,
    cost_view,
    get_order,
    list_evidence,
    list_votes,
    read_history,
    shown_votes,
    sql,
)
from agentos_governance.projections import work_order_stream

GROUNDING_TOOLS = frozenset(
    {
        "search_code",
        "trace_symbol_dependencies",
        "explain_code_path",
        "search_observations",
        "search_references",
    }
)
MAX_REFUSALS = 20
MAX_GROUNDING = 50
MAX_OBSERVATIONS = 200
MAX_DENIALS = 500


class Answer(BaseModel):
    """One of the seven: a sentence and its facts."""

    summary: str
    facts: dict[str, Any]


class WorkReport(BaseModel):
    """The seven answers of a work order."""

    work_order: str
    title: str
    state: str
    who: Answer
    why_allowed: Answer
    grounding: Answer
    correctness: Answer
    cost: Answer
    reviewed_by: Answer
    recovery: Answer


async def build_report(kernel: Kernel, work_order: str) -> WorkReport:
    """The report of a work order as the database has it now."""
    row = await get_order(kernel.database, work_order)
    history = await read_history(kernel.database, work_order)
    return WorkReport(
        work_order=work_order,
        title=row["title"],
        state=row["state"],
        who=await _who(kernel, row),
        why_allowed=await _why_allowed(kernel, row),
        grounding=await _grounding(kernel, row, history),
        correctness=await _correctness(kernel, row, history),
        cost=await _cost(kernel, row),
        reviewed_by=await _reviewed_by(kernel, row),
        recovery=_recovery(row, history),
    )


async def _who(kernel: Kernel, row: Any) -> Answer:
    claims = await kernel.database.fetch(sql.list_claims, row["id"])
    workers = list(dict.fromkeys(claim["worker"] for claim in claims))
    return Answer(
        summary=f"{row['created_by']} asked for it; "
        + (f"{', then '.join(workers)} did it." if workers else "nobody has claimed it yet."),
        facts={
            "created_by": row["created_by"],
            "created_at": format_time(row["created_at"]),
            "role": row["role"],
            "claims": [
                {
                    "epoch": claim["epoch"],
                    "worker": claim["worker"],
                    "person": claim["person"],
                    "claimed_at": format_time(claim["claimed_at"]),
                }
                for claim in claims
            ],
        },
    )


async def _why_allowed(kernel: Kernel, row: Any) -> Answer:
    stream = work_order_stream(row["id"])
    [counts] = await kernel.database.fetch(sql.count_calls, stream)
    refused = await kernel.database.fetch(sql.list_refusals, stream, MAX_REFUSALS)
    judged = await kernel.database.fetch(sql.list_calls, stream, "action.judged", 500)
    denied = [event for event in judged if event["data"]["verdict"] != "allow"]
    n_allowed, n_refused = counts["n_allowed"], counts["n_refused"] + len(denied)
    contract = parse_contract(row["contract"])
    return Answer(
        summary=f"Contract {row['contract_version']} admitted {n_allowed} calls and "
        f"{n_refused} calls or actions were refused.",
        facts={
            "contract_version": row["contract_version"],
            "contract": contract_document(contract),
            "calls_allowed": n_allowed,
            "calls_refused": n_refused,
            "refusals": newest_within(
                [_refusal(event) for event in refused] + [_denial(e) for e in denied],
                MAX_DENIALS,
                MAX_LIST_BYTES,
            ),
        },
    )


def _refusal(event: Any) -> dict[str, Any]:
    error = event["data"]["error"]
    return {
        "what": event["data"]["tool"],
        "rule": error.get("rule", error["code"]),
        "reason": error["message"],
        "at": format_time(event["at"]),
    }


def _denial(event: Any) -> dict[str, Any]:
    action = event["data"]["action"]
    what = action["command"] or " ".join([action["tool"], *action["paths"]])
    return {
        "what": what,
        "rule": event["data"]["rule"],
        "reason": event["data"]["reason"],
        "at": format_time(event["at"]),
    }


async def _grounding(kernel: Kernel, row: Any, history: list[Event]) -> Answer:
    calls = await kernel.database.fetch(
        sql.list_calls, work_order_stream(row["id"]), "call.allowed", 2_000
    )
    lookups = [c for c in reversed(calls) if c["data"]["tool"] in GROUNDING_TOOLS]
    observations = [
        {
            "observation": event.data["observation"],
            "kind": event.data["kind"],
            "title": event.data["title"],
            "worker": event.actor,
            "at": format_time(event.at),
        }
        for event in history
        if event.type == "observation.recorded"
    ]
    return Answer(
        summary=f"{len(lookups)} look-ups in the code and its history."
        if lookups
        else "Nothing was looked up.",
        facts={
            "lookups": [
                {
                    "tool": call["data"]["tool"],
                    "arguments": call["data"].get("arguments", {}),
                    "worker": call["actor"],
                    "at": format_time(call["at"]),
                }
                for call in lookups[:MAX_GROUNDING]
            ],
            "n_lookups": len(lookups),
            "observations": newest_within(observations, MAX_OBSERVATIONS, MAX_LIST_BYTES),
            "n_observations": len(observations),
        },
    )


async def _correctness(kernel: Kernel, row: Any, history: list[Event]) -> Answer:
    evidence = await list_evidence(kernel.database, row["id"])
    submissions = [
        e for e in history if e.type in ("work_order.submitted", "work_order.gates_failed")
    ]
    gates = submissions[-1].data["gates"] if submissions else []
    passed = sum(gate["passed"] for gate in gates)
    submitted = next((e for e in reversed(history) if e.type == "work_order.submitted"), None)
    return Answer(
        summary=f"{len(evidence)} pieces of evidence; {passed} of {len(gates)} gates passed."
        if gates
        else f"{len(evidence)} pieces of evidence; not submitted yet.",
        facts={
            "evidence": [
                item.model_dump(mode="json")
                for item in newest_within(evidence, MAX_EVIDENCE, MAX_LIST_BYTES)
            ],
            "n_evidence": len(evidence),
            "gates": gates,
            "diff": submitted.data["diff"] if submitted else None,
            "packet_sha256": row["packet_sha256"],
            "packet_folder": packet_folder(kernel.settings, row["id"]).name
            if row["packet_sha256"]
            else None,
        },
    )


async def _cost(kernel: Kernel, row: Any) -> Answer:
    rows = await kernel.database.fetch(
        sql.cost_rows, ["phase", "role", "model", "action"], row["id"], None, None
    )
    cost = cost_view(row)
    share = ""
    if row["cap_usd"]:
        share = f" ({(row['spent_usd'] / row['cap_usd'] * 100).quantize(Decimal('0.1'))} %)"
    return Answer(
        summary=f"{cost.spent_usd} of {cost.budget_usd} USD{share} in "
        f"{sum(r['n_calls'] for r in rows)} model requests.",
        facts={
            **cost.model_dump(),
            "rows": [
                {**{k: v for k, v in dict(r).items() if v is not None}, "usd": usd_text(r["usd"])}
                for r in rows
            ],
        },
    )


async def _reviewed_by(kernel: Kernel, row: Any) -> Answer:
    votes = await list_votes(kernel.database, row["id"])
    policy = parse_contract(row["contract"]).review
    if votes:
        said = "; ".join(f"{vote.reviewer}: {vote.verdict}" for vote in votes)
        summary = f"{said}. The contract asks for {policy.quorum} ({policy.by})."
    else:
        summary = "Nobody yet." if policy.required else "The contract requires no review."
    return Answer(
        summary=summary,
        facts={
            "policy": policy.model_dump(mode="json"),
            "votes": [vote.model_dump(mode="json") for vote in shown_votes(votes)],
            "n_votes": len(votes),
        },
    )


def _recovery(row: Any, history: list[Event]) -> Answer:
    lost = [e for e in history if e.type in ("work_order.lease_expired", "work_order.stood_down")]
    claims = [e for e in history if e.type == "work_order.claimed"]
    if not lost:
        summary = "No interruption."
    elif claims[-1].seq > lost[-1].seq:
        summary = (
            f"{len(lost)} interruption(s); {claims[-1].data['worker']} continued in epoch "
            f"{claims[-1].data['epoch']} from the resume packet."
        )
    elif row["state"] == "suspended":
        summary = f"{len(lost)} interruption(s); it waits to be claimed again."
    else:
        summary = f"{len(lost)} interruption(s); nobody continued."
    return Answer(
        summary=summary,
        facts={
            "interruptions": [
                {
                    "how": event.type.removeprefix("work_order."),
                    "worker": event.data.get("worker", event.actor),
                    "epoch": event.data.get("epoch"),
                    "at": format_time(event.at),
                }
                for event in lost
            ],
            "epoch": row["epoch"],
            "event_head": {"seq": history[-1].seq, "hash": history[-1].hash},
        },
    )
