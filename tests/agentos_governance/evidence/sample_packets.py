"""Packets for tests, made without a database: events that chain, claims, files, keys."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agentos import KeyRing, canonical_json, format_time, load_key_ring
from agentos.events.chain import hash_event
from agentos_governance.evidence.dsse import sign_envelope
from agentos_governance.evidence.merkle import MerkleTree
from agentos_governance.evidence.packet import PacketContent, PacketSummary, write_packet
from agentos_governance.evidence.packet_lines import Trees, file_tree, hexadecimal, write_page

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
CONTENTS = (b"first file\n", b"\x00\xffbinary", b"")
LEVELS = ("observed", "reported", "observed", "reported")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def sample_events(work_order: str, n_claims: int = 4) -> list[dict[str, Any]]:
    """A created and a claimed work order, and one piece of evidence an event."""
    events: list[dict[str, Any]] = []
    previous = "0" * 64
    for number in range(n_claims + 2):
        type, data = ("work_order.created", {"work_order": work_order})
        if number == 1:
            type = "work_order.claimed"
        if number > 1:
            type, data = "evidence.recorded", evidence_data(work_order, number - 2)
        event: dict[str, Any] = {
            "position": 10 + 3 * number,
            "stream": f"work_order/{work_order}",
            "seq": number + 1,
            "type": type,
            "actor": "w1",
            "at": START + timedelta(seconds=number),
            "data": data,
            "prev_hash": previous,
        }
        event["hash"] = previous = hash_event(**event)
        events.append(event)
    return events


def evidence_data(work_order: str, number: int) -> dict[str, Any]:
    """The data of the event that records one piece of evidence; the last has no file kept."""
    content = CONTENTS[number % 3] if number % 4 != 3 else b"elsewhere"
    return {
        "work_order": work_order,
        "evidence": f"EV-{number}",
        "kind": "note",
        "claim": f"claim {number}",
        "path": f"src/{number}.txt",
        "lines": {"start": 1, "end": 2} if number == 0 else None,
        "sha256": sha256(content),
        "level": LEVELS[number % 4],
        "worker": "w1",
        "facts": {"lines": number},
        "epoch": 1,
    }


def rows_of(events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The evidence rows, joined with their events, as the database gives them."""
    rows = []
    for event in events:
        if event["type"] != "evidence.recorded":
            continue
        data = event["data"]
        lines = data["lines"] or {}
        rows.append(
            {
                **event,
                **{n: data[n] for n in ("kind", "claim", "path", "sha256", "level", "worker")},
                "id": data["evidence"],
                "start_line": lines.get("start"),
                "end_line": lines.get("end"),
            }
        )
    return rows


def sample_content(
    work_order: str = "WO-1",
    *,
    events: Sequence[Mapping[str, Any]] | None = None,
    contents: Sequence[bytes] = CONTENTS,
    votes: Sequence[Mapping[str, Any]] = (),
    previous: int | None = None,
) -> PacketContent:
    """The content of a packet; `previous` is the size of the tree of the packet before."""
    events = sample_events(work_order) if events is None else events
    digests = sorted({sha256(content) for content in contents})
    files, index = file_tree(digests)
    tree = MerkleTree(bytes.fromhex(event["hash"]) for event in events)
    claims, proofs = io.BytesIO(), io.BytesIO()
    rows = rows_of(events)
    write_page(rows, Trees(tree, files, index), claims, proofs)
    head = events[-1]
    before = None
    if previous is not None:
        before = {
            "size": previous,
            "root": tree.root_at(previous).hex(),
            "path": hexadecimal(tree.consistency_path(previous)),
            "packet_sha256": "a" * 64,
        }
    predicate = {
        "contract_version": "sha256:abc",
        "cost": {"usd": "1.5"},
        "claims": len(rows),
        "votes": list(votes),
        "event_head": {
            "stream": head["stream"],
            "seq": head["seq"],
            "hash": head["hash"],
            "at": format_time(head["at"]),
        },
        "event_tree": {
            "size": tree.size,
            "root": tree.root.hex(),
            "head_path": hexadecimal(tree.inclusion_path(tree.size - 1)),
            "previous": before,
        },
        "file_tree": {"size": files.size, "root": files.root.hex()},
    }
    return PacketContent(work_order, predicate, claims, proofs, digests)


def sample_keys(home: Path) -> KeyRing:
    """A key ring of its own."""
    return load_key_ring(home / "keys" / "evidence.key")


def reader(contents: Sequence[bytes] = CONTENTS) -> Callable[[str], Iterator[bytes]]:
    """Where `write_packet` gets the files from."""
    known = {sha256(content): content for content in contents}
    return lambda digest: iter([known[digest]])


def write_sample(folder: Path, keys: KeyRing, **changes: Any) -> PacketSummary:
    """A packet in `folder`."""
    contents = changes.get("contents", CONTENTS)
    content = sample_content(**changes)
    return write_packet(folder, content, read_file=reader(contents), keys=keys)


def read_statement(folder: Path) -> dict[str, Any]:
    """The statement of a packet."""
    statement: dict[str, Any] = json.loads((folder / "statement.json").read_bytes())
    return statement


def read_lines(folder: Path, name: str) -> list[dict[str, Any]]:
    """The lines of a packet's file."""
    return [json.loads(line) for line in (folder / name).read_bytes().splitlines()]


def write_lines(folder: Path, name: str, lines: Sequence[Mapping[str, Any]]) -> None:
    """Other lines in a packet's file."""
    (folder / name).write_bytes(b"".join(canonical_json(line) + b"\n" for line in lines))


def sign_again(folder: Path, keys: KeyRing, statement: Mapping[str, Any] | None = None) -> None:
    """What the holder of the key can do: every digest made to fit, and signed."""
    changed = dict(read_statement(folder) if statement is None else statement)
    changed["subject"] = [
        {"name": s["name"], "digest": {"sha256": _digest(folder, s)}} for s in changed["subject"]
    ]
    content = canonical_json(changed)
    (folder / "statement.json").write_bytes(content)
    envelope = canonical_json(sign_envelope(content, keys.private_key))
    (folder / "statement.dsse.json").write_bytes(envelope)


def _digest(folder: Path, subject: Mapping[str, Any]) -> str:
    path = folder / str(subject["name"])
    return sha256(path.read_bytes()) if path.is_file() else str(subject["digest"]["sha256"])


def decoded(envelope: Path) -> bytes:
    """The payload of an envelope on disk."""
    return base64.b64decode(json.loads(envelope.read_bytes())["payload"])
