"""A process that indexes a repository and says when it has embedded something, to be killed then."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import agentos_memory.plugin
from agentos import Settings, open_kernel
from agentos.testing import AllowEverything
from agentos_memory.memory import Memory
from tests.agentos_memory.repositories import call


async def main(database_url: str, home: str, repository: str) -> None:
    settings = Settings(home=Path(home), database_url=database_url, plugins=(), worker="local")
    plugins = {"memory": agentos_memory.plugin, "allow": AllowEverything()}
    async with open_kernel(settings, extra_plugins=plugins) as kernel:
        await call(kernel, "index_repository", path=repository)
        queue = kernel.service(Memory).embedding_queue
        while True:
            await queue.moved()
            if await kernel.database.fetch_value("select count(*) from memory.embedding"):
                print("embedded", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
