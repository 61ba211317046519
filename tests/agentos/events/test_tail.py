"""Issue 3, audit: an acknowledged event that no head covers yet cannot be cut off unseen."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentos import Kernel, Settings
from agentos.events.tail import read_tail, tail_files
from tests.agentos.events.tampering import execute, open_log, rewrite, verify, write_log
from tests.agentos.plugin_factory import new_event

pytestmark = pytest.mark.anyio

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
async def kernel(settings: Settings) -> AsyncIterator[Kernel]:
    """Eighteen signed events, and six that no head covers yet."""
    async with open_log(settings) as kernel:
        kernel.heads.pause()
        await write_log(kernel)
        for number in range(3):
            await kernel.writer.submit(new_event("a", f"late{number}"))
            transaction = await kernel.open_transaction()
            await transaction.append(new_event("b", f"late{number}"))
            await transaction.commit()
        yield kernel


async def test_an_untouched_tail_verifies(kernel: Kernel) -> None:
    report = await verify(kernel)

    assert (report.ok, report.events, report.signed_events) == (True, 24, 18)


@pytest.mark.parametrize("stream", ["a", "b"])
@pytest.mark.parametrize("drop", [1, 2, 3])
async def test_a_cut_of_what_is_not_signed_yet_is_found_at_the_first_event(
    kernel: Kernel, stream: str, drop: int
) -> None:
    await rewrite(kernel, stream, {}, drop=drop)

    report = await verify(kernel)

    assert report.first_bad is not None
    assert (report.first_bad.stream, report.first_bad.seq) == (stream, 10 - drop)
    assert "acknowledged" in report.first_bad.reason


async def test_everything_after_the_newest_head_cut_off_is_found(kernel: Kernel) -> None:
    await rewrite(kernel, "a", {}, drop=3)
    await rewrite(kernel, "b", {}, drop=3)
    await execute(kernel, "select setval('kernel.event_position', 18)")

    report = await verify(kernel)

    assert report.first_bad is not None
    assert (report.first_bad.stream, report.first_bad.seq) == ("a", 7)


@pytest.mark.parametrize("seq", [7, 9])
async def test_a_rewrite_of_what_is_not_signed_yet_is_found(kernel: Kernel, seq: int) -> None:
    await rewrite(kernel, "b", {seq: {"actor": "mallory"}})

    report = await verify(kernel)

    assert report.first_bad is not None
    assert report.first_bad.stream == "b"
    assert "rewritten" in report.first_bad.reason


async def test_a_head_signed_over_a_cut_log_does_not_make_it_good(
    settings: Settings, kernel: Kernel
) -> None:
    await rewrite(kernel, "a", {}, drop=1)
    async with open_log(settings) as other:
        await other.writer.submit(new_event("c", "later"))
        await other.heads.sign("test")
        other.heads.pause()

    report = await verify(kernel)

    assert report.first_bad is not None
    assert (report.first_bad.stream, report.first_bad.seq) == ("a", 9)


async def test_notes_are_removed_once_a_head_covers_them(settings: Settings) -> None:
    async with open_log(settings) as kernel:
        await kernel.writer.submit(new_event("a", "x"))
        assert len(tail_files(kernel.heads.tail.folder)) == 1

        await kernel.heads.sign("test")

        assert tail_files(kernel.heads.tail.folder) == []
        await kernel.writer.submit(new_event("a", "y"))
        [path] = tail_files(kernel.heads.tail.folder)
        assert [(entry.stream, entry.seq) for entry in read_tail(path)] == [("a", 2)]
    assert tail_files(kernel.heads.tail.folder) == []


async def test_what_a_transaction_took_back_was_never_acknowledged(kernel: Kernel) -> None:
    transaction = await kernel.open_transaction()
    await transaction.append(new_event("c", "never"))
    await transaction.rollback()

    assert (await verify(kernel)).ok


async def test_a_torn_line_counts_as_not_there_and_a_changed_one_is_a_problem(
    kernel: Kernel,
) -> None:
    path = tail_files(kernel.heads.tail.folder)[0]
    whole = path.read_bytes()
    path.write_bytes(whole + b'[[25,"a"')
    assert (await verify(kernel)).ok

    path.write_bytes(whole.replace(b"[[", b"[{", 1))
    report = await verify(kernel)

    assert any("was changed" in problem for problem in report.problems)


async def test_an_accepted_restore_forgets_what_was_acknowledged(kernel: Kernel) -> None:
    await rewrite(kernel, "a", {}, drop=3)
    assert not (await verify(kernel)).ok

    await kernel.heads.restart("restored a backup")
    await kernel.heads.sign("acknowledge")

    assert (await verify(kernel)).ok
    await kernel.writer.submit(new_event("a", "after it"))
    await rewrite(kernel, "a", {}, drop=1)
    assert not (await verify(kernel)).ok, "notes go on after a restart"


def _acknowledged_before_kill(settings: Settings) -> list[str]:
    """Ids of calls that a server answered before it was killed."""
    arguments = [str(settings.database_url), str(settings.home)]
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.agentos.kernel_process", *arguments],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    calls = [server.stdout.readline().split()[1] for _ in range(40)]
    os.kill(server.pid, signal.SIGKILL)
    server.communicate()
    return calls


async def test_a_server_killed_after_it_acknowledged_leaves_notes_that_show_the_cut(
    settings: Settings,
) -> None:
    calls = await asyncio.to_thread(_acknowledged_before_kill, settings)

    async with open_log(settings) as kernel:
        kernel.heads.pause()
        before = await verify(kernel)
        assert before.ok and before.signed_events == 0, before
        row = await kernel.database.fetch_row(
            "select stream, seq from kernel.event where data->>'call' = $1", calls[-1]
        )
        assert row is not None
        n_events = await kernel.database.fetch_value(
            "select max(seq) from kernel.event where stream = $1", row["stream"]
        )
        await rewrite(kernel, row["stream"], {}, drop=n_events - row["seq"] + 1)

        report = await verify(kernel)

        assert report.first_bad is not None
        assert (report.first_bad.stream, report.first_bad.seq) == (row["stream"], row["seq"])
        assert "acknowledged" in report.first_bad.reason
