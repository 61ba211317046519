"""The packaged MiniLM sentence encoder on onnxruntime.

The model is package data beside this module, written by `scripts/export_minilm.py`; nothing is
downloaded. It loads at the first text, after its files matched their digests, and must then
reproduce stored fp32 vectors.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agentos import PluginError
from agentos_memory.embedding.wordpiece import WordPiece

MODEL_DIR = Path(__file__).parent / "model"
MODEL_FILE = "minilm-int8.onnx"
DIGEST_FILE = "SHA256SUMS"
# Larger batches need more memory and are slower: 9,700 tokens per CPU-second, with 32 8,800.
BATCH_SIZE = 8
# int8 arithmetic differs between processors; a broken one falls far below this.
MIN_REFERENCE_COSINE = 0.9

Vectors = NDArray[np.float32]


class InferenceSession(Protocol):
    """The part of onnxruntime's session that is used; onnxruntime ships no types."""

    def run(self, outputs: list[str], inputs: dict[str, NDArray[np.int64]]) -> list[Any]: ...


@dataclass(frozen=True, slots=True)
class _Loaded:
    session: InferenceSession
    tokenizer: WordPiece


class MiniLmEmbedder:
    """Embeds English texts and identifiers split into words; safe to share between threads."""

    dim = 384

    def __init__(self, model_dir: Path = MODEL_DIR, *, threads: int = 2) -> None:
        self._model_dir = model_dir
        self._threads = threads
        self._lock = threading.Lock()
        self._loaded: _Loaded | None = None
        self._model_id: str | None = None

    @property
    def model_id(self) -> str:
        """Name of the model with the start of its digest; vectors of different ids do not mix."""
        if self._model_id is None:
            self._model_id = (
                f"all-MiniLM-L6-v2-code-int8@{_digests(self._model_dir)[MODEL_FILE][:12]}"
            )
        return self._model_id

    def embed(self, texts: Sequence[str], *, max_tokens: int = 128) -> Vectors:
        """Unit vectors, float32 [len(texts), 384], of texts cut at `max_tokens` (2..512).

        Raises PluginError when the model's files are damaged or the self-test fails, ValueError
        for `max_tokens` outside its range.
        """
        if not 2 <= max_tokens <= 512:
            raise ValueError(f"max_tokens is {max_tokens}; the model takes 2 to 512")
        if not texts:
            return np.zeros((0, self.dim), np.float32)
        return _embed(self._loaded_model(), texts, max_tokens)

    def load(self) -> None:
        """Load now what the first text would load; raises the same PluginError."""
        self._loaded_model()

    def _loaded_model(self) -> _Loaded:
        with self._lock:
            if self._loaded is None:
                loaded = _open(self._model_dir, self._threads)
                _self_test(loaded, self._model_dir)
                self._loaded = loaded
            return self._loaded


def _embed(loaded: _Loaded, texts: Sequence[str], max_tokens: int) -> Vectors:
    encoded = [loaded.tokenizer.encode(text, max_tokens) for text in texts]
    # Texts of like length share a batch, so that little padding is computed.
    order = sorted(range(len(encoded)), key=lambda index: len(encoded[index]))
    vectors = np.zeros((len(encoded), MiniLmEmbedder.dim), np.float32)
    for start in range(0, len(order), BATCH_SIZE):
        members = order[start : start + BATCH_SIZE]
        vectors[members] = _run(loaded.session, [encoded[index] for index in members])
    return vectors


def _run(session: InferenceSession, batch: list[list[int]]) -> Vectors:
    width = max(map(len, batch))
    token_ids = np.zeros((len(batch), width), np.int64)
    mask = np.zeros_like(token_ids)
    for row, ids in enumerate(batch):
        token_ids[row, : len(ids)] = ids
        mask[row, : len(ids)] = 1
    outputs = session.run(["embedding"], {"input_ids": token_ids, "attention_mask": mask})
    return np.asarray(outputs[0], np.float32)


def _open(model_dir: Path, threads: int) -> _Loaded:
    # The import takes longer than everything else; servers that never embed do not pay it.
    import onnxruntime  # type: ignore[import-untyped]

    _verify(model_dir)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning threads would burn a core between queries of a server.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(
        str(model_dir / MODEL_FILE), options, providers=["CPUExecutionProvider"]
    )
    vocabulary = (model_dir / "vocab.txt").read_text(encoding="utf-8")
    return _Loaded(session, WordPiece(vocabulary))


def _digests(model_dir: Path) -> dict[str, str]:
    try:
        lines = (model_dir / DIGEST_FILE).read_text(encoding="ascii").splitlines()
        digests = {name: digest for digest, name in (line.split() for line in lines)}
    except (OSError, ValueError) as error:
        raise PluginError(
            f"{model_dir / DIGEST_FILE} cannot be read ({type(error).__name__}); "
            "reinstall the package"
        ) from error
    if MODEL_FILE not in digests:
        raise PluginError(f"{model_dir / DIGEST_FILE} lacks {MODEL_FILE}; reinstall the package")
    return digests


def _verify(model_dir: Path) -> None:
    for name, expected in _digests(model_dir).items():
        try:
            found = hashlib.sha256((model_dir / name).read_bytes()).hexdigest()
        except OSError as error:
            raise PluginError(
                f"{model_dir / name} cannot be read ({type(error).__name__}); reinstall the package"
            ) from error
        if found != expected:
            raise PluginError(
                f"{model_dir / name} has sha256 {found}, {DIGEST_FILE} says {expected}; "
                "reinstall the package"
            )


def _self_test(loaded: _Loaded, model_dir: Path) -> None:
    rows = json.loads((model_dir / "reference_vectors.json").read_text(encoding="utf-8"))
    vectors = _embed(loaded, [row["text"] for row in rows], 128)
    expected = np.array([row["vector"] for row in rows], np.float32)
    lowest = float((vectors * expected).sum(axis=1).min())
    if lowest < MIN_REFERENCE_COSINE:
        raise PluginError(
            f"the embedding model reproduces its reference vectors only to cosine {lowest:.3f}, "
            f"below {MIN_REFERENCE_COSINE}; its int8 arithmetic does not work on this processor"
        )
