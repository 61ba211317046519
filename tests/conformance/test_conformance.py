"""The official MCP conformance suite against real server processes; run by `make conformance`.

The fixtures it asks for are an ordinary plugin (`site/agentos_conformance.py`), found by its entry
point like anybody's.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.ports import held_port

pytestmark = [pytest.mark.anyio, pytest.mark.conformance]

ROOT = Path(__file__).parents[2]
SITE = Path(__file__).parent / "site"
INSTALLED = Path(sys.prefix) / "conformance"

SCENARIO = re.compile(r"^([✓✗]) ([a-z0-9-]+): (\d+) passed, (\d+) failed$", re.MULTILINE)
UNSCORED = re.compile(r"^  [✓✗] ([a-z0-9-]+) \(", re.MULTILINE)

# How many scenarios a revision asks of a server; fewer means that the suite ran something else.
REQUIRED = {"2025-11-25": 30, "2026-07-28": 37}

# Of the extension for tasks, which no revision requires; the suite skips the one about
# notifications, and counts no check of it.
TASKS = {
    "tasks-capability-negotiation": 5,
    "tasks-dispatch-and-envelope": 9,
    "tasks-lifecycle": 9,
    "tasks-mrtr-composition": 2,
    "tasks-mrtr-input": 4,
    "tasks-request-headers": 5,
    "tasks-request-state-removal": 3,
    "tasks-required-task-error": 3,
    "tasks-status-notifications": 0,
    "tasks-wire-fields": 4,
}


@asynccontextmanager
async def _served(home: Path, port: int, workers: int) -> AsyncIterator[str]:
    environment = os.environ | {
        "AGENTOS_HOME": str(home),
        "AGENTOS_PLUGINS": "conformance",
        "PYTHONPATH": os.pathsep.join([str(SITE), os.environ.get("PYTHONPATH", "")]),
    }
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agentos", "serve", "--port", str(port), "--workers", str(workers),
        env=environment,
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        await _until_ready(url, server)
        yield f"{url}/mcp"
    finally:
        if server.returncode is None:
            server.terminate()
            await server.wait()


async def _until_ready(url: str, server: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(120), httpx.AsyncClient() as client:
        while True:
            assert server.returncode is None, "the server did not start; it says why above"
            try:
                if (await client.get(f"{url}/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.2)


@pytest.fixture
def port() -> Iterator[int]:
    with held_port() as port:
        yield port


@pytest.fixture(scope="module", params=[1, 2], ids=["1 worker", "2 workers"])
def workers(request: pytest.FixtureRequest) -> Iterator[int]:
    yield request.param


@pytest.mark.parametrize("revision", sorted(REQUIRED))
async def test_every_required_scenario_passes(
    tmp_path: Path, port: int, workers: int, revision: str
) -> None:
    assert INSTALLED.is_dir(), "the suite is not installed; run `make conformance`"
    async with _served(tmp_path / "home", port, workers) as url:
        suite = await asyncio.create_subprocess_exec(
            sys.executable, str(ROOT / "scripts/npm.py"), "exec", "--prefix", str(INSTALLED), "--",
            "conformance", "server", "--url", url, "--requirements", revision,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=tmp_path,
        )  # fmt: skip
        printed, _ = await suite.communicate()
    summary = printed.decode().partition("=== SUMMARY ===")[2]
    if revision == "2026-07-28":
        found = {name: (int(ok), int(bad)) for _, name, ok, bad in SCENARIO.findall(summary)}
        assert {name: found.get(name) for name in TASKS} == {
            name: (n_checks, 0) for name, n_checks in TASKS.items()
        }, summary
    unscored = set(UNSCORED.findall(summary))
    scored = {
        name: int(failed)
        for _, name, _, failed in SCENARIO.findall(summary)
        if name not in unscored
    }
    assert len(scored) == REQUIRED[revision], summary
    assert {name: n for name, n in scored.items() if n} == {}, summary
