"""The checks that ship run in processes of their own: work can end these, and nothing else.

A file that keeps a parser busy would hold the server's interpreter, and with it every caller; what it
does to a process of checks is told of the check that ran then, and the others look at the work all
the same.
"""

from __future__ import annotations

import asyncio
import os
import resource
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from agentos import ReviewCheck, UnavailableError
from agentos_governance.gatekeeper.checking import Adversarial, run_checks
from agentos_governance.gatekeeper.processes.frames import (
    UnreadableAnswerError,
    findings_of,
    reach_of,
    texts_of,
)
from agentos_governance.gatekeeper.processes.session import _refuse_effects
from agentos_governance.gatekeeper.processes.template import TEMPLATE
from agentos_governance.gatekeeper.programs import run_program
from agentos_governance.gatekeeper.registry import CHECKS
from agentos_governance.gatekeeper.work import Work
from tests.agentos_governance.gatekeeper_checks.reviewed import work_of

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc"),
]

ENDS_WITHIN_S = 60.0
SECRET = "password = " + "'Xq7" + "vB2nLw9zRt'"
GARBAGE = "\n a a a a a a a a" * 20_000


def named(name: str, timeout_s: float = 60.0) -> ReviewCheck:
    (check,) = [each for each in CHECKS if each.name == name]
    return replace(check, timeout_s=timeout_s)


def busy_work() -> Work:
    """Work that keeps no_hidden_failures busy for two seconds, and adds a secret."""
    return work_of({}, {"src/A.java": GARBAGE, "src/a.py": f"{SECRET}\n"})


