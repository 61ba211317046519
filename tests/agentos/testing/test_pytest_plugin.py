"""The pytest plugin notices what only shows while tests run: blocking, and refusals nobody tried."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from agentos.testing.blocking import LoopWatch
from agentos.testing.refusals import RefusalCoverage

PLUGIN = '''
import asyncio, time
from typing import Annotated
from agentos import Tool, ToolCall, hookimpl, tool
from pydantic import BaseModel, Field

class Kept(BaseModel):
    ok: bool

@tool(writes=["notes"])
async def keep_note(call: ToolCall, how: Annotated[str, Field(description="How", max_length=9)]) -> Kept:
    """Keep a note, well or badly."""
    if how == "sleeping":
        time.sleep(0.001)
    if how == "opening":
        open(__file__).close()
    if how == "threaded":
        await asyncio.to_thread(time.sleep, 0.001)
    return Kept(ok=True)

@hookimpl
def register_tools() -> list[Tool]:
    return [keep_note]
'''
TESTS = """
import pytest
pytestmark = pytest.mark.anyio

@pytest.mark.parametrize("how", ["sleeping", "opening", "threaded"])
async def test_keeping(caller, how):
    await caller.ok("keep_note", how=how)
"""
SLACK_TESTS = """
import pytest
from slack_sdk.web.async_client import AsyncWebClient
pytestmark = pytest.mark.anyio

async def test_posting(slack):
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
    await client.chat_postMessage(channel="C1", text="hello")
    assert [message.text for message in slack.messages()] == ["hello"]
"""
SETTINGS = """
[pytest]
addopts = -p agentos.testing.fixtures
agentos_plugin = noting
agentos_refusals = true
filterwarnings = error
"""


def _run(folder: Path, tests: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "noting.py").write_text(PLUGIN)
    (folder / "pytest.ini").write_text(SETTINGS)
    (folder / "test_noting.py").write_text(tests)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AGENTOS_", "PYTEST"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env=kept | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_blocking_calls_and_missing_refusals_fail_a_run(tmp_path: Path) -> None:
    done = _run(tmp_path, TESTS)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "3 passed, 2 errors" in done.stdout
    lines = PLUGIN.splitlines()
    sleeping, opening = (
        lines.index("        time.sleep(0.001)"),
        lines.index("        open(__file__).close()"),
    )
    assert f"noting.py:{sleeping + 1} sleeps on the event loop" in done.stdout
    assert f"noting.py:{opening + 1} opens a file on the event loop" in done.stdout


def test_a_run_without_refusals_fails_and_says_of_which_tools(tmp_path: Path) -> None:
    threaded = TESTS.replace('"sleeping", "opening", ', "")
    done = _run(tmp_path, threaded)
    assert done.returncode == 1 and "1 passed" in done.stdout, done.stdout + done.stderr
    assert "keep_note writes, and no test saw it refused or fail" in done.stdout
    # A part of the tests proves nothing about the rest.
    assert _run(tmp_path, threaded, "test_noting.py").returncode == 0


def test_an_author_gets_a_slack_of_the_tests_own(tmp_path: Path) -> None:
    done = _run(tmp_path, SLACK_TESTS, "-k", "posting")
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr


async def _compute(cpu_s: float, watch: LoopWatch) -> None:
    until = time.thread_time() + cpu_s
    while time.thread_time() < until and not watch.found:
        pass


def _watched(cpu_s: float) -> list[str]:
    """What is noticed of so much computing, which ends once it is."""
    watch = LoopWatch([Path(__file__).parent])

    async def main() -> None:
        with watch.active(), watch.computing(asyncio.get_running_loop()):
            await asyncio.sleep(0.1)
            await _compute(cpu_s, watch)
            await asyncio.sleep(0.1)

    asyncio.run(main())
    return [call.what for call in watch.found]


def test_computing_on_the_loop_is_noticed_by_its_cpu_time_and_waiting_is_not() -> None:
    # The watching thread, too, has to get a turn meanwhile.
    assert _watched(20) == ["computes for more than 0.25 s"]
    assert _watched(0.01) == []


def test_what_other_threads_and_other_code_do_is_nobody_s_fault(tmp_path: Path) -> None:
    watch = LoopWatch([Path(__file__).parent])
    other = LoopWatch([tmp_path])

    async def main() -> None:
        with watch.active(), other.active():
            thread = threading.Thread(target=lambda: open(__file__).close())
            thread.start()
            thread.join()
            assert watch.found == []
            open(__file__).close()  # noqa: ASYNC230 - what is to be noticed

    asyncio.run(main())
    open(__file__).close()
    assert [call.what for call in watch.found] == ["opens a file"]
    assert other.found == []


def test_refusals_of_several_processes_add_up() -> None:
    first, second = RefusalCoverage(), RefusalCoverage()
    first.load({"writing": ["keep", "drop"], "refused": ["keep"]})
    assert first.missing() == ["drop"]
    second.load({"writing": [], "refused": ["drop"]})
    first.load(second.dump())
    assert first.missing() == []


@pytest.mark.parametrize("name", ["agentos", "agentos.testing", "agentos.testing.conformance"])
def test_nobody_needs_pytest_but_who_tests(name: str) -> None:
    code = f"import sys; sys.modules['pytest'] = None; import {name}"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
