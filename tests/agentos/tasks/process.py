"""A process that runs tasks; its test kills it.

Usage: python -m tests.agentos.tasks.process DATABASE_URL HOME PORT TOKEN [TOOL:NAME ...]. Prints
`NAME ID` for every task that it made, one a line. Without tools it makes tasks until it is killed.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from pathlib import Path

from agentos import Kernel, Settings, open_kernel
from tests.agentos.tasks.calls import begin
from tests.agentos.tasks.plugin import tasks_plugin

N_CALLERS = 4


async def main(database_url: str, home: str, port: str, token: str, *wanted: str) -> None:
    settings = Settings(
        home=Path(home), database_url=database_url, plugins=(), worker="local",
        task_after_s=0.2, task_lease_s=1.0,
    )  # fmt: skip
    async with (
        open_kernel(settings, extra_plugins={"tasks": tasks_plugin()}) as kernel,
        asyncio.TaskGroup() as group,
    ):
        if wanted:
            for tool, _, name in (each.partition(":") for each in wanted):
                await _begin(kernel, tool, name, int(port), token)
            await asyncio.Event().wait()
        for caller in range(N_CALLERS):
            group.create_task(_begin_many(kernel, caller, int(port)))


async def _begin_many(kernel: Kernel, caller: int, port: int) -> None:
    for number in itertools.count():
        await _begin(kernel, "do_work", f"w{caller}-{number}", port, "")


async def _begin(kernel: Kernel, tool: str, name: str, port: int, token: str) -> None:
    where = {} if tool == "ask_twice" else {"port": port}
    task = await begin(kernel, tool, token=token or None, name=name, **where)
    print(name, task.id, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
