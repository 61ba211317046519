"""How long `search_code` takes through the server: wall p50 and p95, and CPU, per request.

    python -m bench.search_latency PATH [--queries 200] [--edge http] [--clients sdk raw raw-2025]
        [--vectors none] [--while-indexing] [--home DIR] [--answers FILE] [--json]

A copy of PATH is indexed by a server process of its own (`agentos serve`, or `agentos mcp` over
stdio) with all plugins and an embedded PostgreSQL of its own. One client asks distinct queries, one
after the other: the official one (`sdk`), which checks every answer against the tool's schema, or
one that does nothing beyond the protocol, of 2026-07-28 (`raw`) or 2025-11-25 (`raw-2025`). Wall
times include the client; CPU is told apart: the server, PostgreSQL with all its processes, and the
client. Beside each mode stands what the packaged model takes right after it for the vector of one
of the queries, alone and on one thread: the same work everywhere, so figures of two machines, or of
two hours of a shared one, compare by it. `--vectors none` measures without vectors; by default all
are made first, and `--home` keeps database and copy for the next run. `--answers` writes what was
answered, to compare two versions. With `--while-indexing` another client changes and indexes the
same repository all the time. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from agentos import ConfigurationError
from agentos.database.embedded import EmbeddedPostgres
from agentos_memory import process_usage
from agentos_memory.embedding import MiniLmEmbedder
from bench.raw_client import LEGACY, MODERN, RawClient
from bench.search_queries import make_queries

START_TIMEOUT_S = 60.0
CALL_TIMEOUT_S = 1_800.0
WARM_UP = 20
# The knowledge graph is built 5 s after a start.
IDLE_FOR_S, BUSY_CPU_S, IDLE_TIMEOUT_S = 7, 0.1, 300.0
MODES = ("keyword", "hybrid", "semantic")
CLIENTS = ("sdk", "raw", "raw-2025")
QUERY_TOKENS = 64
_IDENTITY = ("-c", "user.name=bench", "-c", "user.email=bench@example.invalid")

Call: TypeAlias = Callable[[str, Mapping[str, Any]], Awaitable[dict[str, Any]]]
"""Calls a tool; the structured result."""


@dataclass(frozen=True, slots=True)
class Latency:
    """One mode over one edge; milliseconds per request, and the load average at the end.

    `vector_ms` is what the vector of one query takes here, by `query_vector_ms`.
    """

    edge: str
    client: str
    mode: str
    queries: int
    p50_ms: float
    p95_ms: float
    max_ms: float
    server_cpu_ms: float
    database_cpu_ms: float
    client_cpu_ms: float
    arms: list[str]
    load: float
    vector_ms: float


@dataclass(frozen=True, slots=True)
class Bench:
    """What is measured, and how often."""

    repository: Path
    queries: Sequence[str]
    environment: dict[str, str]
    postgres: EmbeddedPostgres
    has_vectors: bool
    is_indexing: bool
    clients: Sequence[str]
    answers: dict[str, dict[str, Any]]
    """What was answered, by mode and query."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A server process, and how to connect to it as one of CLIENTS."""

    name: str
    server: int
    clients: Sequence[str]
    connect: Callable[[str], AbstractAsyncContextManager[Call]]


