"""The parts of the memory plugin, made once per kernel and shared by all calls."""

from __future__ import annotations

from functools import partial

from agentos import Completer, ConfigurationError, Embedder, Kernel
from agentos_memory.anchors import Anchors
from agentos_memory.catalog import Catalog
from agentos_memory.code_texts import CodeSources
from agentos_memory.embedding import make_embedder, parse_embedder_settings
from agentos_memory.embedding_metrics import EmbeddingMetrics
from agentos_memory.embedding_models import EmbeddingModels
from agentos_memory.embedding_queue import EmbeddingQueue
from agentos_memory.freshness import Freshness
from agentos_memory.indexing import Indexer
from agentos_memory.language_servers import ServerPool, parse_language_server_settings
from agentos_memory.languages import IN_USE
from agentos_memory.observation_search import ObservationSearch
from agentos_memory.observation_texts import ObservationSources
from agentos_memory.references.model_summaries import ModelSummaries
from agentos_memory.references.search import ReferenceSearch
from agentos_memory.references.section_texts import ReferenceSources
from agentos_memory.references.source_states import SourceStates
from agentos_memory.references.store import References
from agentos_memory.refinement import Refinement
from agentos_memory.refinement_metrics import RefinementMetrics
from agentos_memory.rereading import Rereading
from agentos_memory.search import CodeSearch
from agentos_memory.shard_loading import Shards
from agentos_memory.vectors import Vectors
from agentos_memory.verification import Verifier
from agentos_memory.workers import Workers


def _use_languages(kernel: Kernel) -> None:
    """Index what plugins register beside the shipped languages."""
    answers = kernel.plugins.hook.register_languages()
    try:
        IN_USE.use(language for languages in answers for language in languages)
    except ValueError as error:
        raise ConfigurationError(f"a plugin registers languages: {error}") from error


class Memory:
    """What tool bodies ask for: `call.service(Memory)`."""

    def __init__(self, kernel: Kernel) -> None:
        _use_languages(kernel)
        settings = parse_embedder_settings(kernel.settings.memory)
        # mypy wants a concrete class; services are asked for by their protocol.
        self._find_embedder = partial(kernel.find_service, Embedder)  # type: ignore[type-abstract]
        self.embedding_models = EmbeddingModels(
            kernel.database, kernel.clock, settings, self._find_embedder
        )
        vectors = Vectors(kernel.database, self.embedding_models)
        self.embedding_queue = EmbeddingQueue(
            kernel.database,
            self.embedding_models,
            kernel.clock,
            EmbeddingMetrics(kernel.metrics.registry),
        )
        self.code_sources = CodeSources(kernel.database)
        self.embedding_queue.add_provider(ObservationSources(kernel.database))
        self.embedding_queue.add_provider(ReferenceSources(kernel.database))
        self.embedding_queue.add_provider(self.code_sources)
        self.catalog = Catalog(kernel.database)
        server_settings = parse_language_server_settings(kernel.settings.memory)
        self.server_pool = ServerPool(server_settings)
        programs = kernel.settings.language_servers
        self.verifier = Verifier(self.server_pool, programs)
        self.refinement = Refinement(
            kernel.database,
            self.catalog,
            kernel.clock,
            self.server_pool,
            server_settings,
            programs,
            RefinementMetrics(kernel.metrics.registry),
        )
        self.freshness = Freshness()
        self.workers = Workers()
        rereading = Rereading(self.workers)
        self.anchors = Anchors(rereading)
        shards = Shards(self.catalog, vectors)
        self.indexer = Indexer(
            kernel.database, self.catalog, shards, self.embedding_queue, self.workers
        )
        self.search = CodeSearch(self.catalog, shards, vectors, self.freshness, rereading)
        self.observations = ObservationSearch(kernel.database, vectors, self.embedding_queue)
        self.references = References(kernel.database, self.embedding_queue)
        self.source_states = SourceStates()
        find_completer = partial(kernel.find_service, Completer)  # type: ignore[type-abstract]
        self.model_summaries = ModelSummaries(kernel.database, kernel.clock, find_completer)
        self.reference_search = ReferenceSearch(kernel.database, vectors, self.embedding_queue)

    def start(self, kernel: Kernel) -> None:
        """Begin the background work; ConfigurationError where the embedder cannot be had."""
        kernel.start_task(self.workers.run())
        kernel.start_task(self.server_pool.run())
        kernel.start_task(self.refinement.run())
        settings = self.embedding_models.settings
        if settings.kind == "service":
            make_embedder(settings, self._find_embedder)
        if settings.kind != "none":
            kernel.start_task(self.embedding_queue.run())
        kernel.start_task(self.model_summaries.run())