def children_of(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def limit_of(pid: int, what: int) -> int:
    return resource.prlimit(pid, what)[1]


def forks() -> set[int]:
    """The processes of checks, those among them that have ended and are not buried yet."""
    return set(children_of(TEMPLATE.pid)) if TEMPLATE.pid is not None else set()


async def the_fork() -> int:
    """The next process of checks, as soon as it has been given its limits.

    For whoever has just made a task of the checks: what is there before that runs is of earlier ones.
    """
    earlier = forks()
    async with asyncio.timeout(ENDS_WITHIN_S):
        while True:
            for pid in forks() - earlier:
                # The last that is set, and one that no machine sets by itself.
                limits = (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE)
                if all(limit_of(pid, each) == 0 for each in limits):
                    return pid
            await asyncio.sleep(0.01)


def has_ended(pid: int, descriptor: int) -> bool:
    """Whether the process ends soon; `descriptor` was opened while it was there."""
    try:
        return bool(select.select([descriptor], [], [], ENDS_WITHIN_S)[0])
    finally:
        os.close(descriptor)


def blocking(found: Adversarial) -> list[tuple[str, str | None]]:
    return [(each.check, each.claim) for each in found.blocking]


async def test_a_check_that_is_out_of_time_is_killed_and_the_next_one_looks_at_the_work() -> None:
    earlier = forks()
    found = await run_checks(busy_work(), [named("no_hidden_failures", 0.5), named("no_secrets")])
    assert blocking(found) == [
        ("no_hidden_failures", "not checked"),
        ("no_secrets", "a secret would be committed"),
    ]
    assert [each.state for each in found.checks] == ["not_run", "found"]
    # It buries and forks in the order in which it is told.
    fork = TEMPLATE.fork(starts_programs=False)
    assert forks() - earlier == {fork.pid}
    fork.end()


async def test_a_check_whose_process_dies_stands_against_the_work_and_the_next_one_runs() -> None:
    checks = [named("no_hidden_failures"), named("no_secrets")]
    running = asyncio.create_task(run_checks(busy_work(), checks))
    os.kill(await the_fork(), signal.SIGSEGV)
    found = await running
    assert blocking(found) == [
        ("no_hidden_failures", "not checked"),
        ("no_secrets", "a secret would be committed"),
    ]
    assert found.checks[0].why == "it ended its process"


async def test_nothing_is_held_against_work_when_the_server_loses_its_process() -> None:
    running = asyncio.create_task(
        run_checks(busy_work(), [named("no_hidden_failures", 1.0), named("no_secrets")])
    )
    await the_fork()
    assert TEMPLATE.pid is not None
    os.kill(lost := TEMPLATE.pid, signal.SIGKILL)
    found = await running
    assert TEMPLATE.pid != lost
    # The second process was given as much time as the first.
    assert found.checks[0].why == "it took longer than 1 s"


async def test_a_call_that_is_cancelled_leaves_no_process() -> None:
    running = asyncio.create_task(run_checks(busy_work(), [named("no_hidden_failures")]))
    descriptor = os.pidfd_open(pid := await the_fork())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await asyncio.to_thread(has_ended, pid, descriptor)


async def test_a_process_of_checks_is_limited_and_knows_no_variable_of_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AGENTOS_TOKEN", "a-secret-of-the-server")
    TEMPLATE.close()
    running = asyncio.create_task(run_checks(busy_work(), [named("no_hidden_failures")]))
    pid = await the_fork()
    limits = [limit_of(pid, each) for each in (resource.RLIMIT_FSIZE, resource.RLIMIT_AS)]
    variables = await anyio.Path(f"/proc/{pid}/environ").read_bytes()
    running.cancel()
    await asyncio.wait([running])
    assert limits == [0, 4 << 30]
    assert b"PATH=" in variables
    assert b"a-secret-of-the-server" not in variables


PROGRAM = """
import asyncio
from agentos_governance.gatekeeper.processes.template import TEMPLATE
from agentos_governance.gatekeeper.checking import run_checks
from tests.agentos_governance.gatekeeper_checks import test_check_processes as own

async def main():
    running = asyncio.create_task(
        run_checks(own.busy_work(), [own.named("no_hidden_failures")])
    )
    print(await own.the_fork(), TEMPLATE.pid, flush=True)
    await running

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_no_process_outlives_a_server_however_it_ends(number: int) -> None:
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM), cwd=Path(__file__).parents[3], stdout=subprocess.PIPE
    )
    assert server.stdout is not None
    fork, template = map(int, (await server.stdout.readline()).split())
    watched = {pid: os.pidfd_open(pid) for pid in (fork, template)}
    server.send_signal(number)
    await server.wait()
    for pid, descriptor in watched.items():
        assert await asyncio.to_thread(has_ended, pid, descriptor)


FORKING = """
import os
from agentos_governance.gatekeeper.processes.template import TEMPLATE

TEMPLATE.warm()
before = TEMPLATE.pid
if (pid := os.fork()) == 0:
    os._exit(TEMPLATE.pid is not None)
assert os.waitpid(pid, 0)[1] == 0
assert TEMPLATE.pid == before
TEMPLATE.fork(starts_programs=False).end()
"""


async def test_a_fork_of_the_server_speaks_to_no_process_of_its_parent() -> None:
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", FORKING)
    assert await server.wait() == 0


async def test_work_is_not_taken_where_no_process_can_be_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    TEMPLATE.close()
    monkeypatch.setattr(
        "agentos_governance.gatekeeper.processes.template._MODULE",
        "agentos_governance.gatekeeper.not_there",
    )
    with pytest.raises(UnavailableError):
        await run_checks(busy_work(), [named("no_secrets")])


async def test_a_program_that_a_check_starts_is_in_the_group_that_is_killed(tmp_path: Path) -> None:
    command = ("sh", "-c", "cut -d' ' -f5 /proc/self/stat")
    assert int(await run_program(command, tmp_path, timeout_s=60.0)) == os.getpgrp()


FINDING = {"check": "no_secrets", "severity": "blocking", "message": "a key"}


async def test_names_that_are_no_text_are_shown_as_they_are_in_the_difference() -> None:
    work = work_of({}, {"src/a\udcff.py": f"{SECRET}\n"})
    found = await run_checks(work, [named("no_secrets")])
    assert [each.path for each in found.findings] == ["src/a\\xff.py"]


def test_what_a_process_says_is_taken_where_it_is_a_finding_of_its_check() -> None:
    (found,) = findings_of([{**FINDING, "path": "a\udcff", "start_line": 3}], "no_secrets")
    assert (found.path, found.start_line, found.by) == ("a\udcff", 3, "check")


@pytest.mark.parametrize(
    "said",
    [
        None,
        {},
        [1],
        [FINDING] * 201,
        [{**FINDING, "check": "tests_kept"}],
        [{**FINDING, "severity": "none"}],
        [{**FINDING, "severity": ["blocking"]}],
        [{**FINDING, "message": None}],
        [{**FINDING, "message": "a" * 20_001}],
        [{**FINDING, "start_line": "3"}],
        [{**FINDING, "start_line": True}],
        [{**FINDING, "end_line": -1}],
        [{**FINDING, "path": 3}],
    ],
)
def test_what_is_no_finding_of_the_check_is_not_taken(said: object) -> None:
    with pytest.raises(UnreadableAnswerError):
        findings_of(said, "no_secrets")


@pytest.mark.parametrize(
    ("read", "said"), [(reach_of, {"symbols": 1}), (reach_of, 3), (texts_of, [1]), (texts_of, "a")]
)
def test_what_has_another_shape_is_not_taken(
    read: Callable[[object], object], said: object
) -> None:
    with pytest.raises(UnreadableAnswerError):
        read(said)


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("socket.connect", (None, ("127.0.0.1", 80))),
        ("subprocess.Popen", ("sh", [], None, None)),
        ("os.remove", ("a", -1)),
        ("open", ("a", "w", os.O_WRONLY)),
    ],
)
def test_a_check_that_only_reads_can_do_nothing_else(
    event: str, arguments: tuple[object, ...]
) -> None:
    with pytest.raises(PermissionError):
        _refuse_effects(event, arguments)
