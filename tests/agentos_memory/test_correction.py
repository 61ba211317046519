"""The learned second step of hybrid search: what it moves, and what it leaves as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from numpy.typing import NDArray

from agentos import PluginError
from agentos_memory import correction
from agentos_memory.candidate_features import FEATURES
from agentos_memory.correction import MODEL_FILE
from agentos_memory.generations import Repository
from agentos_memory.measured import SearchMode
from agentos_memory.ranked import Asked, CodeQuery, Found, rank, rank_all
from agentos_memory.recognition import recognise
from agentos_memory.shards import FileEntry, Shard
from agentos_memory.trees import FORMAT, Trees
from tests.agentos_memory.test_file_ranking import FixedRows, stored_chunks

QUERY = "convert a price into the currency of the customer"
SHOP = {
    "shop/prices.py": """
def convert_price(price, currency):
    rate = load_rate(currency)
    return price * rate

def load_rate(currency):
    return RATES[currency]

def price_of_customer(customer, item):
    converted = convert_price(item.price, customer.currency)
    return converted.rounded()
""",
    "shop/customers.py": """
class Customer:
    def currency(self):
        return self.country.currency

    def orders(self):
        return [order for order in ORDERS if order.customer is self]
""",
}
COSINES = {"convert_price": 0.5, "price_of_customer": 0.55, "currency": 0.4, "load_rate": 0.45}


def shard_of(
    sources: Mapping[str, str],
    cosines: Mapping[str, float],
    *,
    filled: bool = True,
    with_names: bool = True,
) -> Shard:
    """A shard of Python files, with cosines to the first axis by the name of the function."""
    stored = stored_chunks(sources)
    called = [part.symbols[owner].name for part in stored for owner in part.owners]
    rows = np.zeros((len(called), 8), np.float32)
    rows[:, 0] = [cosines.get(name, 0.1) for name in called]
    is_filled = np.ones(len(called), bool)
    is_filled[-1:] = filled
    vectors = FixedRows(rows, is_filled)
    return Shard(
        Repository(1, "a", Path("/a"), None, 1),
        [FileEntry(part.path, "python", "0" * 64) for part in stored],
        stored,
        bodies=vectors,
        names=vectors if with_names else None,
    )


def hits(shard: Shard, text: str = QUERY, mode: SearchMode = "hybrid") -> Sequence[Found]:
    vector = np.eye(8, dtype=np.float32)[0]
    return rank(shard, CodeQuery(text, mode), recognise(text), vector)[1]


def names(shard: Shard, found: Sequence[Found]) -> list[str]:
    return [shard.chunk(each.position).name for each in found]


@pytest.fixture
def linear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trees that move nothing."""
    still = Trees.of_rows([row([0], [0.0], [0.0, 0.0])], n_features=len(FEATURES))
    monkeypatch.setattr(correction, "_trees", lambda: still)


def row(
    columns: Sequence[int], thresholds: Sequence[float], leaves: Sequence[float]
) -> dict[str, Sequence[Any]]:
    return {"columns": columns, "thresholds": thresholds, "leaves": leaves}


def test_trees_give_what_walking_down_each_of_them_gives() -> None:
    chance = np.random.default_rng(1)
    rows = [
        row(
            chance.integers(0, 5, 7).tolist(),
            chance.normal(size=7).round(2).tolist(),
            chance.normal(size=8).tolist(),
        )
        for _ in range(9)
    ]
    rows[0]["thresholds"] = [float("inf"), *rows[0]["thresholds"][1:]]
    features = chance.normal(size=(20, 5)).astype(np.float32)
    walked = [sum(_walked(each, own) for each in rows) for own in features]
    found = Trees.of_rows(rows, n_features=5).sums(features)
    assert np.allclose(found, walked, atol=1e-5)


def _walked(tree: Mapping[str, Sequence[Any]], features: NDArray[np.float32]) -> float:
    node = 0
    while node < len(tree["columns"]):
        is_above = features[tree["columns"][node]] > np.float32(tree["thresholds"][node])
        node = 2 * node + (2 if is_above else 1)
    return float(tree["leaves"][node - len(tree["columns"])])


