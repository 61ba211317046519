"""SHA-256 digests in order, 32 bytes each, however many a work order has.

Above: packets (which files a packet holds, and where each stands in the file tree). Below: nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from agentos import InvalidArgumentError

_BYTES = 32


class SortedDigests(Sequence[str]):
    """Distinct digests in hexadecimal, in ascending order; they are kept as bytes."""

    def __init__(self, digests: Iterable[str] = ()) -> None:
        """InvalidArgumentError for digests that are not in ascending order."""
        self._packed = bytearray()
        for digest in digests:
            self.append(digest)

    def append(self, digest: str) -> None:
        """Add the next digest, which is greater than all that are there."""
        if len(self) and digest <= self[-1]:
            raise InvalidArgumentError("digests are added in ascending order")
        self._packed += bytes.fromhex(digest)

    def find(self, digest: str) -> int | None:
        """Where a digest stands, from 0; None where it is not there."""
        index = bisect_left(self, digest)
        return index if index < len(self) and self[index] == digest else None

    def entries(self) -> Iterator[bytes]:
        """The 32 bytes of each."""
        for start in range(0, len(self._packed), _BYTES):
            yield bytes(self._packed[start : start + _BYTES])

    def __contains__(self, digest: object) -> bool:
        return isinstance(digest, str) and self.find(digest) is not None

    def __iter__(self) -> Iterator[str]:
        return (entry.hex() for entry in self.entries())

    def __len__(self) -> int:
        return len(self._packed) // _BYTES

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        start = _BYTES * range(len(self))[index]
        return self._packed[start : start + _BYTES].hex()
