"""What the work cost, who reviewed it, and how it was recovered."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from agentos import Event, Kernel, format_time
from agentos_governance.contracts.model import ReviewPolicy, parse_contract, usd_text
from agentos_governance.orders import cost_view, list_votes, shown_votes, sql
from agentos_governance.report.model import Answer, reference, sources

_INTERRUPTIONS = ("work_order.lease_expired", "work_order.stood_down", "work_order.taken_over")


async def cost(kernel: Kernel, row: Any, history: list[Event]) -> Answer:
    """Money against the budget, by phase, role, model and action."""
    rows = await kernel.database.fetch(
        sql.cost_rows, ["phase", "role", "model", "action"], row["id"], None, None
    )
    money = cost_view(row)
    share = ""
    if row["cap_usd"]:
        share = f" ({(row['spent_usd'] / row['cap_usd'] * 100).quantize(Decimal('0.1'))} %)"
    return Answer(
        summary=f"{money.spent_usd} of {money.budget_usd} USD{share} in "
        f"{sum(r['n_calls'] for r in rows)} model requests.",
        facts={
            **money.model_dump(),
            "rows": [
                {**{k: v for k, v in dict(r).items() if v is not None}, "usd": usd_text(r["usd"])}
                for r in rows
            ],
        },
        sources=sources(history, "usage.recorded"),
    )


async def reviewed_by(kernel: Kernel, row: Any, history: list[Event]) -> Answer:
    """The votes, and what the contract asks for."""
    votes = await list_votes(kernel.database, row["id"])
    policy = parse_contract(row["contract"]).review
    if votes:
        said = "; ".join(f"{vote.reviewer}: {vote.verdict}" for vote in votes)
        summary = f"{said}. The contract asks for {policy.quorum} ({policy.by}){_more(policy)}."
    else:
        summary = "Nobody yet." if policy.required else "The contract requires no review."
    return Answer(
        summary=summary,
        facts={
            "policy": policy.model_dump(mode="json"),
            "votes": [vote.model_dump(mode="json") for vote in shown_votes(votes)],
            "n_votes": len(votes),
        },
        sources=sources(history, "work_order.reviewed", "work_order.review_expired"),
    )


def _more(policy: ReviewPolicy) -> str:
    parts = [] if policy.reviewers is None else [f"of {', '.join(policy.reviewers)}"]
    parts += [f"{count} as {role}" for role, count in sorted((policy.roles or {}).items())]
    return "".join(f", {part}" for part in parts)


def recovery(row: Any, history: list[Event]) -> Answer:
    """Every interruption, and who continued."""
    lost = [event for event in history if event.type in _INTERRUPTIONS]
    claims = [event for event in history if event.type == "work_order.claimed"]
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
                    "event": reference(event),
                }
                for event in lost
            ],
            "epoch": row["epoch"],
            "event_head": {"seq": history[-1].seq, "hash": history[-1].hash},
        },
        sources=sources(history, *_INTERRUPTIONS, "work_order.claimed"),
    )