@pytest.mark.parametrize(
    "change",
    [
        {"format": FORMAT + 1},
        {"features": FEATURES[1:]},
        {"trees": []},
        {"trees": [row([0, 1], [0.0, 0.0], [0.0, 0.0, 0.0])]},
        {"trees": [row([len(FEATURES)], [0.0], [0.0, 0.0])]},
        {"trees": [row([0], [0.0], [0.0, None])]},  # type: ignore[list-item]
        {"trees": [row([0], [0.0], [0.0])]},
        {"trees": 3},
    ],
)
def test_a_damaged_model_is_refused(tmp_path: Path, change: Mapping[str, object]) -> None:
    file = tmp_path / "trees.json"
    file.write_bytes(orjson.dumps(orjson.loads(MODEL_FILE.read_bytes()) | dict(change)))
    with pytest.raises(PluginError, match=r"trees\.json"):
        Trees.load(file, FEATURES)


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"format": 1'])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "trees.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(PluginError, match="reinstall"):
        Trees.load(file, FEATURES)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The queries that trees are asked about."""
    queries: list[str] = []

    def noted(query: str, *rest: Any) -> Any:
        queries.append(query)
        return correction.corrected(query, *rest)

    monkeypatch.setattr("agentos_memory.ranked.corrected", noted)
    return queries


@pytest.mark.parametrize(("leaves", "is_first"), [((0.0, 9.0), True), ((9.0, 0.0), False)])
def test_trees_move_the_best_of_a_hybrid_query(
    monkeypatch: pytest.MonkeyPatch,
    asked: Sequence[str],
    leaves: Sequence[float],
    is_first: bool,
) -> None:
    shard = shard_of(SHOP, COSINES)
    # All words of `convert_price` are in the query, and of no other name.
    towards = FEATURES.index("prec_name")
    moving = Trees.of_rows([row([towards], [0.9], leaves)], n_features=len(FEATURES))
    monkeypatch.setattr(correction, "_trees", lambda: moving)
    found = hits(shard)
    assert (names(shard, found)[0] == "convert_price") is is_first
    assert [each.score for each in found] == sorted((e.score for e in found), reverse=True)
    assert list(asked) == [QUERY]


@pytest.mark.usefixtures("linear")
def test_trees_that_move_nothing_leave_the_order_of_the_scores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shard = shard_of(SHOP, COSINES)
    found = hits(shard)
    monkeypatch.setattr("agentos_memory.ranked.may_correct", lambda measured: False)
    before = hits(shard)
    assert [each.position for each in found] == [each.position for each in before]
    assert np.allclose([e.score for e in found], [e.score for e in before], atol=1e-3)


def test_the_packaged_trees_prefer_the_name_that_the_query_spells_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shard = shard_of(SHOP, {"convert_price": 0.5, "price_of_customer": 0.53})
    text = "convert the price"
    assert names(shard, hits(shard, text))[:2] == ["convert_price", "price_of_customer"]
    monkeypatch.setattr("agentos_memory.ranked.may_correct", lambda measured: False)
    assert names(shard, hits(shard, text))[:2] == ["price_of_customer", "convert_price"]


@pytest.mark.parametrize("mode", ["keyword", "semantic"])
def test_words_alone_and_meaning_alone_are_not_corrected(
    asked: Sequence[str], mode: SearchMode
) -> None:
    assert hits(shard_of(SHOP, COSINES), mode=mode)
    assert not asked


@pytest.mark.parametrize("text", ["load_rate", "shop/customers.py:5", "shop/prices.py"])
def test_what_the_query_names_stays_first_untouched(asked: Sequence[str], text: str) -> None:
    shard = shard_of(SHOP, COSINES)
    best = shard.chunk(hits(shard, text)[0].position)
    assert best.name == "load_rate" or best.path in text
    assert not asked


@pytest.mark.parametrize("change", [{"filled": False}, {"with_names": False}])
def test_vectors_that_are_still_being_made_leave_the_linear_order(
    asked: Sequence[str], change: Mapping[str, bool]
) -> None:
    shard = shard_of(SHOP, COSINES, **change)
    assert names(shard, hits(shard))
    assert not asked


def test_scores_of_several_repositories_compare() -> None:
    meant = shard_of(SHOP, COSINES)
    other = shard_of(
        {
            "paint/canvas.py": "def fill(canvas):\n    return canvas.fill()\n\ndef blend(a, b):\n    return a\n"
        },
        {"fill": 0.12, "blend": 0.1},
    )
    vector = np.eye(8, dtype=np.float32)[0]
    query = CodeQuery(QUERY)
    found = rank_all([Asked(other, vector), Asked(meant, vector)], query, recognise(QUERY))
    (_, of_other), (_, of_meant) = found
    assert of_other and of_meant[0].score > of_other[0].score
    together = names(meant, [each for each in of_meant if each.score > of_other[0].score])
    assert "convert_price" in together


def test_an_empty_repository_beside_another_changes_nothing() -> None:
    shard, empty = shard_of(SHOP, COSINES), shard_of({}, {})
    vector = np.eye(8, dtype=np.float32)[0]
    found = rank_all(
        [Asked(empty, vector), Asked(shard, vector)], CodeQuery(QUERY), recognise(QUERY)
    )
    assert not found[0][1]
    assert names(shard, found[1][1]) == names(shard, hits(shard))
