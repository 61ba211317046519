"""`trace_symbol_dependencies` and `explain_code_path` over real indexes (issue 2, Memory)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentos import Kernel
from tests.agentos_memory.repositories import LIBRARY, call, make_repository, refusal

pytestmark = pytest.mark.anyio


async def test_callers_are_found_with_the_line_that_proves_them(kernel: Kernel, shop: Path) -> None:
    await call(kernel, "index_repository", path=str(shop))
    traced = await call(kernel, "trace_symbol_dependencies", symbol="parse_price")
    assert traced["symbol"] == "shop.prices.parse_price"
    assert [(n["symbol"], n["depth"]) for n in traced["nodes"]] == [("shop.basket.Basket.add", 1)]
    (edge,) = traced["edges"]
    assert (edge["from"], edge["to"], edge["kind"], edge["path"]) == (
        "shop.basket.Basket.add",
        "shop.prices.parse_price",
        "calls",
        "shop/basket.py",
    )
    line = LIBRARY["shop/basket.py"].splitlines()[edge["line"] - 1]
    assert "parse_price(price)" in line and 0 < edge["confidence"] <= 1
    assert traced["summary"] == {"n_symbols": 1, "n_files": 1, "n_modules": 1, "n_edges": 1}


async def test_depth_widens_the_circle_of_callers(kernel: Kernel, shop: Path) -> None:
    await call(kernel, "index_repository", path=str(shop))
    traced = await call(kernel, "trace_symbol_dependencies", symbol="parse_price", depth=6)
    assert {n["symbol"]: n["depth"] for n in traced["nodes"]} == {
        "shop.basket.Basket.add": 1,
        "shop.checkout.pay": 2,
    }


async def test_callees_and_both_directions(kernel: Kernel, shop: Path) -> None:
    await call(kernel, "index_repository", path=str(shop))
    callees = await call(
        kernel, "trace_symbol_dependencies", symbol="Basket.add", direction="callees"
    )
    assert [n["symbol"] for n in callees["nodes"]] == ["shop.prices.parse_price"]
    both = await call(kernel, "trace_symbol_dependencies", symbol="Basket.add", direction="both")
    assert {n["symbol"] for n in both["nodes"]} == {"shop.prices.parse_price", "shop.checkout.pay"}


async def test_imports_and_inheritance_are_followed_when_asked(
    kernel: Kernel, tmp_path: Path
) -> None:
    root = make_repository(
        tmp_path / "r",
        {"a.py": "class Base: ...\n", "b.py": "from a import Base\n\nclass Child(Base): ...\n"},
    )
    await call(kernel, "index_repository", path=str(root))
    by_calls = await call(kernel, "trace_symbol_dependencies", symbol="Base")
    assert by_calls["nodes"] == []
    traced = await call(
        kernel, "trace_symbol_dependencies", symbol="Base", edges=["inherits", "imports"]
    )
    assert {n["symbol"] for n in traced["nodes"]} == {"b", "b.Child"}


async def test_a_place_names_the_innermost_symbol(kernel: Kernel, shop: Path) -> None:
    await call(kernel, "index_repository", path=str(shop))
    line = LIBRARY["shop/basket.py"].splitlines().index("        self.cents += parse_price(price)")
    traced = await call(kernel, "trace_symbol_dependencies", symbol=f"shop/basket.py:{line + 1}")
    assert traced["symbol"] == "shop.basket.Basket.add"


async def test_an_ambiguous_name_is_answered_with_candidates(
    kernel: Kernel, tmp_path: Path
) -> None:
    root = make_repository(
        tmp_path / "r", {"a.py": "def run() -> None: ...\n", "b.py": "def run() -> None: ...\n"}
    )
    await call(kernel, "index_repository", path=str(root))
    traced = await call(kernel, "trace_symbol_dependencies", symbol="run")
    assert traced["symbol"] is None and traced["nodes"] == []
    assert [c["symbol"] for c in traced["candidates"]] == ["a.run", "b.run"]
    chosen = await call(kernel, "trace_symbol_dependencies", symbol="b.run")
    assert chosen["definition"]["path"] == "b.py" and chosen["candidates"] == []


async def test_an_unknown_symbol_is_not_replaced_by_a_similar_one(
    kernel: Kernel, shop: Path
) -> None:
    await call(kernel, "index_repository", path=str(shop))
    error = await refusal(kernel, "trace_symbol_dependencies", symbol="parse_prices")
    assert error["code"] == "not_found" and error["remedy"]


async def test_cycles_end(kernel: Kernel, tmp_path: Path) -> None:
    root = make_repository(
        tmp_path / "r",
        {
            "a.py": "def ping() -> None:\n    pong()\n\n\ndef pong() -> None:\n    ping()\n\n\n"
            "def alone() -> None:\n    alone()\n"
        },
    )
    await call(kernel, "index_repository", path=str(root))
    traced = await call(
        kernel, "trace_symbol_dependencies", symbol="ping", direction="both", depth=6
    )
    assert [(n["symbol"], n["depth"]) for n in traced["nodes"]] == [("a.pong", 1)]
    itself = await call(kernel, "trace_symbol_dependencies", symbol="alone")
    assert itself["nodes"] == []
    assert [(e["from"], e["to"]) for e in itself["edges"]] == [("a.alone", "a.alone")]


async def test_an_empty_answer_names_the_calls_that_could_not_be_resolved(
    kernel: Kernel, tmp_path: Path
) -> None:
    root = make_repository(
        tmp_path / "r",
        {
            "a.py": "class Door:\n    def slam(self) -> None: ...\n\n\nclass Car:\n"
            "    def slam(self) -> None: ...\n",
            "b.py": "def push(thing):\n    thing.slam()\n",
        },
    )
    await call(kernel, "index_repository", path=str(root))
    traced = await call(kernel, "trace_symbol_dependencies", symbol="Door.slam")
    assert traced["nodes"] == [] and traced["n_unresolved"] == 1
    (site,) = traced["unresolved"]
    assert (site["path"], site["line"], site["caller"]) == ("b.py", 2, "b.push")


async def test_a_cut_answer_still_counts_everything(kernel: Kernel, tmp_path: Path) -> None:
    callers = "\n\n".join(f"def caller_{n}() -> None:\n    target()" for n in range(8))
    root = make_repository(tmp_path / "r", {"a.py": f"def target() -> None: ...\n\n\n{callers}\n"})
    await call(kernel, "index_repository", path=str(root))
    traced = await call(kernel, "trace_symbol_dependencies", symbol="target", limit=3)
    assert (len(traced["nodes"]), len(traced["edges"])) == (3, 3)
    assert traced["summary"]["n_symbols"] == 8 and traced["truncated"]


async def test_tests_are_marked_wherever_a_symbol_is_shown(kernel: Kernel, tmp_path: Path) -> None:
    root = make_repository(
        tmp_path / "r",
        {
            "shop.py": "def weigh_parcel() -> int:\n    return 1\n",
            "tests/test_shop.py": "import pytest\nfrom shop import weigh_parcel\n\n\n"
            "@pytest.fixture\ndef test_parcel():\n    return weigh_parcel()\n\n\n"
            "def test_weight(test_parcel) -> None:\n    weigh_parcel()\n",
        },
    )
    await call(kernel, "index_repository", path=str(root))
    traced = await call(kernel, "trace_symbol_dependencies", symbol="weigh_parcel")
    marks = {n["symbol"].rpartition(".")[2]: n["is_test"] for n in traced["nodes"]}
    assert marks == {"test_parcel": False, "test_weight": True}
    assert not traced["definition"]["is_test"]
    assert traced["blast_radius"]["n_tests"] == 1
    found = await call(kernel, "search_code", query="weigh parcel", mode="keyword")
    marks = {hit["symbol"].rpartition(".")[2]: hit["is_test"] for hit in found["hits"]}
    assert marks["test_weight"] and not marks["test_parcel"] and not marks["weigh_parcel"]
    path = await call(
        kernel, "explain_code_path", from_symbol="test_weight", to_symbol="weigh_parcel"
    )
    assert [step["is_test"] for step in path["steps"]] == [True, False]


async def test_bad_arguments_are_refused(kernel: Kernel, shop: Path) -> None:
    await call(kernel, "index_repository", path=str(shop))
    bad: list[dict[str, Any]] = [{"depth": 0}, {"depth": 7}, {"limit": 101}, {"edges": []}]
    for arguments in [*bad, {"edges": ["x"]}, {"direction": "sideways"}]:
        error = await refusal(
            kernel, "trace_symbol_dependencies", symbol="parse_price", **arguments
        )
        assert error["code"] == "invalid_argument", arguments


async def test_a_code_path_cites_every_call(kernel: Kernel, shop: Path) -> None:
    await call(kernel, "index_repository", path=str(shop))
    path = await call(kernel, "explain_code_path", from_symbol="pay", to_symbol="parse_price")
    assert [step["symbol"] for step in path["steps"]] == [
        "shop.checkout.pay",
        "shop.basket.Basket.add",
        "shop.prices.parse_price",
    ]
    assert path["model"] is None and len(path["citations"]) == 2
    for citation, callee in zip(path["citations"], ("add(", "parse_price("), strict=True):
        file, _, line = citation.rpartition(":")
        assert callee in LIBRARY[file].splitlines()[int(line) - 1]


async def test_a_question_ends_the_path_at_what_answers_it(kernel: Kernel, shop: Path) -> None:
    await call(kernel, "index_repository", path=str(shop))
    path = await call(
        kernel, "explain_code_path", from_symbol="pay", question="cents to price text format"
    )
    assert path["steps"][-1]["symbol"] == "shop.prices.format_price"


async def test_a_handed_over_function_is_on_the_path(kernel: Kernel, tmp_path: Path) -> None:
    root = make_repository(
        tmp_path / "r",
        {
            "a.py": "def work() -> None: ...\n\n\ndef start(target) -> None:\n    target()\n\n\n"
            "def main() -> None:\n    start(work)\n"
        },
    )
    await call(kernel, "index_repository", path=str(root))
    path = await call(kernel, "explain_code_path", from_symbol="main", to_symbol="work")
    assert [step["symbol"] for step in path["steps"]] == ["a.main", "a.work"]
    assert "handed over" in path["steps"][1]["why"]


async def test_no_path_is_said_and_not_invented(kernel: Kernel, shop: Path) -> None:
    await call(kernel, "index_repository", path=str(shop))
    path = await call(kernel, "explain_code_path", from_symbol="parse_price", to_symbol="pay")
    assert path["steps"] == [] and "no chain" in path["explanation"]
    error = await refusal(kernel, "explain_code_path", from_symbol="pay")
    assert error["code"] == "invalid_argument"
