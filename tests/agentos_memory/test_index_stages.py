"""Stages of a run: search before graph, nothing lost by a kill, nothing repeated (issue 4, Memory)."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agentos import CallRequest, Credentials, Kernel, Settings
from agentos_memory.memory import Memory
from tests.agentos_memory.repositories import (
    call,
    commit_all,
    git,
    make_repository,
    refusal,
    write_files,
)

pytestmark = pytest.mark.anyio

SOURCES = {
    f"pkg/m{n}.py": f"from pkg.m{n - 1} import f{n - 1}\n\n\ndef f{n}() -> None:\n    f{n - 1}()\n"
    for n in range(1, 240)
} | {"pkg/__init__.py": "", "pkg/m0.py": "def f0() -> None: ...\n"}


async def test_search_answers_before_the_graph_is_there(kernel: Kernel, shop: Path) -> None:
    is_held, may_go_on = asyncio.Event(), asyncio.Event()

    async def hold(done: float, total: float | None, message: str) -> None:
        if message.startswith("resolving"):
            is_held.set()
            await may_go_on.wait()

    request = CallRequest(
        "index_repository", {"path": str(shop)}, Credentials(is_local=True), "test", progress=hold
    )
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(kernel.dispatch(request))
        await is_held.wait()
        found = await call(kernel, "search_code", query="parse_price", mode="keyword")
        error = await refusal(kernel, "trace_symbol_dependencies", symbol="parse_price")
        may_go_on.set()
    assert found["hits"][0]["symbol"] == "shop.prices.parse_price"
    assert error["code"] == "unavailable" and error["remedy"]
    assert not running.result().is_error
    traced = await call(kernel, "trace_symbol_dependencies", symbol="parse_price")
    assert [node["symbol"] for node in traced["nodes"]][:1] == ["shop.basket.Basket.add"]


async def test_a_search_during_a_run_is_answered_from_the_generation_before_and_says_so(
    kernel: Kernel, shop: Path
) -> None:
    await call(kernel, "index_repository", path=str(shop))
    before = await call(kernel, "search_code", query="parse_price", mode="keyword")
    write_files(shop, {"shop/vouchers.py": "def redeem_voucher() -> int:\n    return 7\n"})
    is_held, may_go_on = asyncio.Event(), asyncio.Event()

    async def hold(done: float, total: float | None, message: str) -> None:
        if message.startswith("resolving"):
            is_held.set()
            await may_go_on.wait()

    request = CallRequest(
        "index_repository", {"path": str(shop)}, Credentials(is_local=True), "test", progress=hold
    )
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(kernel.dispatch(request))
        await is_held.wait()
        during = await call(kernel, "search_code", query="parse_price", mode="keyword")
        may_go_on.set()
    assert during["index"] == before["index"] | {"stale": True}
    assert during["hits"] == before["hits"]
    # Whoever is told of the new generation finds what is in it.
    assert running.result().structured["generation"] == before["index"]["generation"] + 1
    after = await call(kernel, "search_code", query="redeem_voucher", mode="keyword", limit=1)
    assert after["hits"][0]["symbol"] == "shop.vouchers.redeem_voucher"
    assert not after["index"]["stale"]


async def test_the_old_graph_answers_as_a_whole_until_the_new_one_does(
    kernel: Kernel, shop: Path
) -> None:
    await call(kernel, "index_repository", path=str(shop))
    before = await call(kernel, "trace_symbol_dependencies", symbol="parse_price")
    (shop / "shop/basket.py").write_text("")
    is_held, may_go_on = asyncio.Event(), asyncio.Event()

    async def hold(done: float, total: float | None, message: str) -> None:
        if message.startswith("resolving"):
            is_held.set()
            await may_go_on.wait()

    request = CallRequest(
        "index_repository", {"path": str(shop)}, Credentials(is_local=True), "test", progress=hold
    )
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(kernel.dispatch(request))
        await is_held.wait()
        meanwhile = await call(kernel, "trace_symbol_dependencies", symbol="parse_price")
        may_go_on.set()
    assert meanwhile["nodes"] == before["nodes"] and meanwhile["edges"] == before["edges"]
    after = await call(kernel, "trace_symbol_dependencies", symbol="parse_price")
    assert after["nodes"] == []


@pytest.mark.parametrize("step", ["analysed", "resolving"])
async def test_a_killed_run_loses_nothing_and_its_successor_repeats_nothing_finished(
    kernel: Kernel, settings: Settings, tmp_path: Path, step: str
) -> None:
    root = make_repository(tmp_path / "many", SOURCES)
    await _run_until(step, settings, root)
    n_stored = await kernel.database.fetch_value("select count(*) from memory.content")
    assert n_stored >= 100
    if step == "resolving":
        found = await call(kernel, "search_code", query="f17", mode="keyword", limit=1)
        assert found["hits"][0]["symbol"] == "pkg.m17.f17"
    else:
        assert await kernel.database.fetch_value("select count(*) from memory.file") == 0
    run = await call(kernel, "index_repository", path=str(root))
    assert run["analysed"] == len(SOURCES) - n_stored
    assert run["files"] == len(SOURCES)
    traced = await call(kernel, "trace_symbol_dependencies", symbol="pkg.m1.f1", depth=1)
    assert [node["symbol"] for node in traced["nodes"]] == ["pkg.m2.f2"]
    assert (await call(kernel, "index_repository", path=str(root)))["changed"] == 0


async def _run_until(step: str, settings: Settings, root: Path) -> None:
    """Start a run as a process, and kill it with its children at the first message of `step`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__).with_name("index_process.py")),
        str(settings.database_url), str(settings.home) + "-other", str(root),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    async with asyncio.timeout(120):
        async for line in process.stdout:
            if line.startswith(step.encode()):
                break
            if line.startswith((b"analysed", b"resolving")):
                process.stdin.write(b"\n")
    os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


