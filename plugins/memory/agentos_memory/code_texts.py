"""Texts of code that want vectors: names and bodies of the chunks of each repository.

Files that recent commits touched come first. What goes to an endpoint is limited to the
repositories and paths that its settings admit, and has its secrets taken out before code is split
into words, which would hide them. Above: the queue. Below: the index's rows, git's log.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from asyncpg import Record

from agentos import Database, Queries, redact_text, sha256_hex
from agentos_memory.analysis import MAX_FILE_BYTES
from agentos_memory.chunk_records import FileChunks, chunk_texts, decode_chunks
from agentos_memory.embedding import EmbedderSettings
from agentos_memory.own_git import own_git
from agentos_memory.path_filters import path_filter
from agentos_memory.text_sources import TextSource, WantedText
from agentos_memory.vector_texts import name_text
from agentos_memory.work_files import forget_folders, read_file

RECENT_COMMITS = 200
GIT_TIMEOUT_S = 10.0
CONTENTS_AT_ONCE = 500
REMEMBERED_CONTENTS = 100_000
DIGEST_CHARS = 64

_sql = Queries("agentos_memory", "sql/embedding.sql")


def code_scope(repository_id: int) -> str:
    """The scope of a repository's code."""
    return f"code/{repository_id}"


class CodeSources:
    """Gives a source for each indexed repository; a `SourceProvider`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._digests: dict[int, bytes] = {}

    async def __call__(self, settings: EmbedderSettings) -> list[TextSource]:
        """The repositories that `settings` admit and whose folder is on this machine."""
        rows = await self._database.fetch(_sql.list_repositories)
        admitted = [row for row in rows if admits_repository(settings, row["name"])]
        here = await asyncio.to_thread(lambda: [os.path.isdir(row["root"]) for row in admitted])
        return [
            CodeTexts(self._database, row, settings, self._digests)
            for row, is_here in zip(admitted, here, strict=True)
            if is_here
        ]


class CodeTexts:
    """The texts of one generation of one repository.

    `digests` remembers, by content, the digests of its names and then of its bodies.
    """

    def __init__(
        self,
        database: Database,
        row: Record,
        settings: EmbedderSettings,
        digests: dict[int, bytes],
    ) -> None:
        self._database = database
        self._id: int = row["id"]
        self._root = Path(row["root"])
        self._settings = settings
        self._excluded = [path_filter(glob) for glob in settings.excluded_paths]
        self._digests = digests
        self.scope = code_scope(self._id)
        self.version: int = row["generation"]

    async def wanted(self) -> Sequence[WantedText]:
        """Names and bodies of all chunks; files of recent commits first."""
        recent = await _recently_changed(self._root)
        files = await self._database.fetch(_sql.list_chunked_files, self._id)
        await self._remember([row["content_id"] for row in files])
        return await asyncio.to_thread(self._ordered, files, recent)

    async def texts(self, wanted: Sequence[WantedText]) -> Mapping[str, str]:
        """Their texts; of files whose content is still what was indexed.

        Where texts leave this process, bodies come without secrets, and those of a file with a
        secret of several lines, such as a private key, not at all.
        """
        digests = {each.digest for each in wanted}
        places = {each.place for each in wanted}
        needs_content = any(each.tier == "body" for each in wanted)
        files = await self._database.fetch(_sql.read_stored_chunks, self._id, list(places))
        return await asyncio.to_thread(self._texts_of, files, digests, needs_content)

    async def _remember(self, contents: list[int]) -> None:
        unknown = [content for content in contents if content not in self._digests]
        for start in range(0, len(unknown), CONTENTS_AT_ONCE):
            ids = unknown[start : start + CONTENTS_AT_ONCE]
            rows = await self._database.fetch(_sql.read_content_chunks, ids)
            self._digests |= await asyncio.to_thread(_digests_of, rows)
        if len(self._digests) > REMEMBERED_CONTENTS:
            known = set(contents)
            for content in [each for each in self._digests if each not in known]:
                del self._digests[content]

    def _ordered(self, files: Sequence[Record], recent: Mapping[str, int]) -> list[WantedText]:
        last = len(recent)
        ordered = sorted(
            (row for row in files if not self._is_excluded(row["path"])),
            key=lambda row: recent.get(row["path"], last),
        )
        names: dict[str, str] = {}
        bodies: dict[str, str] = {}
        for row in ordered:
            spelled = self._digests[row["content_id"]].hex()
            half = len(spelled) // 2
            for start in range(0, half, DIGEST_CHARS):
                # A digest that several files share stands where its first file does.
                names.setdefault(spelled[start : start + DIGEST_CHARS], row["path"])
                at = half + start
                bodies.setdefault(spelled[at : at + DIGEST_CHARS], row["path"])
        return [
            *(WantedText(digest, "name", path) for digest, path in names.items()),
            *(WantedText(digest, "body", path) for digest, path in bodies.items()),
        ]

    def _texts_of(
        self, files: Sequence[Record], digests: set[str], needs_content: bool
    ) -> dict[str, str]:
        texts: dict[str, str] = {}
        # A folder may have become a link to somewhere else since.
        forget_folders()
        for row in files:
            stored = decode_chunks(row["path"], row["chunks"])
            made = _names_of(stored)
            if needs_content:
                made |= self._bodies_of(row, stored)
            texts |= {digest: text for digest, text in made.items() if digest in digests}
        return texts

    def _bodies_of(self, row: Record, stored: FileChunks) -> dict[str, str]:
        content = read_file(self._root, row["path"], max_bytes=MAX_FILE_BYTES)
        if not isinstance(content, bytes) or sha256_hex(content) != row["sha256"]:
            return {}
        if not self._settings.sends_texts:
            return chunk_texts(content, stored)
        if _has_long_secret(content):
            return {}
        return chunk_texts(content, stored, prepare=redact_text)

    def _is_excluded(self, path: str) -> bool:
        return any(matches(path) for matches in self._excluded)


def admits_repository(settings: EmbedderSettings, name: str) -> bool:
    """Whether the code of the repository called `name` may be embedded."""
    if settings.repositories is None:
        return True
    return any(fnmatchcase(name, glob) for glob in settings.repositories)


async def _recently_changed(root: Path) -> dict[str, int]:
    """Rank of the paths that the last commits touched, from 0; empty where git cannot say."""
    git = await own_git(root, timeout_s=GIT_TIMEOUT_S)
    if git is None:
        return {}
    log = await git.run(
        "log", f"--max-count={RECENT_COMMITS}", "--format=", "--name-only", "-z", "--no-renames"
    )
    if log.status != 0:
        return {}
    ranks: dict[str, int] = {}
    for name in log.output.decode("utf-8", "replace").replace("\n", "\0").split("\0"):
        if name:
            ranks.setdefault(name, len(ranks))
    return ranks


def _digests_of(rows: Sequence[Record]) -> dict[int, bytes]:
    """By content, the digests of names and then of bodies; those of many files fit in memory."""
    found = {}
    for row in rows:
        stored = decode_chunks("", row["chunks"])
        found[row["id"]] = bytes.fromhex("".join([*stored.name_digests, *stored.digests]))
    return found


def _names_of(stored: FileChunks) -> dict[str, str]:
    return {
        digest: name_text(stored.path, stored.symbols[owner].qualified_name)
        for digest, owner in zip(stored.name_digests, stored.owners, strict=True)
    }


def _has_long_secret(content: bytes) -> bool:
    """Whether a secret spans lines, so that a chunk may hold a part that nothing recognises."""
    text = content.decode("utf-8", "replace")
    return redact_text(text).count("\n") != text.count("\n")
