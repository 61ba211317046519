"""Search over the code of indexed repositories: recognise, rank, filter, and look at the files.

Above: the tool `search_code`. Below: shards that score, and the files as they are now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agentos import UnavailableError
from agentos_memory.catalog import Catalog
from agentos_memory.code_hits import CodeHit, hit_of
from agentos_memory.current_files import CommittedFiles, CurrentFiles
from agentos_memory.freshness import Freshness
from agentos_memory.generations import Repository
from agentos_memory.ranked import CodeQuery, Found, file_filter, rank
from agentos_memory.recognition import Recognised, recognise
from agentos_memory.regex_search import find_lines
from agentos_memory.shard_loading import Shards
from agentos_memory.shards import ArmName, Shard
from agentos_memory.vectors import Vector, Vectors

__all__ = ["CodeHit", "CodeHits", "CodeQuery", "CodeSearch", "IndexState"]


@dataclass(frozen=True, slots=True)
class IndexState:
    """Which generation answered with which arms, and whether the working tree has moved on.

    `embedded` is how many of the chunks' vectors each dense arm has, and of how many.
    """

    repository: Repository
    is_stale: bool
    arms: Sequence[ArmName] = ()
    embedded: Mapping[str, tuple[int, int]] | None = None


@dataclass(frozen=True, slots=True)
class CodeHits:
    """The best hits, best first; `is_cut` says that there are more.

    `missing` says why vectors did not take part where they were asked for.
    """

    hits: Sequence[CodeHit]
    states: Sequence[IndexState]
    is_cut: bool
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one repository answers."""

    repository: Repository
    shard: Shard
    arms: Sequence[ArmName]
    ranked: Sequence[Found]


class CodeSearch:
    """Answers code queries from resident shards."""

    def __init__(
        self, catalog: Catalog, shards: Shards, vectors: Vectors, freshness: Freshness
    ) -> None:
        self._catalog = catalog
        self._shards = shards
        self._vectors = vectors
        self._freshness = freshness
        self._committed = CommittedFiles()
        self._files = CurrentFiles()

    async def run(self, query: CodeQuery) -> CodeHits:
        """The hits of `query`; NotFoundError where nothing is indexed under that name.

        Raises UnavailableError where only vectors may answer and there are none, and what
        `recognise` and `find_lines` raise for a regular expression.
        """
        recognised = recognise(query.text)
        repositories = await self._catalog.select(query.repo)
        answers: list[_Answer] = []
        missing = None
        for repository in repositories:
            answer, problem = await self._answer(repository, query, recognised)
            answers.append(answer)
            missing = missing or problem
        if query.mode == "semantic" and not any(answer.arms for answer in answers):
            raise UnavailableError(
                "nothing is embedded yet; vectors are made in the background",
                remedy="use mode hybrid or keyword, or repeat the call later",
            )
        # Fused scores are standardised per repository, which makes them comparable between these.
        ranked = sorted(
            ((found, answer) for answer in answers for found in answer.ranked),
            key=lambda each: (-each[0].score, each[1].repository.name, each[0].position),
        )
        chosen = ranked[: query.limit]
        hits: list[CodeHit] = []
        states: list[IndexState] = []
        for answer in answers:
            own = [found for found, of in chosen if of is answer]
            state, found_hits = await self._look(answer, own)
            states.append(state)
            hits += found_hits
        hits.sort(key=_order_of_hit)
        return CodeHits(hits, states, len(ranked) > query.limit, missing)

    async def _answer(
        self, repository: Repository, query: CodeQuery, recognised: Recognised
    ) -> tuple[_Answer, str | None]:
        wants_vectors = query.mode != "keyword" and recognised.pattern is None
        shard = await self._shards.get(repository, with_vectors=wants_vectors)
        if recognised.pattern is not None:
            return await self._matching(repository, shard, query, recognised.pattern), None
        vector, problem = None, None
        if wants_vectors:
            try:
                vector = await self._embed(query.text, shard)
            except UnavailableError as error:
                if query.mode == "semantic":
                    raise
                problem = error.message
        arms, ranked = await asyncio.to_thread(rank, shard, query, recognised, vector)
        return _Answer(repository, shard, arms, ranked), problem

    async def _embed(self, text: str, shard: Shard) -> Vector:
        return await self._vectors.embed_query(text, model=shard.model)

    async def _matching(
        self, repository: Repository, shard: Shard, query: CodeQuery, pattern: str
    ) -> _Answer:
        wanted = file_filter(shard, query)
        numbers = [n for n, is_wanted in enumerate(wanted.tolist()) if is_wanted]
        paths = [shard.files[number].path for number in numbers]
        files = await asyncio.to_thread(
            self._files.read, repository.root, shard.file_digests, {}, paths
        )
        # Lines of a file that changed are not those of its chunks; the next run reads it.
        current = [number for number in numbers if files[shard.files[number].path].is_indexed]
        texts = [files[shard.files[number].path].content or b"" for number in current]
        matches = await find_lines(pattern, texts)
        ranked = shard_matches(shard, query, [(current[text], line) for text, line in matches])
        return _Answer(repository, shard, ("regex",), ranked)

    async def _look(
        self, answer: _Answer, chosen: Sequence[Found]
    ) -> tuple[IndexState, list[CodeHit]]:
        """The hits as the files are now, and what that says about the index."""
        shard = answer.shard
        repository = _answered(answer.repository, shard)
        committed = await self._committed.of(repository.root, repository.commit)
        hits = await asyncio.to_thread(self._cut, repository, shard, chosen, committed)
        head = await self._freshness.head(repository.root)
        is_stale = head != repository.commit or any(hit.is_stale for hit in hits)
        return IndexState(repository, is_stale, answer.arms, shard.progress), hits

    def _cut(
        self,
        repository: Repository,
        shard: Shard,
        chosen: Sequence[Found],
        committed: Mapping[str, str],
    ) -> list[CodeHit]:
        paths = [shard.chunk(found.position).path for found in chosen]
        files = self._files.read(repository.root, shard.file_digests, committed, set(paths))
        return [
            hit_of(repository, shard, found, files[path])
            for found, path in zip(chosen, paths, strict=True)
        ]


def shard_matches(
    shard: Shard, query: CodeQuery, matches: Sequence[tuple[int, int]]
) -> list[Found]:
    """The chunks that hold matching lines of files: products before tests, most lines first."""
    lines: dict[int, list[int]] = {}
    for file, line in matches:
        position = shard.at_line(file, line)
        if position is not None and shard.is_kind(position, query.kind):
            lines.setdefault(position, []).append(line)
    found = [
        Found(position, shard.match_score(position, len(own)), own[0])
        for position, own in lines.items()
    ]
    found.sort(key=lambda each: (-each.score, each.position))
    return found[: query.limit + 1]


def _answered(repository: Repository, shard: Shard) -> Repository:
    """What the answer is of: the row just read, unless the shard is already newer.

    A run that finds no changed file stores the new commit under the same generation, which the
    resident shard does not know.
    """
    if shard.repository.generation > repository.generation:
        return shard.repository
    return repository


def _order_of_hit(hit: CodeHit) -> tuple[float, str, str, int, int]:
    return -hit.score, hit.repository.name, hit.chunk.path, hit.start_line, hit.end_line