async def test_work_trees_of_one_repository_share_what_they_have_in_common(
    kernel: Kernel, shop: Path, tmp_path: Path
) -> None:
    await call(kernel, "index_repository", path=str(shop))
    git(shop, "worktree", "add", "--quiet", str(tmp_path / "second"), "-b", "second")
    run = await call(kernel, "index_repository", path=str(tmp_path / "second"))
    assert (run["repo"], run["changed"], run["analysed"]) == ("second", 4, 0)
    write_files(tmp_path / "second", {"shop/gifts.py": "def wrap() -> None: ...\n"})
    run = await call(kernel, "index_repository", path=str(tmp_path / "second"))
    assert (run["changed"], run["analysed"]) == (1, 1)
    found = await call(kernel, "search_code", query="wrap", repo="shop-repo", mode="keyword")
    assert found["hits"] == []
    assert await kernel.database.fetch_value("select count(*) from memory.content") == 5


async def test_a_branch_that_is_checked_out_again_is_not_parsed_again(
    kernel: Kernel, shop: Path
) -> None:
    first = await call(kernel, "index_repository", path=str(shop))
    git(shop, "checkout", "--quiet", "-b", "other")
    write_files(shop, {"shop/prices.py": "def other_price() -> int:\n    return 0\n"})
    git(shop, "commit", "--quiet", "--all", "-m", "other")
    there = await call(kernel, "index_repository", path=str(shop))
    assert (there["changed"], there["analysed"]) == (1, 1)
    git(shop, "checkout", "--quiet", "main")
    back = await call(kernel, "index_repository", path=str(shop))
    assert (back["changed"], back["analysed"], back["edges"]) == (1, 0, first["edges"])
    found = await call(kernel, "search_code", query="parse_price", mode="keyword", limit=1)
    assert found["hits"][0]["symbol"] == "shop.prices.parse_price"


