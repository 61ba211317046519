"""Merkle trees as RFC 6962 section 2.1 has them: roots, inclusion proofs, consistency proofs.

Above: packets (over event hashes, and over files). Below: SHA-256. Proofs are verified by
`verify_packet`, which stands alone. All levels are kept, packed: 64 bytes a leaf.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from agentos import InvalidArgumentError

EMPTY_ROOT = hashlib.sha256(b"").digest()
_BYTES = 32


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf: a leaf can never be read as an inner node."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class MerkleTree:
    """A tree over entries in their order; it does not change.

    A node without a sibling rises unchanged, which gives the tree of RFC 6962 for every size.
    """

    def __init__(self, entries: Iterable[bytes]) -> None:
        leaves = bytearray()
        for entry in entries:
            leaves += leaf_hash(entry)
        self.size = len(leaves) // _BYTES
        self._levels = [leaves]
        while len(self._levels[-1]) > _BYTES:
            self._levels.append(_level_above(self._levels[-1]))

    @property
    def root(self) -> bytes:
        """The Merkle tree hash; of no entries, the SHA-256 of nothing."""
        return bytes(self._levels[-1]) if self.size else EMPTY_ROOT

    def inclusion_path(self, index: int) -> list[bytes]:
        """The audit path of the entry at `index` (from 0), from the leaf up."""
        if not 0 <= index < self.size:
            raise InvalidArgumentError(f"a tree of {self.size} entries has no entry {index}")
        path = []
        for level in self._levels[:-1]:
            sibling = index ^ 1
            if sibling * _BYTES < len(level):
                path.append(_node_at(level, sibling))
            index >>= 1
        return path

    def root_at(self, size: int) -> bytes:
        """The root that the tree had with its first `size` entries."""
        return self._root_of(0, self._checked(size)) if size else EMPTY_ROOT

    def consistency_path(self, size: int) -> list[bytes]:
        """What proves that the tree of the first `size` entries is a beginning of this one."""
        if self._checked(size) in (0, self.size):
            return []
        return self._subproof(size, 0, self.size, is_whole=True)

    def _checked(self, size: int) -> int:
        if not 0 <= size <= self.size:
            raise InvalidArgumentError(f"a tree of {self.size} entries never had {size}")
        return size

    def _subproof(self, size: int, start: int, end: int, *, is_whole: bool) -> list[bytes]:
        """SUBPROOF of RFC 6962 section 2.1.2 over the entries from `start` to `end`."""
        if size == end - start:
            return [] if is_whole else [self._root_of(start, end)]
        split = _split(end - start)
        if size <= split:
            path = self._subproof(size, start, start + split, is_whole=is_whole)
            return [*path, self._root_of(start + split, end)]
        path = self._subproof(size - split, start + split, end, is_whole=False)
        return [*path, self._root_of(start, start + split)]

    def _root_of(self, start: int, end: int) -> bytes:
        """The root over a range that the recursion of RFC 6962 visits: whole subtrees are known."""
        size = end - start
        height = size.bit_length() - 1
        if size == 1 << height and start % size == 0:
            return _node_at(self._levels[height], start >> height)
        split = _split(size)
        return node_hash(self._root_of(start, start + split), self._root_of(start + split, end))


def _level_above(level: bytearray) -> bytearray:
    above = bytearray()
    for at in range(0, len(level) - _BYTES, 2 * _BYTES):
        above += hashlib.sha256(b"\x01" + level[at : at + 2 * _BYTES]).digest()
    if len(level) // _BYTES % 2:
        above += level[-_BYTES:]
    return above


def _node_at(level: bytearray, index: int) -> bytes:
    return bytes(level[index * _BYTES : (index + 1) * _BYTES])


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)
