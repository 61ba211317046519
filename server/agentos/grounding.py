"""What is known already about a piece of work: plugins that remember tell whoever hands it out.

Above: the plugin that hands out work collects the sources; plugins that know something declare
them. Below: nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GroundingQuestion:
    """The work that somebody is about to begin."""

    work_order: str
    title: str
    objective: str
    repo: str | None
    """The root of the repository that it is about; None without one."""
    limit: int
    """How many notes are wanted at most."""


@dataclass(frozen=True, slots=True)
class GroundingNote:
    """Something that was noted before; `id` names it in the source's own tools."""

    id: str
    kind: str
    title: str
    text: str
    created_at: str
    """RFC 3339, UTC."""
    work_order: str | None
    is_stale: bool
    """The code that it speaks of has changed since."""
    score: float


@dataclass(frozen=True, slots=True)
class GroundingSource:
    """One memory: `find` gives the most relevant notes, best first, the same for the same state.

    It is asked within a claim, outside of its transaction, and has a few seconds. One that raises
    or takes longer gives nothing, and the claim goes on.
    """

    name: str
    find: Callable[[GroundingQuestion], Awaitable[Sequence[GroundingNote]]]
