"""A work order's evidence as gates read it: all of it, and only a piece in memory at a time.

Above: submit_work_order makes one, gates iterate it. Below: the rows of the database, read page by
page into a file that nobody else can open, so that every gate sees the same pieces.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterator, Sequence
from typing import overload

from agentos_governance.evidence.packet_lines import PAGE, sql
from agentos_governance.orders import Reader, evidence_view
from agentos_governance.views import EvidenceView

_IN_MEMORY_BYTES = 1 << 18


class RecordedEvidence(Sequence[EvidenceView]):
    """Evidence in the order it was recorded; whoever reads it closes it. Not for several threads."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 - see close
        self._ends = array("Q")

    def append(self, item: EvidenceView) -> None:
        """Add the piece that was recorded next."""
        self._file.seek(self._ends[-1] if self._ends else 0)
        self._file.write(item.model_dump_json().encode())
        self._ends.append(self._file.tell())

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __len__(self) -> int:
        return len(self._ends)

    def __iter__(self) -> Iterator[EvidenceView]:
        return (self[index] for index in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> EvidenceView: ...
    @overload
    def __getitem__(self, index: slice) -> list[EvidenceView]: ...
    def __getitem__(self, index: int | slice) -> EvidenceView | list[EvidenceView]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        start = self._ends[number - 1] if number else 0
        self._file.seek(start)
        return EvidenceView.model_validate_json(self._file.read(self._ends[number] - start))


async def read_recorded(reader: Reader, work_order: str) -> RecordedEvidence:
    """All evidence of a work order; the caller closes it."""
    recorded, after = RecordedEvidence(), 0
    try:
        while rows := await reader.fetch(sql.page_recorded, work_order, after, PAGE):
            for row in rows:
                recorded.append(evidence_view(row))
            after = rows[-1]["seq"]
    except BaseException:
        recorded.close()
        raise
    return recorded
