"""How long an index takes, and what it uses: measured on a copy of a repository, with a database
of its own.

Above: `agentos bench index`. Below: a kernel with this plugin, and /proc.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

from agentos import (
    Authorizer,
    CallRequest,
    Credentials,
    Git,
    InvalidArgumentError,
    Kernel,
    Role,
    Settings,
    Tool,
    ToolCall,
    UnavailableError,
    Verdict,
    hookimpl,
    open_kernel,
)
from agentos_memory import process_usage
from agentos_memory.code_texts import code_scope
from agentos_memory.embedding_queue import EmbeddingProgress
from agentos_memory.knowledge.builder import KnowledgeBase
from agentos_memory.languages import find_language
from agentos_memory.memory import Memory

MIB = 1024 * 1024
_ADDED = "def agentos_benchmark_marker() -> int:\n    return 0\n"
_MARKER = "agentos_benchmark_marker"
_GIT_TIMEOUT_S = 600.0
_FIRST_SEARCHES = 10

Tell: TypeAlias = Callable[[str, str], None]
"""Told the step that is at work, and how far it is; the latter is empty at its beginning."""


@dataclass(frozen=True, slots=True)
class RunFigures:
    """One run of the index: seconds by the wall clock, CPU seconds, bytes."""

    wall_s: float
    keyword_ready_s: float
    graph_ready_s: float
    cpu_s: float
    database_cpu_s: float
    peak_bytes: int
    database_peak_bytes: int
    stages: list[dict[str, Any]]
    analysis_cpu_s: float
    analysis_peak_bytes: int

    @property
    def total_cpu_s(self) -> float:
        """This process, its children and the database."""
        return self.cpu_s + self.database_cpu_s


@dataclass(frozen=True, slots=True)
class IndexFigures:
    """What `agentos bench index` prints; `names_ready_s` and `bodies_ready_s` only if embedded.

    `peak_bytes` is the most that all processes held, the database's and the analysis's too, over
    everything: runs, searches, the graph in memory, and what is known beyond the code.
    """

    files: int
    functions: int
    symbols: int
    edges: int
    chunks: int
    skipped: dict[str, int]
    cold: RunFigures
    unchanged: RunFigures
    one_file: RunFigures
    one_file_searchable_s: float
    one_file_search_cpu_s: float
    names_ready_s: float | None
    bodies_ready_s: float | None
    embedding_cpu_s: float | None
    load: float
    peak_bytes: int


async def measure_index(path: Path, *, copies: int, embed: bool, tell: Tell) -> IndexFigures:
    """Index `copies` copies of the files at `path`: cold, again, and after a change of one file.

    The files are copied to a temporary folder first: nothing is written at `path`, whose files
    need not be under git. The folder is gone and the database stopped afterwards, whether this
    returns, raises or is cancelled.
    """
    with _temporary_folder() as folder:
        root = folder / "repository"
        tell("copying the files", "")
        await asyncio.to_thread(_copy_files, path, root, copies)
        tell("making a repository of the copy", "")
        await _make_repository(root)
        tell("starting a database", "")
        async with _kernel(folder / "home", embed=embed) as kernel:
            return await _measure(kernel, root, tell, embed=embed)


async def _measure(kernel: Kernel, root: Path, tell: Tell, *, embed: bool) -> IndexFigures:
    started, load = time.perf_counter(), os.getloadavg()[0]
    own, database = os.getpid(), await _postmaster(kernel)
    is_child = database in process_usage.tree(own)
    with (
        process_usage.watched_memory(own, every_s=1.0) as peak,
        process_usage.watched_memory(
            0 if is_child else database or 0, every_s=1.0
        ) as database_peak,
    ):
        cold, result = await _run(kernel, root, "indexing from nothing", tell)
        names_s = bodies_s = embedding_cpu_s = None
        if embed:
            before_s = process_usage.cpu_s(own)
            names_s, bodies_s = await _embedded(kernel, started, tell)
            embedding_cpu_s = round(process_usage.cpu_s(own) - before_s, 2)
        unchanged, _ = await _run(kernel, root, "indexing again, unchanged", tell)
        one_file, searchable_s, search_cpu_s = await _change_one_file(kernel, root, tell)
        functions = await _count_functions(kernel, tell)
    return IndexFigures(
        result["files"], functions, result["symbols"], result["edges"], result["chunks"],
        result["skipped"], cold, unchanged, one_file, searchable_s, search_cpu_s, names_s,
        bodies_s, embedding_cpu_s, load, peak.peak_bytes + database_peak.peak_bytes,
    )  # fmt: skip


async def _count_functions(kernel: Kernel, tell: Tell) -> int:
    tell("loading the graph", "")
    catalog = kernel.service(Memory).catalog
    (repository,) = await catalog.repositories()
    graph = await catalog.graph(repository)
    return sum(each.kind in ("function", "method") for each in graph.definitions)


async def _run(
    kernel: Kernel, root: Path, step: str, tell: Tell
) -> tuple[RunFigures, dict[str, Any]]:
    tell(step, "")
    own, database = os.getpid(), await _postmaster(kernel)
    cpu, database_cpu = process_usage.cpu_s(own), _database_cpu_s(database)
    started = time.perf_counter()
    with (
        process_usage.watched_memory(own) as peak,
        process_usage.watched_memory(database or 0) as database_peak,
    ):
        result = await _call(kernel, "index_repository", partial(tell, step), path=str(root))
    wall = time.perf_counter() - started
    timing = result["timing"]
    # The database is a child of its own here, and of nobody's elsewhere.
    children = process_usage.tree(own)
    # Looking at memory is no part of the run.
    spent = process_usage.cpu_s(own) - cpu - peak.cpu_s - database_peak.cpu_s
    database_spent = _database_cpu_s(database) - database_cpu
    if database in children:
        spent -= database_spent
    return (
        RunFigures(
            round(wall, 3),
            timing["keyword_ready_s"] or round(wall, 3),
            timing["graph_ready_s"] or round(wall, 3),
            round(spent, 2),
            round(database_spent, 2),
            peak.peak_bytes - (database_peak.peak_bytes if database in children else 0),
            database_peak.peak_bytes,
            timing["stages"],
            timing["analysis_cpu_s"],
            timing["analysis_peak_bytes"],
        ),
        result,
    )


async def _change_one_file(
    kernel: Kernel, root: Path, tell: Tell
) -> tuple[RunFigures, float, float]:
    """The run after a change, the seconds until a search has found it, and the search's CPU s."""
    tell("waiting for the knowledge graph", "")
    repository = (await kernel.service(Memory).catalog.repositories())[0]
    # What is built in the background would count as part of the search.
    await kernel.service(KnowledgeBase).refresh(repository.id, repository.root)
    tell("searching", "")
    await _load_for_search(kernel)
    await asyncio.to_thread(_add_function, root)
    figures, _ = await _run(kernel, root, "indexing a change of one file", tell)
    tell("searching for the change", "")
    asked, cpu = time.perf_counter(), time.process_time()
    found = await _call(kernel, "search_code", query=_MARKER, mode="keyword", limit=1)
    search_s = time.perf_counter() - asked
    if not any(_MARKER in hit["symbol"] for hit in found["hits"]):
        raise UnavailableError("the search did not find the function that was added")
    search_cpu_s = round(time.process_time() - cpu, 3)
    return figures, round(figures.keyword_ready_s + search_s, 3), search_cpu_s


