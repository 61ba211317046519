"""Who last changed a table or a service, by git blame (issue 4), and what failed is tried again."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos import Kernel
from agentos_memory.knowledge.blame import blame_step
from agentos_memory.knowledge.retries import Retries
from tests.agentos_memory.knowledge.company import FILES, commit_as, make_company
from tests.agentos_memory.repositories import call, git, write_files

pytestmark = pytest.mark.anyio
MIGRATION = "db/migrations/0001_create_orders.sql"


async def _blame(kernel: Kernel, root: Path) -> int:
    repository = await kernel.database.fetch_value("select id from memory.repository")
    n_files = 0
    while asked := await blame_step(kernel.database, repository, root):
        n_files += asked
    return n_files


async def _owners(kernel: Kernel, node: str) -> set[tuple[object, ...]]:
    query = (
        f"MATCH (n:{node})-[r:owned_by]->(o) WHERE r.rule = 'git blame' "
        "RETURN n.name, o.name, r.line, r.confidence"
    )
    return {tuple(row) for row in (await call(kernel, "query_graph", query=query))["rows"]}


async def test_owners_of_a_table_are_those_who_last_changed_its_lines(
    kernel: Kernel, tmp_path: Path
) -> None:
    root = make_company(tmp_path / "company")
    changed = FILES[MIGRATION].replace("cents bigint not null", "cents numeric not null")
    write_files(root, {MIGRATION: changed})
    last = commit_as(root, "Cleo", "Money is exact", 1_730_200_000)
    await call(kernel, "index_repository", path=str(root))
    assert await _owners(kernel, "table") == set(), "asked in the background only"
    assert await _blame(kernel, root) > 5
    tables = await _owners(kernel, "table")
    # The front matter's `ann` and git's `Ann` are one.
    assert ("users", "ann", 1, 1.0) in tables
    cleo = next(row for row in tables if row[1] == "Cleo")
    assert cleo[0] == "orders" and cleo[2] == 7 and 0 < float(str(cleo[3])) < 0.5
    assert ("orders.cents", "Cleo", 7, 1.0) in await _owners(kernel, "column")
    assert {row[0] for row in await _owners(kernel, "service")} == {"gateway", "billing"}
    written = await call(
        kernel, "query_graph",
        query="MATCH (c:commit)-[r:writes]->(t:table) RETURN c.name, t.name, r.line",
    )  # fmt: skip
    assert [last, "orders", 7] in written["rows"]
    assert await _blame(kernel, root) == 0, "each content is asked about once"


async def test_blame_asks_again_for_changed_files_and_leaves_out_what_is_not_committed(
    kernel: Kernel, tmp_path: Path
) -> None:
    root = make_company(tmp_path / "company")
    await call(kernel, "index_repository", path=str(root))
    await call(kernel, "query_graph", query="MATCH (t:table) RETURN t.name")
    await _blame(kernel, root)
    write_files(root, {MIGRATION: "-- new\n" + FILES[MIGRATION]})
    await call(kernel, "index_repository", path=str(root))
    await call(kernel, "query_graph", query="MATCH (t:table) RETURN t.name")
    assert await _blame(kernel, root) == 1
    assert await _owners(kernel, "table") == set(), "lines of a changed file are nobody's yet"


async def test_blame_runs_no_program_that_a_repository_names(
    kernel: Kernel, tmp_path: Path
) -> None:
    root = make_company(tmp_path / "company")
    write_files(root, {".gitattributes": "*.sql diff=evil filter=evil\n"})
    commit_as(root, "Eve", "Attributes", 1_730_300_000)
    mark = tmp_path / "ran"
    for name in ("diff.evil.textconv", "filter.evil.clean", "filter.evil.smudge"):
        git(root, "config", name, f"touch {mark}; cat")
    await call(kernel, "index_repository", path=str(root))
    await call(kernel, "query_graph", query="MATCH (t:table) RETURN t.name")
    mark.unlink(missing_ok=True)
    await _blame(kernel, root)
    assert not mark.exists()
    assert any(row[0] == "orders" for row in await _owners(kernel, "table"))


def test_what_failed_is_tried_again_ever_later_and_at_once_when_it_changed() -> None:
    retries = Retries(first_delay_s=10.0, max_delay_s=60.0)
    assert retries.may_try(1, "a", 0.0)
    delays = [retries.failed(1, "a", 100.0) for _ in range(5)]
    assert delays == [10.0, 20.0, 40.0, 60.0, 60.0]
    assert not retries.may_try(1, "a", 159.9) and retries.may_try(1, "a", 160.0)
    assert retries.may_try(1, "b", 101.0) and retries.may_try(2, "a", 101.0)
    assert retries.failed(1, "b", 200.0) == 10.0
    retries.succeeded(1)
    assert retries.may_try(1, "b", 200.0)