def _official(client: Client) -> Call:
    async def call(tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        result = await client.call_tool(tool, dict(arguments), read_timeout_seconds=CALL_TIMEOUT_S)
        content: dict[str, Any] = result.structured_content or {}
        if result.is_error:
            raise RuntimeError(f"{tool}: {content}")
        return content

    return call


async def measure(bench: Bench, edges: Sequence[str], modes: Sequence[str]) -> list[Latency]:
    """Every mode over every edge by every client."""
    found: list[Latency] = []
    for edge in edges:
        async with (_over_http if edge == "http" else _over_stdio)(bench) as connected:
            async with connected.connect("sdk") as call:
                _say(f"indexing {bench.repository} ({edge})")
                await call("index_repository", {"path": str(bench.repository)})
                if bench.has_vectors and not bench.is_indexing:
                    await _wait_for_vectors(call)
            if not bench.is_indexing:
                await _wait_until_idle(connected)
            for mode in modes:
                for client in connected.clients:
                    _say(f"{edge}: {mode} ({client})")
                    async with _indexing(bench, connected), connected.connect(client) as call:
                        found.append(await _measure(bench, connected, client, call, mode))
    return found


async def _measure(bench: Bench, edge: Edge, client: str, call: Call, mode: str) -> Latency:
    # The last ones of another seed would do as well; these are asked again, all answers anew.
    for query in bench.queries[-WARM_UP:]:
        await call("search_code", {"query": query, "mode": mode})
    walls: list[float] = []
    arms: dict[str, None] = {}
    before = _cpu_s(bench, edge)
    for query in bench.queries:
        started = time.perf_counter()
        answer = await call("search_code", {"query": query, "mode": mode})
        walls.append((time.perf_counter() - started) * 1000)
        arms.update(dict.fromkeys(answer["arms"]))
        bench.answers[f"{mode}: {query}"] = answer
    server, database, own = (
        round((after - earlier) / len(walls) * 1000, 2)
        for after, earlier in zip(_cpu_s(bench, edge), before, strict=True)
    )
    return Latency(
        edge.name,
        client,
        mode,
        len(walls),
        round(statistics.median(walls), 2),
        round(statistics.quantiles(walls, n=20)[-1], 2),
        round(max(walls), 2),
        server,
        database,
        own,
        list(arms),
        round(os.getloadavg()[0], 2),
        query_vector_ms(bench.queries),
    )


def query_vector_ms(queries: Sequence[str], n: int = 60) -> float:
    """The median time that the packaged model takes for one of the queries, on one thread."""
    embedder = MiniLmEmbedder(threads=1)
    embedder.embed(queries[:1], max_tokens=QUERY_TOKENS)
    times = []
    for query in queries[:n]:
        started = time.perf_counter()
        embedder.embed([query], max_tokens=QUERY_TOKENS)
        times.append((time.perf_counter() - started) * 1000)
    return round(statistics.median(times), 2)


def _cpu_s(bench: Bench, edge: Edge) -> tuple[float, float, float]:
    """CPU seconds so far of the server, of PostgreSQL, and of this process."""
    database = bench.postgres.pid
    assert database is not None
    return process_usage.cpu_s(edge.server), process_usage.cpu_s(database), time.process_time()


async def _wait_for_vectors(call: Call) -> None:
    while True:
        (state,) = (await call("search_code", {"query": "vectors", "limit": 1}))["indexes"]
        if all(arm["done"] == arm["total"] for arm in state["embedded"].values()):
            return
        _say(", ".join(f"{a['done']}/{a['total']} {n}" for n, a in state["embedded"].items()))
        await asyncio.sleep(5)


async def _wait_until_idle(edge: Edge) -> None:
    """What a server does in the background after a start is not part of a search."""
    deadline = time.monotonic() + IDLE_TIMEOUT_S
    idle_s = 0
    while idle_s < IDLE_FOR_S and time.monotonic() < deadline:
        before = process_usage.cpu_s(edge.server)
        await asyncio.sleep(1)
        idle_s = idle_s + 1 if process_usage.cpu_s(edge.server) - before < BUSY_CPU_S else 0


@asynccontextmanager
async def _indexing(bench: Bench, edge: Edge) -> AsyncIterator[None]:
    """Another client changes a file and indexes, again and again, while the block runs."""
    if not bench.is_indexing or edge.name != "http":
        yield
        return
    n_runs = 0
    changed = bench.repository / "changed_by_the_benchmark.py"

    async def run(call: Call) -> None:
        nonlocal n_runs
        while True:
            changed.write_text(f"def changed_{time.monotonic_ns()}() -> int:\n    return 0\n")
            await call("index_repository", {"path": str(bench.repository)})
            n_runs += 1

    async with edge.connect("raw") as call:
        running = asyncio.create_task(run(call))
        try:
            yield
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            changed.unlink(missing_ok=True)
    _say(f"{n_runs} runs of the index meanwhile")


@asynccontextmanager
async def _over_http(bench: Bench) -> AsyncIterator[Edge]:
    port = _free_port()
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agentos", "serve", "--port", str(port)),
        env=bench.environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        await _wait_until_ready(server, url)

        yield Edge("http", server.pid, bench.clients, partial(_connect, url))
    finally:
        if server.returncode is None:
            server.terminate()
        await server.wait()


@asynccontextmanager
async def _connect(url: str, client: str) -> AsyncIterator[Call]:
    if client != "sdk":
        revision = MODERN if client == "raw" else LEGACY
        async with RawClient.connect(url, revision) as raw:
            yield raw.call
        return
    async with (
        httpx2.AsyncClient(timeout=CALL_TIMEOUT_S) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http)) as official,
    ):
        yield _official(official)


@asynccontextmanager
async def _over_stdio(bench: Bench) -> AsyncIterator[Edge]:
    known = set(process_usage.tree(os.getpid()))
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "agentos", "mcp"], env=bench.environment
    )
    async with Client(command) as client:
        (server, *_) = [pid for pid in process_usage.tree(os.getpid()) if pid not in known]

        @asynccontextmanager
        async def connect(_: str) -> AsyncIterator[Call]:
            yield _official(client)

        yield Edge("stdio", server, ("sdk",), connect)


