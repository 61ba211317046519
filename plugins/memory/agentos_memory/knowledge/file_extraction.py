"""What extractors say of one file, in its stored form; runs in the process that reads files.

Above: `analysis_process`. Below: extractors. Imports nothing of the kernel.
"""

from __future__ import annotations

from collections.abc import Sequence

from agentos_memory.knowledge.model import Extraction
from agentos_memory.knowledge.records import encode_extraction
from agentos_memory.knowledge.sources import Extract, SourceFile

MAX_ENTITIES = 20_000
MAX_EDGES = 50_000


def extract_file(
    path: str, content: bytes, extractors: Sequence[Extract]
) -> tuple[tuple[int, int, list[str]], bytes | None]:
    """Numbers of entities and edges, what failed, and the stored form; None for nothing.

    A file that says more than MAX_ENTITIES or MAX_EDGES is kept up to there.
    """
    file = SourceFile(path, content)
    found: list[Extraction] = []
    failures: list[str] = []
    for extract in extractors:
        try:
            found.append(extract(file))
        except Exception as error:  # noqa: BLE001 - an extractor may be a plugin's
            failures.append(f"{extract.__module__}: {type(error).__name__}")
    merged = Extraction(
        tuple(entity for each in found for entity in each.entities)[:MAX_ENTITIES],
        tuple(edge for each in found for edge in each.edges)[:MAX_EDGES],
    )
    stored = encode_extraction(merged) if merged.entities or merged.edges else None
    return (len(merged.entities), len(merged.edges), failures), stored
