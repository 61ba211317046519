"""What a reviewer is shown, as items that can be compared: paths with digests, and evidence.

Above: submission, rounds, deciding. Below: the diff. Items are pairs and not a mapping: where a
path is the name of a field, redaction might take its value for a secret, and two unlike digests
would look alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentos_governance.bounds import json_bytes
from agentos_governance.orders import Reader
from agentos_governance.review.queries import sql
from agentos_governance.workspace.changes import Change, WorkspaceDiff

MAX_ITEMS = 2_000
MAX_ITEMS_BYTES = 256 * 1024
MAX_SHOWN_PATHS = 20
MAX_PATH_CHARS = 200

Items = Mapping[str, Any]
"""`paths`: sorted pairs of path and digest (null: unknown); `evidence`: sorted digests."""


async def reviewed_evidence(reader: Reader, work_order: str) -> list[str]:
    """The digests of a work order's evidence, sorted, without uses of tools; one beyond MAX_ITEMS
    at most."""
    rows = await reader.fetch(sql.list_evidence_digests, work_order, MAX_ITEMS + 1)
    return [row["sha256"] for row in rows]


def items_of(diff: WorkspaceDiff | None, evidence: Sequence[str]) -> dict[str, Any] | None:
    """The items of a submission; None where there are too many to keep and compare."""
    changes = [] if diff is None else diff.changes
    if len(changes) + len(evidence) > MAX_ITEMS:
        return None
    digests: dict[str, str | None] = {}
    for change in changes:
        if change.old_path is not None:
            digests[change.old_path] = "deleted"
        digests[change.path] = _digest(change)
    items = {
        "paths": [[path, digests[path]] for path in sorted(digests)],
        "evidence": list(evidence),
    }
    return items if json_bytes(items) <= MAX_ITEMS_BYTES else None


def _digest(change: Change) -> str | None:
    if change.status == "deleted":
        return "deleted"
    # A submodule or a file that git cannot store: what it holds is not known.
    if change.new_blob is None:
        return None
    return f"{change.new_mode}:{change.new_blob}"


def is_within(items: Items | None, approved: Items | None) -> bool:
    """Whether all that is shown now was shown before, byte by byte; False where nobody can tell."""
    if items is None or approved is None:
        return False
    known = dict(approved["paths"])
    if any(digest is None or known.get(path) != digest for path, digest in items["paths"]):
        return False
    return set(items["evidence"]) <= set(approved["evidence"])


@dataclass(frozen=True, slots=True)
class Changes:
    """How the items of one packet differ from those of another; paths in order."""

    added: list[str]
    changed: list[str]
    removed: list[str]
    n_evidence_added: int

    def document(self) -> dict[str, Any]:
        """As JSON: the first paths of each kind, and how many there are."""
        return {
            "added": _shown(self.added),
            "changed": _shown(self.changed),
            "removed": _shown(self.removed),
            "n_added": len(self.added),
            "n_changed": len(self.changed),
            "n_removed": len(self.removed),
            "n_evidence_added": self.n_evidence_added,
        }

    def __str__(self) -> str:
        parts = [
            f"{len(paths)} {what} ({', '.join(_shown(paths)[:5])}{', ...' * (len(paths) > 5)})"
            for what, paths in (
                ("added", self.added),
                ("changed", self.changed),
                ("removed", self.removed),
            )
            if paths
        ]
        if self.n_evidence_added:
            parts.append(f"{self.n_evidence_added} new pieces of evidence")
        return "; ".join(parts) or "no file and no evidence differs"


def compare(items: Items | None, before: Items | None) -> Changes | None:
    """What changed since `before`; None where one of both is not comparable."""
    if items is None or before is None:
        return None
    now, then = dict(items["paths"]), dict(before["paths"])
    return Changes(
        added=sorted(now.keys() - then.keys()),
        changed=sorted(
            path
            for path in now.keys() & then.keys()
            if now[path] != then[path] or now[path] is None
        ),
        removed=sorted(then.keys() - now.keys()),
        n_evidence_added=len(set(items["evidence"]) - set(before["evidence"])),
    )


def _shown(paths: Sequence[str]) -> list[str]:
    return [path[:MAX_PATH_CHARS] for path in paths[:MAX_SHOWN_PATHS]]
