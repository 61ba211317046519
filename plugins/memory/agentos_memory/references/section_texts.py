"""Texts of references that want vectors; what was added last comes first.

Above: the queue, the store, whose digests name such a text, and search. Below: stored sections.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentos import Database, Queries, sha256_hex
from agentos_memory.embedding import EmbedderSettings
from agentos_memory.text_sources import TextSource, WantedText

SCOPE = "references"
_EMBEDDED_HEADINGS = 3
# More than this never reaches the model's 128 tokens.
_EMBEDDED_CHARS = 2_000

_sql = Queries("agentos_memory", "sql/references.sql")


class ReferenceSources:
    """Gives the references to the queue that embeds; a `SourceProvider`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, settings: EmbedderSettings) -> list[TextSource]:
        """All references; what is added is meant to be read, so no setting leaves it out."""
        version = await self._database.fetch_value(_sql.references_version)
        return [SectionTexts(self._database, version)]


class SectionTexts:
    """The texts of all sections."""

    scope = SCOPE

    def __init__(self, database: Database, version: int) -> None:
        self._database = database
        self.version = version

    async def wanted(self) -> Sequence[WantedText]:
        """One text per section that differs from others."""
        rows = await self._database.fetch(_sql.list_section_digests)
        digests = dict.fromkeys(row["digest"] for row in rows)
        return [WantedText(digest, "body", "") for digest in digests]

    async def texts(self, wanted: Sequence[WantedText]) -> Mapping[str, str]:
        """What `embed_text` makes of them."""
        digests = [each.digest for each in wanted]
        rows = await self._database.fetch(_sql.read_section_texts, digests)
        return {row["digest"]: embed_text(row["headings"], row["text"]) for row in rows}


def embed_text(headings: Sequence[str], text: str) -> str:
    """What a section's vector is made of: the innermost headings and how the text begins."""
    words = " ".join(text[: 2 * _EMBEDDED_CHARS].split())[:_EMBEDDED_CHARS]
    return " ".join([*headings[-_EMBEDDED_HEADINGS:], words])


def digest_of(headings: Sequence[str], text: str) -> str:
    """Stands for the text and what is embedded of it; the same digest never means two texts."""
    made_of = "\0".join([*headings[-_EMBEDDED_HEADINGS:], "", text])
    return sha256_hex(made_of.encode("utf-8", "replace"))
