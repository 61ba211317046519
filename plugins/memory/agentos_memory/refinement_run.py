"""One repository's open calls on their way to being answered, a few at a time.

An answer counts only where the files are what was indexed: that of the call, and that of what it
reaches. Above: refinement, which stores what a step gives. Below: language servers, syntax trees.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from agentos import UnavailableError
from agentos_memory.answered_targets import SourceFiles, symbol_at
from agentos_memory.generations import Repository
from agentos_memory.graph import SymbolGraph
from agentos_memory.language_servers import (
    Answer,
    Answers,
    InstalledServer,
    LanguageServerClient,
    Place,
    ServerPool,
    ask_definitions,
)
from agentos_memory.open_calls import KnownFile, OpenCall
from agentos_memory.refinement_metrics import RefinementMetrics
from agentos_memory.server_answers import AnsweredTarget, SiteAnswer

CALLS_PER_STEP = 32
# How far a step looks for calls that go to the same server.
NEAR = 256
STEP_TIMEOUT_S = 120.0
NICENESS = 10
# So few that somebody who waits for the server is not kept long.
AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Step:
    """All answers about each content that the step touched, and why it was cut short."""

    answers: Mapping[int, Sequence[SiteAnswer]]
    n_settled: int
    failure: str | None


class RefinementRun:
    """The waiting calls of one generation of a repository's graph; `waiting` shrinks by steps."""

    def __init__(
        self,
        repository: Repository,
        graph: SymbolGraph,
        files: Mapping[str, KnownFile],
        servers: Mapping[str, InstalledServer],
        waiting: Iterable[OpenCall],
        metrics: RefinementMetrics,
    ) -> None:
        self.waiting = deque(waiting)
        self.n_done = sum(len(file.answers) for file in files.values())
        self.n_asked = 0
        self.n_answered = 0
        self.refused: str | None = None
        """Why the server refused the last call that it refused."""
        self._repository = repository
        self._graph = graph
        self._files = files
        self._servers = servers
        self._metrics = metrics
        self._answers = {
            file.content_id: {(a.line, a.callee): a for a in file.answers}
            for file in files.values()
        }

    async def step(self, pool: ServerPool) -> Step:
        """Ask about the next calls; what cannot be asked about stays open, and is not tried again.

        Raises UnavailableError where the server does not start; the calls then go on waiting.
        """
        server = self._servers[self.waiting[0].path]
        calls = self._next_calls(server)
        # Read anew in every step: what changed since must not count.
        sources = SourceFiles(self._repository.root)
        places = await asyncio.to_thread(self._places, sources, calls)
        paths = [p for name in server.server.languages for p in self._graph.paths_of(name)]
        async with pool.client(server, self._repository.root, paths, niceness=NICENESS) as client:
            wanted = [place for each in places.values() for place in each]
            said = await self._ask(
                client, wanted, lambda: pool.is_awaited(server, self._repository.root)
            )
            identity, has_failed = client.identity, client.has_failed
        calls = [call for call in calls if said.left.isdisjoint(places.get(call, ()))]
        if not has_failed:
            # A call that it refuses is none that it does not know; it is left for another run.
            places = {
                call: asked
                for call, asked in places.items()
                if not asked or any(place in said.by_place for place in asked)
            }
            self.refused = said.gave_up or self.refused
        self.n_answered += len(said.by_place)
        found = await asyncio.to_thread(self._understood, sources, calls, places, said, identity)
        self._keep(calls, found)
        contents = {self._files[call.path].content_id for call in found}
        n_settled = sum(not answer.is_open or bool(answer.targets) for answer in found.values())
        return Step(
            {c: tuple(self._answers[c].values()) for c in contents},
            n_settled,
            said.gave_up if has_failed else None,
        )

    def _next_calls(self, server: InstalledServer) -> list[OpenCall]:
        """The next calls about which `server` can be asked, looking no further than a few steps."""
        near = islice(self.waiting, NEAR)
        calls = (call for call in near if self._servers[call.path] == server)
        return list(islice(calls, CALLS_PER_STEP))

    def _places(
        self, sources: SourceFiles, calls: Sequence[OpenCall]
    ) -> dict[OpenCall, list[Place]]:
        """Where to ask about each call; nowhere in a file that is not what was indexed."""
        places = {}
        for call in calls:
            if self._is_as_indexed(sources, call.path):
                found = sources.calls(call.path, call.line, call.line)
                names = [mention for mention in found if mention.name == call.callee]
                places[call] = [Place(call.path, m.line, m.column) for m in names]
        return places

    async def _ask(
        self,
        client: LanguageServerClient,
        places: Sequence[Place],
        gives_way: Callable[[], bool],
    ) -> Answers:
        deadline = asyncio.get_running_loop().time() + STEP_TIMEOUT_S
        try:
            return await ask_definitions(client, places, deadline=deadline, gives_way=gives_way)
        except UnavailableError as error:
            # Where it ended, the others go on waiting: it may have been the first ones' fault.
            left = sorted(set(places))[AT_ONCE:] if client.has_failed else ()
            return Answers({}, frozenset(left), error.message)

    def _understood(
        self,
        sources: SourceFiles,
        calls: Sequence[OpenCall],
        places: Mapping[OpenCall, Sequence[Place]],
        said: Answers,
        server: str,
    ) -> dict[OpenCall, SiteAnswer]:
        found = {}
        for call in calls:
            if call in places:
                answers = [said.by_place.get(place, ()) for place in places[call]]
                targets, is_open = self._targets(sources, answers)
                found[call] = SiteAnswer(call.line, call.callee, server, targets, is_open)
        return found

    def _targets(
        self, sources: SourceFiles, answers: Sequence[Answer]
    ) -> tuple[tuple[AnsweredTarget, ...], bool]:
        """The symbols that are reached, and whether one of the calls stays open."""
        reached: dict[AnsweredTarget, None] = {}
        is_open = not answers
        for answer in answers:
            named = [self._target(sources, place) for place in answer or ()]
            targets = [target for target in named if target is not None]
            reached |= dict.fromkeys(targets)
            is_open = is_open or (answer is not None and not targets)
        return tuple(reached), is_open

    def _target(self, sources: SourceFiles, place: Place) -> AnsweredTarget | None:
        if not self._is_as_indexed(sources, place.path):
            return None
        position = symbol_at(self._graph, sources, place)
        if position is None:
            return None
        definition = self._graph.definitions[position]
        content = self._files[definition.path].content_id
        return AnsweredTarget(definition.path, definition.qualified_name, content)

    def _is_as_indexed(self, sources: SourceFiles, path: str) -> bool:
        file = sources.get(path)
        known = self._files.get(path)
        return file is not None and known is not None and file.sha256 == known.sha256

    def _keep(self, calls: Sequence[OpenCall], found: Mapping[OpenCall, SiteAnswer]) -> None:
        asked = set(calls)
        near = [self.waiting.popleft() for _ in range(min(len(self.waiting), NEAR))]
        self.waiting.extendleft(call for call in reversed(near) if call not in asked)
        self.n_asked += len(calls)
        for call, answer in found.items():
            known = self._answers[self._files[call.path].content_id]
            self.n_done += (answer.line, answer.callee) not in known
            known[answer.line, answer.callee] = answer
            is_outside = not answer.targets and not answer.is_open
            outcome = "outside" if is_outside else "found" if answer.targets else "unknown"
            self._metrics.refined.labels(outcome).inc()
