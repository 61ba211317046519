"""The embedder that settings name.

Above: vectors, which make one for each model in use. Below: the packaged model, the endpoint,
and what a plugin provides.
"""

from __future__ import annotations

from collections.abc import Callable

from agentos import ConfigurationError, Embedder
from agentos_memory.embedding.onnx_embedder import MODEL_DIR, MiniLmEmbedder
from agentos_memory.embedding.openai_endpoint import OpenAiEmbedder
from agentos_memory.embedding.packaged import PackagedEmbedder
from agentos_memory.embedding.settings import EmbedderSettings

# 64 tokens are a third faster and rank no worse for descriptions, but for texts of issues.
MAX_TOKENS = 128
MAX_MODEL_ID_CHARS = 240


def load_embedder() -> MiniLmEmbedder:
    """The packaged model, ready to embed: its files are verified and its self-test has run.

    Takes some tenths of a second. Raises PluginError when the files are damaged or the
    processor's int8 arithmetic does not reproduce the reference vectors.
    """
    embedder = MiniLmEmbedder()
    embedder.load()
    return embedder


def make_embedder(
    settings: EmbedderSettings,
    find_service: Callable[[], Embedder | None],
    *,
    max_tokens: int | None = None,
) -> Embedder | None:
    """The embedder of `settings`, which loads at its first text; None for kind `none`.

    The packaged model cuts texts at `max_tokens`, by default at MAX_TOKENS.

    Raises ConfigurationError where a service is wanted that no plugin provides, or whose model
    id or dimension cannot be stored.
    """
    if settings.kind == "none":
        return None
    if settings.kind == "openai":
        return OpenAiEmbedder(settings)
    if settings.kind == "service":
        return _checked(find_service())
    # One thread per run: two runs side by side embed a tenth more than one run on two threads.
    model = MiniLmEmbedder(MODEL_DIR, threads=1)
    return PackagedEmbedder(model, max_tokens=max_tokens or MAX_TOKENS, threads=settings.parallel)


def _checked(provided: Embedder | None) -> Embedder:
    if provided is None:
        raise ConfigurationError(
            "setting 'memory.embedder.kind' is 'service', but no enabled plugin provides an "
            "agentos.Embedder; enable one in 'plugins', or choose another kind"
        )
    if not 1 <= len(provided.model_id) <= MAX_MODEL_ID_CHARS:
        raise ConfigurationError(
            f"the embedder that a plugin provides has a model_id of {len(provided.model_id)} "
            f"characters; it needs 1 to {MAX_MODEL_ID_CHARS}"
        )
    if not 1 <= provided.dimension <= 16_000:
        raise ConfigurationError(
            f"the embedder that a plugin provides has dimension {provided.dimension}; it needs 1 "
            "to 16000"
        )
    return provided
