"""The packaged model as an `agentos.Embedder`.

Texts of the background are embedded by threads of low priority, one text batch each, so that they
take the processor only while nothing else wants it; queries are not. Above: vectors and the queue.
Below: `onnx_embedder`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from agentos import EmbeddingPurpose
from agentos_memory.embedding.onnx_embedder import MiniLmEmbedder

NICENESS = 10


class PackagedEmbedder:
    """MiniLM with texts cut at `max_tokens`, on up to `threads` threads for documents."""

    def __init__(self, model: MiniLmEmbedder, *, max_tokens: int, threads: int) -> None:
        self._model = model
        self._max_tokens = max_tokens
        self._background = ThreadPoolExecutor(threads, "embedding", initializer=_step_back)

    @property
    def model_id(self) -> str:
        """The model's, with the length at which texts are cut."""
        return f"{self._model.model_id}/{self._max_tokens}"

    @property
    def dimension(self) -> int:
        """384."""
        return self._model.dim

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbeddingPurpose
    ) -> NDArray[np.float32]:
        """Unit vectors; PluginError when the model's files are damaged or its self-test fails."""
        executor = self._background if purpose == "document" else None
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(executor, self._embed, texts)

    async def close(self) -> None:
        """Let the threads go once they are done."""
        self._background.shutdown(wait=False, cancel_futures=True)

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._model.embed(texts, max_tokens=self._max_tokens)


def _step_back() -> None:
    # Linux keeps a niceness per thread; elsewhere it would be the whole process's.
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
