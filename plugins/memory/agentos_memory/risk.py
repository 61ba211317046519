"""The risk factor `untested_path`: writing what the index does not know, or what no test reaches.

Above: the plugin declares it for whoever judges calls. Below: rows of the index. It is answered from
memory; what is not resident is read in the background, and until then not known.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog
from asyncpg import Record

from agentos import AgentOSError, Database, Kernel, Queries, RiskFactor, RiskQuestion
from agentos_memory.languages import find_language
from agentos_memory.naming_of_tests import is_test_path
from agentos_memory.relations import target_paths

NAME = "untested_path"
WEIGHT = 0.2
REREAD_AFTER_S = 10.0
"""How long a generation is believed to be the newest."""

_sql = Queries("agentos_memory", "sql/risk.sql")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Coverage:
    """One generation of a repository's graph: the files that some test reaches."""

    generation: int
    tested: frozenset[str]

    def is_risky(self, path: str) -> bool | None:
        """Whether no test reaches the path; None for what tests do not reach at all."""
        if path in self.tested:
            return False
        return True if _is_program(path) else None


class CoverageCache:
    """The coverage of every indexed repository by its root; `run` keeps it up to date."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._by_root: dict[str, Coverage] = {}
        self._read_at = float("-inf")
        self._wanted = asyncio.Event()

    def assess(self, question: RiskQuestion) -> float | None:
        """1 where a written path is at risk, 0 where none is, None where nothing is known."""
        if question.repo is None or not question.paths or "write" not in question.capabilities:
            return None
        if time.monotonic() - self._read_at > REREAD_AFTER_S:
            self._wanted.set()
        coverage = self._by_root.get(question.repo)
        if coverage is None:
            return None
        known = [risky for path in question.paths if (risky := coverage.is_risky(path)) is not None]
        return float(any(known)) if known else None

    async def run(self) -> None:
        """Read what is asked for and not read lately, until cancelled; failures are logged."""
        while True:
            await self._wanted.wait()
            try:
                await self.refresh()
            except AgentOSError as error:
                _log.warning("coverage_interrupted", code=error.code)
            except Exception as error:  # noqa: BLE001 - the owner of a background task
                _log.error("coverage_failed", exc_info=error)
            self._read_at = time.monotonic()
            self._wanted.clear()

    async def refresh(self) -> None:
        """Read every repository whose generation is another than the resident one."""
        rows = await self._database.fetch(_sql.list_generations)
        fresh: dict[str, Coverage] = {}
        for row in rows:
            known = self._by_root.get(row["root"])
            if known is None or known.generation != row["graph_generation"]:
                known = await self._read(row["id"], row["graph_generation"])
            fresh[row["root"]] = known
        self._by_root = fresh

    async def _read(self, repository: int, generation: int) -> Coverage:
        rows = await self._database.fetch(_sql.read_relations, repository)
        return await asyncio.to_thread(_coverage, generation, rows)


def _coverage(generation: int, rows: Sequence[Record]) -> Coverage:
    uses = [(row["path"], used) for row in rows for used in target_paths(row["relations"])]
    return Coverage(generation, reached_by_tests((row["path"] for row in rows), uses))


def _is_program(path: str) -> bool:
    """Whether tests could reach the file: of configuration and documents no edge tells."""
    language = find_language(path)
    # Go resolves its imports by itself.
    return language is not None and (language.imports != "none" or language.name == "go")


def reached_by_tests(paths: Iterable[str], uses: Iterable[tuple[str, str]]) -> frozenset[str]:
    """The test files among `paths`, and every file whose symbols they use, directly or not."""
    targets: dict[str, list[str]] = defaultdict(list)
    for path, target in uses:
        targets[path].append(target)
    reached = {path for path in paths if is_test_path(path)}
    pending = deque(reached)
    while pending:
        for target in targets[pending.popleft()]:
            if target not in reached:
                reached.add(target)
                pending.append(target)
    return frozenset(reached)


def untested_path(kernel: Kernel) -> RiskFactor:
    """The factor, answered by the kernel's coverage cache."""

    def assess(question: RiskQuestion) -> float | None:
        return kernel.service(CoverageCache).assess(question)

    return RiskFactor(
        NAME,
        WEIGHT,
        "it writes source code that the index does not hold, or that no test reaches",
        assess,
    )
