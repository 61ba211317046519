"""Submitted work in a process of checks: what was changed is there, the rest is asked of the server.

Above: lanes send it, session receives it. Below: work. The process needs neither git nor the
store of evidence nor any credential of theirs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any

from agentos import ChangeReach
from agentos_governance.gatekeeper.processes.frames import batches, pack_order
from agentos_governance.gatekeeper.work import Work

Ask = Callable[[str, Any], Awaitable[Any]]

BATCH_BYTES = 2 << 20
"""What is pickled at once holds the interpreter for a millisecond or two."""
_ITEM_BYTES = 4_096
_PLAIN = (
    "work_order", "summary", "objective", "contract", "repo_root", "base_commit", "branch",
    "base_links", "not_compared", "strays", "changed_at", "blob_ids", "recorded_before", "began_at",
    "type_check",
)  # fmt: skip


def pack_work(work: Work) -> Iterator[bytes]:
    """The work as messages of the server; services stay behind."""
    plain = {name: getattr(work, name) for name in _PLAIN}
    yield pack_order(("plain", (plain, work.blast_radius_source is not None)))
    sizes = [len(file.old or b"") + len(file.new or b"") + 500 for file in work.files]
    for files in batches(work.files, sizes, BATCH_BYTES):
        yield pack_order(("files", files))
    for name, items in (("evidence", work.evidence), ("tree", list(work.base_tree.items()))):
        for batch in batches(items, [_ITEM_BYTES] * len(items), BATCH_BYTES):
            yield pack_order((name, batch))
    yield pack_order(("end", None))


async def receive_work(orders: AsyncIterator[Any], ask: Ask) -> AskedWork:
    """The work that `pack_work` packed; what it lacks it asks with `ask`."""
    files: list[Any] = []
    evidence: list[Any] = []
    tree: dict[str, str] = {}
    plain: dict[str, Any] = {}
    has_source = False
    async for name, content in orders:
        if name == "plain":
            plain, has_source = content
        elif name == "files":
            files += content
        elif name == "evidence":
            evidence += content
        elif name == "tree":
            tree.update(content)
        else:
            break
    work = AskedWork(files=files, evidence=evidence, base_tree=tree, **plain)
    work.ask = ask
    if has_source:
        work.blast_radius_source = _AskedReach(ask)
    return work


class AskedWork(Work):
    """See the module."""

    ask: Ask

    async def read_base_files(self, paths: Iterable[str]) -> dict[str, bytes]:
        """As of Work; each file is asked for once."""
        wanted = [path for path in paths if path in self.base_tree]
        missing = [path for path in dict.fromkeys(wanted) if path not in self._read]
        if missing:
            found = await self.ask("base_files", missing)
            for path in missing:
                self._read[path] = found.get(path)
        contents = {path: self._read[path] for path in wanted}
        return {path: content for path, content in contents.items() if content is not None}

    async def read_evidence(self, sha256: str) -> bytes | None:
        """As of Work."""
        if sha256 not in self._evidence:
            self._evidence[sha256] = await self.ask("evidence", sha256)
        return self._evidence[sha256]

    async def own_objects(self) -> list[str]:
        """As of Work."""
        found: list[str] = await self.ask("objects", None)
        return found


class _AskedReach:
    """The server's knowledge of what depends on what."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def reach_of(self, repo: str, paths: Sequence[str]) -> ChangeReach | None:
        """The server knows the repository; `repo` is what it said."""
        found: ChangeReach | None = await self._ask("reach", list(paths))
        return found
