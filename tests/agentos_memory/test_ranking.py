"""Lexical ranking and the fusion of arms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from rank_bm25 import BM25Okapi  # type: ignore[import-untyped]

from agentos_memory.chunk_records import FIELDS
from agentos_memory.ranking import (
    FIELD_WEIGHTS,
    K1,
    LENGTH_NORMS,
    B,
    Bm25fIndex,
    arm_weights,
    fuse,
    scale_of,
    scale_of_groups,
)
from agentos_memory.stemming import stem
from agentos_memory.words import query_terms, split_identifiers, stems_of

ARM_WEIGHTS = arm_weights(0.5)
DOCUMENTS: list[Mapping[str, str]] = [
    {"name": "parseConfig", "path": "app/config.py", "body": "read the yaml file, parse it"},
    {"name": "load_yaml", "class": "ConfigLoader", "body": "open file parse parse parse"},
    {"name": "send", "class": "HTTPClient", "signature": "Send a request to the server"},
    {"name": "_", "body": ""},
]
# "file" stands in most of these, and what the first ones are about in few.
MANY_DOCUMENTS = [*DOCUMENTS, *({"body": f"a file numbered {n}"} for n in range(90))]


def reference_scores(
    docs: Sequence[Mapping[str, str]], query: str, weights: Mapping[str, float] | None = None
) -> list[float]:
    """BM25F written as its formula, one document and term at a time."""
    split = [{field: stems_of(doc.get(field, "")) for field in FIELD_WEIGHTS} for doc in docs]
    means = {f: sum(len(doc[f]) for doc in split) / len(docs) or 1.0 for f in FIELD_WEIGHTS}
    scores = []
    for doc in split:
        score = 0.0
        for term in query_terms(query):
            df = sum(any(term in words for words in other.values()) for other in split)
            rarity = math.log(1 + (len(docs) - df + 0.5) / (df + 0.5))
            frequency = 0.0
            for f, weight in FIELD_WEIGHTS.items():
                share = LENGTH_NORMS.get(f, B)
                norm = 1 - share + share * len(doc[f]) / means[f]
                frequency += weight * doc[f].count(term) / norm
            weight = (weights or {}).get(term, 1.0)
            score += weight * rarity * frequency * (K1 + 1) / (K1 + frequency)
        scores.append(score)
    return scores


@pytest.mark.parametrize("documents", [DOCUMENTS, MANY_DOCUMENTS])
@pytest.mark.parametrize("query", ["parse the config file", "HTTP client request", "absent", ""])
def test_bm25f_equals_its_formula(query: str, documents: Sequence[Mapping[str, str]]) -> None:
    scores = Bm25fIndex.build(documents).scores(query)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, reference_scores(documents, query), rtol=1e-5, atol=1e-7)


def test_terms_count_by_their_weights_however_common() -> None:
    weights = {"file": 0.5, "pars": 0.25}
    index = Bm25fIndex.build(MANY_DOCUMENTS)
    expected = reference_scores(MANY_DOCUMENTS, "file parse", weights)
    for _ in range(2):
        np.testing.assert_allclose(index.weighted_scores(weights), expected, rtol=1e-5, atol=1e-7)


def test_a_word_in_the_name_outranks_the_same_word_in_the_body() -> None:
    scores = Bm25fIndex.build([{"body": "retry later"}, {"name": "retry"}]).scores("retry")
    assert scores[1] > scores[0] > 0


def test_an_index_without_documents_scores_nothing() -> None:
    assert Bm25fIndex.build([]).scores("anything").shape == (0,)


def test_a_field_without_a_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="titel"):
        Bm25fIndex.build([{"titel": "typo"}])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("parseHTTPHeader_2", ["parse", "http", "header", "2"]),
        ("snake_case __init__", ["snake", "case", "init"]),
        ("XMLParser.toString()", ["xml", "parser", "to", "string"]),
        ("größe", ["gr", "öß", "e"]),
    ],
)
def test_identifiers_are_split_at_case_changes_and_underscores(text: str, words: list[str]) -> None:
    assert split_identifiers(text) == words


@pytest.mark.parametrize("query", ["parse the yaml files", "file file parse", "nothing of it"])
def test_one_field_scores_as_the_reference_implementation_does(query: str) -> None:
    """rank-bm25 is the oracle: the same terms, parameters and rarity give the same scores."""
    texts = [" ".join(doc.values()) for doc in DOCUMENTS] + ["def other(): pass"] * 3
    oracle = BM25Okapi([stems_of(text) for text in texts], k1=1.2, b=0.6)

    def okapi_rarity(n: int, holding: NDArray[np.int64]) -> NDArray[np.float64]:
        rarity: NDArray[np.float64] = np.log(n - holding + 0.5) - np.log(holding + 0.5)
        rarity[rarity < 0] = oracle.epsilon * oracle.average_idf
        return rarity

    index = Bm25fIndex.build(
        [{"body": text} for text in texts],
        weights={"body": 1.0},
        k1=1.2,
        b=0.6,
        rarity=okapi_rarity,
    )
    expected = oracle.get_scores(query_terms(query))
    np.testing.assert_allclose(index.scores(query), expected, rtol=1e-5, atol=1e-6)


def test_the_fields_of_stored_chunks_are_those_that_have_weights() -> None:
    assert tuple(FIELD_WEIGHTS) == FIELDS


def test_inflections_meet_and_stop_words_leave_queries_only() -> None:
    assert stems_of("Queries of the indexes") == ["queri", "of", "the", "index"]
    assert query_terms("the query of the queries") == ("queri",)
    assert query_terms("what is it") == ("what", "is", "it")


@pytest.mark.parametrize(
    ("words", "root"),
    [
        ("cache caches cached caching", "cach"),
        ("validate validates validated validation validator", "valid"),
        ("hop hops hopped hopping", "hop"),
        ("agreed agree", "agre"),
        ("relational relate relation", "relat"),
        ("happy happiness", "happi"),
        ("is", "is"),
        ("größe", "größe"),
    ],
)
def test_words_of_one_root_have_one_stem(words: str, root: str) -> None:
    """Examples of the paper, and words of code."""
    assert {stem(word) for word in words.split()} == {root}


def test_fusion_puts_arms_of_different_scale_on_one_footing() -> None:
    lexical = np.array([100.0, 0.0, 0.0, 0.0], np.float32)
    dense = np.array([0.1, 0.9, 0.1, 0.1], np.float32)
    fused = fuse({"bm25f": lexical, "body": dense}, ARM_WEIGHTS)
    assert np.argsort(-fused).tolist()[:2] == [0, 1]
    scaled = fuse({"bm25f": lexical / 7, "body": dense}, ARM_WEIGHTS)
    np.testing.assert_allclose(fused, scaled, atol=1e-6)


def test_fusion_is_the_weighted_sum_of_z_scores() -> None:
    rng = np.random.default_rng(3)
    arms = {name: rng.gamma(1, size=999).astype(np.float32) for name in ARM_WEIGHTS}
    arms["body"][::7] = np.nan
    expected = np.zeros(999)
    for name, scores in arms.items():
        known = ~np.isnan(scores)
        own = scores[known].astype(np.float64)
        expected[known] += ARM_WEIGHTS[name] * (own - own.mean()) / own.std()
    np.testing.assert_allclose(fuse(arms, ARM_WEIGHTS), expected, atol=1e-5)


def test_an_absent_or_flat_arm_does_not_change_the_order() -> None:
    lexical = np.array([3.0, 2.0, 1.0], np.float32)
    flat = np.full(3, 0.7, np.float32)
    alone = fuse({"bm25f": lexical}, ARM_WEIGHTS)
    with_flat = fuse({"bm25f": lexical, "name": flat}, ARM_WEIGHTS)
    assert np.argsort(-alone).tolist() == np.argsort(-with_flat).tolist() == [0, 1, 2]


def test_what_an_arm_cannot_score_counts_as_average() -> None:
    dense = np.array([0.9, 0.1, np.nan, 0.5], np.float32)
    fused = fuse({"body": dense}, ARM_WEIGHTS)
    assert fused[2] == 0 and np.argsort(-fused).tolist()[0] == 0


def test_arms_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="different numbers"):
        fuse({"bm25f": np.zeros(2), "body": np.zeros(3)}, ARM_WEIGHTS)


def test_the_scale_of_groups_is_that_of_all_their_documents() -> None:
    scores = np.array([0.5, np.nan, -1.0, 3.0], np.float32)
    sizes = np.array([3, 2, 1, 0])
    of_groups = scale_of_groups([(scores[:2], sizes[:2]), (scores[2:], sizes[2:])])
    of_documents = scale_of([np.repeat(scores, sizes)])
    assert of_groups.mean == pytest.approx(of_documents.mean)
    assert of_groups.spread == pytest.approx(of_documents.spread)
    assert scale_of_groups([]).spread == 0
