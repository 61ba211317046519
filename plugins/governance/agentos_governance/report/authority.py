"""Who did it, and why it was allowed."""

from __future__ import annotations

from typing import Any

from agentos import Event, Kernel, format_time
from agentos_governance.bounds import newest_within
from agentos_governance.contracts.model import contract_document, parse_contract
from agentos_governance.contracts.versions import sql as contract_sql
from agentos_governance.orders import MAX_LIST_BYTES, sql
from agentos_governance.projections import work_order_stream
from agentos_governance.report.model import MAX_SOURCES, Answer, Source, reference, sources

MAX_REFUSALS = 20
MAX_DENIALS = 500
MAX_VERSIONS = 50


def who(row: Any, history: list[Event]) -> Answer:
    """Who asked for the work, and every worker who ever held it."""
    claims = [event for event in history if event.type == "work_order.claimed"]
    workers = list(dict.fromkeys(claim.data["worker"] for claim in claims))
    return Answer(
        summary=f"{row['created_by']} asked for it; "
        + (f"{', then '.join(workers)} did it." if workers else "nobody has claimed it yet."),
        facts={
            "created_by": row["created_by"],
            "created_at": format_time(row["created_at"]),
            "role": row["role"],
            "claims": [
                {
                    "epoch": claim.data["epoch"],
                    "worker": claim.data["worker"],
                    "person": claim.data["person"],
                    "claimed_at": format_time(claim.at),
                    "event": reference(claim),
                }
                for claim in claims
            ],
        },
        sources=sources(history, "work_order.created", "work_order.claimed"),
    )


async def why_allowed(kernel: Kernel, row: Any, history: list[Event]) -> Answer:
    """The contract, how many calls it admitted, and what was refused by which rule."""
    stream = work_order_stream(row["id"])
    [counts] = await kernel.database.fetch(sql.count_calls, stream)
    refused = await kernel.database.fetch(sql.list_refusals, stream, MAX_REFUSALS)
    judged = await kernel.database.fetch(sql.list_calls, stream, "action.judged", MAX_DENIALS)
    denied = [event for event in judged if event["data"]["verdict"] != "allow"]
    n_allowed, n_refused = counts["n_allowed"], counts["n_refused"] + len(denied)
    refusals = newest_within(
        [_refusal(stream, event) for event in refused] + [_denial(stream, e) for e in denied],
        MAX_DENIALS,
        MAX_LIST_BYTES,
    )
    return Answer(
        summary=f"Contract {row['contract_version']} admitted {n_allowed} calls and "
        f"{n_refused} calls or actions were refused.",
        facts={
            "contract_version": row["contract_version"],
            "contract": contract_document(parse_contract(row["contract"])),
            "contract_versions": await _versions(kernel, row["id"]),
            "calls_allowed": n_allowed,
            "calls_refused": n_refused,
            "refusals": refusals,
        },
        sources=[
            *sources(history, "work_order.created", "contract.amended"),
            *(Source(what="refusal", event=item["event"]) for item in refusals[-MAX_SOURCES:]),
        ],
    )


async def _versions(kernel: Kernel, work_order: str) -> list[dict[str, Any]]:
    """Every version of the contract that was in force, oldest first, and what it admitted."""
    stream = work_order_stream(work_order)
    calls = {
        row["version"]: row["n_calls"]
        for row in await kernel.database.fetch(contract_sql.count_calls_by_version, stream)
    }
    rows = await kernel.database.fetch(
        contract_sql.list_contract_versions, work_order, MAX_VERSIONS
    )
    return [
        {
            "number": row["number"],
            "version": row["version"],
            "created_by": row["created_by"],
            "created_at": format_time(row["created_at"]),
            "reason": row["reason"],
            "calls_allowed": calls.get(row["version"], 0),
        }
        for row in reversed(rows)
    ]


def _refusal(stream: str, event: Any) -> dict[str, Any]:
    error = event["data"]["error"]
    return {
        "what": event["data"]["tool"],
        "rule": error.get("rule", error["code"]),
        "reason": error["message"],
        "at": format_time(event["at"]),
        "event": f"{stream}#{event['seq']}",
    }


def _denial(stream: str, event: Any) -> dict[str, Any]:
    action = event["data"]["action"]
    what = action["command"] or " ".join([action["tool"], *action["paths"]])
    return {
        "what": what,
        "rule": event["data"]["rule"],
        "reason": event["data"]["reason"],
        "at": format_time(event["at"]),
        "event": f"{stream}#{event['seq']}",
    }
