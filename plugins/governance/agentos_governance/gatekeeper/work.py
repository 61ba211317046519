"""Submitted work as checks read it: the changed files on both sides, the tree, the evidence.

Above: checking makes one for each submission. Below: git objects, workspace files. What is read of
the base comes from blobs that hash to what the compared trees say; what is read of the submission
hashes to what was compared, so nothing is judged that is not submitted.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from agentos import (
    BlastRadiusSource,
    ConflictError,
    Git,
    InvalidArgumentError,
    InvalidStateError,
    NotFoundError,
    ReviewedEvidence,
    ReviewedFile,
)
from agentos_governance.contracts.model import Contract
from agentos_governance.evidence.blobs import BlobStore
from agentos_governance.gatekeeper.programs import Diagnostic
from agentos_governance.gatekeeper.suites.suites import Suites
from agentos_governance.workspace.changes import Change
from agentos_governance.workspace.file_reading import read_listed_file
from agentos_governance.workspace.shown_paths import known_path
from agentos_governance.workspace.verified_objects import blob_sizes

MAX_FILE_BYTES = 1 << 20
"""Of one file; larger ones are left out, and checks say so."""
MAX_ALL_BYTES = 48 << 20
"""Of all files of one side together."""
MAX_EVIDENCE_BYTES = 16 << 20
_FILES = frozenset({"100644", "100755"})


@dataclass
class Work:
    """One submission; see `agentos.ReviewedWork`."""

    work_order: str
    summary: str
    objective: str
    files: Sequence[ReviewedFile]
    evidence: Sequence[ReviewedEvidence]
    contract: Contract
    repo_root: Path | None
    base_commit: str | None
    branch: str | None
    base_tree: Mapping[str, str] = field(default_factory=dict)
    """Blob of every regular file of the base."""
    base_links: frozenset[str] = frozenset()
    """Links and submodules of the base."""
    blobs: BlobStore | None = None
    not_compared: str | None = None
    """Why there is no difference although there is a workspace."""
    strays: Sequence[str] = ()
    changed_at: Mapping[str, datetime] = field(default_factory=dict)
    """When the changed files were last written; empty where clocks cannot be compared."""
    blob_ids: Mapping[str, str] = field(default_factory=dict)
    """Git's id of each changed file as submitted."""
    recorded_before: Mapping[str, str] = field(default_factory=dict)
    """Digests of reports that another work order had first, and which."""
    began_at: datetime | None = None
    """When the work order was first claimed."""
    type_check: str = "auto"
    blast_radius_source: BlastRadiusSource | None = None
    blast_radius: Mapping[str, object] | None = None
    """What a check learnt of what the change may break."""
    lint: list[Diagnostic] | None = None
    lint_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    suites: Suites | None = None
    """What suite_reading has read; see there."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _read: dict[str, bytes | None] = field(default_factory=dict)
    _evidence: dict[str, bytes | None] = field(default_factory=dict)

    @property
    def by_path(self) -> dict[str, ReviewedFile]:
        """The changed files by their path."""
        return {file.path: file for file in self.files}

    @property
    def submitted_paths(self) -> set[str]:
        """Every regular file of the submitted tree."""
        paths = set(self.base_tree)
        for file in self.files:
            paths.discard(file.old_path or file.path)
            paths.discard(file.path)
        return paths | {file.path for file in self.files if file.new_mode in _FILES}

    @property
    def submitted_names(self) -> set[str]:
        """Every name of the submitted tree: files, links, submodules."""
        gone = {file.old_path or file.path for file in self.files}
        there = {file.path for file in self.files if file.new_mode is not None}
        return self.submitted_paths | (self.base_links - gone) | there

    async def read_base(self, path: str) -> bytes | None:
        """A file of the base commit; None where there is none, or it is too large."""
        return (await self.read_base_files([path])).get(path)

    async def read_submitted(self, path: str) -> bytes | None:
        """A file as submitted; None where there is none, or it is too large."""
        return (await self.read_submitted_files([path])).get(path)

    async def read_base_files(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Those of the paths that the base has, read together."""
        wanted = {path: self.base_tree[path] for path in paths if path in self.base_tree}
        missing = [blob for blob in set(wanted.values()) if blob not in self._read]
        if missing and self.repo_root is not None:
            found = await read_blobs(Git(self.repo_root), missing)
            for blob in missing:
                self._read[blob] = found.get(blob)
        contents = {path: self._read.get(blob) for path, blob in wanted.items()}
        return {path: content for path, content in contents.items() if content is not None}

    async def read_submitted_files(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Those of the paths that the submission has, read together."""
        changed = self.by_path
        gone = {file.old_path for file in self.files if file.old_path}
        found: dict[str, bytes] = {}
        unchanged = []
        for path in paths:
            if path in changed:
                content = changed[path].new
                if content is not None:
                    found[path] = content
            elif path not in gone:
                unchanged.append(path)
        return {**found, **await self.read_base_files(unchanged)}

    async def own_objects(self) -> list[str]:
        """Commits and trees that evidence of this work may name: the base's and its branch's."""
        if self.repo_root is None or self.base_commit is None:
            return []
        git, tip = Git(self.repo_root), f"refs/heads/{self.branch}"
        listed, base = await asyncio.gather(
            git.run("log", "--format=%H %T", "--max-count=500", f"{self.base_commit}..{tip}", "--"),
            git.run("rev-parse", "--verify", "--quiet", f"{self.base_commit}^{{tree}}"),
        )
        found = [self.base_commit]
        for answer in (listed, base):
            found += answer.text.split() if answer.status == 0 else []
        return found

    def remember(self, blob: str, content: bytes) -> None:
        """Take the content of a blob of the base as read."""
        self._read[blob] = content

    async def read_evidence(self, sha256: str) -> bytes | None:
        """What a piece of evidence rests on; None where it is not here or too large."""
        if sha256 not in self._evidence:
            self._evidence[sha256] = await asyncio.to_thread(self._load_evidence, sha256)
        return self._evidence[sha256]

    def _load_evidence(self, sha256: str) -> bytes | None:
        if self.blobs is None:
            return None
        try:
            content = self.blobs.get(sha256)
        except (NotFoundError, InvalidStateError):
            return None
        return content if len(content) <= MAX_EVIDENCE_BYTES else None


async def list_tree(git: Git, commit: str) -> tuple[dict[str, str], frozenset[str]]:
    """The blob of every regular file of a commit by path, and what else has a name there."""
    listed = await git.check("ls-tree", "-r", "-z", "--full-tree", commit)
    return await asyncio.to_thread(_parse_tree, listed.output)


def _parse_tree(output: bytes) -> tuple[dict[str, str], frozenset[str]]:
    found: dict[str, str] = {}
    links = set()
    for record in output.split(b"\0"):
        header, tab, name = record.partition(b"\t")
        if not tab:
            continue
        mode, _, blob = header.decode("ascii").split(" ")
        path = name.decode("utf-8", "surrogateescape")
        if mode in _FILES:
            found[path] = blob
        else:
            links.add(path)
    return found, frozenset(links)


async def read_blobs(git: Git, blobs: Iterable[str]) -> dict[str, bytes]:
    """The content of blobs that are not too large; what is not what its id says is left out."""
    left = MAX_ALL_BYTES
    wanted = []
    for blob, size in sorted((await blob_sizes(git, blobs)).items()):
        if size <= MAX_FILE_BYTES and size <= left:
            wanted.append(blob)
            left -= size
    if not wanted:
        return {}
    lines = "".join(f"{blob}\n" for blob in wanted)
    answer = await git.check("cat-file", "--batch", input_bytes=lines.encode("ascii"))
    return await asyncio.to_thread(_parse_batch, answer.output)


def _parse_batch(output: bytes) -> dict[str, bytes]:
    """`ID blob SIZE LF content LF`, repeated."""
    found: dict[str, bytes] = {}
    at = 0
    while at < len(output):
        end = output.index(b"\n", at)
        header = output[at:end].decode("ascii", "replace").split(" ")
        at = end + 1
        if len(header) != 3:
            continue
        size = int(header[2])
        content = output[at : at + size]
        at += size + 1
        if _blob_id(content, len(header[0])) == header[0]:
            found[header[0]] = content
    return found


def _blob_id(content: bytes, digits: int) -> str:
    digest = hashlib.new("sha1" if digits == 40 else "sha256", b"blob %d\0" % len(content))
    digest.update(content)
    return digest.hexdigest()


async def load_files(
    repo_root: Path, worktree: Path, changes: Sequence[Change]
) -> list[ReviewedFile]:
    """The changed files with their content on both sides.

    ConflictError where a file is another by now than the one that was compared.
    """
    wanted = {c.old_blob for c in changes if c.old_blob and c.old_mode in _FILES}
    old = await read_blobs(Git(repo_root), wanted) if wanted else {}
    return await asyncio.to_thread(_load, worktree, changes, old)


def _load(
    worktree: Path, changes: Sequence[Change], old: Mapping[str, bytes]
) -> list[ReviewedFile]:
    files = []
    left = MAX_ALL_BYTES
    for change in changes:
        new, size = _read_new(worktree, change, left)
        left -= len(new or b"")
        before = old.get(change.old_blob or "") if change.old_mode in _FILES else None
        is_left_out = (change.new_mode in _FILES and new is None) or (
            change.old_mode in _FILES and before is None
        )
        files.append(
            ReviewedFile(
                path=known_path(change.path),
                status=change.status,
                old_path=known_path(change.old_path) if change.old_path else None,
                old=before,
                new=new,
                old_mode=change.old_mode,
                new_mode=change.new_mode,
                link_target=change.link_target,
                escapes=change.escapes,
                is_left_out=is_left_out,
                new_size=size,
            )
        )
    return files


def _read_new(worktree: Path, change: Change, left: int) -> tuple[bytes | None, int | None]:
    """The bytes of the submitted side, and how many there are; None where there is no file."""
    if change.new_mode not in _FILES or change.new_blob is None or change.escapes:
        return None, None
    path = known_path(change.path)
    try:
        size = os.lstat(os.path.join(worktree, path)).st_size
        if size > min(MAX_FILE_BYTES, left):
            return None, size
        content = read_listed_file(worktree, path, MAX_FILE_BYTES)
    except (NotFoundError, InvalidArgumentError, OSError) as error:
        raise _moved(path) from error
    for stored in (content, content.replace(b"\r\n", b"\n")):
        if _blob_id(stored, len(change.new_blob)) == change.new_blob:
            return content, len(content)
    raise _moved(path)


def _moved(path: str) -> ConflictError:
    return ConflictError(
        f"{path!r} is another file now than when the changes were compared",
        remedy="submit while nothing writes to the worktree",
    )
