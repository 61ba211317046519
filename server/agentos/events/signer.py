"""Signs the head of the whole log, every so often and whenever asked; the anchor file first.

Above: the kernel (on a timer and at shutdown), plugins before they quote a head, `agentos audit`.
Below: the anchor file, the signing key, SQL of `sql/heads.sql`. One process at a time signs for a
data folder. Signing reads what was appended since the last head and nothing before.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agentos.canonical import sha256_hex
from agentos.clock import Clock, format_time
from agentos.database.pool import Connection, Database
from agentos.database.queries import Queries
from agentos.errors import AgentOSError, UnavailableError, VerificationError
from agentos.events.frontier import EMPTY_ROOT, Frontier
from agentos.events.head import (
    FINGERPRINT_CHARS,
    NO_HEAD,
    Head,
    SignedHead,
    pack_entries,
    sign_head,
)
from agentos.events.head_file import HeadFile
from agentos.events.model import Row
from agentos.events.subscription import settled_position
from agentos.events.tail import Tail, find_lost, read_tail, sync
from agentos.identity.key_ring import load_key_ring

MAX_EVENTS_A_HEAD = 10_000
LOOK_EVERY_S = 1.0
SETTLE_TIMEOUT_S = 3.0
CLOSE_TIMEOUT_S = 5.0

_sql = Queries("agentos", "sql/heads.sql")
_log = structlog.get_logger(__name__)


class HeadSigner:
    """Keeps the signed heads of one log in one data folder."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        file: HeadFile,
        key_path: Path,
        *,
        every_s: float,
        every_events: int,
    ) -> None:
        self._database = database
        self._clock = clock
        self.file = file
        self.key_path = key_path
        self._every_s = every_s
        self._every_events = every_events
        self._turn = asyncio.Lock()
        self._is_paused = False
        self._position = 0
        self._key: tuple[tuple[int, int] | None, Ed25519PrivateKey] | None = None
        self._requested: str | None = None
        self._wake = asyncio.Event()
        self.tail = Tail(file.path)
        self._lost: set[Path] = set()

    async def sign(self, reason: str) -> SignedHead | None:
        """The newest head, over everything that was stored when this was called.

        None for an empty log. VerificationError where the database is not the one that the anchor
        file knows (it was restored, exchanged, or its heads were changed), UnavailableError where
        a transaction that has appended does not end.
        """
        async with self._turn:
            position = await settled_position(self._database, SETTLE_TIMEOUT_S)
            newest = await asyncio.to_thread(self.file.newest)
            while newest is None or newest.head.position < position:
                added = await self._add(position, reason)
                if added is None:
                    break
                newest = added
            self._position = position
            if not self._is_paused:
                await self._let_go(newest)
            return newest

    async def restart(self, reason: str) -> SignedHead:
        """Accept the log as it is: heads before are kept, but the log is not held against them."""
        async with self._turn, self._database.connection() as connection, connection.transaction():
            newest = await self._be_elected(connection)
            if newest is not None:
                await connection.execute(_sql.forget_heads, newest.head.chain, newest.head.number)
            self.tail.forget()
            return await self._keep(connection, newest, Frontier(), 0, (), reason, is_restart=True)

    def request(self, reason: str) -> None:
        """Have the log signed soon, without waiting for it."""
        self._requested = reason
        self._wake.set()

    async def run(self) -> None:
        """Sign every `every_s` seconds, once `every_events` were appended, or when asked to."""
        waited_s = 0.0
        while True:
            if (descriptor := self.tail.dirty_descriptor()) is not None:
                await asyncio.to_thread(sync, descriptor)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._wake.wait()
            waited_s += LOOK_EVERY_S
            requested, self._requested = self._requested, None
            self._wake.clear()
            try:
                n_unsigned = await self._n_unsigned()
                is_due = waited_s >= self._every_s or n_unsigned >= self._every_events
                if n_unsigned and (is_due or requested) and not self._is_paused:
                    waited_s = 0.0
                    await self.sign(requested or "interval")
            except Exception as error:  # noqa: BLE001 - the owner of a background task; it logs
                waited_s = 0.0
                _tell(error)

    async def close(self) -> None:
        """Sign what is left; a log that cannot be signed now is said so in the log, no more."""
        if self._is_paused:
            return
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self.sign("shutdown")
        except Exception as error:  # noqa: BLE001 - what closes after this must close; it logs
            _tell(error)

    def pause(self) -> None:
        """Sign only when asked: for commands that examine a log which may be tampered with."""
        self._is_paused = True

    async def _n_unsigned(self) -> int:
        """At most how many events came since this process last looked; others may have signed."""
        drawn: int = await self._database.fetch_value(_sql.drawn_position)
        return drawn - self._position

    async def _add(self, position: int, reason: str) -> SignedHead | None:
        """The next head, over at most MAX_EVENTS_A_HEAD more events; None where there are none."""
        async with self._database.connection() as connection, connection.transaction():
            newest = await self._be_elected(connection)
            if newest is not None:
                await self._match_copy(connection, newest)
            after = 0 if newest is None else newest.head.position
            rows = await connection.fetch(_sql.list_interval, after, position, MAX_EVENTS_A_HEAD)
            if not rows:
                return None
            frontier = _frontier_of(newest)
            frontier.extend(_leaves(rows))
            end = rows[-1]["position"] if len(rows) == MAX_EVENTS_A_HEAD else position
            entries = [
                (position, stream, seq, hash[:FINGERPRINT_CHARS])
                for position, stream, seq, hash in rows
            ]
            return await self._keep(connection, newest, frontier, end, entries, reason)

    async def _be_elected(self, connection: Connection) -> SignedHead | None:
        """The newest head, which stays the newest until the transaction ends."""
        try:
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                await connection.execute(_sql.elect_signer, str(self.file.path))
        except TimeoutError:
            raise UnavailableError("another process does not end signing") from None
        return await asyncio.to_thread(self.file.newest)

    async def _match_copy(self, connection: Connection, newest: SignedHead) -> None:
        head = newest.head
        copy = await connection.fetchrow(_sql.newest_head, head.chain)
        kept = (0, NO_HEAD) if copy is None else (copy["number"], copy["digest"])
        if kept == (head.number, head.digest):
            return
        if kept == (head.number - 1, head.previous):
            count = await connection.fetchval(_sql.count_interval, 0, head.position)
            if count == head.events:
                # Killed after the line was durable and before the copy was.
                await _insert_copy(connection, newest)
                return
        raise VerificationError(
            f"the database is not the one whose {head.events} events were signed at {head.at}; run "
            "`agentos audit verify`, or after a restore `agentos audit acknowledge`"
        )

    async def _keep(
        self,
        connection: Connection,
        newest: SignedHead | None,
        frontier: Frontier,
        position: int,
        entries: Sequence[tuple[int, str, int, str]],
        reason: str,
        *,
        is_restart: bool = False,
    ) -> SignedHead:
        # Before the key is looked at: a key that is revoked meanwhile signed before that.
        at = format_time(self._clock.now())
        key = await asyncio.to_thread(self._load_key)
        contents = pack_entries(entries) if entries else None
        head = Head(
            chain=secrets.token_hex(16) if newest is None else newest.head.chain,
            number=1 if newest is None else newest.head.number + 1,
            at=at,
            position=position,
            events=frontier.size,
            root=frontier.root if frontier.size else EMPTY_ROOT,
            previous=NO_HEAD if newest is None else newest.head.digest,
            contents_sha256=None if contents is None else sha256_hex(contents.encode()),
            reason=reason,
            is_restart=is_restart,
        )
        signed = sign_head(head, key, frontier=frontier.peaks, contents=contents)
        # The copy can be made again from the line, never the line from the copy.
        await _insert_copy(connection, signed)
        await asyncio.to_thread(self.file.append, signed)
        return signed

    async def _let_go(self, newest: SignedHead | None) -> None:
        """Remove the notes of what is signed now, unless the log that was signed lacks it."""
        if newest is None:
            return
        position = newest.head.position
        for path in (*self.tail.covered(position), *self.tail.abandoned()):
            entries = await asyncio.to_thread(lambda path: list(read_tail(path)), path)
            if any(entry.position > position for entry in entries):
                continue
            lost = await find_lost(self._database, entries)
            if lost is None:
                self.tail.drop(path)
            elif path not in self._lost:
                self._lost.add(path)
                _log.error("acknowledged_event_lost", stream=lost.stream, reason=lost.reason)

    def _load_key(self) -> Ed25519PrivateKey:
        """The key in use; another one once it was rotated."""
        now = _version_of(self.key_path)
        if self._key is None or now is None or self._key[0] != now:
            private_key = load_key_ring(self.key_path).private_key
            self._key = _version_of(self.key_path), private_key
        return self._key[1]


async def _insert_copy(connection: Connection, signed: SignedHead) -> None:
    head, document = signed.head, signed.published().line().decode().rstrip("\n")
    await connection.execute(
        _sql.insert_head, head.chain, head.number, head.position, head.digest, document
    )


def _version_of(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _frontier_of(newest: SignedHead | None) -> Frontier:
    if newest is None:
        return Frontier()
    try:
        frontier = Frontier(newest.head.events, newest.frontier)
        if frontier.root == newest.head.root:
            return frontier
    except ValueError:
        pass
    raise VerificationError(f"the anchor file's head {newest.head.number} was changed")


def _leaves(rows: Sequence[Row]) -> list[bytes]:
    try:
        return [bytes.fromhex(row["hash"]) for row in rows]
    except ValueError:
        raise VerificationError("an event's hash is no hexadecimal number") from None


def _tell(error: Exception) -> None:
    if isinstance(error, VerificationError):
        _log.error("log_does_not_fit_its_anchors", reason=error.message)
    elif isinstance(error, AgentOSError):
        _log.warning("head_not_signed", reason=error.message)
    else:
        _log.error("head_not_signed", error=type(error).__name__, exc_info=error)
