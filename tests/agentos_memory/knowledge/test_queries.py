"""query_graph (issue 4): the read-only part of openCypher, its answers and its refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos import Kernel
from agentos_memory.knowledge import query_execution
from tests.agentos_memory.knowledge.company import make_company
from tests.agentos_memory.repositories import call, refusal

pytestmark = pytest.mark.anyio


@pytest.fixture
async def company(kernel: Kernel, tmp_path: Path) -> Path:
    root = make_company(tmp_path / "company")
    await call(kernel, "index_repository", path=str(root))
    return root


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("MATCH (a:table {name:'orders'})<-[:reads]-(f:function) RETURN a.name, f.path LIMIT 20",
         [["orders", "billing/charge.py"]]),
        ("match (f:function)-[r:reads|writes]->(c:column) where c.name ends with '.user_id'"
         + " return f.name, type(r) order by f.name desc",
         [["gateway.orders.place_order", "writes"], ["billing.charge.charge_all", "reads"]]),
        ("MATCH (t:table)-[:contains]->(c:column) RETURN t.name, count(*) AS n ORDER BY n DESC",
         [["orders", 4], ["users", 1]]),
        ("MATCH (s:service)-[:deployed_as]->(d)<-[:deployed_as]-(x:directory)"
         + " RETURN DISTINCT s.name, x.name ORDER BY s.name",
         [["billing", "billing"], ["gateway", "gateway"]]),
        ("MATCH (i:index)-[*1..2]->(c:table) RETURN c.name ORDER BY c.name",
         [["orders"], ["users"]]),
        ("MATCH (c:column) WHERE NOT (c.name STARTS WITH 'orders.' OR c.line > 100) RETURN c.name",
         [["users.id"]]),
        ("MATCH (c:column) WHERE c.name IN ['users.id', 'x'] AND c.name <> 'it''s' RETURN c.name",
         None),
        ("MATCH (a:adr) WHERE a.title CONTAINS 'first' AND a.model IS NULL RETURN a.title, a.line",
         [["7. Orders are written first", 5]]),
        ("MATCH (a:adr), (t:table) WHERE a.path = t.path RETURN count(a)", [[0]]),
        ("MATCH (c:column) RETURN c.name ORDER BY c.name SKIP 1 LIMIT 2",
         [["orders.id"], ["orders.paid"]]),
        ("MATCH (f)-[:owned_by]->(o:owner {name: '@bob'}) RETURN count(DISTINCT f)", [[3]]),
    ],
)  # fmt: skip
async def test_queries_are_answered(
    kernel: Kernel, company: Path, query: str, rows: list[list[object]] | None
) -> None:
    if rows is None:
        assert (await refusal(kernel, "query_graph", query=query))["code"] == "invalid_argument"
    else:
        assert (await call(kernel, "query_graph", query=query))["rows"] == rows


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("MATCH (a:table RETURN a.name", "line 1, column 16: expected `)`"),
        ("MATCH (a)\nRETURN b.name", "line 2, column 8: expected a variable of MATCH"),
        ("CREATE (a)", "line 1, column 1: expected MATCH"),
        ("MATCH (a) DELETE a", "expected RETURN"),
        ("MATCH (a) RETURN a.name; drop table x", "column 24"),
        ("MATCH (a:tabel) RETURN a.name", "no kind of node 'tabel'"),
        ("MATCH (a)-[:eats]->(b) RETURN a.name", "no kind of edge 'eats'"),
        ("MATCH (a) RETURN a.password", "no property 'password'"),
        ("MATCH (a)-[r*1..99]->(b) RETURN a.name", "a length between 1 and 6"),
        ("MATCH (a)<-[r]->(b) RETURN a.name", "one direction"),
        ("MATCH (a) RETURN a.name LIMIT 5000", "LIMIT of at most 200"),
        ("MATCH (a) WHERE a.name = 'x RETURN a.name", "something that the query form knows"),
        ("MATCH (a) WHERE " + "(" * 60 + "a.line = 1" + ")" * 60 + " RETURN a.name", "at most 30"),
        ("MATCH (a), (b), (c), (d), (e), (f), (g), (h), (i) RETURN a.name", "at most 8 nodes"),
        ("MATCH (a)-[a]->(b) RETURN a.name", "is a node already"),
        ("MATCH (a) RETURN a.name ORDER BY a.line", "a column of RETURN"),
    ],
)
async def test_what_the_form_does_not_know_is_refused_with_its_place(
    kernel: Kernel, company: Path, query: str, said: str
) -> None:
    error = await refusal(kernel, "query_graph", query=query)
    assert error["code"] == "invalid_argument" and said in error["message"], error


async def test_a_query_that_would_take_for_ever_is_cut_and_says_so(
    kernel: Kernel, company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_execution, "MAX_STEPS", 5_000)
    found = await call(
        kernel, "query_graph",
        query="MATCH (a), (b), (c), (d) WHERE a.name = 'nothing' RETURN count(*)",
    )  # fmt: skip
    assert found["truncated"] and found["rows"] == [[0]]
