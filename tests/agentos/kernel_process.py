"""A process that runs a kernel and writes notes; its test kills it.

Usage: python -m tests.agentos.kernel_process DATABASE_URL HOME. Prints `KEY CALL` for every
acknowledged call, one a line, until it is killed.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from agentos import Kernel, Settings, open_kernel
from tests.agentos.notes import notes_plugin
from tests.agentos.plugin_factory import call_tool

N_WRITERS = 8


async def write(kernel: Kernel, writer: int) -> None:
    number = 0
    while True:
        key = f"{writer}-{number}"
        result = await call_tool(kernel, "take_note", {"text": key}, key=key)
        assert not result.is_error, result.text
        print(key, result.structured["call"], flush=True)
        number += 1


async def main(database_url: str, home: str) -> None:
    settings = Settings(
        home=Path(home),
        database_url=database_url,
        plugins=(),
        worker="local",
        # However long it runs before its test gets to kill it, no head covers what it wrote.
        signed_head_every_s=86_400,
        signed_head_every_events=1_000_000,
    )
    async with (
        open_kernel(settings, extra_plugins={"notes": notes_plugin()}) as kernel,
        asyncio.TaskGroup() as tasks,
    ):
        for writer in range(N_WRITERS):
            tasks.create_task(write(kernel, writer))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
