"""The lines of a packet's claims and proofs, made page by page so that memory does not grow.

Above: packets. Below: merkle, `sql/evidence.sql`, canonical JSON.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from agentos import Queries, canonical_json, format_time
from agentos_governance.evidence.digests import SortedDigests
from agentos_governance.evidence.merkle import MerkleTree
from agentos_governance.orders import Reader
from agentos_governance.projections import work_order_stream

PAGE = 500
_IN_MEMORY_BYTES = 1 << 20

sql = Queries("agentos_governance", "sql/evidence.sql")


@dataclass(frozen=True, slots=True)
class Trees:
    """What the lines prove: the work order's events up to the head, and the packet's files."""

    events: MerkleTree
    files: MerkleTree
    file_index: SortedDigests


async def event_tree(reader: Reader, work_order: str, size: int) -> MerkleTree:
    """The tree over the hashes of the work order's first `size` events."""
    hashes, after = bytearray(), 0
    while rows := await reader.fetch(
        sql.read_event_hashes, work_order_stream(work_order), after, size, PAGE
    ):
        for row in rows:
            hashes += bytes.fromhex(row["hash"])
        after = rows[-1]["seq"]
    return await asyncio.to_thread(MerkleTree, _entries(hashes))


def _entries(hashes: bytearray) -> Iterator[bytes]:
    for start in range(0, len(hashes), 32):
        yield bytes(hashes[start : start + 32])


def file_tree(digests: Iterable[str]) -> tuple[MerkleTree, SortedDigests]:
    """The tree over the digests of files, which are sorted, and where each stands."""
    index = SortedDigests(digests)
    return MerkleTree(index.entries()), index


async def write_lines(
    reader: Reader, work_order: str, trees: Trees
) -> tuple[IO[bytes], IO[bytes], int]:
    """Claims and proofs of the evidence up to the head, as files of lines, and how many."""
    claims = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 - the caller closes
    proofs = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115
    after, n_claims = 0, 0
    try:
        while rows := await reader.fetch(
            sql.page_evidence, work_order, after, trees.events.size, PAGE
        ):
            await asyncio.to_thread(write_page, rows, trees, claims, proofs)
            after, n_claims = rows[-1]["seq"], n_claims + len(rows)
    except BaseException:
        claims.close()
        proofs.close()
        raise
    return claims, proofs, n_claims


def write_page(rows: Sequence[Any], trees: Trees, claims: IO[bytes], proofs: IO[bytes]) -> None:
    """Append the lines of some evidence rows, each joined with its event."""
    for row in rows:
        claims.write(canonical_json(_claim(row, trees)) + b"\n")
        proofs.write(canonical_json(_proof(row, trees)) + b"\n")


def _claim(row: Any, trees: Trees) -> dict[str, Any]:
    lines = None
    if row["start_line"] is not None:
        lines = {"start": row["start_line"], "end": row["end_line"]}
    names = ("id", "kind", "claim", "path", "sha256", "level", "worker")
    return {
        **{name: row[name] for name in names},
        "lines": lines,
        "event_hash": row["hash"],
        "stored": row["sha256"] in trees.file_index,
    }


def _proof(row: Any, trees: Trees) -> dict[str, Any]:
    names = ("position", "stream", "seq", "type", "actor", "data", "prev_hash")
    index = trees.file_index.find(row["sha256"])
    return {
        "claim": row["id"],
        "event": {**{name: row[name] for name in names}, "at": format_time(row["at"])},
        "path": hexadecimal(trees.events.inclusion_path(row["seq"] - 1)),
        "file_index": index,
        "file_path": [] if index is None else hexadecimal(trees.files.inclusion_path(index)),
    }


def hexadecimal(hashes: Sequence[bytes]) -> list[str]:
    """Hashes as text."""
    return [value.hex() for value in hashes]
