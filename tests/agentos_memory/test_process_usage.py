"""What a tree of processes uses is read from the system, and looking is told apart from it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agentos_memory import process_usage

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

HELD_BYTES = 64 * 1024 * 1024
# Says that it is ready, and stays until it is told to go.
HOLDING = f"held = b'x' * {HELD_BYTES}; print('ready', flush=True); input()"
SPINNING = """
import time
while time.process_time() < 0.5: pass
print('ready', flush=True); input()
"""


@contextmanager
def child(program: str) -> Iterator[int]:
    """A child process that has got to its `input()`."""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == b"ready\n"
        yield started.pid
        started.communicate(b"\n")


def test_the_memory_of_a_child_is_seen_while_it_is_held() -> None:
    with process_usage.watched_memory(os.getpid(), every_s=0.01) as before:
        time.sleep(0.05)
    with process_usage.watched_memory(os.getpid(), every_s=0.01) as peak, child(HOLDING):
        time.sleep(0.05)
    assert peak.peak_bytes - before.peak_bytes > HELD_BYTES * 0.9


def test_what_looking_takes_is_told_once_it_has_ended() -> None:
    started = time.process_time()
    with process_usage.watched_memory(os.getpid(), every_s=0.001) as peak:
        time.sleep(0.2)
        assert peak.cpu_s == 0
    assert 0 < peak.cpu_s <= time.process_time() - started


def test_the_cpu_of_a_child_counts_while_it_runs_and_once_it_has_ended() -> None:
    before = process_usage.cpu_s(os.getpid())
    with child(SPINNING) as pid:
        assert process_usage.parent_of(pid) == os.getpid()
        assert pid in process_usage.tree(os.getpid())
        assert process_usage.cpu_s(pid) >= 0.45
        assert process_usage.cpu_s(os.getpid()) - before >= 0.45
    assert process_usage.cpu_s(os.getpid()) - before >= 0.45
    assert process_usage.parent_of(pid) is None
