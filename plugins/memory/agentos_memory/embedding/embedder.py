"""What every embedder offers, and the one that the package brings along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agentos_memory.embedding.onnx_embedder import MiniLmEmbedder


class Embedder(Protocol):
    """Turns texts into unit vectors of `dim` numbers; may be called from several threads."""

    dim: int

    @property
    def model_id(self) -> str:
        """Names model, format and version; vectors of different ids do not compare."""
        ...

    def embed(self, texts: Sequence[str], *, max_tokens: int = 128) -> NDArray[np.float32]:
        """Unit vectors, float32 [len(texts), dim], of texts cut at `max_tokens`."""
        ...


def load_embedder() -> Embedder:
    """The packaged model, ready to embed: its files are verified and its self-test has run.

    Takes some tenths of a second. Raises PluginError when the files are damaged or the
    processor's int8 arithmetic does not reproduce the reference vectors.
    """
    embedder = MiniLmEmbedder()
    embedder.load()
    return embedder
