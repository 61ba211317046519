"""Sentence embeddings of code and notes: the packaged model, an endpoint, or a plugin's service.

`make_embedder` gives what the settings name; `agentos_memory.vector_texts` writes what is embedded.
"""

from agentos_memory.embedding.embedder import load_embedder, make_embedder
from agentos_memory.embedding.onnx_embedder import MiniLmEmbedder
from agentos_memory.embedding.settings import EmbedderSettings, parse_embedder_settings

__all__ = [
    "EmbedderSettings",
    "MiniLmEmbedder",
    "load_embedder",
    "make_embedder",
    "parse_embedder_settings",
]
