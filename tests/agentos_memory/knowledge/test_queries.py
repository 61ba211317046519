"""query_graph (issue 4): the read-only part of openCypher, its answers and its refusals."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

import pytest

from agentos import Kernel
from agentos_memory.graph import SymbolGraph
from agentos_memory.knowledge import query_execution, query_table
from agentos_memory.knowledge.graph import KnowledgeGraph
from agentos_memory.knowledge.linking import Knowledge
from agentos_memory.knowledge.model import Entity, KnowledgeEdge
from agentos_memory.knowledge.query_execution import Answer, run_query
from agentos_memory.knowledge.query_parsing import parse_query
from tests.agentos_memory.knowledge.company import make_company
from tests.agentos_memory.repositories import call, refusal
from tests.alone import run_alone

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
        ("MATCH (a:tabel) RETURN a.name",
         "line 1, column 10: there is no kind of node 'tabel'; did you mean 'table'?"),
        ("MATCH (a:table|Column) RETURN a.name", "column 16: there is no kind of node 'Column'"),
        ("MATCH (a)-[:eats]->(b) RETURN a.name", "column 13: there is no kind of edge 'eats'"),
        ("MATCH (a)\nRETURN a.password", "line 2, column 10: there is no property 'password'"),
        ("MATCH (a)-[r]->(b) WHERE r.name = 'x' RETURN a.name",
         "column 28: there is no property 'name'"),
        ("MATCH (a {colour: 'red'}) RETURN a.name", "column 11: there is no property 'colour'"),
        ("MATCH (a) RETURN count(a.colour)", "column 26: there is no property 'colour'"),
        ("MATCH (a)-[r*1..99]->(b) RETURN a.name", "a length between 1 and 6"),
        ("MATCH (a)<-[r]->(b) RETURN a.name", "one direction"),
        ("MATCH (a) RETURN a.name LIMIT 5000", "LIMIT of at most 200"),
        ("MATCH (a) WHERE a.name = 'x RETURN a.name", "something that the query form knows"),
        ("MATCH (a) WHERE " + "(" * 60 + "a.line = 1" + ")" * 60 + " RETURN a.name", "at most 30"),
        ("MATCH (a), (b), (c), (d), (e), (f), (g), (h), (i) RETURN a.name", "at most 8 nodes"),
        ("MATCH (a)-[a]->(b) RETURN a.name", "is a node already"),
        ("MATCH (a) RETURN a.name ORDER BY a.line", "a column of RETURN"),
    ],
)  # fmt: skip
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
    assert found["cut_by"] == "steps"


async def test_the_answer_says_which_limit_cut_it(
    kernel: Kernel, company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cut_by(query: str) -> object:
        found = await call(kernel, "query_graph", query=query)
        assert found["truncated"] is (found["cut_by"] is not None)
        return found["cut_by"]

    assert await cut_by("MATCH (c:column) RETURN c.name") is None
    assert await cut_by("MATCH (c:column) RETURN c.name LIMIT 5") is None
    assert await cut_by("MATCH (c:column) RETURN c.name LIMIT 4") == "limit"
    assert await cut_by("MATCH (c:column) RETURN DISTINCT c.kind LIMIT 1") is None
    monkeypatch.setattr(query_table, "MAX_VALUES", 100)
    assert await cut_by("MATCH (a)-[r]->(b) RETURN a.name, b.name, r.line ORDER BY r.line") == (
        "memory"
    )
    assert await cut_by("MATCH (a)-[r]->(b) RETURN count(*)") is None
    monkeypatch.setattr(query_table, "MAX_VALUES", 10)
    assert await cut_by("MATCH (a) RETURN count(DISTINCT a.name)") == "memory"
    monkeypatch.setattr(query_execution, "TIME_LIMIT_S", -1.0)
    assert await cut_by("MATCH (a), (b), (c) RETURN count(*)") == "time"


def test_walks_of_many_edges_are_not_held_in_memory() -> None:
    answer, peak = run_alone(_count_walks)
    assert answer.cut_by in ("steps", "time") and isinstance(answer.rows[0][0], int)
    # Every walk held would take a hundred bytes and more.
    assert answer.rows[0][0] > 3_000 and peak < 200_000


def _count_walks() -> tuple[Answer, int]:
    """The number of walks between twelve tables that all depend on each other, and the peak of
    memory in bytes while they were counted.
    """
    graph = _everything_beside_everything(12)
    run_query(graph, parse_query("MATCH (a) RETURN count(*)"))
    gc.collect()
    tracemalloc.start()
    try:
        answer = run_query(graph, parse_query("MATCH (a)-[*1..6]-(b) RETURN count(*)"))
        return answer, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _everything_beside_everything(n: int) -> KnowledgeGraph:
    tables = [Entity("table", f"t{i}", "schema.sql", i + 1, "sql") for i in range(n)]
    edges = [
        KnowledgeEdge(a.ref, b.ref, "depends_on", "schema.sql", a.line, "sql", "declared", 1.0)
        for a in tables
        for b in tables
        if a is not b
    ]
    code = SymbolGraph([], [], [])
    return KnowledgeGraph(code, Knowledge(tuple(tables), tuple(edges), {}), generation=1)


async def test_short_walks_come_before_long_ones(kernel: Kernel, company: Path) -> None:
    found = await call(
        kernel, "query_graph",
        query="MATCH (s:service {name: 'gateway'})-[r:deployed_as|depends_on*1..4]->(x) "
        "RETURN x.kind, x.name",
    )  # fmt: skip
    assert found["rows"][0] == ["deployment", "gateway"]
    assert ["deployment", "billing"] in found["rows"][2:]
