"""The right edge of an RFC 6962 Merkle tree: enough to add entries and to know the root.

Above: signed heads (they grow by what was appended) and verification (one pass, little memory).
Below: SHA-256. An entry is the 32 bytes of an event's hash, in the order of the positions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

EMPTY_ROOT = hashlib.sha256(b"").hexdigest()


class Frontier:
    """The roots of the complete subtrees of a tree of `size` entries, largest first."""

    __slots__ = ("_peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[str] = ()) -> None:
        """ValueError where the peaks are not those of any tree of that size."""
        self.size = size
        self._peaks = [bytes.fromhex(peak) for peak in peaks]
        if size < 0 or len(self._peaks) != size.bit_count():
            raise ValueError(f"a tree of {size} entries has {size.bit_count()} complete subtrees")

    def append(self, entry: bytes) -> None:
        """Add an entry on the right."""
        self.extend((entry,))

    def extend(self, entries: Iterable[bytes]) -> None:
        """Add entries on the right, in their order."""
        sha256, peaks, size = hashlib.sha256, self._peaks, self.size
        for entry in entries:
            node, rest = sha256(b"\x00" + entry).digest(), size
            while rest & 1:
                node = sha256(b"\x01" + peaks.pop() + node).digest()
                rest >>= 1
            peaks.append(node)
            size += 1
        self.size = size

    @property
    def root(self) -> str:
        """The Merkle tree hash of RFC 6962 section 2.1, in hexadecimal."""
        if not self._peaks:
            return EMPTY_ROOT
        node = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            node = hashlib.sha256(b"\x01" + peak + node).digest()
        return node.hex()

    @property
    def peaks(self) -> list[str]:
        """The subtrees' roots in hexadecimal, from which the frontier can be made again."""
        return [peak.hex() for peak in self._peaks]
