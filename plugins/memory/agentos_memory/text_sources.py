"""Where the texts come from that want vectors: the code of each repository, the observations.

A source lists digests and gives the texts of some of them; the queue decides which are missing
and when they are made. Above: the queue. Below: rows of the index, ranking of paths, redaction.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from agentos_memory.embedding import EmbedderSettings

Tier: TypeAlias = Literal["name", "body"]


@dataclass(frozen=True, slots=True)
class WantedText:
    """A text that should have a vector; `place` is where its source finds it, such as a path."""

    digest: str
    tier: Tier
    place: str


@dataclass(frozen=True, slots=True)
class ScopeProgress:
    """How far one version of a scope is; unreadable texts wait for the next version."""

    scope: str
    version: int
    names_done: int
    names_total: int
    bodies_done: int
    bodies_total: int
    n_unreadable: int
    is_complete: bool


class TextSource(Protocol):
    """Texts that belong together, such as the code of one repository."""

    @property
    def scope(self) -> str:
        """Names the source in the database, for ever."""
        ...

    @property
    def version(self) -> int:
        """Grows whenever texts are added or changed."""
        ...

    async def wanted(self) -> Sequence[WantedText]:
        """All texts of this version, in the order in which they should get vectors."""
        ...

    async def texts(self, wanted: Sequence[WantedText]) -> Mapping[str, str]:
        """Those texts by digest; one that cannot be read any more is left out."""
        ...


SourceProvider: TypeAlias = Callable[[EmbedderSettings], Awaitable[Sequence[TextSource]]]
"""The sources there are now, as far as a model with these settings may see them."""
