"""The parts of the memory plugin, made once per kernel and shared by all calls."""

from __future__ import annotations

from agentos import Kernel
from agentos_memory.anchors import Anchors
from agentos_memory.catalog import Catalog
from agentos_memory.freshness import Freshness
from agentos_memory.indexing import Indexer
from agentos_memory.observations import ObservationSearch
from agentos_memory.search import CodeSearch
from agentos_memory.shards import Shards
from agentos_memory.vectors import Vectors


class Memory:
    """What tool bodies ask for: `call.service(Memory)`."""

    def __init__(self, kernel: Kernel) -> None:
        vectors = Vectors(kernel.database)
        self.catalog = Catalog(kernel.database)
        self.anchors = Anchors()
        self.freshness = Freshness()
        self.indexer = Indexer(kernel.database, self.catalog, vectors)
        self.search = CodeSearch(
            self.catalog, Shards(self.catalog, vectors), vectors, self.freshness
        )
        self.observations = ObservationSearch(kernel.database, vectors, kernel.clock)
