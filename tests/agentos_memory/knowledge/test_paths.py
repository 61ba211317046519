"""find_paths (issue 4): where a value flows, over code and what is beyond it, a line per step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentos import Kernel
from tests.agentos_memory.knowledge.company import make_company
from tests.agentos_memory.repositories import (
    call,
    commit_all,
    make_repository,
    refusal,
    write_files,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
async def company(kernel: Kernel, tmp_path: Path) -> Path:
    root = make_company(tmp_path / "company")
    await call(kernel, "index_repository", path=str(root))
    return root


def _names(path: dict[str, Any]) -> list[str]:
    return [f"{node['kind']}:{node['name']}" for node in path["nodes"]]


async def test_where_user_id_flows_from_the_gateway_to_billing(
    kernel: Kernel, company: Path
) -> None:
    """The question of the issue; every hop names a line that shows it."""
    found = await call(
        kernel, "find_paths",
        from_node="service:gateway", to_node="service:billing", through="user_id",
    )  # fmt: skip
    names = _names(found["paths"][0])
    assert names[0] == "service:gateway" and names[-1] == "service:billing"
    middle = [
        "function:gateway.orders.place_order",
        "column:orders.user_id",
        "function:billing.charge.charge_all",
    ]
    assert names[names.index(middle[0]) :][:3] == middle
    shown = {
        (hop["kind"], hop["direction"]): _line(company, hop["path"], hop["line"])
        for hop in found["paths"][0]["hops"]
    }
    assert "user_id, cents" in shown["writes", "forward"]
    assert "SELECT o.user_id" in shown["reads", "backward"]
    assert all(hop["tier"] != "name_only" for hop in found["paths"][0]["hops"])


async def test_a_configured_address_is_a_dependency_and_the_shortest_way_comes_first(
    kernel: Kernel, company: Path
) -> None:
    found = await call(
        kernel, "find_paths", from_node="service:gateway", to_node="service:billing", limit=5
    )
    first = found["paths"][0]
    assert [hop["kind"] for hop in first["hops"]] == ["deployed_as", "depends_on"]
    assert "http://billing:8080" in _line(
        company, first["hops"][1]["path"], first["hops"][1]["line"]
    )
    lengths = [len([h for h in p["hops"] if h["kind"] != "contains"]) for p in found["paths"]]
    assert lengths == sorted(lengths) and len(lengths) > 1


async def test_functions_are_not_related_by_standing_in_one_file(
    kernel: Kernel, company: Path
) -> None:
    found = await call(
        kernel, "find_paths",
        from_node="gateway.app.billing_url", to_node="gateway.app.handle", direction="either",
    )  # fmt: skip
    for path in found["paths"]:
        kinds = [hop["kind"] for hop in path["hops"]]
        assert set(kinds) != {"contains"}, kinds


async def test_an_ambiguous_end_is_answered_with_candidates_that_can_be_asked_for(
    kernel: Kernel, company: Path
) -> None:
    found = await call(kernel, "find_paths", from_node="gateway", to_node="column:orders.user_id")
    assert found["paths"] == []
    asked = {each["ask_for"] for each in found["candidates"]}
    assert {"service:gateway", "deployment:gateway"} <= asked
    for name in asked:
        again = await call(kernel, "find_paths", from_node=name, to_node="column:orders.user_id")
        assert again["candidates"] == []


async def test_no_path_says_how_far_it_looked_and_what_nobody_knows(
    kernel: Kernel, company: Path, tmp_path: Path
) -> None:
    found = await call(
        kernel, "find_paths",
        from_node="service:billing", to_node="gateway.app.handle", kinds=["calls"],
    )  # fmt: skip
    assert found["paths"] == []
    assert "no path within depth 8" in found["explanation"]
    far = await call(
        kernel,
        "find_paths",
        from_node="gateway.app.handle",
        to_node="service:billing",
        max_depth=1,
    )
    assert far["paths"] == [] and "within depth 1" in far["explanation"]
    source = "class A:\n    def go(self) -> None: ...\n\n\ndef f(x):\n    x.go()\n"
    root = make_repository(tmp_path / "unknown", {"m.py": source})
    await call(kernel, "index_repository", path=str(root))
    found = await call(kernel, "find_paths", from_node="m.f", to_node="m.A.go", repo="unknown")
    assert found["paths"] == [] and found["n_unresolved"] == 1


async def test_edges_against_the_flow_are_followed_only_when_asked(
    kernel: Kernel, company: Path
) -> None:
    ends = {"from_node": "billing.charge.charge_all", "to_node": "gateway.orders.place_order"}
    assert (await call(kernel, "find_paths", **ends))["paths"] == []
    assert (await call(kernel, "find_paths", **ends, direction="uses"))["paths"] == []
    found = await call(kernel, "find_paths", **ends, direction="either")
    assert [hop["kind"] for hop in found["paths"][0]["hops"]] == ["reads", "writes"]


async def test_data_comes_to_a_function_through_a_constant_with_the_statement(
    kernel: Kernel, tmp_path: Path
) -> None:
    source = (
        'ADD = "INSERT INTO stock (article) VALUES (%s)"\n'
        'READ = "SELECT article FROM stock WHERE id = %s"\n\n\n'
        "def add(run):\n    run(ADD)\n\n\ndef show(run):\n    run(READ)\n\n\n"
        "def also(run):\n    run(ADD)\n"
    )
    files = {"stock.py": source, "stock.sql": "create table stock (id int, article text);\n"}
    root = make_repository(tmp_path / "stock", files)
    await call(kernel, "index_repository", path=str(root))
    ends = {"from_node": "stock.add", "to_node": "stock.show"}
    found = await call(kernel, "find_paths", **ends, through="article")
    names = _names(found["paths"][0])
    assert names == ["function:stock.add", "column:stock.article", "function:stock.show"]
    assert [hop["line"] for hop in found["paths"][0]["hops"]] == [6, 10]
    # Two functions that use one constant have nothing to do with each other.
    none = await call(kernel, "find_paths", from_node="stock.add", to_node="stock.also")
    assert none["paths"] == []


async def test_circles_end_and_no_node_repeats_within_a_path(
    kernel: Kernel, tmp_path: Path
) -> None:
    functions = "\n\n".join(
        f"def f{n}() -> None:\n    f{(n + 1) % 12}()\n    f{(n + 5) % 12}()" for n in range(12)
    )
    root = make_repository(tmp_path / "circle", {"a/__init__.py": "", "a/c.py": functions + "\n"})
    await call(kernel, "index_repository", path=str(root))
    found = await call(kernel, "find_paths", from_node="a.c.f0", to_node="a.c.f11", limit=10)
    assert len(found["paths"]) > 1
    for path in found["paths"]:
        names = _names(path)
        assert len(set(names)) == len(names)


async def test_a_change_is_known_after_the_next_index_run(kernel: Kernel, company: Path) -> None:
    write_files(company, {"deploy/billing.yaml": "apiVersion: v1\nkind: Service\nmetadata:\n"
                          "  name: invoices\n"})  # fmt: skip
    commit_all(company, "Rename")
    await call(kernel, "index_repository", path=str(company))
    query = "MATCH (s:service) RETURN s.name, s.line ORDER BY s.name"
    rows = (await call(kernel, "query_graph", query=query))["rows"]
    assert rows == [["gateway", 27], ["invoices", 4]]


async def test_refusals_say_what_to_do(kernel: Kernel, company: Path, tmp_path: Path) -> None:
    ends = {"from_node": "service:gateway", "to_node": "service:billing"}
    error = await refusal(kernel, "find_paths", **ends, kinds=["flies"])
    assert error["code"] == "invalid_argument" and "depends_on" in error["remedy"]
    error = await refusal(kernel, "find_paths", from_node="service:nope", to_node="orders")
    assert error["code"] == "not_found" and "service:nope" in error["message"]
    error = await refusal(kernel, "find_paths", **ends, through="column:nope")
    assert error["code"] == "not_found"
    error = await refusal(kernel, "find_paths", **ends, max_depth=99)
    assert error["code"] == "invalid_argument"
    other = make_repository(tmp_path / "other", {"x.py": "def y() -> None: ...\n"})
    await call(kernel, "index_repository", path=str(other))
    assert (await call(kernel, "find_paths", **ends))["index"]["repo"] == "company"
    error = await refusal(kernel, "query_graph", query="MATCH (a) RETURN a.name")
    assert "repo" in error["remedy"]


def _line(root: Path, path: str, line: int) -> str:
    return (root / path).read_text().split("\n")[line - 1]