async def _wait_until_ready(server: asyncio.subprocess.Process, url: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    async with httpx2.AsyncClient(timeout=2) as http:
        while time.monotonic() < deadline and server.returncode is None:
            with contextlib.suppress(httpx2.HTTPError):
                if (await http.get(f"{url}/readyz")).status_code == 200:
                    return
            await asyncio.sleep(0.05)
    raise ConfigurationError("the server did not become ready; its log is above")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment(home: Path, *, has_vectors: bool) -> dict[str, str]:
    """The user's environment without AgentOS settings, so that none of them leaks in."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AGENTOS_")}
    kept |= {"AGENTOS_HOME": str(home), "AGENTOS_ROLE": "admin", "AGENTOS_LOG_LEVEL": "warning"}
    kept["AGENTOS_PROFILE"] = "worker"  # The official client lists anew for a tool not shown.
    if not has_vectors:
        kept["AGENTOS_MEMORY"] = json.dumps({"embedder": {"kind": "none"}})
    return kept


def _make_repository(path: Path, root: Path) -> None:
    """A copy of the files at `path`, committed: nothing is written there, and git is not needed."""
    ignored = shutil.ignore_patterns(".git", "node_modules", ".venv", "__pycache__")
    shutil.copytree(path, root, symlinks=True, ignore=ignored)
    for command in (
        ("init", "--quiet"),
        ("add", "--all"),
        (*_IDENTITY, "commit", "--quiet", "--no-verify", "-m", "benchmark"),
    ):
        subprocess.run(["git", *command], cwd=root, check=True, stdin=subprocess.DEVNULL)


def durable_write_ms(folder: Path, n: int = 50) -> float:
    """The median time of a write of 8 KiB that is on the disk, of which each search waits for one."""
    times = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(n):
            started = time.perf_counter()
            os.pwrite(file.fileno(), b"x" * 8192, 0)
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - started) * 1000)
    return round(statistics.median(times), 3)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """All figures as one document."""
    home = options.home or Path(tempfile.mkdtemp(prefix="agentos-bench-"))
    home.mkdir(exist_ok=True)
    # Where this runs as root, the database is another user's.
    home.chmod(0o755)
    repository = home / "repository"
    postgres = EmbeddedPostgres(home / "postgres")
    has_vectors = options.vectors == "all"
    try:
        if not repository.exists():
            _make_repository(options.path, repository)
        queries = make_queries(repository, options.queries, seed=options.seed)
        postgres.start()
        bench = Bench(
            repository,
            queries,
            _environment(home, has_vectors=has_vectors),
            postgres,
            has_vectors,
            options.while_indexing,
            options.clients,
            {},
        )
        modes = options.modes or (MODES if has_vectors else MODES[:1])
        edges = ("http", "stdio") if options.edge == "both" else (options.edge,)
        found = asyncio.run(measure(bench, edges, modes))
        if options.answers is not None:
            options.answers.write_text(json.dumps(bench.answers, indent=1))
        return {"durable_write_ms": durable_write_ms(home), "figures": [asdict(f) for f in found]}
    finally:
        postgres.stop()
        if options.home is None:
            postgres.remove()
            shutil.rmtree(home, ignore_errors=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("path", type=Path, help="folder with sources; it is copied")
    parser.add_argument("--queries", type=int, default=200, help="distinct queries per mode")
    parser.add_argument("--modes", nargs="*", choices=MODES, help="all by default")
    parser.add_argument("--edge", choices=("http", "stdio", "both"), default="http")
    parser.add_argument("--clients", nargs="*", choices=CLIENTS, default=["sdk", "raw"])
    parser.add_argument("--vectors", choices=("all", "none"), default="all")
    parser.add_argument("--while-indexing", action="store_true")
    parser.add_argument("--home", type=Path, help="keep the database and the copy here")
    parser.add_argument("--answers", type=Path, help="write the answers here, as JSON")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    options = parser.parse_args()
    # So that server and database are ended with it.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    document = run(options)
    if options.json:
        print(json.dumps(document))
        return
    print(f"a durable write of 8 KiB takes {document['durable_write_ms']} ms here")
    print(
        "edge   client    mode      p50 ms  p95 ms  max ms   CPU ms: server  database  client  load"
        "  a vector  arms"
    )
    for each in document["figures"]:
        print(
            f"{each['edge']:6} {each['client']:9} {each['mode']:8} {each['p50_ms']:7.2f} {each['p95_ms']:7.2f} "
            f"{each['max_ms']:7.2f} {each['server_cpu_ms']:15.2f} {each['database_cpu_ms']:9.2f} "
            f"{each['client_cpu_ms']:7.2f} {each['load']:5.2f} {each['vector_ms']:9.2f}  "
            f"{', '.join(each['arms'])}"
        )


if __name__ == "__main__":
    main()
