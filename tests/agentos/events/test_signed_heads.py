"""Issue 3, audit: `agentos audit verify` alone finds every tampering, by what lies outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from agentos import Database, Kernel, NewEvent, Settings, VerificationError
from agentos.clock import SystemClock
from agentos.events.chain_reading import fetch_copies
from agentos.events.head import read_head
from agentos.identity.key_ring import rotate_key
from tests.agentos.events.tampering import (
    execute,
    head_file,
    open_log,
    rewrite,
    verify,
    write_log,
)
from tests.agentos.plugin_factory import new_event

pytestmark = pytest.mark.anyio


@pytest.fixture
async def kernel(settings: Settings) -> AsyncIterator[Kernel]:
    async with open_log(settings) as kernel:
        await write_log(kernel)
        kernel.heads.pause()
        yield kernel


async def test_an_untouched_log_fits_every_head(kernel: Kernel) -> None:
    report = await verify(kernel)

    assert (report.ok, report.events, report.heads, report.signed_events) == (True, 18, 3, 18)
    assert report.first_bad is None


async def test_a_stream_that_is_gone_with_its_head_is_missed(kernel: Kernel) -> None:
    await execute(kernel, "delete from kernel.event where stream = 'b'")
    await execute(kernel, "delete from kernel.stream where stream = 'b'")

    report = await verify(kernel)

    assert report.first_bad is not None
    assert (report.first_bad.stream, report.first_bad.seq) == ("b", 1)
    assert "is no more" in report.first_bad.reason


@pytest.mark.parametrize("seq", [1, 3, 6])
async def test_a_stream_rewritten_with_fresh_hashes_is_found_at_the_first_event(
    kernel: Kernel, seq: int
) -> None:
    await rewrite(kernel, "c", {seq: {"actor": "mallory"}})

    report = await verify(kernel)

    assert report.first_bad is not None
    assert (report.first_bad.stream, report.first_bad.seq) == ("c", seq)
    assert "rewritten" in report.first_bad.reason


async def test_a_tail_cut_off_with_a_fresh_head_is_found(kernel: Kernel) -> None:
    await rewrite(kernel, "a", {}, drop=2)

    report = await verify(kernel)

    assert report.first_bad is not None
    assert (report.first_bad.stream, report.first_bad.seq) == ("a", 5)


async def test_an_event_put_into_a_stream_of_its_own_is_found(kernel: Kernel) -> None:
    await kernel.writer.submit(new_event("forged", "x"))
    await execute(kernel, "delete from kernel.event where stream = 'b' and seq = 6")
    await execute(
        kernel,
        "update kernel.stream s set seq = 5, hash = (select hash from kernel.event"
        " where stream = 'b' and seq = 5) where s.stream = 'b'",
    )
    await rewrite(kernel, "forged", {1: {"position": 17}})

    report = await verify(kernel)

    assert report.first_bad is not None
    assert report.first_bad.position == 17
    assert report.first_bad.stream == "forged"


async def test_two_events_swapped_with_fresh_hashes_are_found_at_the_first(
    kernel: Kernel,
) -> None:
    rows = await kernel.database.fetch(
        "select seq, data, actor from kernel.event where stream = 'a' order by seq"
    )
    second, third = dict(rows[1]), dict(rows[2])
    swapped = {2: {**third, "seq": 2}, 3: {**second, "seq": 3}}
    await rewrite(kernel, "a", swapped)

    report = await verify(kernel)

    assert report.first_bad is not None
    assert (report.first_bad.stream, report.first_bad.seq) == ("a", 2)


async def test_everything_deleted_is_found(kernel: Kernel) -> None:
    for statement in (
        "delete from kernel.event",
        "delete from kernel.stream",
        "delete from kernel.signed_head",
    ):
        await execute(kernel, statement)

    report = await verify(kernel)

    assert report.first_bad is not None
    assert (report.first_bad.stream, report.first_bad.seq) == ("a", 1)
    assert report.problems


TAMPERED_COPIES = (
    "delete from kernel.signed_head where number = 2",
    "delete from kernel.signed_head",
    "update kernel.signed_head set position = position + 1 where number = 1",
    "update kernel.signed_head set chain = repeat('a', 32)",
    "update kernel.signed_head set digest = repeat('a', 64) where number = 3",
    "update kernel.signed_head set document = replace(document, 'test', 'fest')",
    "update kernel.signed_head set document = '{}' where number = 3",
    "update kernel.signed_head set number = 9 where number = 3",
)


async def test_any_changed_copy_of_a_head_is_a_problem(kernel: Kernel) -> None:
    await execute(kernel, "create table kept as table kernel.signed_head")
    for statement in TAMPERED_COPIES:
        await execute(kernel, statement)

        report = await verify(kernel)

        assert report.problems, statement
        assert report.first_bad is None
        await execute(kernel, "truncate kernel.signed_head")
        await execute(kernel, "insert into kernel.signed_head table kept")
    assert (await verify(kernel)).ok


def edit(path: Path, number: int, line: bytes | None) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    lines[number : number + 1] = [] if line is None else [line]
    path.write_bytes(b"".join(lines))


async def test_a_line_removed_from_the_anchor_file_is_a_problem(kernel: Kernel) -> None:
    path = kernel.heads.file.path
    whole = path.read_bytes()
    for number in range(3):
        edit(path, number, None)
        assert (await verify(kernel)).problems, "the copies in the database know better"
        path.write_bytes(whole)
    assert (await verify(kernel)).ok


async def test_any_changed_field_of_an_anchored_head_is_a_problem(kernel: Kernel) -> None:
    path = kernel.heads.file.path
    whole = path.read_bytes()
    signed = orjson.loads(whole.splitlines()[1])
    for part, fields in (("head", signed["head"]), (None, signed)):
        for field in fields:
            document = orjson.loads(whole.splitlines()[1])
            inside = document if part is None else document[part]
            if field in ("head", "frontier"):
                continue  # the frontier is not signed: it must give the root that is
            inside[field] = _another(inside[field])
            edit(path, 1, orjson.dumps(document) + b"\n")
            assert any("line 2" in problem for problem in (await verify(kernel)).problems), field
            path.write_bytes(whole)
    assert (await verify(kernel)).ok


async def test_a_changed_frontier_is_not_built_upon(kernel: Kernel) -> None:
    lines = kernel.heads.file.path.read_bytes().splitlines()
    document = orjson.loads(lines[2])
    document["frontier"][0] = "0" * 64
    edit(kernel.heads.file.path, 2, orjson.dumps(document) + b"\n")
    await kernel.writer.submit(new_event("a", "later"))

    with pytest.raises(VerificationError, match="was changed"):
        await kernel.heads.sign("test")


def _another(value: object) -> object:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    assert isinstance(value, str)
    return value[:-2] + ("00" if value[-2:] != "00" else "11")


async def test_an_anchor_file_that_was_removed_is_a_problem(kernel: Kernel) -> None:
    kernel.heads.file.path.unlink()

    report = await verify(kernel)

    assert any("removed" in problem for problem in report.problems)


async def test_a_key_that_was_replaced_does_not_vouch_for_the_heads(kernel: Kernel) -> None:
    for path in kernel.heads.key_path.parent.iterdir():
        path.unlink()
    await kernel.writer.submit(new_event("a", "later"))
    await kernel.heads.sign("by a fresh key")

    report = await verify(kernel)

    assert any("not this installation's" in problem for problem in report.problems)


async def test_a_rotated_key_vouches_for_what_the_old_one_signed(kernel: Kernel) -> None:
    rotate_key(kernel.heads.key_path, SystemClock().now())
    await kernel.writer.submit(new_event("a", "later"))
    signed = await kernel.heads.sign("by the new key")

    report = await verify(kernel)

    assert (report.ok, report.heads) == (True, 4)
    assert signed is not None
    lines = list(kernel.heads.file.read())
    assert read_head(lines[0]).key_id != read_head(lines[3]).key_id


async def test_heads_are_signed_at_shutdown_and_go_on_after_a_restart(settings: Settings) -> None:
    for name in ("first", "second"):
        async with open_log(settings) as kernel:
            await kernel.writer.submit(new_event("a", name))

    async with open_log(settings) as kernel:
        kernel.heads.pause()
        report = await verify(kernel)
    assert (report.ok, report.heads, report.signed_events) == (True, 2, 2)


async def test_a_key_that_signs_first_while_the_log_is_verified_is_this_installations(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def signed_meanwhile(database: Database) -> Any:
        rotate_key(kernel.heads.key_path, SystemClock().now())
        await kernel.writer.submit(new_event("a", "later"))
        await kernel.heads.sign("by the new key")
        return await fetch_copies(database)

    monkeypatch.setattr("agentos.events.log_verification.fetch_copies", signed_meanwhile)
    report = await verify(kernel)
    assert report.problems == ()


async def test_what_is_not_appended_is_not_signed_again(kernel: Kernel) -> None:
    first = await kernel.heads.sign("test")
    second = await kernel.heads.sign("test")

    assert first == second
    assert len(list(kernel.heads.file.read())) == 3


async def test_a_line_torn_by_a_kill_is_written_anew(settings: Settings, kernel: Kernel) -> None:
    path = kernel.heads.file.path
    path.write_bytes(path.read_bytes() + b'{"head": {"chain"')
    assert (await verify(kernel)).ok

    await kernel.writer.submit(new_event("a", "later"))
    await kernel.heads.sign("after the kill")

    report = await verify(kernel)
    assert (report.ok, report.heads) == (True, 4)


async def test_a_copy_lost_by_a_kill_is_made_again(kernel: Kernel) -> None:
    await execute(kernel, "delete from kernel.signed_head where number = 3")
    assert (await verify(kernel)).ok, "the line is durable before the copy is"

    await kernel.writer.submit(new_event("a", "later"))
    await kernel.heads.sign("after the kill")

    assert (await verify(kernel)).ok
    copies = await kernel.database.fetch("select number from kernel.signed_head order by number")
    assert [row["number"] for row in copies] == [1, 2, 3, 4]


async def test_two_processes_sign_one_chain(settings: Settings) -> None:
    async with open_log(settings) as one, open_log(settings) as other:
        for number in range(5):
            for kernel in (one, other):
                await kernel.writer.submit(new_event("a", f"{number}"))
                await kernel.heads.sign("test")

    numbers = [read_head(line).head.number for line in head_file(settings).read()]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_another_data_folder_keeps_a_chain_of_its_own(
    settings: Settings, tmp_path: Path
) -> None:
    elsewhere = settings.model_copy(update={"home": tmp_path / "elsewhere"})
    async with open_log(settings) as one, open_log(elsewhere) as other:
        await one.writer.submit(new_event("a", "x"))
        await one.heads.sign("test")
        await other.heads.sign("test")
        assert (await verify(one)).heads == 2
        assert (await verify(other)).ok
        one.heads.pause()
        other.heads.pause()
        await rewrite(one, "a", {1: {"actor": "mallory"}})
        assert not (await verify(one)).ok
        assert not (await verify(other)).ok


async def test_the_same_database_by_another_address_is_held_against_the_same_heads(
    settings: Settings, kernel: Kernel
) -> None:
    url = f"{settings.database_url}&application_name=other"
    async with open_log(settings.model_copy(update={"database_url": url})) as other:
        await other.heads.sign("test")
        other.heads.pause()
        assert (await verify(other)).ok
        assert (await verify(kernel)).ok
        await rewrite(kernel, "a", {1: {"actor": "mallory"}})
        assert not (await verify(other)).ok


async def test_verification_beside_a_server_that_signs_raises_no_false_alarm(
    settings: Settings, kernel: Kernel
) -> None:
    async def keep_signing() -> None:
        for number in range(25):
            await kernel.writer.submit(new_event("a", f"{number}"))
            await kernel.heads.sign("test")

    async with open_log(settings) as other:
        signing = asyncio.ensure_future(keep_signing())
        reports = [await verify(other)]
        while not signing.done():
            reports.append(await verify(other))
        await signing
    assert all(report.ok for report in reports), [r for r in reports if not r.ok]


async def test_a_transaction_that_is_still_open_keeps_its_event_out_of_no_head(
    kernel: Kernel,
) -> None:
    """A head must not close over a position that commits later (DESIGN: commits out of order)."""
    transaction = await kernel.open_transaction()
    await transaction.append(new_event("late", "slow"))
    (fast,) = await kernel.writer.submit(new_event("early", "fast"))

    signing = asyncio.ensure_future(kernel.heads.sign("test"))
    await transaction.commit()
    signed = await signing

    assert signed is not None
    assert (signed.head.events, signed.head.position) == (20, fast.position)
    assert (await verify(kernel)).ok


async def test_an_accepted_restore_starts_anew_and_is_on_record(kernel: Kernel) -> None:
    await execute(kernel, "delete from kernel.signed_head where number > 1")
    await rewrite(kernel, "c", {6: {"actor": "ann"}})
    assert not (await verify(kernel)).ok

    await kernel.heads.restart("restored the backup of Monday")
    await kernel.heads.sign("test")

    report = await verify(kernel)
    assert report.ok, report
    restart = read_head(list(kernel.heads.file.read())[3]).head
    assert (restart.is_restart, restart.reason) == (True, "restored the backup of Monday")


async def test_signing_refuses_a_database_that_was_put_back(kernel: Kernel) -> None:
    await execute(kernel, "delete from kernel.signed_head where number > 1")
    await kernel.writer.submit(NewEvent("a", "noted", "ann", SystemClock().now(), {}))

    with pytest.raises(VerificationError, match="not the one"):
        await kernel.heads.sign("test")
