"""Which model answers queries, and which one is in the making to take its place.

One installation has one serving model, whatever its processes are configured to; a configured
model that differs is built in the background while the old one answers, and takes over in one
transaction. Above: vectors, the queue. Below: the table `memory.embedding_model`, embedders.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from asyncpg import Record
from pydantic import ValidationError

from agentos import Clock, ConfigurationError, Database, Embedder, Queries
from agentos_memory.embedding import EmbedderSettings, make_embedder
from agentos_memory.embedding.openai_endpoint import OpenAiEmbedder
from agentos_memory.embedding.packaged import PackagedEmbedder

# What a process has seen of the table may be this old.
TRUSTED_FOR_S = 1.0

_sql = Queries("agentos_memory", "sql/embedding.sql")


@dataclass(frozen=True, slots=True)
class Model:
    """One embedding model of the installation; `position` is that of its last vector."""

    model_id: str
    dimension: int
    settings: EmbedderSettings
    state: str
    position: int


@dataclass(frozen=True, slots=True)
class Models:
    """The models at one moment; nothing serves before a first embedder was configured."""

    serving: Model | None
    building: Model | None
    retired: Sequence[Model]

    def active(self) -> list[Model]:
        """Those that want vectors, the serving one first."""
        return [model for model in (self.serving, self.building) if model is not None]


class EmbeddingModels:
    """The table of models as this process sees it, with an embedder for each that it can make."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        settings: EmbedderSettings,
        find_service: Callable[[], Embedder | None],
    ) -> None:
        self.settings = settings
        self._database = database
        self._clock = clock
        self._find_service = find_service
        self._embedders: dict[str, Embedder | None] = {}
        self._models: Models | None = None
        self._read_at = 0.0
        self._is_declared = False
        self._lock = asyncio.Lock()

    async def current(self) -> Models:
        """The models, at most a second old; the configured one is declared at the first use.

        Raises PluginError where the packaged model's files are damaged.
        """
        if self._models is None or time.monotonic() - self._read_at > TRUSTED_FOR_S:
            async with self._lock:
                await self._refresh()
        assert self._models is not None
        return self._models

    def expire(self) -> None:
        """Look at the table again at the next use."""
        self._read_at = 0.0

    def embedder(self, model: Model) -> Embedder | None:
        """What embeds for `model`; None where this process cannot, such as after an upgrade."""
        if model.model_id not in self._embedders:
            self._embedders[model.model_id] = self._make(model)
        return self._embedders[model.model_id]

    async def close(self) -> None:
        """Close connections and threads of the embedders made here; a plugin closes its own."""
        for embedder in self._embedders.values():
            if isinstance(embedder, PackagedEmbedder | OpenAiEmbedder):
                await embedder.close()
        self._embedders.clear()

    async def switch(self, model: Model) -> None:
        """Let the model in the making serve, and retire the one that served."""
        async with self._database.connection() as connection, connection.transaction():
            await connection.execute(_sql.lock_models)
            await connection.execute(_sql.retire_serving_model, model.model_id)
            await connection.execute(_sql.serve_model, model.model_id)
        self.expire()

    async def _refresh(self) -> None:
        if self._models is not None and time.monotonic() - self._read_at <= TRUSTED_FOR_S:
            return
        models = _grouped(await self._database.fetch(_sql.list_models))
        if not self._is_declared:
            wanted = self._wanted(models)
            if wanted is not None:
                await self._declare(wanted)
                models = _grouped(await self._database.fetch(_sql.list_models))
            self._is_declared = True
        self._models = models
        self._read_at = time.monotonic()

    def _wanted(self, models: Models) -> EmbedderSettings | None:
        """What this process wants to serve; None where it takes what there is."""
        if self.settings.kind == "none":
            return None
        if self.settings.kind is not None:
            return self.settings
        # A process without settings, such as a short command, must not undo a choice.
        if models.serving is not None and models.serving.settings.kind != "minilm":
            return None
        return self.settings.model_copy(update={"kind": "minilm"})

    async def _declare(self, settings: EmbedderSettings) -> None:
        embedder = make_embedder(settings, self._find_service)
        assert embedder is not None
        self._embedders[embedder.model_id] = embedder
        stored = settings.model_dump(mode="json", exclude_defaults=True)
        async with self._database.connection() as connection, connection.transaction():
            await connection.execute(_sql.lock_models)
            await connection.execute(_sql.retire_building_models, embedder.model_id)
            await connection.execute(
                _sql.insert_model,
                embedder.model_id,
                embedder.dimension,
                stored,
                self._clock.now(),
            )

    def _make(self, model: Model) -> Embedder | None:
        try:
            embedder = make_embedder(
                model.settings, self._find_service, max_tokens=_max_tokens(model.model_id)
            )
        except ConfigurationError:
            return None
        if embedder is None or embedder.model_id != model.model_id:
            return None
        return embedder


def _grouped(rows: Sequence[Record]) -> Models:
    models = [_model(row) for row in rows]
    return Models(
        next((m for m in models if m.state == "serving"), None),
        next((m for m in models if m.state == "building"), None),
        [m for m in models if m.state == "retired"],
    )


def _model(row: Record) -> Model:
    try:
        settings = EmbedderSettings.model_validate(row["settings"])
    except ValidationError:
        # Written by a newer version: its embedder cannot be made here.
        settings = EmbedderSettings(kind="none")
    return Model(row["model_id"], row["dimension"], settings, row["state"], row["position"] or 0)


def _max_tokens(model_id: str) -> int | None:
    """Where a packaged model of an earlier version cut its texts, as its id ends with."""
    last = model_id.rpartition("/")[2]
    return int(last) if last.isdecimal() and 2 <= int(last) <= 512 else None
