"""Texts of observations that want vectors; the newest come first.

Secrets were taken out when they were recorded. Above: the queue, and observations, whose digest
names such a text. Below: the read model of the events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentos import Database, Queries
from agentos_memory.embedding import EmbedderSettings
from agentos_memory.text_sources import TextSource, WantedText

SCOPE = "observations"

_sql = Queries("agentos_memory", "sql/embedding.sql")


class ObservationSources:
    """Gives the observations to the queue that embeds; a `SourceProvider`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, settings: EmbedderSettings) -> list[TextSource]:
        """All observations, where `settings` admit them."""
        if not settings.observations:
            return []
        version = await self._database.fetch_value(_sql.count_observations)
        return [ObservationTexts(self._database, version)]


class ObservationTexts:
    """The texts of all observations."""

    scope = SCOPE

    def __init__(self, database: Database, version: int) -> None:
        self._database = database
        self.version = version

    async def wanted(self) -> Sequence[WantedText]:
        """One text per observation, the newest first."""
        rows = await self._database.fetch(_sql.list_observation_digests)
        digests = dict.fromkeys(row["digest"] for row in rows)
        return [WantedText(digest, "body", "") for digest in digests]

    async def texts(self, wanted: Sequence[WantedText]) -> Mapping[str, str]:
        """What `embed_text` makes of them."""
        digests = [each.digest for each in wanted]
        rows = await self._database.fetch(_sql.read_observation_texts, digests)
        return {row["digest"]: embed_text(row["title"], row["body"], row["tags"]) for row in rows}


def embed_text(title: str, body: str, tags: Sequence[str]) -> str:
    """What an observation's vector is made of."""
    return " ".join([title, *tags, body])
