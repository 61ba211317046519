"""What was noted before and matters for a work order, as a claim hands it out.

Above: claim_work_order. Below: the sources that plugins declare by `register_grounding`. Notes
inform; what they say grants nothing, and a claim never fails for want of them. They are beside the
resume packet, which is a function of the work order's events alone; the event of the claim names
those that were given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from agentos import GroundingNote, GroundingQuestion, GroundingSource

MAX_NOTES = 8
MAX_TOKENS = 1_500
"""Of titles and texts together, by the usual estimate of four characters a token."""
CHARS_PER_TOKEN = 4
MAX_NOTE_CHARS = 800
TIMEOUT_S = 5.0

_log = structlog.get_logger(__name__)


class Grounding:
    """The declared sources, asked together."""

    def __init__(self, sources: Sequence[GroundingSource] = ()) -> None:
        self._sources = tuple(sources)

    async def find(
        self, work_order: str, title: str, objective: str, repo: str | None
    ) -> list[GroundingNote]:
        """At most MAX_NOTES notes of MAX_TOKENS, best first; what has changed since comes last."""
        if not self._sources:
            return []
        question = GroundingQuestion(work_order, title, objective, repo, MAX_NOTES)
        answers = await asyncio.gather(*(_asked(each, question) for each in self._sources))
        notes = [note for answer in answers for note in answer]
        notes.sort(key=lambda note: (note.is_stale, -note.score, note.id))
        return within_budget(notes)


def within_budget(notes: Sequence[GroundingNote]) -> list[GroundingNote]:
    """The first notes that fit; one that does not is passed over for a shorter one."""
    left = MAX_TOKENS * CHARS_PER_TOKEN
    kept: list[GroundingNote] = []
    for note in notes:
        size = len(note.title) + min(len(note.text), MAX_NOTE_CHARS)
        if size <= left and len(kept) < MAX_NOTES:
            kept.append(note)
            left -= size
    return kept


async def _asked(source: GroundingSource, question: GroundingQuestion) -> list[GroundingNote]:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return list(await source.find(question))
    except Exception as error:  # noqa: BLE001 - a memory only informs, and blocks no claim
        _log.warning("grounding_failed", source=source.name, exc_info=error)
        return []
