"""What the files of an answer hold now, and whether that is what was indexed and committed.

Above: search, which cuts lines from here. Below: git and the files. Every file of an answer is
looked at anew, and read unless all that the system tells of it is as it was (`file_texts`), so that
no line is given that is not there.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agentos import sha256_hex
from agentos_memory.analysis import MAX_FILE_BYTES
from agentos_memory.file_texts import FileTexts, Signature, is_settled, signature_of
from agentos_memory.git_files import GIT_TIMEOUT_S
from agentos_memory.own_git import own_git
from agentos_memory.shown_lines import key_lines
from agentos_memory.spans import TextLines
from agentos_memory.work_files import read_file

REMEMBERED_COMMITS = 16
REMEMBERED_FILES = 20_000
# So much is held at once where a whole repository is read.
_FILES_PER_STEP = 50


@dataclass(frozen=True, slots=True)
class CurrentFile:
    """A file as it is; `text` is None where it is gone or cannot be indexed any more.

    `is_indexed`: it is what the index was made from. `is_committed`: the commit of the index has
    exactly this content. `keys` are the numbers of the lines of private keys.
    """

    text: TextLines | None
    is_indexed: bool
    is_committed: bool
    keys: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    """What follows from a file's content."""

    sha256: str
    object_id: str
    keys: Collection[int]


class CurrentFiles:
    """Looks at files, and remembers what follows from those that did not change since."""

    def __init__(self, texts: FileTexts) -> None:
        self._texts = texts
        self._known: dict[str, tuple[Signature, _Known]] = {}

    @property
    def is_full(self) -> bool:
        """Whether what is read next drives out what was read before."""
        return self._texts.is_full

    def read(
        self,
        root: Path,
        digests: Mapping[str, str],
        committed: Mapping[str, str],
        paths: Iterable[str],
    ) -> dict[str, CurrentFile]:
        """The files at `paths`, compared with indexed `digests` and `committed` object ids."""
        return {
            path: self._read(root, path, digests.get(path), committed.get(path)) for path in paths
        }

    async def unchanged(
        self, root: Path, digests: Mapping[str, str], paths: Sequence[str]
    ) -> AsyncIterator[list[bytes]]:
        """Contents of the files at `paths` in their order, some at a time; empty for others.

        Others are those that are not what was indexed.
        """
        for start in range(0, len(paths), _FILES_PER_STEP):
            step = paths[start : start + _FILES_PER_STEP]
            yield await asyncio.to_thread(self._unchanged, root, digests, step)

    def _unchanged(
        self, root: Path, digests: Mapping[str, str], paths: Iterable[str]
    ) -> list[bytes]:
        """As many as these are not remembered, and their lines not told apart."""
        return [self._indexed(root, path, digests.get(path)) for path in paths]

    def _indexed(self, root: Path, path: str, digest: str | None) -> bytes:
        place = f"{root}/{path}"
        signature = signature_of(place)
        content = read_file(root, path, max_bytes=MAX_FILE_BYTES)
        if not isinstance(content, bytes):
            return b""
        return content if self._about(place, signature, content, None).sha256 == digest else b""

    def _read(
        self, root: Path, path: str, digest: str | None, object_id: str | None
    ) -> CurrentFile:
        looked_at = self._texts.look_at(root, path)
        if looked_at is None:
            return CurrentFile(None, False, False)
        signature, text = looked_at
        found = self._about(f"{root}/{path}", signature, text.content, object_id)
        is_indexed, is_committed = found.sha256 == digest, found.object_id == object_id
        return CurrentFile(text, is_indexed, is_committed, found.keys)

    def _about(
        self, place: str, signature: Signature | None, content: bytes, object_id: str | None
    ) -> _Known:
        signed, known = self._known.get(place, (None, None))
        # Whoever asks without an id leaves one in the usual hash.
        if known is not None and signed == signature and _is_like(known.object_id, object_id):
            return known
        found = _Known(sha256_hex(content), _object_id(content, object_id), key_lines(content))
        if signature is not None and is_settled(signature):
            if len(self._known) >= REMEMBERED_FILES:
                self._known.clear()
            self._known[place] = (signature, found)
        return found


def _is_like(object_id: str, wanted: str | None) -> bool:
    return wanted is None or len(object_id) == len(wanted)


def _object_id(content: bytes, like: str | None) -> str:
    """The id that git gives the content, in the repository's own hash."""
    name = "sha256" if like is not None and len(like) == 64 else "sha1"
    return hashlib.new(name, b"blob %d\0" % len(content) + content).hexdigest()


class CommittedFiles:
    """Object ids of all files of commits, listed once per commit."""

    def __init__(self) -> None:
        self._listed: OrderedDict[tuple[Path, str], Mapping[str, str]] = OrderedDict()

    async def of(self, root: Path, commit: str | None) -> Mapping[str, str]:
        """Object id by path; empty without a commit, or where git does not know it (any more)."""
        if commit is None:
            return {}
        found = self._listed.get((root, commit))
        if found is None:
            found = await _list(root, commit)
            self._listed[root, commit] = found
            if len(self._listed) > REMEMBERED_COMMITS:
                self._listed.popitem(last=False)
        return found


async def _list(root: Path, commit: str) -> Mapping[str, str]:
    git = await own_git(root, timeout_s=GIT_TIMEOUT_S)
    if git is None:
        return {}
    listed = await git.run("ls-tree", "-r", "-z", "--full-tree", commit)
    if listed.status != 0:
        return {}
    objects: dict[str, str] = {}
    for entry in listed.output.split(b"\0"):
        about, _, path = entry.partition(b"\t")
        if b" blob " in about:
            objects[path.decode("utf-8", "replace")] = about.rpartition(b" ")[2].decode("ascii")
    return objects
