"""What group commit is worth: governed read calls, together and one at a time.

    python bench/group_commit.py [--calls 2000] [--json]

Both ways store every record durably before the answer, in one run, on one embedded database. The
ratio is what to quote; absolute times belong to the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pydantic import BaseModel

from agentos import CallRequest, Credentials, Kernel, ToolCall, hookimpl, tool
from agentos.testing import AllowEverything, open_test_kernel


class Echo(BaseModel):
    """The text that came in."""

    text: str


@tool(reads=["nothing"])
async def echo(call: ToolCall, text: str) -> Echo:
    """Answer what was asked, so that only the pipeline costs anything."""
    return Echo(text=text)


@hookimpl
def register_tools() -> list[Any]:
    return [echo]


async def _call(kernel: Kernel, number: int) -> None:
    request = CallRequest("echo", {"text": str(number)}, Credentials(is_local=True), "bench")
    result = await kernel.dispatch(request)
    assert not result.is_error, result.text


async def measure(n_calls: int) -> dict[str, float]:
    """Seconds and CPU microseconds a call, alone and together, and their ratio."""
    home = Path(tempfile.mkdtemp(prefix="agentos-bench-"))
    home.chmod(0o711)
    plugins = {"echo": SimpleNamespace(register_tools=register_tools), "allow": AllowEverything()}
    try:
        async with open_test_kernel(home, extra_plugins=plugins) as kernel:
            await asyncio.gather(*[_call(kernel, n) for n in range(200)])
            n_alone = max(n_calls // 10, 1)
            started = time.perf_counter()
            for number in range(n_alone):
                await _call(kernel, number)
            alone_s = (time.perf_counter() - started) / n_alone
            started, cpu = time.perf_counter(), time.process_time()
            await asyncio.gather(*[_call(kernel, n) for n in range(n_calls)])
            together_s = (time.perf_counter() - started) / n_calls
            cpu_us = (time.process_time() - cpu) / n_calls * 1e6
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return {
        "calls": n_calls,
        "alone_ms_per_call": round(alone_s * 1e3, 3),
        "together_ms_per_call": round(together_s * 1e3, 3),
        "server_cpu_us_per_call": round(cpu_us, 1),
        "ratio": round(alone_s / together_s, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=2_000, help="concurrent calls")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    options = parser.parse_args()
    figures = asyncio.run(measure(options.calls))
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:>24}  {value}")


if __name__ == "__main__":
    main()
