"""Language servers that stay alive: reuse, changes, limits, and no orphans (issue 4, Memory)."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agentos import UnavailableError
from agentos_memory.language_servers import (
    InstalledServer,
    LanguageServerSettings,
    Place,
    ServerPool,
    find_server,
    open_client,
)
from agentos_memory.language_servers import pool as server_pool
from tests.agentos_memory.fake_language_server import write_server
from tests.agentos_memory.repositories import write_files

pytestmark = pytest.mark.anyio

SOURCES = {"lib/jobs.py": "def start():\n    return 2\n", "lib/use.py": "start()\n"}
OWNER = """
import asyncio, sys
from pathlib import Path
from agentos_memory.language_servers import find_server, open_client

async def main():
    server = find_server("python", programs={{"pyright": {program!r}}})
    async with open_client(server, Path({tree!r})) as client:
        print(client.process_id, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def installed(folder: Path, behaviour: str = "answers") -> InstalledServer:
    found = find_server("python", programs={"pyright": str(write_server(folder, behaviour))})
    assert found is not None
    return found


def make_pool(**settings: float) -> ServerPool:
    return ServerPool(LanguageServerSettings.model_validate(settings))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder of Python files."""
    write_files(tmp_path / "tree", SOURCES)
    return tmp_path / "tree"


async def test_the_second_question_goes_to_the_same_process_which_knows_what_changed(
    tree: Path, tmp_path: Path
) -> None:
    server, pool = installed(tmp_path / "server"), make_pool()
    try:
        async with pool.client(server, tree, list(SOURCES)) as client:
            first = client.process_id
            assert await client.definition(Place("lib/use.py", 1, 0))
        write_files(tree, {"lib/use.py": "# One line more.\nstart()\n"})
        async with pool.client(server, tree, list(SOURCES)) as client:
            assert client.process_id == first
            found = await client.definition(Place("lib/use.py", 2, 0))
            assert found == [Place("lib/jobs.py", 1, 4)]
        write_files(tree, {"top.py": "start()\n"})
        async with pool.client(server, tree, list(SOURCES)) as client:
            # It is shown links to what stands in the root.
            assert client.process_id != first
    finally:
        await pool.close()


async def test_a_server_that_nobody_asks_is_ended(tree: Path, tmp_path: Path) -> None:
    pool = make_pool(idle_timeout_s=1e-9)
    async with pool.client(installed(tmp_path / "server"), tree, []) as client:
        end = os.pidfd_open(client.process_id)
        await pool.end_idle()
        assert pool.n_running == 1, "it is being asked"
    await pool.end_idle()
    assert pool.n_running == 0
    assert select.select([end], [], [], 60)[0] == [end]
    os.close(end)


async def test_one_server_makes_room_for_another(tree: Path, tmp_path: Path) -> None:
    pool, server = make_pool(max_running=1), installed(tmp_path / "server")
    other = tmp_path / "other"
    write_files(other, SOURCES)
    async with pool.client(server, tree, []) as client:
        end = os.pidfd_open(client.process_id)
    async with pool.client(server, other, []):
        assert select.select([end], [], [], 60)[0] == [end]
        assert pool.n_running == 1
    os.close(end)
    await pool.close()
    assert pool.n_running == 0


async def test_a_server_that_failed_is_started_again_only_after_a_pause(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So long that it is not over before it is asked again.
    monkeypatch.setattr(server_pool, "FIRST_BACKOFF_S", 600.0)
    pool, server = make_pool(), installed(tmp_path / "server", "dies")
    with pytest.raises(UnavailableError, match="heap out of memory"):
        async with pool.client(server, tree, []) as client:
            await client.definition(Place("lib/use.py", 1, 0))
    assert pool.n_running == 0
    with pytest.raises(UnavailableError, match="is started again in"):
        async with pool.client(server, tree, []):
            pass
    assert pool.n_started == 1


async def test_a_server_that_takes_too_much_memory_is_ended_and_says_so(
    tree: Path, tmp_path: Path
) -> None:
    server = installed(tmp_path / "server", "grows")
    with pytest.raises(UnavailableError, match="more than 32 MiB"):
        async with open_client(server, tree, max_bytes=32 << 20) as client:
            async with asyncio.timeout(60):
                while True:
                    await client.definition(Place("lib/use.py", 1, 0))


def test_nothing_of_a_server_outlives_a_process_that_was_killed(tree: Path, tmp_path: Path) -> None:
    program = str(write_server(tmp_path / "server", "has_child_and_hangs"))
    script = OWNER.format(program=program, tree=str(tree))
    owner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pids = [int(owner.stdout.readline()), int((tmp_path / "server" / "child").read_text())]
    ends = [os.pidfd_open(pid) for pid in pids]
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    for end in ends:
        assert select.select([end], [], [], 60)[0] == [end]
        os.close(end)


async def test_a_server_whose_supervisor_is_killed_ends_too(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="ended by itself"):
        async with open_client(installed(tmp_path / "server"), tree) as client:
            os.kill(client.process_id, signal.SIGKILL)
            async with asyncio.timeout(60):
                while True:
                    await client.definition(Place("lib/use.py", 1, 0))


def test_a_program_of_the_repository_is_never_found_by_chance(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = write_server(tree / "bin").rename(tree / "bin" / "pyright-langserver")
    monkeypatch.setenv("PATH", str(tree / "bin"))
    assert find_server("python", shown=tree) is None
    link = tmp_path / "elsewhere"
    link.mkdir()
    (link / "pyright-langserver").symlink_to(program)
    monkeypatch.setenv("PATH", str(link))
    assert find_server("python", shown=tree) is None
    assert find_server("python", shown=tree, programs={"pyright": str(program)}) is not None
