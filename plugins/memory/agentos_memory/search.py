"""Search over the code of indexed repositories: recognise, rank, filter, and look at the files.

Above: the tool `search_code`. Below: shards that score, and the files as they are now.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agentos import AgentOSError, UnavailableError
from agentos_memory.brief_work import BriefWork
from agentos_memory.catalog import Catalog
from agentos_memory.code_hits import CodeHit, hit_of
from agentos_memory.current_files import CommittedFiles, CurrentFile, CurrentFiles
from agentos_memory.file_texts import FileTexts
from agentos_memory.freshness import Freshness
from agentos_memory.generations import Repository
from agentos_memory.measured import ArmName, SearchMode
from agentos_memory.query_vectors import QueryVectors
from agentos_memory.ranked import Asked, CodeQuery, Found, file_filter, rank_all
from agentos_memory.read_ahead import ReadAhead
from agentos_memory.recognition import Recognised, recognise
from agentos_memory.regex_search import find_lines
from agentos_memory.rereading import Reread, Rereading
from agentos_memory.shard_loading import Shards, Tell
from agentos_memory.shards import Shard
from agentos_memory.vectors import Vectors

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
class _Source:
    """What one repository is asked with; `committed` are the object ids of its commit's files.

    `problem` says why there is no vector although one is wanted.
    """

    repository: Repository
    asked: Asked
    committed: Mapping[str, str]
    problem: str | None
    is_outdated: bool
    """Whether there is a newer generation, which is still being loaded."""

    @property
    def shard(self) -> Shard:
        """The chunks that are ranked."""
        return self.asked.shard


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one repository answers."""

    source: _Source
    arms: Sequence[ArmName]
    ranked: Sequence[Found]


@dataclass(frozen=True, slots=True)
class _LookedUp:
    """The part of an answer that is shown, and the files that it is cut from, by path."""

    answer: _Answer
    chosen: Sequence[Found]
    files: Mapping[str, CurrentFile]
    hits: list[CodeHit]


@dataclass(frozen=True, slots=True)
class _Found:
    """What is shown of all answers; `is_cut`: there is more."""

    looked_up: Sequence[_LookedUp]
    is_cut: bool


