"""Sentence embeddings of code and notes, made in this process without a network.

`load_embedder` gives the packaged model; `texts` writes what is embedded.
"""

from agentos_memory.embedding.embedder import Embedder, load_embedder
from agentos_memory.embedding.onnx_embedder import MiniLmEmbedder
from agentos_memory.embedding.texts import body_text, name_text

__all__ = ["Embedder", "MiniLmEmbedder", "body_text", "load_embedder", "name_text"]
