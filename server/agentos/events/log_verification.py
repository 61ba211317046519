"""The log against its own chain, and against every signed head that vouches for it.

Above: `agentos audit verify`, plugins. Below: verification (one pass over the log), chain_reading
(what the heads themselves are worth), difference (which event it is).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agentos.database.pool import Database
from agentos.errors import ConfigurationError, VerificationError
from agentos.events.chain_reading import HeadChain, fetch_copies, judge_copies, read_chain
from agentos.events.difference import first_difference
from agentos.events.head import Head, SignedHead
from agentos.events.head_file import HeadFile
from agentos.events.revoked_keys import RevokedKeys
from agentos.events.tail import (
    Acknowledged,
    find_lost,
    read_tail,
    tail_files,
    tail_folder,
)
from agentos.events.verification import BadEvent, HeadMismatch, verify_against, verify_events
from agentos.identity.key_ring import load_key_ring
from agentos.identity.revocation import Revocation


@dataclass(frozen=True, slots=True)
class LogReport:
    """What is wrong with a log, if anything: in its events, or in what vouches for them."""

    events: int
    first_bad: BadEvent | None
    problems: tuple[str, ...]
    """What is wrong with the signed heads themselves."""
    heads: int
    """Signed heads that the log was held against."""
    signed_events: int
    """Events that the newest of them covers; later ones are only chained."""
    signed_at: str | None
    notes: tuple[str, ...]

    @property
    def worst(self) -> BadEvent | None:
        """The first bad event; where only the heads are wrong, that in the shape of one."""
        if self.first_bad is None and self.problems:
            return BadEvent(None, "anchors", 0, self.problems[0])
        return self.first_bad

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.first_bad is None and not self.problems


@dataclass(frozen=True, slots=True)
class LogVerifier:
    """Where the anchors of a log are, and whose signature counts."""

    database: Database
    file: HeadFile
    key_path: Path

    async def verify(
        self, stream: str | None = None, witnesses: Sequence[SignedHead] = ()
    ) -> LogReport:
        """The whole log; `witnesses` are heads that were kept elsewhere.

        Of one stream only the chain is looked at: a head is over all streams.
        """
        if stream is not None:
            chained = await verify_events(self.database, stream)
            return LogReport(chained.events, chained.first_bad, (), 0, 0, None, ())
        # A server may sign meanwhile: what is ahead is read last. The newest copy may be missing,
        # since the line is durable before the copy is; a key is durable before its first line is.
        n_expected = _number_of_newest(self.file) - 1
        entries, unread = _acknowledged(self.file)
        rows = await fetch_copies(self.database)
        chains = _local_chains(self.file)
        key_ids, revocations, problems = _own_keys(self.key_path)
        problems += unread
        for chain in chains:
            problems += chain.problems(key_ids)
        copies, wrong = judge_copies(rows, chains, key_ids, n_expected)
        problems += wrong
        notes, wrong, seen = _judge_witnesses(witnesses, chains, key_ids)
        problems += wrong
        revoked = RevokedKeys(revocations)
        for chain in chains:
            revoked.add(chain.signed_in_force)
        revoked.add([(signed.head, signed.key_id) for signed in witnesses])
        problems += revoked.problems
        notes += revoked.notes
        heads = _distinct([head for chain in chains for head in chain.in_force] + copies + seen)
        report, mismatch = await verify_against(self.database, heads)
        bad = report.first_bad
        if mismatch is not None:
            bad = _earlier(bad, await self._locate(chains, heads, mismatch))
        lost = await find_lost(self.database, entries)
        if lost is not None:
            bad = _earlier(bad, lost)
        newest = max(heads, key=lambda head: head.position, default=None)
        return LogReport(
            events=report.events,
            first_bad=bad,
            problems=tuple(problems),
            heads=len(heads),
            signed_events=0 if newest is None else newest.events,
            signed_at=None if newest is None else newest.at,
            notes=tuple(notes),
        )

    async def _locate(
        self, chains: Sequence[HeadChain], heads: Sequence[Head], mismatch: HeadMismatch
    ) -> BadEvent:
        """The event that differs, as exactly as what is left of the anchors can say."""
        for chain in chains:
            signed = chain.covering(mismatch.head.position)
            if signed is not None:
                found = await first_difference(self.database, signed, chain.before(signed))
                if found is not None:
                    return found
        head = mismatch.head
        fitting = [other.position for other in heads if other.position < head.position]
        start = max(fitting, default=0)
        return BadEvent(
            None,
            "",
            0,
            f"between positions {start + 1} and {head.position} the log is not what was signed at "
            f"{head.at}: {mismatch.events} events up to there, {head.events} were signed",
        )


def _own_keys(path: Path) -> tuple[frozenset[str], Sequence[Revocation], list[str]]:
    if not path.exists():
        return frozenset(), (), []
    try:
        ring = load_key_ring(path)
        return frozenset(key.key_id for key in ring.keys), ring.revocations, []
    except ConfigurationError as error:
        return frozenset(), (), [error.message]


def _acknowledged(file: HeadFile) -> tuple[list[Acknowledged], list[str]]:
    """What was acknowledged since the newest heads; each must be in the log."""
    entries: list[Acknowledged] = []
    problems: list[str] = []
    for path in tail_files(tail_folder(file.path)):
        try:
            entries += read_tail(path)
        except VerificationError as error:
            problems.append(error.message)
    return entries, problems


def _number_of_newest(file: HeadFile) -> int:
    try:
        newest = file.newest()
    except VerificationError:
        return 0  # the chain is broken, which is said where it is read
    return 0 if newest is None else newest.head.number


def _local_chains(file: HeadFile) -> list[HeadChain]:
    """The chain of this database's file first; the others of the folder may be the same log's."""
    others = sorted(file.path.parent.glob("*.jsonl")) if file.path.parent.is_dir() else []
    chains = [read_chain(file, is_main=True)]
    chains += [read_chain(HeadFile(path)) for path in others if path != file.path]
    return chains


def _judge_witnesses(
    witnesses: Sequence[SignedHead], chains: Sequence[HeadChain], key_ids: frozenset[str]
) -> tuple[list[str], list[str], list[Head]]:
    """Notes, problems and the heads to compare, of heads that were kept elsewhere."""
    notes: list[str] = []
    problems: list[str] = []
    heads: list[Head] = []
    n_foreign = 0
    for signed in witnesses:
        head = signed.head
        chain = next((c for c in chains if c.id == head.chain), None)
        if chain is not None and chain.digest_at(head.number) != head.digest:
            problems.append(
                f"head {head.number} of {head.at}, kept elsewhere, is not in {chain.name}: the "
                "anchor file was rewritten or cut"
            )
        elif chain is not None and head.number < chain.first_in_force:
            notes.append(f"head {head.number} of {head.at} is from before an accepted restore")
            continue
        elif chain is None and signed.key_id not in key_ids:
            n_foreign += 1
        heads.append(head)
    if n_foreign:
        notes.append(
            f"{n_foreign} heads kept elsewhere were signed by keys that are not this installation's"
        )
    return notes, problems, heads


def _distinct(heads: Iterable[Head]) -> list[Head]:
    return list({head.digest: head for head in heads}.values())


def _earlier(first: BadEvent | None, second: BadEvent) -> BadEvent:
    if first is None or first.position is None:
        return second
    if second.position is None or first.position <= second.position:
        return replace(first)
    return second
