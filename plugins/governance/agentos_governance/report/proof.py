"""What the work was grounded in, and how we know that it is correct."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agentos import Event, Kernel, Settings, format_time
from agentos_governance.bounds import newest_within
from agentos_governance.evidence.packets import packet_folder
from agentos_governance.orders import MAX_EVIDENCE, MAX_LIST_BYTES, list_evidence, sql
from agentos_governance.projections import work_order_stream
from agentos_governance.report.model import MAX_SOURCES, Answer, Source, reference, sources
from agentos_governance.views import EvidenceView

GROUNDING_TOOLS = frozenset(
    {
        "search_code",
        "trace_symbol_dependencies",
        "explain_code_path",
        "search_observations",
        "search_references",
    }
)
MAX_LOOKUPS = 50
MAX_OBSERVATIONS = 200
MAX_CALLS = 2_000


async def grounding(kernel: Kernel, row: Any, history: list[Event]) -> Answer:
    """Look-ups in code and history, and what was noted for others."""
    stream = work_order_stream(row["id"])
    calls = await kernel.database.fetch(sql.list_calls, stream, "call.allowed", MAX_CALLS)
    lookups = [
        {
            "tool": call["data"]["tool"],
            "arguments": call["data"].get("arguments", {}),
            "worker": call["actor"],
            "at": format_time(call["at"]),
            "event": f"{stream}#{call['seq']}",
        }
        for call in reversed(calls)
        if call["data"]["tool"] in GROUNDING_TOOLS
    ]
    observations = [
        {
            "observation": event.data["observation"],
            "kind": event.data["kind"],
            "title": event.data["title"],
            "worker": event.actor,
            "at": format_time(event.at),
            "event": reference(event),
        }
        for event in history
        if event.type == "observation.recorded"
    ]
    return Answer(
        summary=f"{len(lookups)} look-ups in the code and its history."
        if lookups
        else "Nothing was looked up.",
        facts={
            "lookups": lookups[:MAX_LOOKUPS],
            "n_lookups": len(lookups),
            "observations": newest_within(observations, MAX_OBSERVATIONS, MAX_LIST_BYTES),
            "n_observations": len(observations),
        },
        sources=[
            *(Source(what=item["tool"], event=item["event"]) for item in lookups[:MAX_LOOKUPS]),
            *sources(history, "observation.recorded"),
        ],
    )


async def correctness(kernel: Kernel, row: Any, history: list[Event]) -> Answer:
    """Evidence, gates, the submitted difference, and the signed packet."""
    newest = await list_evidence(kernel.database, row["id"], newest=MAX_EVIDENCE)
    n_evidence = await kernel.database.fetch_value(sql.count_evidence, row["id"])
    submissions = [
        e for e in history if e.type in ("work_order.submitted", "work_order.gates_failed")
    ]
    gates = submissions[-1].data["gates"] if submissions else []
    passed = sum(gate["passed"] for gate in gates)
    submitted = next((e for e in reversed(history) if e.type == "work_order.submitted"), None)
    folder = packet_folder(kernel.settings, row["id"]) if row["packet_sha256"] else None
    shown = newest_within(newest, MAX_EVIDENCE, MAX_LIST_BYTES)
    return Answer(
        summary=f"{n_evidence} pieces of evidence; {passed} of {len(gates)} gates passed."
        if gates
        else f"{n_evidence} pieces of evidence; not submitted yet.",
        facts={
            "evidence": [item.model_dump(mode="json") for item in shown],
            "n_evidence": n_evidence,
            "gates": gates,
            "diff": submitted.data["diff"] if submitted else None,
            "packet_sha256": row["packet_sha256"],
            "packet_folder": folder.name if folder else None,
        },
        sources=[
            *sources(history, "work_order.submitted", "work_order.gates_failed"),
            *(
                _files(kernel.settings, folder, shown)
                if folder
                else sources(history, "evidence.recorded")
            ),
        ],
    )


def _files(settings: Settings, folder: Path, evidence: list[EvidenceView]) -> list[Source]:
    relative = folder.relative_to(settings.home).as_posix()
    return [
        Source(what="evidence packet", path=relative),
        *(
            Source(what=f"{item.id} ({item.kind})", path=f"{relative}/files/{item.sha256}")
            for item in evidence[-MAX_SOURCES:]
        ),
    ]
