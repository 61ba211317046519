"""What somebody who may do anything in the database does to the log, and how verify sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from agentos import Kernel, Settings, open_kernel
from agentos.database.pool import Connection
from agentos.events.chain import hash_event
from agentos.events.head_file import HeadFile, anchor_file
from agentos.events.log_verification import LogReport, LogVerifier
from tests.agentos.plugin_factory import NOTED, Plugin, new_event


@asynccontextmanager
async def open_log(settings: Settings) -> AsyncIterator[Kernel]:
    """A kernel that may append plain events and signs when asked and at shutdown.

    Not every so often as well: a test that a busy machine takes that long for counts its heads.
    """
    seldom = settings.model_copy(update={"signed_head_every_s": 86_400.0})
    async with open_kernel(seldom, extra_plugins={"noted": Plugin(event_types=[NOTED])}) as kernel:
        yield kernel


def head_file(settings: Settings) -> HeadFile:
    """The anchor file that the settings mean."""
    return HeadFile(anchor_file(settings.home, settings.database_url))


async def write_log(kernel: Kernel) -> None:
    """Six events each in the streams a, b and c, signed after every six."""
    for number in range(6):
        for stream in ("a", "b", "c"):
            await kernel.writer.submit(new_event(stream, f"{stream}{number}", number=number))
        if number % 2:
            await kernel.heads.sign("test")


async def verify(kernel: Kernel) -> LogReport:
    """What `agentos audit verify` finds, with nothing but the data folder."""
    return await LogVerifier(kernel.database, kernel.heads.file, kernel.heads.key_path).verify()


async def execute(kernel: Kernel, statement: str, *args: Any) -> None:
    """Tamper; the statement must have changed something."""
    async with kernel.database.connection() as connection:
        assert await connection.execute(statement, *args) not in ("UPDATE 0", "DELETE 0")


async def rewrite(
    kernel: Kernel, stream: str, changes: Mapping[int, Mapping[str, Any]], *, drop: int = 0
) -> None:
    """Rewrite a stream as if `changes` (by sequence number) had always been, every hash fresh.

    The last `drop` events are removed; the stream's head is made to fit.
    """
    async with kernel.database.connection() as connection, connection.transaction():
        rows = await connection.fetch(
            "select * from kernel.event where stream = $1 order by seq", stream
        )
        kept = [dict(row) | dict(changes.get(row["seq"], {})) for row in rows]
        await connection.execute("delete from kernel.event where stream = $1", stream)
        head = ("0" * 64, 0)
        for row in kept[: len(kept) - drop]:
            head = await _insert(connection, row, head[0]), row["seq"]
        await connection.execute(
            "update kernel.stream set hash = $2, seq = $3 where stream = $1", stream, *head
        )


async def _insert(connection: Connection, row: dict[str, Any], previous: str) -> str:
    fields = [row[name] for name in ("position", "stream", "seq", "type", "actor", "at", "data")]
    position, stream, seq, type, actor, at, data = fields
    digest = hash_event(position, stream, seq, type, actor, at, data, previous)
    await connection.execute(
        "insert into kernel.event values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        *fields,
        previous,
        digest,
    )
    return digest
