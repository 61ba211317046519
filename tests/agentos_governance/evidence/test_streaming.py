"""What is kept of many pieces of evidence: little, and everything that was put in comes out."""

from __future__ import annotations

import asyncio
import hashlib
import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from agentos import InvalidArgumentError, canonical_json, digest_of
from agentos_governance.evidence.digests import SortedDigests
from agentos_governance.evidence.dsse import IN_TOTO_PAYLOAD, EncodedPayload, sign_envelope
from agentos_governance.evidence.recorded import RecordedEvidence
from agentos_governance.evidence.taking import TakenFile, TakenFiles
from agentos_governance.evidence.threads import AHEAD, map_in_threads, use_in_thread
from agentos_governance.evidence.verify_packet import Problem, read_signatures
from agentos_governance.views import EvidenceView
from tests.agentos_governance.evidence.sample_packets import sample_keys

DIGESTS = sorted(hashlib.sha256(bytes([number])).hexdigest() for number in range(200))


def _view(number: int) -> EvidenceView:
    return EvidenceView(
        id=f"EV-{number}",
        kind="note",
        claim=f"claim \u00e9 {number}",
        sha256=DIGESTS[number],
        path=None if number % 2 else f"src/{number}.txt",
        level="observed",
        facts={"lines": number, "ok": True, "none": None},
        worker="w1",
        created_at="2026-03-01T09:00:00.000000Z",
    )


def test_results_come_in_order_and_only_few_items_are_taken_ahead() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(1_000):
            taken += 1
            yield number

    results = map_in_threads(lambda number: number * 2, items(), 3)
    for number in range(1_000):
        assert next(results) == 2 * number
        assert taken <= number + 1 + 3 * AHEAD
    assert list(results) == []


def test_the_first_error_ends_the_work() -> None:
    def fail_at(number: int) -> int:
        if number == 7:
            raise InvalidArgumentError("the seventh")
        return number

    results = map_in_threads(fail_at, iter(range(10**9)), 2)
    assert [next(results) for _ in range(7)] == list(range(7))
    with pytest.raises(InvalidArgumentError, match="the seventh"):
        next(results)


def test_packed_digests_are_a_sequence_of_the_digests() -> None:
    digests = SortedDigests(DIGESTS)
    assert list(digests) == DIGESTS and digests[-1] == DIGESTS[-1]
    assert digests[3:6] == DIGESTS[3:6]
    assert [digests.find(digest) for digest in DIGESTS] == list(range(200))
    assert digests.find("0" * 64) is None and "f" * 64 not in digests
    assert list(SortedDigests()) == [] and "a" * 64 not in SortedDigests()
    with pytest.raises(InvalidArgumentError):
        digests.append(DIGESTS[-1])
    with pytest.raises(IndexError):
        digests[200]


def test_recorded_evidence_is_read_again_and_again_in_any_order() -> None:
    with closing(RecordedEvidence()) as recorded:
        for number in range(150):
            recorded.append(_view(number))
        assert list(recorded) == [_view(number) for number in range(150)]
        assert recorded[149] == recorded[-1] == _view(149)
        assert recorded[:2] == [_view(0), _view(1)]
        recorded.append(_view(150))
        assert recorded[150] == _view(150) and len(recorded) == 151


def test_taken_files_give_the_manifest_of_the_list_and_refuse_a_file_twice() -> None:
    with closing(TakenFiles()) as taken:
        assert taken.manifest_sha256 == digest_of([])
        for number in range(50):
            taken.add(TakenFile(f"\u00e9/{number}", DIGESTS[number], number, {"lines": number}))
            pairs = [[f"\u00e9/{n}", DIGESTS[n]] for n in range(number + 1)]
            assert taken.manifest_sha256 == digest_of(pairs)
        assert [file.path for file in taken] == [pair[0] for pair in pairs]
        assert list(taken)[7] == TakenFile("\u00e9/7", DIGESTS[7], 7, {"lines": 7})
        assert taken.size_bytes == sum(range(50))
        with pytest.raises(InvalidArgumentError, match="twice"):
            taken.add(TakenFile("\u00e9/7", DIGESTS[8], 1, {}))


@pytest.mark.parametrize("size", [0, 1, 2, 3, (3 << 16) - 1, 3 << 16, (3 << 16) + 1, 400_000])
def test_an_envelope_in_pieces_is_that_in_one(tmp_path: Path, size: int) -> None:
    key = sample_keys(tmp_path).private_key
    payload = bytes(range(256)) * (size // 256 + 1)
    payload = payload[:size]
    chunks = [payload[start : start + 1000] for start in range(0, size, 1000)]
    encoded = EncodedPayload(IN_TOTO_PAYLOAD, lambda: iter(chunks))
    envelope = b"".join(encoded.signed_by(key))
    assert envelope == canonical_json(sign_envelope(payload, key))
    path = tmp_path / "envelope"
    path.write_bytes(envelope)
    assert len(read_signatures(path, encoded.payload)) == 1
    for other in (payload + b"x", payload[:-1], b"y" + payload[1:]):
        if other != payload:
            with pytest.raises(Problem):
                read_signatures(path, memoryview(other))


@pytest.mark.anyio
@pytest.mark.parametrize("fails", [False, True])
async def test_what_a_thread_uses_is_closed_after_its_work(fails: bool) -> None:
    seen: list[bool] = []
    resource = io.BytesIO()

    def work() -> int:
        seen.append(resource.closed)
        if fails:
            raise OSError("no space left")
        return 7

    if fails:
        with pytest.raises(OSError, match="no space"):
            await use_in_thread(resource, work)
    else:
        assert await use_in_thread(resource, work) == 7
    assert seen == [False] and resource.closed


@pytest.mark.anyio
async def test_who_is_cancelled_before_a_thread_is_free_closes_what_it_would_have_used() -> None:
    """Else it stays open until it is collected: a server that stops while it writes a packet."""
    loop = asyncio.get_running_loop()
    is_free = threading.Event()
    resource, ran = io.BytesIO(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        loop.set_default_executor(pool)
        blocking = pool.submit(is_free.wait, 30)
        using = asyncio.ensure_future(use_in_thread(resource, ran.set))
        await asyncio.sleep(0)
        using.cancel()
        with pytest.raises(asyncio.CancelledError):
            await using
        assert resource.closed
        is_free.set()
        assert blocking.result(30)
    assert not ran.is_set()


@pytest.mark.anyio
async def test_who_is_cancelled_leaves_it_to_the_thread_that_uses_it() -> None:
    begun, may_end, closed = threading.Event(), threading.Event(), threading.Event()
    written: list[int] = []

    class Resource(io.BytesIO):
        def close(self) -> None:
            super().close()
            closed.set()

    resource = Resource()

    def work() -> None:
        begun.set()
        may_end.wait(30)
        written.append(resource.write(b"all of it"))

    using = asyncio.ensure_future(use_in_thread(resource, work))
    await asyncio.to_thread(begun.wait, 30)
    using.cancel()
    with pytest.raises(asyncio.CancelledError):
        await using
    assert not resource.closed
    may_end.set()
    assert await asyncio.to_thread(closed.wait, 30)
    assert written == [9]