async def _load_for_search(kernel: Kernel) -> None:
    """The first search loads the repository, which for a large one takes longer than a call may."""
    for _ in range(_FIRST_SEARCHES):
        with suppress(UnavailableError):
            await _call(kernel, "search_code", query="anything", mode="keyword")
            return
    raise UnavailableError("the first search did not end", remedy="repeat it on an idle machine")


def _add_function(root: Path) -> None:
    sources = (p for p in sorted(root.rglob("*.py")) if p.is_file() and not p.is_symlink())
    usual = (path for path in sources if path.stat().st_size > 1_000)
    # A repository without Python gets its first such file.
    changed = next(usual, root / f"{_MARKER}.py")
    with changed.open("a") as file:
        file.write(f"\n\n{_ADDED}")


async def _embedded(
    kernel: Kernel, started: float, tell: Tell
) -> tuple[float | None, float | None]:
    """Seconds after `started` when all names, and all bodies, had vectors."""
    tell("embedding", "")
    memory = kernel.service(Memory)
    repository = (await memory.catalog.repositories())[0]
    names_s: float | None = None

    async def report(progress: EmbeddingProgress) -> None:
        nonlocal names_s
        done = f"{progress.names_done} of {progress.names_total} names, "
        tell("embedding", f"{done}{progress.bodies_done} of {progress.bodies_total} bodies")
        if names_s is None and 0 < progress.names_total == progress.names_done:
            names_s = round(time.perf_counter() - started, 3)

    progress = await memory.embedding_queue.wait(code_scope(repository.id), report)
    bodies_s = round(time.perf_counter() - started, 3) if progress.is_complete else None
    return names_s, bodies_s


