"""Makes the evidence packet of a work order from its events, evidence, votes and costs.

Above: submission, completion, reports. Below: packet (the folder format), packet_lines, blobs,
keys. A packet is derived: it can be made again from the database and the blobs at any time.
"""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from agentos import Event, Kernel, Settings, format_time
from agentos_governance.evidence import packet_lines
from agentos_governance.evidence.blobs import BlobStore, iter_blob, open_blob_store
from agentos_governance.evidence.digests import SortedDigests
from agentos_governance.evidence.durable_files import make_private_folder
from agentos_governance.evidence.keys import evidence_keys
from agentos_governance.evidence.merkle import MerkleTree
from agentos_governance.evidence.packet import PacketContent, PacketSummary, write_packet
from agentos_governance.evidence.packet_lines import (
    Trees,
    event_tree,
    file_tree,
    hexadecimal,
    sql,
    write_lines,
)
from agentos_governance.evidence.threads import map_in_threads, use_in_thread
from agentos_governance.evidence.verify_packet import (
    ENVELOPE_FILE,
    PREDICATE_TYPE,
    STATEMENT_FILE,
    Problem,
    read_signatures,
    read_statement,
)
from agentos_governance.orders import (
    Reader,
    cost_view,
    get_order,
    list_contract_versions,
    list_votes,
)
from agentos_governance.projections import work_order_stream
from agentos_governance.views import GateView

ENDED = ("work_order.completed", "work_order.failed")
SUBMITTED = "work_order.submitted"
THREADS = 8


def packet_folder(settings: Settings, work_order: str) -> Path:
    """Where the packet of a work order lies."""
    return settings.home / "evidence" / work_order


async def store_packet(settings: Settings, content: PacketContent) -> PacketSummary:
    """Write the packet durably, and close the content; the same content gives the same bytes."""
    return await use_in_thread(content, partial(_store_packet, settings, content))


def _store_packet(settings: Settings, content: PacketContent) -> PacketSummary:
    with _only_writer(settings, content.work_order):
        return _write(settings, content)


def _store_final_packet(settings: Settings, content: PacketContent, event_hash: str) -> None:
    """The same, unless another writer was faster: nobody sees a finished packet change."""
    with _only_writer(settings, content.work_order):
        if not is_packet_after(settings, content.work_order, event_hash):
            _write(settings, content)


def _write(settings: Settings, content: PacketContent) -> PacketSummary:
    make_private_folder(settings.home / "evidence")
    return write_packet(
        packet_folder(settings, content.work_order),
        content,
        read_file=partial(iter_blob, open_blob_store(settings)),
        keys=evidence_keys(settings),
    )


@contextmanager
def _only_writer(settings: Settings, work_order: str) -> Iterator[None]:
    """Keep other threads and processes out; a killed holder's lock is free."""
    lock = settings.home / "locks" / f"packet-{work_order}"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


async def packet_content(
    reader: Reader,
    work_order: str,
    *,
    settings: Settings,
    gates: list[GateView],
    diff: dict[str, Any] | None,
    summary: str,
    head: Event,
    adversarial: Mapping[str, Any] | None = None,
) -> PacketContent:
    """The packet of the work order as the reader sees it; `head` is the event it is made after.

    Whoever gets it hands it to `store_packet` or `use_in_thread`, or closes it.
    """
    row = await get_order(reader, work_order)
    votes = await list_votes(reader, work_order)
    digests = await _stored_digests(reader, settings, work_order, head.seq, diff)
    files, digests = await asyncio.to_thread(file_tree, digests)
    events = await event_tree(reader, work_order, head.seq)
    predicate = {
        "title": row["title"],
        "objective": row["objective"],
        "summary": summary,
        "contract": dict(row["contract"]),
        "contract_version": row["contract_version"],
        "contract_versions": [
            version.model_dump(mode="json")
            for version in await list_contract_versions(reader, work_order)
        ],
        "repository": {"base_commit": row["base_commit"], "branch": row["branch"]},
        "diff": diff,
        "gates": [gate.model_dump(mode="json") for gate in gates],
        "votes": [vote.model_dump(mode="json") for vote in votes],
        "cost": cost_view(row).model_dump(mode="json"),
        "event_head": {
            "stream": head.stream,
            "seq": head.seq,
            "hash": head.hash,
            "at": format_time(head.at),
        },
        "event_tree": {
            **tree_document(events),
            "head_path": hexadecimal(events.inclusion_path(events.size - 1)),
            "previous": await _previous(reader, head, events),
        },
        "file_tree": tree_document(files),
    }
    if adversarial is not None:
        predicate["adversarial"] = dict(adversarial)
    # Last, so that nothing can fail while the files of lines are open and nobody holds them.
    claims, proofs, n_claims = await write_lines(reader, work_order, Trees(events, files, digests))
    return PacketContent(work_order, {**predicate, "claims": n_claims}, claims, proofs, digests)