class CodeSearch:
    """Answers code queries from resident shards."""

    def __init__(
        self,
        catalog: Catalog,
        shards: Shards,
        vectors: Vectors,
        freshness: Freshness,
        rereading: Rereading,
    ) -> None:
        self._catalog = catalog
        self._shards = shards
        self._vectors = vectors
        self._freshness = freshness
        self._rereading = rereading
        self._committed = CommittedFiles()
        self._texts = FileTexts()
        self._files = CurrentFiles(self._texts)
        self._read_ahead = ReadAhead(self._files)
        self._wording = BriefWork()
        self._ranking = defaultdict[SearchMode, BriefWork](BriefWork)
        self._listed: dict[str | None, list[Repository]] = {}
        """What the catalog answered last, by the name asked for."""

    async def run(self, query: CodeQuery, tell: Tell | None = None) -> CodeHits:
        """The hits of `query`; NotFoundError where nothing is indexed under that name.

        `tell` hears of what takes seconds: the first search in a repository loads its index.
        Raises UnavailableError where only vectors may answer and there are none, and what
        `recognise` and `find_lines` raise for a regular expression.
        """
        recognised = recognise(query.text)
        wants_vectors = query.mode != "keyword" and recognised.pattern is None
        queried = QueryVectors(self._vectors, query.text)
        try:
            # Most of what vectors cost is this, which the database need not wait for.
            if wants_vectors:
                queried.start()
            sources, found = await self._found(query, recognised, queried, tell)
        finally:
            queried.close()
        if query.mode == "semantic" and not any(each.answer.arms for each in found.looked_up):
            raise UnavailableError(
                "nothing is embedded yet; vectors are made in the background",
                remedy="use mode hybrid or keyword, or repeat the call later",
            )
        states, hits = [], list[CodeHit]()
        for each in found.looked_up:
            own = await self._as_they_are(each)
            states.append(await self._state(each.answer, own))
            hits += own
        hits.sort(key=_order_of_hit)
        missing = next((each.problem for each in sources if each.problem is not None), None)
        return CodeHits(hits, states, found.is_cut, missing)

    async def _found(
        self, query: CodeQuery, recognised: Recognised, queried: QueryVectors, tell: Tell | None
    ) -> tuple[Sequence[_Source], _Found]:
        """What the repositories answer, and with what they were asked.

        Those of the last time are asked while the catalog is read; if it says something new, what
        they answered is thrown away.
        """
        reading = asyncio.create_task(self._catalog.select(query.repo))
        try:
            listed = self._listed.get(query.repo)
            if listed is not None:
                try:
                    found = await self._found_in(listed, query, recognised, queried, tell)
                except (AgentOSError, OSError):
                    if await reading == listed:
                        raise
                else:
                    if await reading == listed:
                        return found
            listed = self._listed[query.repo] = await reading
        finally:
            reading.cancel()
        return await self._found_in(listed, query, recognised, queried, tell)

    async def _found_in(
        self,
        repositories: Sequence[Repository],
        query: CodeQuery,
        recognised: Recognised,
        queried: QueryVectors,
        tell: Tell | None,
    ) -> tuple[Sequence[_Source], _Found]:
        wants_vectors = query.mode != "keyword" and recognised.pattern is None
        sources = [
            await self._source(each, query, queried, tell, wants_vectors=wants_vectors)
            for each in repositories
        ]
        if recognised.pattern is None:
            ranking = self._ranking[query.mode]
            return sources, await ranking.run(self._ranked, query, recognised, sources)
        answers = [await self._matching(each, query, recognised.pattern) for each in sources]
        return sources, await asyncio.to_thread(self._looked_up, query, answers)

    async def _source(
        self,
        repository: Repository,
        query: CodeQuery,
        queried: QueryVectors,
        tell: Tell | None,
        *,
        wants_vectors: bool,
    ) -> _Source:
        shard = await self._shards.get(repository, with_vectors=wants_vectors, tell=tell)
        answered = _answered(repository, shard)
        committed = await self._committed.of(answered.root, answered.commit)
        self._read_ahead.begin(answered.root, shard.file_digests, committed)
        if query.forbidden:
            # Of tens of thousands of files this takes a while, the first time.
            await asyncio.to_thread(shard.readable, query.forbidden)
        worded, vector, problem = None, None, None
        if wants_vectors:
            # The vector is made meanwhile.
            worded = await self._wording.run(shard.worded, query.text, query.mode)
            try:
                vector = await queried.of(shard.model)
            except UnavailableError as error:
                if query.mode == "semantic":
                    raise
                problem = error.message
        is_outdated = shard.repository.generation < repository.generation
        asked = Asked(shard, vector, worded)
        return _Source(answered, asked, committed, problem, is_outdated)

    def _ranked(
        self, query: CodeQuery, recognised: Recognised, sources: Sequence[_Source]
    ) -> _Found:
        """Ranked and looked up without a pause: every thread that is waited for costs a tenth."""
        asked = [source.asked for source in sources]
        ranked = rank_all(asked, query, recognised, self._texts)
        answers = [
            _Answer(source, arms, found)
            for source, (arms, found) in zip(sources, ranked, strict=True)
        ]
        return self._looked_up(query, answers)

    def _looked_up(self, query: CodeQuery, answers: Sequence[_Answer]) -> _Found:
        """The best of all answers with the lines of their files."""
        ranked = sorted(
            ((found, answer) for answer in answers for found in answer.ranked),
            key=lambda each: (
                -each[0].score,
                each[1].source.repository.name,
                each[0].position,
            ),
        )
        chosen = ranked[: query.limit]
        return _Found(
            [self._cut(each, [found for found, of in chosen if of is each]) for each in answers],
            len(ranked) > query.limit,
        )

    async def _matching(self, source: _Source, query: CodeQuery, pattern: str) -> _Answer:
        shard, root = source.shard, source.repository.root
        wanted = file_filter(shard, query)
        numbers = [n for n, is_wanted in enumerate(wanted.tolist()) if is_wanted]
        paths = [shard.files[number].path for number in numbers]
        # Lines of a file that changed are not those of its chunks; the next run reads it.
        steps = self._files.unchanged(root, shard.file_digests, paths)
        matches = await find_lines(pattern, steps)
        ranked = shard_matches(shard, query, [(numbers[text], line) for text, line in matches])
        return _Answer(source, ("regex",), ranked)

    async def _as_they_are(self, looked_up: _LookedUp) -> list[CodeHit]:
        """The hits, found again in files that changed."""
        source = looked_up.answer.source
        changed = {
            path: file.text.content
            for path, file in looked_up.files.items()
            if file.text is not None and not file.is_indexed
        }
        if not changed:
            return looked_up.hits
        again = await self._rereading.read(source.repository.root, changed, _packages(source.shard))
        return await asyncio.to_thread(_shown, source, looked_up.chosen, looked_up.files, again)

    async def _state(self, answer: _Answer, hits: Sequence[CodeHit]) -> IndexState:
        repository, shard = answer.source.repository, answer.source.shard
        head = await self._freshness.head(repository.root)
        has_moved = head != repository.commit or answer.source.is_outdated
        is_stale = has_moved or any(hit.is_stale for hit in hits)
        return IndexState(repository, is_stale, answer.arms, shard.progress)

    def _cut(self, answer: _Answer, chosen: Sequence[Found]) -> _LookedUp:
        source = answer.source
        shard, root = source.shard, source.repository.root
        paths = {shard.path(found.position) for found in chosen}
        files = self._files.read(root, shard.file_digests, source.committed, paths)
        return _LookedUp(answer, chosen, files, _shown(source, chosen, files, {}))


def _shown(
    source: _Source,
    chosen: Sequence[Found],
    files: Mapping[str, CurrentFile],
    reread: Mapping[str, Reread],
) -> list[CodeHit]:
    repository, shard = source.repository, source.shard
    return [
        hit_of(repository, shard, found, files[path], reread.get(path))
        for found in chosen
        for path in [shard.path(found.position)]
    ]


def _packages(shard: Shard) -> Callable[[str], bool]:
    """Whether a folder of the repository is a Python package."""
    known = shard.file_digests
    return lambda folder: f"{folder}/__init__.py" in known or f"{folder}/__init__.pyi" in known


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
    """What the answer is of: the row just read, unless the shard is newer, or still older.

    A run that finds no changed file stores the new commit under the same generation, which the
    resident shard does not know.
    """
    if shard.repository.generation != repository.generation:
        return shard.repository
    return repository


def _order_of_hit(hit: CodeHit) -> tuple[float, str, str, int, int]:
    return -hit.score, hit.repository.name, hit.chunk.path, hit.start_line, hit.end_line