async def _call(
    kernel: Kernel, tool: str, tell: Callable[[str], None] | None = None, **arguments: Any
) -> dict[str, Any]:
    async def report(done: float, total: float | None, message: str) -> None:
        if tell is not None:
            tell(message)

    credentials = Credentials(is_local=True)
    request = CallRequest(tool, arguments, credentials, "bench", progress=report)
    result = await kernel.dispatch(request)
    if result.is_error:
        raise UnavailableError(f"{tool}: {result.text}")
    return dict(result.structured)


async def _postmaster(kernel: Kernel) -> int | None:
    """The process of the database server, where it is on this machine."""
    backend = await kernel.database.fetch_value("select pg_backend_pid()")
    return process_usage.parent_of(backend)


def _database_cpu_s(postmaster: int | None) -> float:
    return 0.0 if postmaster is None else process_usage.cpu_s(postmaster)


class _AdmitEverything:
    """Admits every call: nobody but this process reaches the kernel of a measurement."""

    @hookimpl
    def wrap_tool_call(self, tool: Tool) -> Authorizer:
        """The authorizer, for every tool."""
        return Authorizer(_allow)


async def _allow(call: ToolCall) -> Verdict | None:
    return Verdict.allow("benchmark")


@asynccontextmanager
async def _kernel(home: Path, *, embed: bool) -> AsyncIterator[Kernel]:
    embedder = {} if embed else {"embedder": {"kind": "none"}}
    settings = Settings(home=home, plugins=(), role=Role.ADMIN, memory=embedder)
    # The plugin's own commands lead here.
    plugin = import_module("agentos_memory.plugin")
    plugins = {"memory": plugin, "allow": _AdmitEverything()}
    async with open_kernel(settings, extra_plugins=plugins) as kernel:
        yield kernel


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="agentos-bench-"))
    # Where this runs as root, the database is another user's.
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy_files(path: Path, root: Path, copies: int) -> None:
    if not path.is_dir():
        raise InvalidArgumentError(f"{path} is not a folder", remedy="name a folder with sources")
    # The copy's own folder may lie below `path`.
    own = root.parent.name
    ignored = shutil.ignore_patterns(".git", "node_modules", ".venv", "__pycache__", own)
    for number in range(copies):
        target = root / f"copy_{number}" if copies > 1 else root
        try:
            shutil.copytree(path, target, symlinks=True, ignore=ignored)
        except OSError as error:
            raise UnavailableError(f"{path} cannot be copied: {error}"[:500]) from error
    if not any(find_language(file.name) for file in root.rglob("*") if file.is_file()):
        raise InvalidArgumentError(f"{path} holds no source code", remedy="name another folder")


async def _make_repository(root: Path) -> None:
    git = Git(root, timeout_s=_GIT_TIMEOUT_S)
    author = ("-c", "user.name=bench", "-c", "user.email=bench@example.invalid")
    for command in (
        ("init", "--quiet"),
        ("add", "--all"),
        (*author, "commit", "--quiet", "--no-verify", "-m", "benchmark"),
    ):
        done = await git.run(*command)
        if done.status != 0:
            raise UnavailableError(f"git {command[-1]}: {done.errors[:300]}")