async def test_a_moved_file_is_known_under_its_new_path(kernel: Kernel, shop: Path) -> None:
    await call(kernel, "index_repository", path=str(shop))
    (shop / "shop/prices.py").rename(shop / "shop/amounts.py")
    run = await call(kernel, "index_repository", path=str(shop))
    assert run["renamed"] == {"shop/prices.py": "shop/amounts.py"}
    (shop / "shop/amounts.py").rename(shop / "shop/money.py")
    await call(kernel, "index_repository", path=str(shop))
    catalog = kernel.service(Memory).catalog
    (repository,) = await catalog.repositories()
    assert await catalog.renames(repository) == {
        "shop/prices.py": "shop/money.py",
        "shop/amounts.py": "shop/money.py",
    }


async def test_a_refreshed_graph_equals_one_resolved_as_a_whole(
    kernel: Kernel, settings: Settings, shop: Path
) -> None:
    await call(kernel, "index_repository", path=str(shop))
    write_files(
        shop,
        {
            "shop/prices.py": "def parse_price(text: str) -> int:\n    return 0\n",
            "shop/gifts.py": "from shop.basket import Basket\n\n\ndef give() -> None:\n"
            "    Basket().add('1')\n",
        },
    )
    await call(kernel, "index_repository", path=str(shop))
    refreshed = await _graph(kernel)
    assert any("shop/gifts.py" in row["path"] for row in refreshed)
    async with kernel.database.connection() as connection:
        await connection.execute("truncate memory.repository cascade")
    await call(kernel, "index_repository", path=str(shop))
    assert await _graph(kernel) == refreshed


async def _graph(kernel: Kernel) -> list[Mapping[str, Any]]:
    rows = await kernel.database.fetch(
        "select path, edge_count, digest from memory.graph_file order by path"
    )
    return [dict(row) for row in rows]


async def test_an_index_writes_nothing_into_the_work_tree(kernel: Kernel, shop: Path) -> None:
    before = _fingerprints(shop)
    await call(kernel, "index_repository", path=str(shop))
    write_files(shop, {"shop/more.py": "x = 1\n"})
    changed = _fingerprints(shop)
    await call(kernel, "index_repository", path=str(shop))
    await call(kernel, "search_code", query="basket", mode="keyword")
    assert _fingerprints(shop) == changed
    assert before.items() - changed.items() <= {(s, before[s]) for s in (shop, shop / "shop")}


def _fingerprints(root: Path) -> dict[Path, tuple[int, int, int]]:
    """Everything below `root`, git's folder included, so that a write anywhere shows."""
    return {
        path: ((status := path.lstat()).st_mtime_ns, status.st_size, status.st_mode)
        for path in [root, *sorted(root.rglob("*"))]
    }


async def test_every_file_that_is_not_indexed_can_be_listed(kernel: Kernel, tmp_path: Path) -> None:
    root = make_repository(
        tmp_path / "r",
        {"a.py": "x = 1\n", "b.py": b"x = 1\0\n", "notes.xyz": "text\n", "picture.png": b"\x89"},
    )
    (root / "link.py").symlink_to("a.py")
    (root / "loop").symlink_to(root)
    commit_all(root)
    run = await call(kernel, "index_repository", path=str(root))
    catalog = kernel.service(Memory).catalog
    (repository,) = await catalog.repositories()
    listed = await catalog.skipped_files(repository)
    assert {file.path: file.reason for file in listed} == {
        "b.py": "binary",
        "link.py": "symlink",
        "loop": "symlink",
        "notes.xyz": "unsupported",
        "picture.png": "unsupported",
    }
    assert all(file.detail for file in listed)
    assert sum(run["skipped"].values()) == len(listed)


async def test_a_file_that_vanishes_during_the_run_does_not_stop_it(
    kernel: Kernel, shop: Path
) -> None:
    async def remove(done: float, total: float | None, message: str) -> None:
        if message.startswith("looked at"):
            (shop / "shop/prices.py").unlink(missing_ok=True)

    request = CallRequest(
        "index_repository", {"path": str(shop)}, Credentials(is_local=True), "test", progress=remove
    )
    result = await kernel.dispatch(request)
    assert not result.is_error
    assert result.structured["skipped"] == {"unreadable": 1}
    assert (await call(kernel, "index_repository", path=str(shop)))["removed"] == 1
