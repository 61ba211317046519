"""What was noted before and matters for a work order: the memory that claims ask.

Above: the plugin declares it for whoever hands out work. Below: the search over observations and
the references that show what is stale. Notes of the work order itself are in its resume packet.
"""

from __future__ import annotations

from agentos import (
    GroundingNote,
    GroundingQuestion,
    GroundingSource,
    Kernel,
    format_time,
    redact_text,
)
from agentos_memory.anchors import Anchor
from agentos_memory.memory import Memory
from agentos_memory.observations import Observation

MAX_CHECKED_REFS = 3
# Asked for beyond what is wanted, so that stale ones can be passed over.
SPARE = 2
MAX_QUESTION_CHARS = 2_000


def observation_grounding(kernel: Kernel) -> GroundingSource:
    """The source `observations`, answered by the kernel's memory."""

    async def find(question: GroundingQuestion) -> list[GroundingNote]:
        return await relevant_notes(kernel.service(Memory), question)

    return GroundingSource("observations", find)


async def relevant_notes(memory: Memory, question: GroundingQuestion) -> list[GroundingNote]:
    """The most relevant observations of other work on the same repository, stale ones last."""
    repositories = await memory.catalog.repositories()
    own = {each.name for each in repositories if str(each.root) == question.repo}

    def accepts(observation: Observation) -> bool:
        about = {ref["repo"] for ref in observation.refs if ref.get("repo")}
        is_elsewhere = question.repo is not None and about and about.isdisjoint(own)
        return observation.work_order != question.work_order and not is_elsewhere

    text = f"{question.title} {question.objective}"[:MAX_QUESTION_CHARS]
    found = await memory.observations.relevant(text, question.limit * SPARE, accepts)
    anchors = {
        observation.id: [Anchor(**ref) for ref in observation.refs[:MAX_CHECKED_REFS]]
        for observation, _ in found
    }
    states = await memory.anchors.states(
        (anchor for each in anchors.values() for anchor in each),
        repositories,
        memory.catalog.renames,
    )
    notes = [
        _note(observation, score, any(states[a].is_stale for a in anchors[observation.id]))
        for observation, score in found
    ]
    notes.sort(key=lambda note: note.is_stale)
    return notes[: question.limit]


def _note(observation: Observation, score: float, is_stale: bool) -> GroundingNote:
    return GroundingNote(
        observation.id,
        observation.kind,
        # Refused when they are noted; what is known to be a secret grows all the same.
        redact_text(observation.title),
        redact_text(" ".join(observation.body.split())),
        format_time(observation.created_at),
        observation.work_order,
        is_stale,
        score,
    )
