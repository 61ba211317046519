"""Language servers answer in the background what resolution left open (issue 4, Memory)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import agentos_memory.plugin
from agentos import Kernel, Settings, open_kernel
from agentos.testing import AllowEverything
from agentos_memory import refinement_run
from agentos_memory.language_servers import find_server
from agentos_memory.memory import Memory
from agentos_memory.model import Edge, UnresolvedSite
from agentos_memory.refinement_store import RefinementProgress
from agentos_memory.server_answers import (
    AnsweredTarget,
    SiteAnswer,
    decode_answers,
    encode_answers,
    take_in,
)
from tests.agentos_memory.fake_language_server import asked_names, write_server
from tests.agentos_memory.repositories import call, git, make_repository, refusal, write_files

pytestmark = pytest.mark.anyio

SOURCES = {
    "lib/__init__.py": "",
    "lib/jobs.py": (
        "class Job:\n    def run(self):\n        return 1\n\n\n"
        "class Task:\n    def run(self):\n        return 2\n\n    def stop(self):\n        return 3\n"
    ),
    "lib/use.py": "def one(job):\n    job.run()\n    job.nowhere()\n",
    "lib/more.py": "def two(job):\n    job.stop()\n",
}


@asynccontextmanager
async def kernel_with(
    settings: Settings, server: Path | None, **memory: Any
) -> AsyncIterator[Kernel]:
    """A kernel whose setting names the server."""
    servers = {} if server is None else {"pyright": str(server)}
    memory = {"embedder": {"kind": "none"}, "language_servers": memory}
    settings = settings.model_copy(update={"language_servers": servers, "memory": memory})
    plugins = {"memory": agentos_memory.plugin, "allow": AllowEverything()}
    async with open_kernel(settings, extra_plugins=plugins) as kernel:
        yield kernel


async def refine(kernel: Kernel) -> RefinementProgress | None:
    """Refine everything now; how far the first repository is."""
    memory = kernel.service(Memory)
    await memory.refinement.refine_all()
    return await memory.refinement.progress((await memory.catalog.repositories())[0])


async def test_an_open_call_that_a_server_knows_becomes_an_edge_and_is_open_no_more(
    settings: Settings, tmp_path: Path
) -> None:
    server = write_server(tmp_path / "server")
    repository = make_repository(tmp_path / "repository", SOURCES)
    async with kernel_with(settings, server) as kernel:
        await call(kernel, "index_repository", path=str(repository))
        before = await call(kernel, "trace_symbol_dependencies", symbol="Job.run")
        assert (before["edges"], before["n_unresolved"], before["refined"]) == ([], 1, None)
        await refine(kernel)
        after = await call(kernel, "trace_symbol_dependencies", symbol="Job.run")
        (edge,) = after["edges"]
        assert (edge["from"], edge["path"], edge["line"]) == ("lib.use.one", "lib/use.py", 2)
        assert (edge["tier"], edge["rule"]) == ("typed", "language server pyright")
        assert after["n_unresolved"] == 0
        assert after["refined"] == {"done": 2, "waiting": 0, "server": "pyright", "failure": None}
    # Nothing here is called so.
    assert "nowhere" not in asked_names(tmp_path / "server")


async def test_nothing_is_asked_twice_until_its_file_changes(
    settings: Settings, tmp_path: Path
) -> None:
    server = write_server(tmp_path / "server")
    repository = make_repository(tmp_path / "repository", SOURCES)
    async with kernel_with(settings, server) as kernel:
        await call(kernel, "index_repository", path=str(repository))
        await refine(kernel)
    assert sorted(asked_names(tmp_path / "server")) == ["run", "stop"]
    async with kernel_with(settings, server) as kernel:
        await refine(kernel)
        write_files(repository, {"lib/use.py": "# New.\n" + SOURCES["lib/use.py"]})
        await call(kernel, "index_repository", path=str(repository))
        await refine(kernel)
        traced = await call(kernel, "trace_symbol_dependencies", symbol="Job.run")
        assert [edge["line"] for edge in traced["edges"]] == [3]
        write_files(repository, {"lib/use.py": SOURCES["lib/use.py"]})
        await call(kernel, "index_repository", path=str(repository))
        await refine(kernel)
        back = await call(kernel, "trace_symbol_dependencies", symbol="Job.run")
        assert [edge["line"] for edge in back["edges"]] == [2]
    assert sorted(asked_names(tmp_path / "server")) == ["run", "run", "stop"]


async def test_a_call_whose_target_is_gone_is_open_and_asked_about_again(
    settings: Settings, tmp_path: Path
) -> None:
    server = write_server(tmp_path / "server")
    repository = make_repository(tmp_path / "repository", SOURCES)
    async with kernel_with(settings, server) as kernel:
        await call(kernel, "index_repository", path=str(repository))
        await refine(kernel)
        write_files(
            repository, {"lib/jobs.py": SOURCES["lib/jobs.py"].replace("class Job", "class Work")}
        )
        await call(kernel, "index_repository", path=str(repository))
        gone = await call(kernel, "trace_symbol_dependencies", symbol="Work.run")
        assert (gone["edges"], gone["n_unresolved"]) == ([], 1)
        await refine(kernel)
        found = await call(kernel, "trace_symbol_dependencies", symbol="Work.run")
        assert [edge["from"] for edge in found["edges"]] == ["lib.use.one"]
        assert found["n_unresolved"] == 0


async def test_a_run_that_was_broken_off_keeps_what_it_had_and_the_next_goes_on(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refinement_run, "CALLS_PER_STEP", 1)
    sources = SOURCES | {"lib/start.py": "def start():\n    return 1\n",
                         "lib/last.py": "def three(job):\n    job.start()\n"}  # fmt: skip
    repository = make_repository(tmp_path / "repository", sources)
    # It never answers about `start`, nor anything after it.
    stalling = write_server(tmp_path / "server", "stalls_at_start")
    async with kernel_with(settings, stalling) as kernel:
        await call(kernel, "index_repository", path=str(repository))
        running = asyncio.ensure_future(refine(kernel))
        async with asyncio.timeout(60):
            while "start" not in asked_names(tmp_path / "server"):
                await asyncio.wait([running], timeout=0.05)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    before = asked_names(tmp_path / "server")
    assert before == ["run", "start"]
    async with kernel_with(settings, write_server(tmp_path / "server")) as kernel:
        progress = await refine(kernel)
        assert progress is not None and (progress.done, progress.waiting) == (3, 0)
    assert asked_names(tmp_path / "server") == [*before, "start", "stop"]


async def test_a_run_stops_at_its_budget_and_says_what_waits(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refinement_run, "CALLS_PER_STEP", 1)
    server = write_server(tmp_path / "server")
    repository = make_repository(tmp_path / "repository", SOURCES)
    async with kernel_with(settings, server, sites_per_run=1, pause_s=0) as kernel:
        await call(kernel, "index_repository", path=str(repository))
        for done, waiting in ((1, 1), (2, 0)):
            progress = await refine(kernel)
            assert progress is not None
            assert (progress.done, progress.waiting) == (done, waiting)


async def test_a_server_that_dies_leaves_calls_open_and_is_not_started_again_at_once(
    settings: Settings, tmp_path: Path
) -> None:
    server = write_server(tmp_path / "server", "dies")
    repository = make_repository(tmp_path / "repository", SOURCES)
    async with kernel_with(settings, server) as kernel:
        await call(kernel, "index_repository", path=str(repository))
        progress = await refine(kernel)
        assert progress is not None and "heap out of memory" in (progress.failure or "")
        await refine(kernel)
        assert kernel.service(Memory).server_pool.n_started == 1
        traced = await call(kernel, "trace_symbol_dependencies", symbol="Job.run")
        assert (traced["edges"], traced["n_unresolved"]) == ([], 1)
        assert "heap out of memory" in traced["refined"]["failure"]


async def test_a_server_that_could_not_load_the_project_is_no_witness(
    settings: Settings, tmp_path: Path
) -> None:
    server = write_server(tmp_path / "server", "loads_nothing")
    repository = make_repository(tmp_path / "repository", SOURCES)
    async with kernel_with(settings, server) as kernel:
        await call(kernel, "index_repository", path=str(repository))
        progress = await refine(kernel)
        assert progress is not None and "no package metadata" in (progress.failure or "")
        assert progress.done == 0
        error = await refusal(kernel, "trace_symbol_dependencies", symbol="Job.run", verify=True)
        assert error["code"] == "unavailable" and "no package metadata" in error["message"]


async def test_no_server_works_unasked_unless_a_setting_says_so(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "server"
    write_server(folder).rename(folder / "pyright-langserver")
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    assert find_server("python") is not None
    repository = make_repository(tmp_path / "repository", SOURCES)
    async with kernel_with(settings, None) as kernel:
        await call(kernel, "index_repository", path=str(repository))
        assert await refine(kernel) is None
        assert not kernel.service(Memory).refinement.is_on
    assert asked_names(folder) == []
    async with kernel_with(settings, None, refine="installed") as kernel:
        assert await refine(kernel) is not None
    assert asked_names(folder) != []


async def test_another_work_tree_of_the_repository_asks_nothing_that_was_answered(
    settings: Settings, tmp_path: Path
) -> None:
    server = write_server(tmp_path / "server")
    repository = make_repository(tmp_path / "repository", SOURCES)
    git(repository, "worktree", "add", "--quiet", "-b", "other", str(tmp_path / "other"))
    async with kernel_with(settings, server) as kernel:
        await call(kernel, "index_repository", path=str(repository))
        await refine(kernel)
        await call(kernel, "index_repository", path=str(tmp_path / "other"))
        await refine(kernel)
        traced = await call(kernel, "trace_symbol_dependencies", symbol="Job.run", repo="other")
        assert [edge["from"] for edge in traced["edges"]] == ["lib.use.one"]
    assert sorted(asked_names(tmp_path / "server")) == ["run", "stop"]


async def test_a_file_that_changed_since_it_was_indexed_is_not_asked_about(
    settings: Settings, tmp_path: Path
) -> None:
    server = write_server(tmp_path / "server")
    repository = make_repository(tmp_path / "repository", SOURCES)
    async with kernel_with(settings, server) as kernel:
        await call(kernel, "index_repository", path=str(repository))
        write_files(repository, {"lib/use.py": SOURCES["lib/use.py"] + "# Changed.\n"})
        progress = await refine(kernel)
    assert progress is not None and progress.done == 1
    assert asked_names(tmp_path / "server") == ["stop"]


@pytest.mark.nightly
async def test_pyright_finds_in_the_background_what_resolution_cannot(
    settings: Settings, tmp_path: Path
) -> None:
    server = find_server("python")
    if server is None or server.server.name != "pyright":
        pytest.skip("pyright-langserver is not on PATH")
    # What a parameter of an override is follows from the base, which resolution does not look at.
    typed = SOURCES | {
        "lib/base.py": (
            "from lib.jobs import Job, Task\n\n\nclass Base:\n"
            "    def go(self, job: Task) -> None: ...\n\n\n"
            "class Own(Base):\n    def go(self, job):\n        job.run()\n"
        )
    }
    repository = make_repository(tmp_path / "repository", typed)
    async with kernel_with(settings, server.program) as kernel:
        await call(kernel, "index_repository", path=str(repository))
        progress = await refine(kernel)
        assert progress is not None and progress.failure is None
        traced = await call(kernel, "trace_symbol_dependencies", symbol="Task.run")
        edges = {(e["from"], e["tier"]) for e in traced["edges"]}
        assert ("lib.base.Own.go", "typed") in edges
        # Nobody knows of which class the argument of `one` is.
        assert [each["caller"] for each in traced["unresolved"]] == ["lib.use.one"]


def test_answers_replace_guesses_and_close_calls_that_lead_outside() -> None:
    answers = [
        SiteAnswer(2, "run", "s 1", (AnsweredTarget("b.py", "b.Job.run", 7),), False),
        SiteAnswer(3, "stop", "s 1", (), False),
        SiteAnswer(4, "go", "s 1", (), True),
        SiteAnswer(5, "Job", "s 1", (AnsweredTarget("b.py", "b.Job.__init__", 7),), False),
    ]
    assert decode_answers(encode_answers(answers)) == answers
    sites = [UnresolvedSite("a.f", a.callee, None, "a.py", a.line) for a in answers]
    guess = Edge("a.f", "b.Job.run", "calls", "a.py", 2, "b.py", 0.3, "name_only", "name")
    other = Edge("a.f", "b.Job.stop", "calls", "a.py", 3, "b.py", 0.3, "name_only", "name")
    sure = Edge("a.f", "b.g", "calls", "a.py", 9, "b.py", 1.0, "exact", "import")
    kinds = {"b.Job": "class", "b.Job.__init__": "method", "b.Job.run": "method"}
    edges, left = take_in([guess, other, sure], sites, answers, lambda name: kinds.get(name[1]))
    assert [(e.target, e.kind, e.tier, e.rule) for e in edges] == [
        ("b.g", "calls", "exact", "import"),
        ("b.Job.run", "calls", "typed", "language server s 1"),
        ("b.Job", "constructs", "typed", "language server s 1"),
        ("b.Job.__init__", "calls", "typed", "language server s 1"),
    ]
    assert [site.callee for site in left] == ["go"]
