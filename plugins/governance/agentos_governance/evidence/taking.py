"""Takes evidence from the workspace: one file, or thousands in threads with bounded memory.

Above: record_evidence, record_evidence_files. Below: file_reading, blobs, kinds, made_up_secrets.
A file is read once: what is hashed is what is examined and stored.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from agentos import (
    InvalidArgumentError,
    LimitExceededError,
    NotFoundError,
    canonical_json,
    redact_text,
)
from agentos_governance.contracts.globs import compile_glob
from agentos_governance.evidence.blobs import MAX_BLOB_BYTES, BlobStore
from agentos_governance.evidence.kinds import EvidenceKinds, Fact
from agentos_governance.evidence.made_up_secrets import without_made_up
from agentos_governance.evidence.threads import map_in_threads
from agentos_governance.workspace.file_reading import read_workspace_file
from agentos_governance.workspace.paths import refuse_git_internals, resolve_path

THREADS = 4
"""At most so many files are in memory at once, each of at most MAX_BLOB_BYTES."""
MAX_DEPTH = 64
_IN_MEMORY_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class TakenFile:
    """A file as it was when it was read."""

    path: str
    sha256: str
    size_bytes: int
    facts: dict[str, Fact]


@dataclass(frozen=True, slots=True)
class Taker:
    """Reads, examines and stores files of one workspace as evidence of one kind."""

    workspace: Path
    kinds: EvidenceKinds
    kind: str
    required: Sequence[str]
    blobs: BlobStore
    check_read: Callable[[str], None]
    """Raises where the contract forbids to read what a path leads to."""

    def take(self, path: str) -> TakenFile:
        """One file; raises as `read_evidence_file` and the kind's validator do."""
        relative, content = read_evidence_file(self.workspace, path, self.check_read)
        facts = examine(self.kinds, self.kind, self.required, content)
        return TakenFile(relative, self.blobs.put(content), len(content), facts)

    def take_all(self, paths: Sequence[str], taken: TakenFiles) -> None:
        """Many files, in their order; the first that cannot be taken refuses all of them.

        InvalidArgumentError where two paths lead to one file.
        """
        for file in map_in_threads(partial(_named, self.take), paths, THREADS):
            taken.add(file)


class TakenFiles:
    """Many taken files, kept on disk until they are recorded; whoever makes one closes it."""

    def __init__(self) -> None:
        self._lines = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 - see close
        self._paths: set[bytes] = set()
        self._manifest = hashlib.sha256(b"[")
        self.size_bytes = 0

    def add(self, file: TakenFile) -> None:
        """InvalidArgumentError where its path is there already."""
        path = hashlib.sha256(file.path.encode("utf-8", "surrogatepass")).digest()[:16]
        if path in self._paths:
            raise InvalidArgumentError("argument `paths` names a file twice")
        pair = canonical_json([file.path, file.sha256])
        self._manifest.update(b"," + pair if self._paths else pair)
        self._paths.add(path)
        self.size_bytes += file.size_bytes
        fields = (file.path, file.sha256, file.size_bytes, file.facts)
        self._lines.write(json.dumps(fields).encode("ascii") + b"\n")

    @property
    def manifest_sha256(self) -> str:
        """SHA-256 of the canonical JSON list of [path, sha256]."""
        manifest = self._manifest.copy()
        manifest.update(b"]")
        return manifest.hexdigest()

    def close(self) -> None:
        """Let go of the file."""
        self._lines.close()

    def __len__(self) -> int:
        return len(self._paths)

    def __iter__(self) -> Iterator[TakenFile]:
        self._lines.seek(0)
        for line in self._lines:
            yield TakenFile(*json.loads(line))


def read_evidence_file(
    workspace: Path, path: str, check_read: Callable[[str], None]
) -> tuple[str, bytes]:
    """Where `path` leads and what is there; InvalidArgumentError where it holds a secret.

    `check_read` gets where it leads. Git's own data are no evidence, and name the server's folders.
    """
    relative, content = read_workspace_file(workspace, path, MAX_BLOB_BYTES)
    refuse_git_internals(relative)
    check_read(relative)
    # Redacting it would store something else than the file that the claim is about.
    text = without_made_up(content.decode("utf-8", "replace"))
    if b"\0" not in content and redact_text(text) != text:
        raise InvalidArgumentError(
            f"{path!r} contains what looks like a secret; evidence is kept and signed as it is",
            remedy="remove the secret first, or record the part that matters as `content`",
        )
    return relative, content


def examine(
    kinds: EvidenceKinds, kind: str, required: Sequence[str], content: bytes
) -> dict[str, Fact]:
    """The facts in evidence; raises where it is no such evidence, or must pass and does not."""
    facts = kinds.examine(kind, content)
    kinds.check_passing(kind, facts, required)
    return facts


def list_folder(workspace: Path, folder: str, pattern: str, max_files: int) -> list[str]:
    """Paths of the regular files below a folder, sorted; links and `.git` are left out.

    `pattern` is a glob over paths relative to the folder. NotFoundError where there is none,
    LimitExceededError beyond `max_files`.
    """
    relative = resolve_path(workspace, folder, for_write=False)
    top = workspace if relative == "." else workspace / relative
    prefix = "" if relative == "." else f"{relative}/"
    is_wanted = compile_glob(pattern)
    found: list[str] = []
    for path in _walk(top, "", 0):
        if is_wanted(path):
            found.append(prefix + path)
        if len(found) > max_files:
            raise LimitExceededError(
                f"there are more than {max_files} files below {folder!r}",
                remedy="name a smaller folder, or a `pattern`",
            )
    if not found:
        raise NotFoundError(f"there is no file below {folder!r} that matches {pattern!r}")
    return sorted(found)


def _walk(folder: Path, prefix: str, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        raise LimitExceededError(f"folders are more than {MAX_DEPTH} deep")
    try:
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            raise NotADirectoryError(20, "is no folder")
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise InvalidArgumentError(f"{folder.name!r} cannot be listed: {error.strerror}") from None
    for entry in listed:
        if entry.is_dir(follow_symlinks=False) and entry.name != ".git":
            yield from _walk(folder / entry.name, f"{prefix}{entry.name}/", depth + 1)
        elif entry.is_file(follow_symlinks=False):
            yield prefix + entry.name


def _named(take: Callable[[str], TakenFile], path: str) -> TakenFile:
    """The file, or an error that says which of the many it was."""
    try:
        return take(path)
    except InvalidArgumentError as error:
        if path in error.message:
            raise
        raise InvalidArgumentError(f"{path!r}: {error.message}", remedy=error.remedy) from error
