"""Who last changed what entities stand on: `git blame` of the files that declare them.

Only files that are as HEAD has them are asked about, a few at a time and each once per content.
Only committed content is read, so no filter or driver that a repository names runs.
Above: the builder's background task. Below: the kernel's `Git`, stored extractions.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson
import structlog

from agentos import Database, Queries, UnavailableError
from agentos_memory.compression import compress, decompress
from agentos_memory.knowledge.model import Entity, Extraction, KnowledgeEdge, Ref
from agentos_memory.knowledge.records import decode_extraction
from agentos_memory.own_git import own_git

# A file with a long history takes git a second; the rest is asked about in the next step.
FILES_PER_STEP = 40
TIMEOUT_S = 20.0
MAX_LINES = 400
# What stands for itself everywhere is not declared by the line that mentions it.
_UNOWNED = frozenset({"owner", "team", "commit", "directory", "file"})

_sql = Queries("agentos_memory", "sql/knowledge.sql")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BlamedLine:
    """The last change of one line: `changed_at` in seconds since the epoch."""

    line: int
    commit: str
    author: str
    changed_at: int


async def blame_step(database: Database, repository_id: int, root: Path) -> int:
    """Ask about the next files that nobody asked about; how many there were, 0 when all are done."""
    rows = await database.fetch(_sql.find_unblamed, repository_id, FILES_PER_STEP)
    found: list[tuple[str, str, bytes]] = []
    for row in rows:
        lines = entity_lines(decode_extraction(row["extraction"]))
        blamed = await _blamed(root, row["path"], row["sha256"], lines)
        found.append((row["path"], row["sha256"], encode_blame(blamed)))
    if found:
        paths, digests, blobs = map(list, zip(*found, strict=True))
        async with database.connection() as connection, connection.transaction():
            await connection.execute(_sql.store_blame, repository_id, paths, digests, blobs)
            await connection.execute(_sql.count_build, repository_id)
    return len(rows)


def entity_lines(extraction: Extraction) -> list[int]:
    """The lines that declare entities, and those that say what belongs to them."""
    declared = {entity.ref: entity.line for entity in extraction.entities if _is_owned(entity)}
    lines = set(declared.values())
    lines |= {edge.line for edge in extraction.edges if edge.source in declared}
    return sorted(lines)[:MAX_LINES]


async def _blamed(root: Path, path: str, sha256: str, lines: list[int]) -> list[BlamedLine]:
    if not lines or not path.isprintable():
        return []
    ranges = [option for line in lines for option in ("-L", f"{line},{line}")]
    git = await own_git(root, timeout_s=TIMEOUT_S)
    if git is None:
        return []
    try:
        committed = await git.run("cat-file", "blob", f"HEAD:{path}")
        if committed.status != 0 or hashlib.sha256(committed.output).hexdigest() != sha256:
            return []
        said = await git.run("blame", "--porcelain", "--no-textconv", *ranges, "HEAD", "--", path)
    except UnavailableError as error:
        _log.info("blame_skipped", path=path, reason=error.message)
        return []
    return list(_lines(said.output.decode("utf-8", "replace"))) if said.status == 0 else []


def _lines(porcelain: str) -> Iterator[BlamedLine]:
    """The lines of `git blame --porcelain`, which describes each commit once."""
    authors: dict[str, str] = {}
    times: dict[str, int] = {}
    commit, line = "", 0
    for text in porcelain.split("\n"):
        if text.startswith("\t"):
            yield BlamedLine(line, commit, authors.get(commit, "unknown"), times.get(commit, 0))
            continue
        key, _, value = text.partition(" ")
        if len(key) in (40, 64) and value.partition(" ")[0].isdecimal():
            commit, line = key, int(value.split(" ")[1])
        elif key == "author":
            authors[commit] = value.strip()[:200] or "unknown"
        elif key == "author-time" and value.isdecimal():
            times[commit] = int(value)


def encode_blame(lines: Iterable[BlamedLine]) -> bytes:
    """The stored form."""
    rows = [[each.line, each.commit, each.author, each.changed_at] for each in lines]
    return compress(orjson.dumps(rows))


def decode_blame(stored: bytes) -> list[BlamedLine]:
    """What `encode_blame` was given."""
    return [BlamedLine(*row) for row in orjson.loads(decompress(stored))]


def blame_extraction(path: str, extraction: Extraction, lines: Iterable[BlamedLine]) -> Extraction:
    """Owners of the file's entities: those who changed its lines last, by their part of them.

    The evidence of an owner is the last line that they changed. The commit that changed the entity
    last writes it; links drop it where that commit is too old to be listed.
    """
    by_line = {each.line: each for each in lines}
    own: defaultdict[Ref, list[BlamedLine]] = defaultdict(list)
    for entity in extraction.entities:
        if _is_owned(entity) and entity.line in by_line:
            own[entity.ref].append(by_line[entity.line])
    for edge in extraction.edges:
        if edge.source in own and edge.line in by_line:
            own[edge.source].append(by_line[edge.line])
    owners: dict[Ref, Entity] = {}
    edges: list[KnowledgeEdge] = []
    for ref, blamed in own.items():
        edges += _owned(path, ref, _each_once(blamed), owners)
    return Extraction(tuple(owners.values()), tuple(edges))


def _each_once(blamed: Iterable[BlamedLine]) -> list[BlamedLine]:
    """Each line once, in order."""
    return sorted({each.line: each for each in blamed}.values(), key=lambda each: each.line)


def _owned(
    path: str, ref: Ref, blamed: list[BlamedLine], owners: dict[Ref, Entity]
) -> Iterator[KnowledgeEdge]:
    shares: Mapping[str, int] = Counter(each.author for each in blamed)
    for author, count in sorted(shares.items()):
        last = max(
            (each for each in blamed if each.author == author), key=lambda each: each.changed_at
        )
        owner = Entity("owner", author, path, last.line, "git blame", "history")
        owners.setdefault(owner.ref, owner)
        share = round(count / len(blamed), 3)
        yield KnowledgeEdge(
            ref, owner.ref, "owned_by", path, last.line, "git blame", "history", share
        )
    newest = max(blamed, key=lambda each: each.changed_at)
    yield KnowledgeEdge(
        Ref("commit", newest.commit), ref, "writes", path, newest.line, "git blame", "history", 1.0
    )


def _is_owned(entity: Entity) -> bool:
    return entity.tier == "declared" and entity.kind not in _UNOWNED
