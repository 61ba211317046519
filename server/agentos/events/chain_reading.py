"""What signed heads are worth before the log is looked at: signatures, order, copies, whose key.

Above: log_verification. Below: the anchor files, the copies in the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agentos.database.pool import Database
from agentos.database.queries import Queries
from agentos.errors import AgentOSError, VerificationError
from agentos.events.head import NO_HEAD, Head, SignedHead, read_head
from agentos.events.head_file import HeadFile
from agentos.events.model import Row

_sql = Queries("agentos", "sql/heads.sql")


@dataclass(slots=True)
class HeadChain:
    """The heads of one anchor file, as far as they can be read."""

    file: HeadFile
    is_main: bool
    heads: list[Head] = field(default_factory=list)
    key_ids: list[str] = field(default_factory=list)
    first_in_force: int = 1
    """Number of the newest restart, or 1: the log is not held against heads before."""
    broken: str | None = None

    @property
    def name(self) -> str:
        """The file's name."""
        return self.file.path.name

    @property
    def id(self) -> str | None:
        """The chain's id; None for no heads."""
        return self.heads[0].chain if self.heads else None

    @property
    def has_restart(self) -> bool:
        """Whether an operator has ever accepted the log as it stood."""
        return any(head.is_restart for head in self.heads)

    @property
    def in_force(self) -> list[Head]:
        """The heads that the log must fit."""
        return self.heads[self.first_in_force - 1 :] if self.is_main else []

    @property
    def signed_in_force(self) -> list[tuple[Head, str]]:
        """The same heads, each with the id of the key that signed it."""
        start = self.first_in_force - 1
        return list(zip(self.in_force, self.key_ids[start:], strict=False))

    def digest_at(self, number: int) -> str | None:
        """The digest of the head with that number; None where there is none."""
        return self.heads[number - 1].digest if 0 < number <= len(self.heads) else None

    def problems(self, own_keys: frozenset[str]) -> list[str]:
        """What is wrong with the chain itself."""
        if not self.is_main:
            return []
        if self.broken is not None:
            return [self.broken]
        for head, key_id in zip(self.heads, self.key_ids, strict=True):
            if head.number >= self.first_in_force and key_id not in own_keys:
                who = f"key {key_id[:16]}, which is not this installation's"
                return [f"head {head.number} in {self.name} was signed by {who}"]
        return []

    def covering(self, position: int) -> SignedHead | None:
        """The first head in force that covers a position, with the list of what it added."""
        numbers = (
            h.number for h in self.heads[self.first_in_force - 1 :] if h.position >= position
        )
        number = next(numbers, None)
        if number is None:
            return None
        for index, line in enumerate(self.file.read(), start=1):
            if index == number:
                return read_head(line)
        return None

    def before(self, signed: SignedHead) -> int:
        """Up to which position the head before covers."""
        number = signed.head.number
        return 0 if number <= self.first_in_force else self.heads[number - 2].position


def read_chain(file: HeadFile, *, is_main: bool = False) -> HeadChain:
    """The heads in a file up to the first that does not follow; `broken` says which and why."""
    chain = HeadChain(file, is_main)
    previous: Head | None = None
    for line in file.read():
        number = len(chain.heads) + 1
        try:
            signed = read_head(line)
            _check_follows(previous, signed.head, number)
        except VerificationError as error:
            chain.broken = f"line {number} of {chain.name}: {error.message}"
            return chain
        previous = signed.head
        chain.heads.append(previous)
        chain.key_ids.append(signed.key_id)
        if previous.is_restart:
            chain.first_in_force = number
    return chain


async def fetch_copies(database: Database) -> list[Row]:
    """The copies in the database; read them before the files, which are ahead of them."""
    return list(await database.fetch(_sql.list_heads))


def judge_copies(
    rows: Sequence[Row],
    chains: Sequence[HeadChain],
    own_keys: frozenset[str],
    n_expected: int,
) -> tuple[list[Head], list[str]]:
    """The heads that only the database has, to be compared as well, and what is wrong with it.

    The main chain's heads up to number `n_expected` must all have a copy.
    """
    by_id = {chain.id: chain for chain in chains if chain.id is not None}
    # Whoever accepted the log as it was accepted the copies that came with it.
    accepts_unknown = any(chain.is_main and chain.has_restart for chain in chains)
    copies: dict[str, list[tuple[Head, str]]] = {}
    problems: list[str] = []
    for row in rows:
        try:
            signed = read_head(row["document"])
        except AgentOSError as error:
            return [], [f"copy {row['number']} in kernel.signed_head: {error.message}"]
        head = signed.head
        columns = (row["chain"], row["number"], row["position"], row["digest"])
        if columns != (head.chain, head.number, head.position, head.digest):
            return [], [f"copy {row['number']} in kernel.signed_head was changed"]
        copies.setdefault(head.chain, []).append((head, signed.key_id))
    heads: list[Head] = []
    for chain_id, kept in copies.items():
        chain = by_id.get(chain_id)
        if chain is not None:
            problems += _compare_copies(chain, [head for head, _ in kept], n_expected)
            heads += [] if chain.is_main else _since_restart([head for head, _ in kept])
        elif accepts_unknown:
            continue
        elif any(key_id in own_keys for _, key_id in kept):
            problems.append(
                f"the database has {len(kept)} heads signed here up to {kept[-1][0].at}, but no "
                "anchor file holds them: it was removed"
            )
            heads += [head for head, _ in kept]
        else:
            heads += _since_restart([head for head, _ in kept])
    for chain in chains:
        if chain.is_main and chain.id is not None and chain.id not in copies:
            problems += _compare_copies(chain, [], n_expected)
    return heads, problems


def _compare_copies(chain: HeadChain, copies: Sequence[Head], n_expected: int) -> list[str]:
    if chain.broken is not None:
        return []
    for head in copies:
        if chain.digest_at(head.number) is None:
            known = f"the database has head {head.number} of {head.at}"
            return [f"{known}, {chain.name} ends before: it was cut"]
        if chain.digest_at(head.number) != head.digest:
            return [f"head {head.number} in {chain.name} and its copy in the database differ"]
    there = {head.number for head in copies}
    if not chain.is_main:
        return []
    for number in range(chain.first_in_force, n_expected + 1):
        if number not in there:
            at = chain.heads[number - 1].at
            return [
                f"the database has no copy of head {number} of {at}: it was put back or changed"
            ]
    return []


def _check_follows(previous: Head | None, head: Head, number: int) -> None:
    if head.number != number:
        raise VerificationError(f"head {number} is missing")
    if head.previous != (NO_HEAD if previous is None else previous.digest):
        raise VerificationError(f"head {number} does not follow the head before it")
    if previous is None:
        return
    if head.chain != previous.chain:
        raise VerificationError(f"head {number} is of another chain")
    if not head.is_restart and (head.position < previous.position or head.events < previous.events):
        raise VerificationError(f"head {number} covers less than the head before it")


def _since_restart(heads: list[Head]) -> list[Head]:
    restarts = [index for index, head in enumerate(heads) if head.is_restart]
    return heads[restarts[-1] :] if restarts else heads
