"""The packaged embedding model itself, not a stand-in."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from agentos.errors import PluginError
from agentos_memory.embedding import MiniLmEmbedder, load_embedder
from agentos_memory.embedding.onnx_embedder import MODEL_DIR
from agentos_memory.embedding.wordpiece import WordPiece
from agentos_memory.vector_texts import body_text, name_text


@cache
def embedder() -> MiniLmEmbedder:
    return MiniLmEmbedder()


@cache
def tokenizer() -> WordPiece:
    return WordPiece((MODEL_DIR / "vocab.txt").read_text(encoding="utf-8"))


def test_embeddings_reproduce_the_stored_fp32_vectors() -> None:
    rows = json.loads((MODEL_DIR / "reference_vectors.json").read_text(encoding="utf-8"))
    vectors = embedder().embed([row["text"] for row in rows])
    expected = np.array([row["vector"] for row in rows], np.float32)
    assert float((vectors * expected).sum(axis=1).min()) > 0.9


def test_embeddings_are_unit_vectors_in_the_order_of_the_texts() -> None:
    texts = ["close the file", "a", "open a database connection " * 40, "close the file"]
    vectors = embedder().embed(texts)
    assert vectors.shape == (4, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-4)
    assert vectors[0] @ vectors[3] > 0.999
    assert vectors[0] @ vectors[2] < 0.9


def test_similar_meaning_is_nearer_than_similar_words() -> None:
    query, meant, other = embedder().embed(
        [
            "fetch a web page",
            "http client get request url",
            "page break in a printed book",
        ]
    )
    assert query @ meant > query @ other


def test_padding_in_a_batch_changes_a_vector_only_slightly() -> None:
    """int8 activations are scaled per batch, so equality is not to be had."""
    alone = embedder().embed(["parse configuration"])[0]
    padded = embedder().embed(["parse configuration", "word " * 100])[0]
    assert alone @ padded > 0.95


def test_no_texts_give_no_vectors() -> None:
    assert embedder().embed([]).shape == (0, 384)


def test_the_model_id_names_the_digest() -> None:
    name, digest = load_embedder().model_id.split("@")
    assert name == "all-MiniLM-L6-v2-code-int8"
    assert digest in (MODEL_DIR / "SHA256SUMS").read_text(encoding="ascii")


def test_a_damaged_model_is_refused_before_it_runs(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(MODEL_DIR, folder)
    with (folder / "vocab.txt").open("a", encoding="utf-8") as vocabulary:
        vocabulary.write("extra\n")
    with pytest.raises(PluginError, match=r"vocab\.txt"):
        MiniLmEmbedder(folder).embed(["text"])


def test_token_ids_equal_those_of_the_reference_tokenizer() -> None:
    rows = json.loads((MODEL_DIR / "reference_vectors.json").read_text(encoding="utf-8"))
    for row in rows:
        assert tokenizer().encode(row["text"], 128) == row["token_ids"]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", [101, 102]),
        ("Héllo, WORLD!", [101, 7592, 1010, 2088, 999, 102]),
        ("unaffable", [101, 14477, 20961, 3468, 102]),
        ("a" * 101, [101, 100, 102]),
        ("x\u0000\u200by", [101, 1060, 2100, 102]),
    ],
)
def test_words_become_known_token_ids(text: str, ids: list[int]) -> None:
    assert tokenizer().encode(text, 128) == ids


def test_long_texts_are_cut_to_the_limit_with_both_special_tokens() -> None:
    ids = tokenizer().encode("one two three four five", 4)
    assert len(ids) == 4
    assert (ids[0], ids[-1]) == (101, 102)


def test_code_is_embedded_as_words() -> None:
    assert name_text("src/http_client.py", "net.HTTPClient.send") == "http client net send"
    text = body_text("a.ts", "a.ts:Cart.addItem", "return this.items.push(x);")
    assert text == "a cart add item return this items push x"
