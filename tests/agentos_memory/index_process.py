"""Indexes a repository as a process of its own, telling each step on stdout, so that it can be killed.

Arguments: the database's URL, a home folder, the repository.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import agentos_memory.plugin
from agentos import CallRequest, Credentials, Settings, open_kernel
from agentos.testing import AllowEverything


async def main(database_url: str, home: str, root: str) -> None:
    """One run; every progress message is a line."""

    async def tell(done: float, total: float | None, message: str) -> None:
        print(message, flush=True)
        if message.startswith(("analysed", "resolving")):
            # Whoever reads decides when this ends, one way or the other.
            await asyncio.to_thread(sys.stdin.readline)

    settings = Settings(
        home=Path(home), database_url=database_url, plugins=(), worker="local",
        memory={"embedder": {"kind": "none"}},
    )  # fmt: skip
    plugins = {"memory": agentos_memory.plugin, "allow": AllowEverything()}
    request = CallRequest(
        "index_repository", {"path": root}, Credentials(is_local=True), "test", progress=tell
    )
    async with open_kernel(settings, extra_plugins=plugins) as kernel:
        result = await kernel.dispatch(request)
        print("done" if not result.is_error else result.text, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
