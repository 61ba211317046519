"""Makes the evidence packet of a work order from its events, evidence, votes and costs.

Above: submission, completion, reports. Below: packet (the folder format), blobs, keys. A packet is
derived: it can be made again from the database and the blobs at any time.
"""

from __future__ import annotations

import asyncio
import base64
import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentos import Event, Kernel, Settings, load_or_create_signing_key
from agentos_governance.evidence.blobs import BlobStore
from agentos_governance.evidence.durable_files import make_private_folder
from agentos_governance.evidence.packet import ENVELOPE_FILE, PacketSummary, write_packet
from agentos_governance.orders import (
    Reader,
    cost_view,
    get_order,
    list_evidence,
    list_votes,
    read_history,
    sql,
)
from agentos_governance.views import EvidenceView, GateView

ENDED = ("work_order.completed", "work_order.failed")


@dataclass(frozen=True, slots=True)
class PacketContent:
    """What goes into a packet, besides its signature."""

    work_order: str
    predicate: dict[str, Any]
    claims: list[dict[str, Any]]
    digests: list[str]


def packet_folder(settings: Settings, work_order: str) -> Path:
    """Where the packet of a work order lies."""
    return settings.home / "evidence" / work_order


def store_packet(settings: Settings, content: PacketContent) -> PacketSummary:
    """Write the packet durably; the same content gives the same bytes. One writer at a time."""
    blobs = BlobStore(settings.home / "blobs")
    files = {d: blobs.path(d) for d in content.digests if blobs.path(d).is_file()}
    with _only_writer(settings.home / "locks" / f"packet-{content.work_order}"):
        for folder in ("evidence", "keys"):
            make_private_folder(settings.home / folder)
        return write_packet(
            packet_folder(settings, content.work_order),
            work_order=content.work_order,
            predicate=content.predicate,
            claims=content.claims,
            files=dict(files),
            signing_key=load_or_create_signing_key(settings.home / "keys" / "evidence.key"),
        )


@contextmanager
def _only_writer(lock: Path) -> Iterator[None]:
    """Keep other threads and processes out; a killed holder's lock is free."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


async def packet_content(
    reader: Reader,
    work_order: str,
    *,
    gates: list[GateView],
    diff: dict[str, Any] | None,
    summary: str,
    head: Event,
) -> PacketContent:
    """The packet of the work order as the reader sees it; `head` is the event it is made after."""
    row = await get_order(reader, work_order)
    rows = await reader.fetch(sql.list_evidence, work_order)
    evidence = await list_evidence(reader, work_order)
    votes = await list_votes(reader, work_order)
    claims = [_claim(view, row["event_hash"]) for view, row in zip(evidence, rows, strict=True)]
    predicate = {
        "title": row["title"],
        "objective": row["objective"],
        "summary": summary,
        "contract": dict(row["contract"]),
        "contract_version": row["contract_version"],
        "repository": {"base_commit": row["base_commit"], "branch": row["branch"]},
        "diff": diff,
        "gates": [gate.model_dump(mode="json") for gate in gates],
        "votes": [vote.model_dump(mode="json") for vote in votes],
        "cost": cost_view(row).model_dump(mode="json"),
        "event_head": {"stream": head.stream, "seq": head.seq, "hash": head.hash},
    }
    return PacketContent(
        work_order, predicate, claims, sorted({claim["sha256"] for claim in claims})
    )


def is_packet_after(settings: Settings, work_order: str, event_hash: str) -> bool:
    """Whether the packet on disk was completely written, after the event with that hash."""
    try:
        envelope = json.loads((packet_folder(settings, work_order) / ENVELOPE_FILE).read_bytes())
        statement = json.loads(base64.b64decode(envelope["payload"]))
        return bool(statement["predicate"]["event_head"]["hash"] == event_hash)
    except (OSError, ValueError, KeyError, TypeError):
        return False


async def ensure_final_packet(kernel: Kernel, work_order: str) -> None:
    """Write the packet of an ended work order where it is not there yet; nothing before its end.

    Called when a work order ends, at start for what a crash left out, and by reports.
    """
    history = await read_history(kernel.database, work_order)
    ended = next((e for e in reversed(history) if e.type in ENDED), None)
    submitted = next((e for e in reversed(history) if e.type == "work_order.submitted"), None)
    if ended is None or submitted is None:
        return
    if await asyncio.to_thread(is_packet_after, kernel.settings, work_order, ended.hash):
        return
    content = await packet_content(
        kernel.database,
        work_order,
        gates=[GateView(**gate) for gate in submitted.data["gates"]],
        diff=submitted.data["diff"],
        summary=submitted.data["summary"],
        head=ended,
    )
    await asyncio.to_thread(store_packet, kernel.settings, content)


def _claim(item: EvidenceView, event_hash: str) -> dict[str, Any]:
    lines = None
    if item.start_line is not None:
        lines = {"start": item.start_line, "end": item.end_line}
    return {
        "id": item.id,
        "kind": item.kind,
        "claim": item.claim,
        "path": item.path,
        "lines": lines,
        "sha256": item.sha256,
        "level": item.level,
        "worker": item.worker,
        "event_hash": event_hash,
    }
