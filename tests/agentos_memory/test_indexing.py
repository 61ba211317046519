"""`index_repository`: complete at first, incremental afterwards, atomic always (issue 2, Memory)."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import agentos
import agentos_memory.plugin
from agentos import CallRequest, Credentials, Kernel, Settings, open_kernel
from agentos.testing import AllowEverything
from agentos_memory.chunk_records import decode_chunks
from agentos_memory.facts import decode_symbols
from agentos_memory.languages import find_language
from agentos_memory.relations import decode_relations
from tests.agentos_memory.repositories import (
    call,
    commit_all,
    git,
    make_repository,
    refusal,
    write_files,
)

pytestmark = pytest.mark.anyio


async def _contents(kernel: Kernel) -> dict[str, list[tuple[Any, ...]]]:
    """Everything the index says, without surrogate keys."""
    files = await kernel.database.fetch(
        "select f.path, f.sha256, f.module, c.symbols, c.chunks from memory.file f"
        " left join memory.content c on c.id = f.content_id order by f.path"
    )
    graph = await kernel.database.fetch("select path, relations from memory.graph_file")
    indexed = [row for row in files if row["symbols"] is not None]
    symbols = [symbol for row in indexed for symbol in decode_symbols(row["symbols"])]
    chunks = [decode_chunks(row["path"], row["chunks"]) for row in indexed]
    edges = [edge for row in graph for edge in decode_relations(row["path"], row["relations"])[0]]
    return {
        "files": [(row["path"], row["sha256"], row["module"]) for row in files],
        "symbols": sorted((s.path, s.qualified_name, s.start_line) for s in symbols),
        "edges": sorted((e.path, e.line, e.source, e.target, e.kind) for e in edges),
        "chunks": sorted(
            (part.path, lines[0], digest)
            for part in chunks
            for lines, digest in zip(part.lines, part.digests, strict=True)
        ),
    }


async def test_an_index_holds_files_symbols_edges_and_chunks(kernel: Kernel, shop: Path) -> None:
    run = await call(kernel, "index_repository", path=str(shop))
    assert (run["repo"], run["commit"]) == ("shop-repo", git(shop, "rev-parse", "HEAD"))
    assert (run["files"], run["changed"], run["unchanged"], run["generation"]) == (4, 4, 0, 1)
    contents = await _contents(kernel)
    assert len(contents["symbols"]) == run["symbols"]
    assert ("shop/basket.py", "shop.basket.Basket.add", 12) in contents["symbols"]
    assert any(
        edge[2:] == ("shop.basket.Basket.add", "shop.prices.parse_price", "calls")
        for edge in contents["edges"]
    )
    assert run["chunks"] == len(contents["chunks"]) > 0
    assert run["edges"] == len(contents["edges"])


async def test_an_unchanged_repository_keeps_its_generation(kernel: Kernel, shop: Path) -> None:
    await call(kernel, "index_repository", path=str(shop))
    again = await call(kernel, "index_repository", path=str(shop))
    assert (again["changed"], again["unchanged"], again["analysed"]) == (0, 4, 0)
    assert again["generation"] == 1


async def test_only_changed_files_are_read_anew(kernel: Kernel, shop: Path) -> None:
    first = await call(kernel, "index_repository", path=str(shop))
    with (shop / "shop/prices.py").open("a") as file:
        file.write("\n\ndef double(cents: int) -> int:\n    return cents * 2\n")
    again = await call(kernel, "index_repository", path=str(shop))
    assert (again["changed"], again["unchanged"], again["generation"]) == (1, 3, 2)
    assert again["symbols"] == first["symbols"] + 1
    assert again["edges"] == first["edges"]
    assert again["analysed"] == 1


async def test_a_refreshed_index_equals_one_built_from_nothing(
    kernel: Kernel, shop: Path, tmp_path: Path
) -> None:
    await call(kernel, "index_repository", path=str(shop))
    write_files(shop, {"shop/prices.py": "def parse_price(text: str) -> int:\n    return 0\n"})
    (shop / "shop/checkout.py").unlink()
    write_files(shop, {"shop/gifts.py": "from shop.basket import Basket\n\nBOX = Basket()\n"})
    await call(kernel, "index_repository", path=str(shop))
    refreshed = await _contents(kernel)
    await _execute(kernel, "truncate memory.repository cascade")
    await call(kernel, "index_repository", path=str(shop))
    assert await _contents(kernel) == refreshed


async def test_a_deleted_file_vanishes_with_the_edges_into_it(kernel: Kernel, shop: Path) -> None:
    await call(kernel, "index_repository", path=str(shop))
    (shop / "shop/prices.py").unlink()
    run = await call(kernel, "index_repository", path=str(shop))
    contents = await _contents(kernel)
    assert (run["files"], run["removed"]) == (3, 1)
    assert not any("prices" in str(row) for row in contents["symbols"] + contents["edges"])


async def test_a_new_package_marker_renames_the_modules_beside_it(
    kernel: Kernel, tmp_path: Path
) -> None:
    """Names depend on `__init__.py` files, so a file may change without its bytes changing."""
    root = make_repository(tmp_path / "r", {"src/app/main.py": "def run() -> None: ...\n"})
    await call(kernel, "index_repository", path=str(root))
    write_files(root, {"src/__init__.py": "", "src/app/__init__.py": ""})
    await call(kernel, "index_repository", path=str(root))
    names = [row[1] for row in (await _contents(kernel))["symbols"]]
    assert "src.app.main.run" in names and "app.main.run" not in names


async def test_ignored_files_links_and_submodules_are_left_out(
    kernel: Kernel, tmp_path: Path
) -> None:
    outside = tmp_path / "secret.py"
    outside.write_text("def secret() -> None: ...\n")
    inner = make_repository(tmp_path / "inner", {"inner.py": "def inner() -> None: ...\n"})
    root = make_repository(
        tmp_path / "r", {".gitignore": "ignored.py\n", "kept.py": "def kept() -> None: ...\n"}
    )
    git(root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "sub")
    (root / "link.py").symlink_to(outside)
    (root / "folder").symlink_to(tmp_path)
    commit_all(root)
    write_files(root, {"ignored.py": "x = 1\n", "untracked.py": "def fresh() -> None: ...\n"})
    (root / "untracked_link.py").symlink_to(outside)
    run = await call(kernel, "index_repository", path=str(root))
    paths = [row[0] for row in (await _contents(kernel))["files"]]
    assert paths == ["kept.py", "untracked.py"]
    assert run["skipped"]["submodule"] == 1 and run["skipped"]["symlink"] == 2


async def test_a_folder_replaced_by_a_link_is_not_followed(kernel: Kernel, tmp_path: Path) -> None:
    root = make_repository(tmp_path / "r", {"pkg/a.py": "def a() -> None: ...\n"})
    elsewhere = tmp_path / "elsewhere"
    shutil.move(root / "pkg", elsewhere)
    (root / "pkg").symlink_to(elsewhere)
    run = await call(kernel, "index_repository", path=str(root))
    assert run["files"] == 0


async def test_names_that_are_not_utf8_are_counted_as_skipped(
    kernel: Kernel, tmp_path: Path
) -> None:
    root = make_repository(tmp_path / "r", {"a.py": "x = 1\n"})
    (root / os.fsdecode(b"caf\xe9.py")).write_bytes(b"y = 1\n")
    run = await call(kernel, "index_repository", path=str(root))
    assert (run["files"], run["skipped"]) == (1, {"path": 1})


async def test_files_that_cannot_be_source_are_named_with_the_reason(
    kernel: Kernel, tmp_path: Path
) -> None:
    root = make_repository(
        tmp_path / "r",
        {
            "binary.py": b"x = 1\0\n",
            "latin.py": "# caf\xe9\n".encode("latin-1"),
            "large.py": b"x = 1\n" * 200_000,
            "notes.xyz": "no language\n",
            "fine.py": "x = 1\n",
        },
    )
    run = await call(kernel, "index_repository", path=str(root))
    reasons = {entry["path"]: entry["reason"] for entry in run["skipped_files"]}
    assert reasons == {"binary.py": "binary", "large.py": "too_large", "latin.py": "encoding"}
    assert run["skipped"] == {"binary": 1, "encoding": 1, "too_large": 1, "unsupported": 1}
    again = await call(kernel, "index_repository", path=str(root))
    assert (again["changed"], again["generation"]) == (0, 1)
    assert again["skipped"] == run["skipped"]


async def test_hostile_source_does_not_stop_the_run(kernel: Kernel, tmp_path: Path) -> None:
    root = make_repository(
        tmp_path / "r",
        {
            "long.py": f"def {'a' * 10_000}() -> None: ...\n",
            "broken.py": "def broken(:\n  class (\n",
            "deep.py": "x = a" + ".b()" * 600 + "\n",
            "tall.py": "x = " + "(\n" * 3_000 + "1" + ")" * 3_000 + "\n",
            "escapes.py": 'def f() -> None:\n    "\\ud800 \\0 \\N{DIGIT ONE}"\n',
            "control.py": "def g() -> None:\n    'bell \x07 and \u202e'\n",
            "empty.py": "",
        },
    )
    run = await call(kernel, "index_repository", path=str(root))
    assert run["files"] == 7
    again = await call(kernel, "index_repository", path=str(root))
    assert again["files"] == 7


async def test_a_file_nested_too_deeply_is_listed_and_the_others_are_indexed(
    kernel: Kernel, tmp_path: Path
) -> None:
    root = make_repository(
        tmp_path / "r",
        {
            "deep.ts": "let x: " + "A<" * 3_000 + "B" + ">" * 3_000 + ";\n",
            "fine.py": "def fine() -> None: ...\n",
        },
    )
    run = await call(kernel, "index_repository", path=str(root))
    assert [(s["path"], s["reason"]) for s in run["skipped_files"]] == [
        ("deep.ts", "too_deeply_nested")
    ]
    assert run["skipped"] == {"too_deeply_nested": 1} and run["symbols"] == 2


async def test_an_empty_repository_is_indexed_without_a_commit(
    kernel: Kernel, tmp_path: Path
) -> None:
    root = tmp_path / "empty"
    root.mkdir()
    git(root, "init", "--quiet")
    run = await call(kernel, "index_repository", path=str(root))
    assert (run["commit"], run["files"], run["chunks"]) == (None, 0, 0)
    assert (await call(kernel, "search_code", query="anything"))["hits"] == []


async def test_what_is_not_a_working_tree_is_refused_with_a_remedy(
    kernel: Kernel, tmp_path: Path
) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    bare = tmp_path / "bare"
    bare.mkdir()
    git(bare, "init", "--quiet", "--bare")
    for path in (plain, bare, plain.relative_to("/")):
        error = await refusal(kernel, "index_repository", path=str(path))
        assert error["code"] == "invalid_argument" and error["remedy"]


async def test_a_refusal_does_not_tell_whether_a_folder_is_there(
    kernel: Kernel, tmp_path: Path
) -> None:
    inside = make_repository(tmp_path / "r", {"pkg/a.py": "x = 1\n"}) / "pkg"
    (tmp_path / "plain").mkdir()
    (tmp_path / "file").write_text("")
    said = set()
    for path in (
        tmp_path / "no",
        tmp_path / "plain",
        tmp_path / "file",
        inside,
        inside / "../.git",
    ):
        error = await refusal(kernel, "index_repository", path=str(path))
        said.add((error["code"], error["message"].replace(str(path), ""), error["remedy"]))
    assert len(said) == 1


async def test_the_root_that_a_configuration_names_is_not_indexed(
    kernel: Kernel, tmp_path: Path
) -> None:
    make_repository(tmp_path / "private", {"keys.py": "def crown_jewels() -> None: ...\n"})
    root = make_repository(tmp_path / "private" / "r", {"a.py": "x = 1\n"})
    for moved in (tmp_path / "private", Path("/")):
        git(root, "config", "core.worktree", str(moved))
        error = await refusal(kernel, "index_repository", path=str(root))
        assert error["code"] == "invalid_argument"
    assert await kernel.database.fetch_value("select count(*) from memory.file") == 0


async def test_an_unfinished_checkout_does_not_stand_for_the_repository_above_it(
    kernel: Kernel, tmp_path: Path
) -> None:
    outer = make_repository(tmp_path / "outer", {"keys.py": "x = 1\n", "inner/a.py": "y = 1\n"})
    error = await refusal(kernel, "index_repository", path=str(outer / "inner"))
    assert error["code"] == "invalid_argument"


async def test_two_repositories_cannot_share_a_name(kernel: Kernel, tmp_path: Path) -> None:
    one = make_repository(tmp_path / "one" / "app", {"a.py": "x = 1\n"})
    two = make_repository(tmp_path / "two" / "app", {"a.py": "x = 1\n"})
    await call(kernel, "index_repository", path=str(one))
    error = await refusal(kernel, "index_repository", path=str(two))
    assert error["code"] == "conflict" and "name" in error["remedy"]
    assert str(one) not in str(error)
    assert (await call(kernel, "index_repository", path=str(two), name="app-2"))["repo"] == "app-2"


async def test_a_repository_that_moved_keeps_its_index(kernel: Kernel, tmp_path: Path) -> None:
    one = make_repository(tmp_path / "one" / "app", {"a.py": "def kept() -> None: ...\n"})
    await call(kernel, "index_repository", path=str(one))
    shutil.move(tmp_path / "one", tmp_path / "two")
    run = await call(kernel, "index_repository", path=str(tmp_path / "two" / "app"))
    assert (run["repo"], run["changed"], run["generation"]) == ("app", 0, 1)


async def test_runs_at_the_same_time_all_end_with_the_whole_index(
    kernel: Kernel, shop: Path
) -> None:
    runs = await asyncio.gather(
        *(call(kernel, "index_repository", path=str(shop)) for _ in range(4))
    )
    assert {run["files"] for run in runs} == {4}
    assert await kernel.database.fetch_value("select count(*) from memory.repository") == 1
    assert len((await _contents(kernel))["files"]) == 4


async def test_a_run_that_was_overtaken_starts_again(
    kernel: Kernel, settings: Settings, shop: Path
) -> None:
    """Held just before it writes what it read, while another process indexes newer files."""
    await call(kernel, "index_repository", path=str(shop))
    write_files(shop, {"shop/late.py": "def version_one() -> None: ...\n"})
    is_held, may_write = asyncio.Event(), asyncio.Event()

    async def hold(done: float, total: float | None, message: str) -> None:
        if "writing" in message:
            is_held.set()
            await may_write.wait()

    request = CallRequest(
        "index_repository", {"path": str(shop)}, Credentials(is_local=True), "test", progress=hold
    )
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        overtaken = tasks.create_task(kernel.dispatch(request))
        await is_held.wait()
        write_files(shop, {"shop/late.py": "def version_two() -> None: ...\n"})
        plugins = {"memory": agentos_memory.plugin, "allow": AllowEverything()}
        async with open_kernel(settings, extra_plugins=plugins) as other:
            assert (await call(other, "index_repository", path=str(shop)))["generation"] == 2
        may_write.set()
    assert not overtaken.result().is_error
    names = {row[1] for row in (await _contents(kernel))["symbols"]}
    assert "shop.late.version_two" in names and "shop.late.version_one" not in names


async def test_a_reader_sees_one_generation_or_the_next(kernel: Kernel, shop: Path) -> None:
    """While a refresh swaps two functions, no search sees both or neither."""
    body = "def {name}() -> str:\n    return 'zebra stripes'\n"
    write_files(shop, {"shop/zebra.py": body.format(name="old_zebra")})
    await call(kernel, "index_repository", path=str(shop))
    write_files(shop, {"shop/zebra.py": body.format(name="new_zebra")})
    refresh = asyncio.create_task(call(kernel, "index_repository", path=str(shop)))
    seen = []
    while not refresh.done():
        hits = await call(kernel, "search_code", query="zebra stripes", mode="keyword")
        seen.append([hit["symbol"] for hit in hits["hits"] if hit["kind"] == "function"])
    await refresh
    assert seen and all(len(symbols) == 1 for symbols in seen)


async def test_progress_reaches_the_end(kernel: Kernel, shop: Path) -> None:
    seen: list[float] = []

    async def report(done: float, total: float | None, message: str) -> None:
        assert total == 100 and message
        seen.append(done)

    request = CallRequest(
        "index_repository", {"path": str(shop)}, Credentials(is_local=True), "test", progress=report
    )
    assert not (await kernel.dispatch(request)).is_error
    assert seen == sorted(seen) and seen[-1] > 90


async def test_the_kernel_itself_is_indexed_and_found(kernel: Kernel, tmp_path: Path) -> None:
    source = Path(agentos.__file__).parent
    root = tmp_path / "agentos-copy"
    shutil.copytree(source, root / "agentos", ignore=shutil.ignore_patterns("__pycache__"))
    git(root, "init", "--quiet")
    commit_all(root)
    run = await call(kernel, "index_repository", path=str(root))
    assert run["files"] == sum(find_language(each.name) is not None for each in source.rglob("*"))
    found = await call(kernel, "search_code", query="open_kernel", limit=3)
    assert found["hits"][0]["symbol"] == "agentos.kernel.open_kernel"
    # By words: how many vectors there are by now depends on the machine, and so does the order.
    described = await call(
        kernel,
        "search_code",
        query="replace secrets in text before it is recorded",
        mode="keyword",
        limit=5,
    )
    assert "agentos/redaction.py" in [hit["path"] for hit in described["hits"]]


async def _execute(kernel: Kernel, statement: str) -> None:
    async with kernel.database.connection() as connection:
        await connection.execute(statement)