def tree_document(tree: MerkleTree) -> dict[str, Any]:
    """Size and root of a tree."""
    return {"size": tree.size, "root": tree.root.hex()}


async def _previous(reader: Reader, head: Event, events: MerkleTree) -> dict[str, Any] | None:
    """The tree of the packet before, and what proves that this one continues it."""
    submitted = await find_event(reader, head.stream, [SUBMITTED], head.seq)
    tree = None if submitted is None else submitted.data.get("event_tree")
    if submitted is None or tree is None:
        return None
    return {
        **tree,
        "packet_sha256": submitted.data["packet_sha256"],
        "path": hexadecimal(events.consistency_path(tree["size"])),
    }


async def _stored_digests(
    reader: Reader,
    settings: Settings,
    work_order: str,
    last_seq: int,
    diff: dict[str, Any] | None,
) -> SortedDigests:
    """Digests of the evidence and of the patch, sorted; without those whose bytes are not here."""
    patch = None if diff is None else diff.get("patch_sha256")
    stored, after = SortedDigests(), ""
    blobs = await asyncio.to_thread(open_blob_store, settings)
    while rows := await reader.fetch(
        sql.page_digests, work_order, last_seq, patch, after, packet_lines.PAGE
    ):
        wanted = [row["sha256"] for row in rows]
        for digest in await asyncio.to_thread(_those_stored, blobs, wanted):
            stored.append(digest)
        after = wanted[-1]
    return stored


def _those_stored(blobs: BlobStore, digests: Sequence[str]) -> list[str]:
    is_stored = map_in_threads(blobs.has, digests, THREADS)
    return [digest for digest, stored in zip(digests, is_stored, strict=True) if stored]


async def find_event(
    reader: Reader, stream: str, types: Sequence[str], last_seq: int | None = None
) -> Event | None:
    """The last event of these types in a stream, at or before `last_seq`; None without one."""
    row = await reader.fetch_row(sql.find_last_event, stream, list(types), last_seq)
    return None if row is None else Event(**dict(row))


async def find_head(reader: Reader, work_order: str) -> Event:
    """The last event of a work order that is more than the record of a call."""
    row = await reader.fetch_row(sql.find_head, work_order_stream(work_order))
    return Event(**dict(row))


def is_packet_after(settings: Settings, work_order: str, event_hash: str) -> bool:
    """Whether the packet on disk was completely written, after the event with that hash.

    One of an older form is as good as none.
    """
    try:
        folder = packet_folder(settings, work_order)
        statement = read_statement(folder / STATEMENT_FILE)
        read_signatures(folder / ENVELOPE_FILE, statement.content)
        head = statement.document["predicate"]["event_head"]
        kind = statement.document["predicateType"]
        return bool(head["hash"] == event_hash and kind == PREDICATE_TYPE)
    except (Problem, KeyError, TypeError):
        return False


async def ensure_final_packet(kernel: Kernel, work_order: str) -> None:
    """Write the packet of an ended work order where it is not there yet; nothing before its end.

    Called when a work order ends, at start for what a crash left out, and by reports.
    """
    stream = work_order_stream(work_order)
    ended = await find_event(kernel.database, stream, ENDED)
    submitted = await find_event(kernel.database, stream, [SUBMITTED])
    if ended is None or submitted is None:
        return
    if await asyncio.to_thread(is_packet_after, kernel.settings, work_order, ended.hash):
        return
    content = await packet_content(
        kernel.database,
        work_order,
        settings=kernel.settings,
        gates=[GateView(**gate) for gate in submitted.data["gates"]],
        diff=submitted.data["diff"],
        summary=submitted.data["summary"],
        head=ended,
        adversarial=submitted.data.get("adversarial"),
    )
    await use_in_thread(content, partial(_store_final_packet, kernel.settings, content, ended.hash))
