"""The risk factor of the index (issue 3): what it does not hold, or no test reaches, is a risk."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
import structlog.testing

from agentos import Kernel, RiskQuestion
from agentos_memory.risk import CoverageCache, reached_by_tests
from tests.agentos_memory.repositories import call, commit_all, make_repository, write_files

pytestmark = pytest.mark.anyio

FILES = {
    "pkg/__init__.py": "",
    "pkg/deep.py": "def deep() -> int:\n    return 1\n",
    "pkg/used.py": "from pkg.deep import deep\n\n\ndef used() -> int:\n    return deep()\n",
    "pkg/alone.py": "def alone() -> int:\n    return 2\n",
    "tests/test_used.py": (
        "from pkg.used import used\n\n\ndef test_used() -> None:\n    assert used() == 1\n"
    ),
    "README.md": "hello\n",
}


def _asked(repo: Path, *paths: str, capability: str = "write") -> RiskQuestion:
    return RiskQuestion(str(repo), paths, frozenset({capability}))


async def test_a_write_is_a_risk_where_no_test_reaches_the_file_or_no_index_holds_it(
    kernel: Kernel, tmp_path: Path
) -> None:
    repo = make_repository(tmp_path / "repo", FILES)
    cache = kernel.service(CoverageCache)
    assert cache.assess(_asked(repo, "pkg/alone.py")) is None, "nothing is indexed"
    await call(kernel, "index_repository", path=str(repo))
    await cache.refresh()

    risks = {path: cache.assess(_asked(repo, path)) for path in (*FILES, "pkg/new.py")}
    assert risks == {
        "pkg/__init__.py": risks["pkg/__init__.py"],
        "pkg/deep.py": 0.0,
        "pkg/used.py": 0.0,
        "pkg/alone.py": 1.0,
        "tests/test_used.py": 0.0,
        "README.md": None,
        "pkg/new.py": 1.0,
    }
    assert cache.assess(_asked(repo, "README.md", "pkg/used.py", "pkg/alone.py")) == 1.0
    assert cache.assess(_asked(repo, "pkg/alone.py", capability="read")) is None
    assert cache.assess(_asked(tmp_path / "other", "pkg/alone.py")) is None
    assert cache.assess(RiskQuestion(None, ("pkg/alone.py",), frozenset({"write"}))) is None


async def test_another_generation_is_read_in_the_background_once_somebody_asks(
    kernel: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentos_memory.risk.REREAD_AFTER_S", 0.0)
    repo = make_repository(tmp_path / "repo", FILES)
    await call(kernel, "index_repository", path=str(repo))
    cache = kernel.service(CoverageCache)

    async def until(expected: float) -> None:
        async with asyncio.timeout(60):
            while cache.assess(_asked(repo, "pkg/alone.py")) != expected:
                await kernel.database.fetch_value("select 1")

    await until(1.0)
    test = "from pkg.alone import alone\n\n\ndef test_alone() -> None:\n    assert alone() == 2\n"
    write_files(repo, {"tests/test_alone.py": test})
    commit_all(repo, "Test it")
    await call(kernel, "index_repository", path=str(repo))
    await until(0.0)


async def test_rows_that_cannot_be_read_end_neither_the_reading_nor_the_server(
    kernel: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentos_memory.risk.REREAD_AFTER_S", 0.0)
    repo = make_repository(tmp_path / "repo", FILES)
    await call(kernel, "index_repository", path=str(repo))
    cache = kernel.service(CoverageCache)
    async with kernel.database.connection() as connection:
        await connection.execute("create table kept as select * from memory.graph_file")
        await connection.execute("update memory.graph_file set relations = 'x'")
    with structlog.testing.capture_logs() as logs:
        async with asyncio.timeout(60):
            while len([each for each in logs if each["event"].startswith("coverage_")]) < 2:
                assert cache.assess(_asked(repo, "pkg/alone.py")) is None
                await kernel.database.fetch_value("select 1")
    # What else the server logs meanwhile is about something else.
    told = {each["event"] for each in logs if each["event"].startswith("coverage_")}
    assert told == {"coverage_failed"}

    async with kernel.database.connection() as connection:
        await connection.execute(
            "update memory.graph_file f set relations = k.relations from kept k "
            "where k.repository_id = f.repository_id and k.path = f.path"
        )
    async with asyncio.timeout(60):
        while cache.assess(_asked(repo, "pkg/alone.py")) != 1.0:
            await kernel.database.fetch_value("select 1")


async def test_asking_costs_a_call_less_than_five_microseconds(
    kernel: Kernel, tmp_path: Path
) -> None:
    repo = make_repository(tmp_path / "repo", FILES)
    await call(kernel, "index_repository", path=str(repo))
    cache = kernel.service(CoverageCache)
    await cache.refresh()
    question = _asked(repo, "pkg/used.py")
    best_us = float("inf")
    for _ in range(20):
        began = time.thread_time_ns()
        for _ in range(1_000):
            cache.assess(question)
        best_us = min(best_us, (time.thread_time_ns() - began) / 1_000_000)
    assert best_us < 5


def test_what_tests_reach_is_followed_through_other_files_and_circles() -> None:
    uses = [("test_a.py", "a.py"), ("a.py", "b.py"), ("b.py", "a.py"), ("c.py", "a.py")]
    reached = reached_by_tests(["test_a.py", "a.py", "b.py", "c.py"], uses)
    assert reached == {"test_a.py", "a.py", "b.py"}
