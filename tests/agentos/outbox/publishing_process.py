"""A process that publishes events until it is killed; DATABASE_URL and HOME_FOLDER say which.

DIE_AFTER=N kills it, without a word, after the N-th message was stored by the bus and before the
cursor moves.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from agentos import Settings, open_kernel
from agentos.outbox import jetstream
from tests.agentos.plugin_factory import NOTED, Plugin


def _die_after(count: int) -> None:
    publish = jetstream.JetStreamBus.publish
    done = 0

    async def deadly(
        bus: jetstream.JetStreamBus, event_id: str, subject: str, payload: bytes
    ) -> None:
        nonlocal done
        await publish(bus, event_id, subject, payload)
        done += 1
        if done == count:
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(jetstream.JetStreamBus, "publish", deadly)  # noqa: B010 - a method, to mypy


async def main() -> None:
    if "DIE_AFTER" in os.environ:
        _die_after(int(os.environ["DIE_AFTER"]))
    settings = Settings(
        home=Path(os.environ["HOME_FOLDER"]),
        database_url=os.environ["DATABASE_URL"],
        event_bus=os.environ.get("EVENT_BUS"),
        webhook_allowed_hosts=("127.0.0.1",),
        plugins=(),
    )
    async with open_kernel(settings, extra_plugins={"noted": Plugin(event_types=[NOTED])}):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
