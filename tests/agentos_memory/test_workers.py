"""Files are read in processes with limits, and a hostile one costs itself alone (issue 4, Memory)."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import time
from pathlib import Path

import pytest

from agentos import Kernel
from agentos_memory.analysis_session import AnalysisSession
from agentos_memory.analysts import Analyst
from agentos_memory.file_contents import FileContent
from agentos_memory.language_servers.call_sites import find_mentions
from agentos_memory.languages import find_language
from agentos_memory.memory import Memory
from agentos_memory.model import SkippedFile
from agentos_memory.parsing import parses_within
from agentos_memory.run_timing import RunTiming
from agentos_memory.workers import KEPT_BYTES, Ended, FileLimits, Worker, Workers
from tests.agentos_memory.repositories import LIBRARY, call, make_repository, write_files

pytestmark = pytest.mark.anyio

# tree-sitter-hcl reads an open string over and over again at each of its lines.
ENDLESS = 'a = "' + "\n" * 200_000


def _analyst(worker: Worker, root: Path, limits: FileLimits | None = None) -> Analyst:
    return Analyst(worker, root, frozenset({"shop"}), RunTiming(), limits)


async def _analysed(analyst: Analyst, paths: list[str]) -> list[FileContent | SkippedFile]:
    return [found async for found in analyst.analyse(paths)]


def _proc(pid: int, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()


def _is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_a_process_finds_what_a_session_here_finds(tmp_path: Path) -> None:
    write_files(tmp_path, LIBRARY)
    paths = [*sorted(LIBRARY), "gone.py"]
    session = AnalysisSession(tmp_path, frozenset({"shop"}))
    here = [session.analyse(path) for path in paths]
    async with Workers().borrow(tmp_path) as worker:
        analyst = _analyst(worker, tmp_path)
        assert await _analysed(analyst, paths) == here
        assert await analyst.resolve() == session.resolve()


async def test_a_crash_of_the_process_costs_at_most_one_file(tmp_path: Path) -> None:
    names = [f"m{n}.py" for n in range(400)]
    write_files(tmp_path, dict.fromkeys(names, "def f() -> None: ...\n" * 50))
    found: list[FileContent | SkippedFile] = []
    async with asyncio.timeout(120), Workers().borrow(tmp_path) as worker:
        async for each in _analyst(worker, tmp_path).analyse(names):
            found.append(each)
            if len(found) == 1:
                os.kill(worker.pid, signal.SIGKILL)
    assert [each.path for each in found] == names
    crashed = [each for each in found if isinstance(each, SkippedFile)]
    assert len(crashed) <= 1 and all(each.reason == "crashed" for each in crashed)


async def test_a_file_that_takes_too_long_is_left_out_and_the_others_are_kept(
    tmp_path: Path,
) -> None:
    write_files(tmp_path, LIBRARY | {"endless.tf": ENDLESS, "zone.tf": 'a "b" {}\n'})
    paths = ["shop/prices.py", "endless.tf", "shop/basket.py", "zone.tf"]
    async with asyncio.timeout(120), Workers().borrow(tmp_path) as worker:
        analyst = _analyst(worker, tmp_path, FileLimits(cpu_s=0.5))
        found = await _analysed(analyst, paths)
    assert [each.path for each in found] == paths
    (skipped,) = [each for each in found if isinstance(each, SkippedFile)]
    assert (skipped.path, skipped.reason) == ("endless.tf", "too_costly")
    assert "0.5 CPU seconds" in skipped.detail
    assert analyst.held == {"shop/basket.py", "zone.tf"}, "what the ended process held is gone"


async def test_a_file_that_takes_too_much_memory_is_left_out(tmp_path: Path) -> None:
    write_files(tmp_path, LIBRARY | {"wide.py": "a = b\n" * 150_000})
    paths = ["shop/prices.py", "wide.py", "shop/basket.py"]
    async with asyncio.timeout(120), Workers().borrow(tmp_path) as worker:
        limits = FileLimits(memory_bytes=24 * 1024 * 1024)
        found = await _analysed(_analyst(worker, tmp_path, limits), paths)
        assert [each.path for each in found] == paths
        (skipped,) = [each for each in found if isinstance(each, SkippedFile)]
        assert skipped.path == "wide.py"
        assert skipped.reason == "too_costly" or f"{24 << 20} bytes" in skipped.detail
        roomy = _analyst(worker, tmp_path)
        assert all(isinstance(each, FileContent) for each in await _analysed(roomy, paths))


async def test_a_process_that_says_nothing_is_ended(tmp_path: Path) -> None:
    write_files(tmp_path, LIBRARY)
    async with asyncio.timeout(60), Workers().borrow(tmp_path) as worker:
        await worker.open(tmp_path, [], FileLimits())
        pid = worker.pid
        os.kill(pid, signal.SIGSTOP)
        (ended,) = [each async for each in worker.ask("analyse", ["shop/basket.py"], wall_s=0.1)]
        assert isinstance(ended, Ended) and ended.reason == "too_costly"
        assert not _is_there(pid)
        (found,) = await _analysed(_analyst(worker, tmp_path), ["shop/prices.py"])
    assert isinstance(found, FileContent)


async def test_what_is_read_can_neither_write_nor_connect(tmp_path: Path) -> None:
    async with asyncio.timeout(60), Workers().borrow(tmp_path) as worker:
        await worker.open(tmp_path, [], FileLimits())
        limits = _proc(worker.pid, "limits").decode().splitlines()
        variables = _proc(worker.pid, "environ")
    (size,) = [line.split() for line in limits if line.startswith("Max file size")]
    assert size[3:5] == ["0", "0"]
    assert not any(b"AGENTOS" in variable for variable in variables.split(b"\0"))


async def test_processes_stay_warm_for_one_tree_and_are_not_shared_with_another(
    tmp_path: Path,
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for root in (one, other):
        write_files(root, LIBRARY)
    workers = Workers()
    pids = []
    # What the server holds is nothing that its processes held.
    held = b"x" * (2 * KEPT_BYTES)
    async with asyncio.timeout(120), asyncio.TaskGroup() as tasks:
        keeping = tasks.create_task(workers.run())
        await asyncio.sleep(0)
        for root in (one, one, other, one):
            async with workers.borrow(root) as worker:
                await _analysed(_analyst(worker, root), ["shop/prices.py"])
                pids.append(worker.pid)
        keeping.cancel()
    assert len(held) > KEPT_BYTES
    assert pids[0] == pids[1] == pids[3] != pids[2]
    assert not any(_is_there(pid) for pid in pids)


async def test_one_that_is_left_in_the_middle_of_a_request_is_not_used_again(
    tmp_path: Path,
) -> None:
    write_files(tmp_path, LIBRARY | {"endless.tf": ENDLESS})
    workers = Workers()
    async with asyncio.timeout(120), asyncio.TaskGroup() as tasks:
        keeping = tasks.create_task(workers.run())
        await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            async with workers.borrow(tmp_path) as worker, asyncio.timeout(1):
                await _analysed(_analyst(worker, tmp_path), ["endless.tf"])
        async with workers.borrow(tmp_path) as worker:
            (found,) = await _analysed(_analyst(worker, tmp_path), ["shop/prices.py"])
        keeping.cancel()
    assert found.path == "shop/prices.py"


async def test_an_index_run_lists_what_took_too_long_and_the_server_does_not_read_it(
    kernel: Kernel, tmp_path: Path
) -> None:
    root = make_repository(tmp_path / "zones", LIBRARY | {"endless.tf": ENDLESS})
    memory = kernel.service(Memory)
    memory.workers.limits = FileLimits(cpu_s=3.0)
    before, here = resource.getrusage(resource.RUSAGE_CHILDREN), time.process_time()
    run = await call(kernel, "index_repository", path=str(root))
    after, spent_here = resource.getrusage(resource.RUSAGE_CHILDREN), time.process_time() - here
    spent_there = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent_there > 2.5 > spent_here
    assert (run["files"], run["skipped"]) == (4, {"too_costly": 1})
    (repository,) = await memory.catalog.repositories()
    (listed,) = await memory.catalog.skipped_files(repository)
    assert (listed.path, listed.reason) == ("endless.tf", "too_costly")
    again = await call(kernel, "index_repository", path=str(root))
    assert (again["changed"], again["skipped"]) == (0, {"too_costly": 1})


def test_a_parser_in_this_process_gives_up_in_time() -> None:
    language = find_language("endless.tf")
    assert language is not None
    start = time.thread_time()
    assert not parses_within(language, ENDLESS.encode(), 0.2)
    # It takes minutes to the end.
    assert time.thread_time() - start < 10
    assert parses_within(language, b'a "b" {}\n', 0.2)
    assert list(find_mentions(language, ENDLESS.encode())) == []
