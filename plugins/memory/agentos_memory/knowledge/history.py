"""What git's log says of files: who changed them lately, and what changes together.

The last commits only, merges and commits of very many files left out: those are moves and
reformatting. Above: the builder. Below: the kernel's `Git`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from agentos import UnavailableError
from agentos_memory.knowledge.model import Entity, Extraction, KnowledgeEdge, KnowledgeEdgeKind, Ref
from agentos_memory.own_git import own_git

MAX_COMMITS = 2_000
MAX_FILES_OF_COMMIT = 30
# Commits as entities of their own; older ones count for ownership and co-change only.
LISTED_COMMITS = 300
MIN_SUPPORT = 3
MIN_CONFIDENCE = 0.5
MAX_PARTNERS = 20
# An author's part of a file's recent changes, the newer the heavier.
HALF_LIFE_DAYS = 180.0
MIN_SHARE = 0.3
MAX_OWNERS = 3
GIT_TIMEOUT_S = 60.0

LOG_COMMAND = (
    "log", "--no-merges", "--no-renames", "--name-only", "-z", "--no-show-signature",
    "--no-ext-diff", "--format=%x01%H%x02%an%x02%ct%x02%s%x02",
)  # fmt: skip
"""What `commits_of` reads."""

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit: `committed_at` in seconds, `subject` its first line."""

    id: str
    author: str
    committed_at: int
    subject: str
    paths: tuple[str, ...]


async def read_commits(root: Path, *, timeout_s: float = GIT_TIMEOUT_S) -> list[Commit]:
    """The last commits of HEAD, newest first; empty where there is none.

    UnavailableError where git does not answer in time.
    """
    git = await own_git(root, timeout_s=timeout_s)
    if git is None:
        return []
    log = await git.run(*LOG_COMMAND, f"--max-count={MAX_COMMITS}")
    if log.status != 0:
        if log.output == b"" and "does not have any commits" in log.errors:
            return []
        raise UnavailableError(f"git could not read the log: {log.errors.strip()[:200]}")
    return commits_of(log.output)


def commits_of(log: bytes) -> list[Commit]:
    """The commits that LOG_COMMAND printed, in its order."""
    text = log.decode("utf-8", "replace")
    return [_commit(entry) for entry in text.split("\x01") if entry.count("\x02") >= 4]


def _commit(entry: str) -> Commit:
    name, author, seconds, subject, listed = entry.split("\x02", 4)
    paths = tuple(path for path in listed.strip("\n\0").lstrip("\n").split("\0") if path)
    return Commit(
        name, author.strip()[:200] or "unknown", int(seconds), subject[:200],
        tuple(path.strip("\n") for path in paths),
    )  # fmt: skip


def history_extraction(commits: Sequence[Commit], paths: AbstractSet[str]) -> Extraction:
    """Commits, owners and co-change of the files that are still there.

    The evidence of each is the file's first line: history is about files, not about lines.
    """
    usual = [
        Commit(c.id, c.author, c.committed_at, c.subject, tuple(p for p in c.paths if p in paths))
        for c in commits
        if len(c.paths) <= MAX_FILES_OF_COMMIT
    ]
    entities: dict[Ref, Entity] = {}
    edges = [
        *_listed(usual[:LISTED_COMMITS], entities),
        *_owners(usual, entities),
        *_together(usual),
    ]
    return Extraction(tuple(entities.values()), tuple(edges))


def _listed(commits: Iterable[Commit], entities: dict[Ref, Entity]) -> Iterator[KnowledgeEdge]:
    for commit in commits:
        if not commit.paths:
            continue
        said = {"subject": commit.subject, "committed_at": str(commit.committed_at)}
        entity = Entity("commit", commit.id, commit.paths[0], 1, "git log", "history", said)
        entities[entity.ref] = entity
        owner = Entity("owner", commit.author, commit.paths[0], 1, "git log", "history")
        entities.setdefault(owner.ref, owner)
        yield _edge(entity.ref, "owned_by", owner.ref, commit.paths[0], "git author", 1.0)
        for path in commit.paths:
            yield _edge(entity.ref, "writes", Ref("path", path), path, "git log", 1.0)


def _owners(commits: Sequence[Commit], entities: dict[Ref, Entity]) -> Iterator[KnowledgeEdge]:
    newest = max((commit.committed_at for commit in commits), default=0)
    weights: defaultdict[str, defaultdict[str, float]] = defaultdict(_no_weights)
    for commit in commits:
        age_days = (newest - commit.committed_at) / _DAY_S
        weight = 0.5 ** (age_days / HALF_LIFE_DAYS)
        for path in commit.paths:
            weights[path][commit.author] += weight
    for path, authors in sorted(weights.items()):
        whole = sum(authors.values())
        for author, weight in sorted(authors.items(), key=lambda each: (-each[1], each[0]))[
            :MAX_OWNERS
        ]:
            share = weight / whole if whole else 0.0
            if share >= MIN_SHARE:
                owner = Entity("owner", author, path, 1, "recent authorship", "history")
                entities.setdefault(owner.ref, owner)
                target = owner.ref
                yield _edge(Ref("path", path), "owned_by", target, path, "recent authorship", share)


def _no_weights() -> defaultdict[str, float]:
    return defaultdict(float)


def _together(commits: Iterable[Commit]) -> Iterator[KnowledgeEdge]:
    """Files that change with a file in at least half of its commits."""
    changes: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for commit in commits:
        changes.update(commit.paths)
        pairs.update(combinations(sorted(commit.paths), 2))
    partners: defaultdict[str, list[tuple[float, int, str]]] = defaultdict(list)
    for (first, second), support in pairs.items():
        if support >= MIN_SUPPORT:
            for path, other in ((first, second), (second, first)):
                confidence = support / changes[path]
                if confidence >= MIN_CONFIDENCE:
                    partners[path].append((-confidence, -support, other))
    for path, found in sorted(partners.items()):
        for negative, support, other in sorted(found)[:MAX_PARTNERS]:
            rule = f"co-change in {-support} commits"
            yield _edge(
                Ref("path", path), "changed_with", Ref("path", other), path, rule, -negative
            )


def _edge(
    source: Ref,
    kind: KnowledgeEdgeKind,
    target: Ref,
    path: str,
    rule: str,
    confidence: float,
) -> KnowledgeEdge:
    return KnowledgeEdge(source, target, kind, path, 1, rule, "history", round(confidence, 3))
