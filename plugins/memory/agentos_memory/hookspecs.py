"""Hooks that this plugin declares for others: more languages, more knowledge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentos import hookspec

if TYPE_CHECKING:
    from agentos_memory.knowledge.sources import KnowledgeExtractor
    from agentos_memory.languages import Language


@hookspec
def register_languages() -> Sequence[Language]:  # type: ignore[empty-body]
    """Languages to index besides those that ship; see `agentos_memory.languages.Language`.

    Called once at start. A name or a suffix that is taken stops the start, and so does a
    declaration that another process could not import, since files are read in processes of
    their own.
    """


@hookspec
def register_knowledge_extractors() -> Sequence[KnowledgeExtractor]:  # type: ignore[empty-body]
    """Extractors of entities and edges beyond code, besides those that ship.

    Called once at start. An extractor is a pure function over one file; one that raises, or takes
    over 10 CPU seconds or 1 GiB, leaves the file out, which is counted and listed. It runs in a
    process of its own that opens no connection and writes no file, so that a function which
    another process could not import stops the start. What it gave is kept until the file or its
    `version` changes.
    """
