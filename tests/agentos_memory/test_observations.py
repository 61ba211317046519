"""Observations: events first, found by meaning, pinned to code (issue 2, Memory)."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest

import agentos_memory.plugin
from agentos import Kernel, Settings, open_kernel
from agentos.events.rebuild import check_read_models
from agentos.testing import AllowEverything
from agentos_memory.process_limits import peak_bytes
from tests.agentos_memory.repositories import (
    LIBRARY,
    call,
    commit_all,
    git,
    make_repository,
    refusal,
    write_files,
)
from tests.alone import run_alone

pytestmark = pytest.mark.anyio


async def _note(kernel: Kernel, title: str, body: str = "", **more: Any) -> dict[str, Any]:
    arguments = {"kind": "discovery"} | more
    made = await call(kernel, "create_observation", title=title, body=body, **arguments)
    observation: dict[str, Any] = made["observation"]
    return observation


async def _titles(kernel: Kernel, query: str, **filters: Any) -> list[str]:
    found = await call(kernel, "search_observations", query=query, **filters)
    return [hit["title"] for hit in found["hits"]]


async def test_what_was_noted_is_found_by_its_words_and_by_its_meaning(kernel: Kernel) -> None:
    await _note(kernel, "Bulk insert uses COPY", "Loading rows one by one was ten times slower.")
    await _note(kernel, "The login page needs a cookie", "Without it the form is refused.")
    await _note(kernel, "Cats sleep a lot", "Nothing about software.")
    assert (await _titles(kernel, "bulk COPY", mode="keyword")) == ["Bulk insert uses COPY"]
    assert (await _titles(kernel, "authentication in the browser", mode="semantic"))[0] == (
        "The login page needs a cookie"
    )
    assert (await _titles(kernel, "slow loading of rows"))[0] == "Bulk insert uses COPY"


async def test_an_observation_is_an_event_and_its_table_can_be_rebuilt(kernel: Kernel) -> None:
    first = await _note(kernel, "One", tags=["a", "b"])
    await _note(kernel, "Two", supersedes=first["id"])
    events = await kernel.database.fetch(
        "select data from kernel.event where type = 'observation.recorded' order by position"
    )
    assert [event["data"]["title"] for event in events] == ["One", "Two"]
    report = await check_read_models(kernel.database, kernel.events, kernel.read_models)
    assert report.ok and report.tables == 1


async def test_an_observation_with_a_secret_is_refused_and_stored_nowhere(kernel: Kernel) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2"
    good: dict[str, Any] = {"title": "The token", "body": "It is there.", "kind": "fix"}
    for name, value in {
        "title": secret,
        "body": f"It is {secret}.",
        "tags": [secret],
        "refs": [{"path": f"a/{secret}.py"}],
    }.items():
        error = await refusal(kernel, "create_observation", **(good | {name: value}))
        assert error["code"] == "invalid_argument" and f"`{name}`" in error["message"]
        assert secret not in str(error)
    assert await kernel.database.fetch_value("select count(*) from memory.observation") == 0
    rows = await kernel.database.fetch("select data::text from kernel.event")
    assert secret not in str(rows)
    await _note(kernel, "The token", "password=[redacted] is in the vault")


async def test_filters_choose_by_kind_tag_time_and_work_order(kernel: Kernel) -> None:
    old = await _note(kernel, "Queue decision", kind="decision", tags=["queue", "db"])
    await _note(kernel, "Queue fix", kind="fix", tags=["queue"])
    await call(
        kernel,
        "create_observation",
        under="WO-1",
        title="Queue outcome",
        body="",
        kind="outcome",
    )
    assert await _titles(kernel, "queue", kind="fix") == ["Queue fix"]
    assert await _titles(kernel, "queue", tags=["queue", "db"]) == ["Queue decision"]
    assert await _titles(kernel, "queue", work_order="WO-1") == ["Queue outcome"]
    assert len(await _titles(kernel, "queue", since=old["created_at"])) == 3
    assert await _titles(kernel, "queue", since="2999-01-01T00:00:00Z") == []


async def test_a_superseded_observation_is_no_longer_found(kernel: Kernel) -> None:
    first = await _note(kernel, "Timeout is 10 s")
    await _titles(kernel, "timeout")
    second = await _note(kernel, "Timeout is 30 s", supersedes=first["id"])
    assert await _titles(kernel, "timeout") == ["Timeout is 30 s"]
    error = await refusal(
        kernel,
        "create_observation",
        title="Timeout is 60 s",
        body="",
        kind="fix",
        supersedes=first["id"],
    )
    assert error["code"] == "conflict" and second["id"] in error["message"]
    unknown = await refusal(
        kernel, "create_observation", title="t", body="", kind="fix", supersedes="OB-NONE"
    )
    assert unknown["code"] == "not_found"


async def test_a_reference_is_pinned_and_goes_stale_with_its_lines(
    kernel: Kernel, shop: Path
) -> None:
    await call(kernel, "index_repository", path=str(shop))
    ref = {"path": "shop/prices.py", "start_line": 4, "end_line": 7}
    observation = await _note(kernel, "Prices are cents", refs=[ref])
    span = "".join(LIBRARY["shop/prices.py"].splitlines(keepends=True)[3:7])
    (pinned,) = observation["refs"]
    assert pinned["sha256"] == hashlib.sha256(span.encode()).hexdigest()
    assert pinned["repo"] == "shop-repo"

    async def staleness() -> object:
        found = await call(kernel, "search_observations", query="prices")
        return found["hits"][0]["refs"][0]["stale"]

    assert await staleness() is False
    write_files(shop, {"shop/prices.py": LIBRARY["shop/prices.py"] + "\nEND = 1\n"})
    assert await staleness() is False
    changed = LIBRARY["shop/prices.py"].replace("* 100", "* 1_000")
    write_files(shop, {"shop/prices.py": changed})
    assert await staleness() is True
    (shop / "shop/prices.py").unlink()
    assert await staleness() is True


async def test_a_reference_to_a_commit_is_compared_with_what_the_code_says_now(
    kernel: Kernel, shop: Path
) -> None:
    run = await call(kernel, "index_repository", path=str(shop))
    commit = run["commit"]
    place = {"path": "shop/prices.py", "commit": commit, "start_line": 4, "end_line": 7}
    observation = await _note(kernel, "Then", refs=[place])
    span = "".join(LIBRARY["shop/prices.py"].splitlines(keepends=True)[3:7])
    assert observation["refs"][0]["sha256"] == hashlib.sha256(span.encode()).hexdigest()

    async def ref() -> dict[str, Any]:
        found = await call(kernel, "search_observations", query="then")
        (only,) = found["hits"][0]["refs"]
        assert only["commit"] == commit
        return dict(only)

    assert (await ref())["stale"] is False
    write_files(shop, {"shop/prices.py": "# one\n" + LIBRARY["shop/prices.py"]})
    moved = await ref()
    assert moved["stale"] is False and moved["found_at"]["start_line"] == 5
    write_files(shop, {"shop/prices.py": ""})
    commit_all(shop)
    changed = await ref()
    assert changed["stale"] is True and changed["why"].startswith(f"since commit {commit[:12]}: ")
    # From another line of history nobody knows which of them counts.
    git(shop, "checkout", "--quiet", "--orphan", "other")
    commit_all(shop)
    unknown = await ref()
    assert unknown["stale"] is None and "is not in HEAD's history" in unknown["why"]
    git(shop, "checkout", "--quiet", commit)
    assert (await ref())["stale"] is False


async def test_references_outside_of_every_index_are_kept_without_a_digest(
    kernel: Kernel, shop: Path, tmp_path: Path
) -> None:
    observation = await _note(kernel, "Somewhere", refs=[{"path": "not/indexed.py"}])
    assert observation["refs"][0]["sha256"] is None
    twin = make_repository(tmp_path / "twin", LIBRARY)
    for root in (shop, twin):
        await call(kernel, "index_repository", path=str(root))
    either = await _note(kernel, "Either", refs=[{"path": "shop/prices.py"}])
    assert either["refs"][0]["sha256"] is None
    one = await _note(kernel, "One", refs=[{"path": "shop/prices.py", "repo": "twin"}])
    assert one["refs"][0]["sha256"] is not None


@pytest.mark.parametrize(
    "ref",
    [
        {"path": "../outside.py"},
        {"path": "/etc/passwd"},
        {"path": "shop//prices.py"},
        {"path": "shop/prices.py\nHEAD:shop/basket.py", "commit": "abcd"},
        {"path": "shop/prices.py", "start_line": 9, "end_line": 2},
        {"path": "shop/prices.py", "end_line": 2},
        {"path": "shop/prices.py", "start_line": 5_000},
        {"path": "shop/prices.py", "start_line": 0},
        {"path": "shop/prices.py", "commit": "--upload-pack=x"},
        {"path": "shop/prices.py", "repo": "nowhere"},
        {"path": "shop/prices.py", "unknown": 1},
        {"path": ""},
    ],
)
async def test_bad_references_are_refused(
    kernel: Kernel, shop: Path, ref: dict[str, object]
) -> None:
    await call(kernel, "index_repository", path=str(shop))
    error = await refusal(kernel, "create_observation", title="t", body="", kind="fix", refs=[ref])
    assert error["code"] == "invalid_argument" and "ref" in error["message"]
    assert await kernel.database.fetch_value("select count(*) from memory.observation") == 0


async def test_a_reference_never_reads_through_a_link(
    kernel: Kernel, shop: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret.txt").write_text("secret\n")
    (shop / "link.txt").symlink_to(tmp_path / "secret.txt")
    (shop / "folder").symlink_to(tmp_path)
    await call(kernel, "index_repository", path=str(shop))
    for path in ("link.txt", "folder/secret.txt"):
        observation = await _note(kernel, "t", refs=[{"path": path}])
        assert observation["refs"][0]["sha256"] is None


async def test_a_reference_to_more_than_a_file_of_source_is_kept_without_a_digest(
    kernel: Kernel, settings: Settings, shop: Path
) -> None:
    """Ten thousand times as large unpacked as in git: its content must never be read."""
    await call(kernel, "index_repository", path=str(shop))
    write_files(shop, {"large.txt": b"a\n" * 30_000_000})
    commit = commit_all(shop)
    digests, grown = await asyncio.to_thread(run_alone, _note_large, settings, commit)
    assert digests == [None, None]
    assert grown < 30_000_000


def _note_large(settings: Settings, commit: str) -> tuple[list[str | None], int]:
    """Digests of references to a large file, and by how many bytes this process has grown by them."""

    async def refer(kernel: Kernel, path: str) -> list[str | None]:
        places: list[dict[str, Any]] = [{"path": path, "commit": commit}, {"path": path}]
        notes = [await _note(kernel, path, refs=[ref | {"start_line": 1}]) for ref in places]
        await _titles(kernel, path)
        return [note["refs"][0]["sha256"] for note in notes]

    async def measure() -> tuple[list[str | None], int]:
        # A model would be loaded meanwhile.
        chosen = settings.model_copy(update={"memory": {"embedder": {"kind": "none"}}})
        plugins = {"memory": agentos_memory.plugin, "allow": AllowEverything()}
        async with open_kernel(chosen, extra_plugins=plugins) as kernel:
            assert None not in await refer(kernel, "shop/prices.py")
            before = peak_bytes()
            return await refer(kernel, "large.txt"), peak_bytes() - before

    return asyncio.run(measure())


async def test_only_the_first_references_of_a_hit_are_checked(kernel: Kernel, shop: Path) -> None:
    run = await call(kernel, "index_repository", path=str(shop))
    refs = [{"path": path, "commit": run["commit"]} for path in sorted(LIBRARY)] * 2
    await _note(kernel, "Many places", refs=refs)
    found = await call(kernel, "search_observations", query="places")
    stale = [ref["stale"] for ref in found["hits"][0]["refs"]]
    assert stale == [False] * 3 + [None] * 5


async def test_what_a_commit_says_is_not_read_again(kernel: Kernel, shop: Path) -> None:
    """Its objects are gone after the first search, and the second still knows."""
    run = await call(kernel, "index_repository", path=str(shop))
    await _note(kernel, "Then", refs=[{"path": "shop/prices.py", "commit": run["commit"]}])
    shutil.rmtree(shop / ".git/objects")
    found = await call(kernel, "search_observations", query="then")
    assert found["hits"][0]["refs"][0]["stale"] is False


async def test_references_to_many_commits_and_repositories_are_each_pinned_right(
    kernel: Kernel, shop: Path, tmp_path: Path
) -> None:
    other = make_repository(tmp_path / "other", {"a b.py": "x = 1\r\ny = 2\n", "empty.py": ""})
    (other / "link.py").symlink_to("a b.py")
    first = git(other, "rev-parse", "HEAD")
    write_files(other, {"a b.py": "x = 2\n"})
    second = commit_all(other)
    for root in (shop, other):
        await call(kernel, "index_repository", path=str(root))
    refs: list[dict[str, Any]] = [
        {"path": "a b.py", "commit": first[:12], "start_line": 2},
        {"path": "a b.py", "commit": second},
        {"path": "empty.py", "commit": second},
        {"path": "missing.py", "commit": second},
        {"path": "a b.py"},
        {"path": "shop/prices.py", "commit": git(shop, "rev-parse", "HEAD")},
    ]
    pinned = (await _note(kernel, "Places", refs=refs))["refs"]
    contents = [b"y = 2\n", b"x = 2\n", b"", None, b"x = 2\n", LIBRARY["shop/prices.py"].encode()]
    assert [ref["sha256"] for ref in pinned] == [
        None if content is None else hashlib.sha256(content).hexdigest() for content in contents
    ]
    assert [ref["repo"] for ref in pinned] == ["other"] * 3 + [None, "other", "shop-repo"]


async def test_limits_are_enforced(kernel: Kernel) -> None:
    good: dict[str, Any] = {"title": "t", "body": "b", "kind": "fix"}
    for bad in (
        {"title": ""},
        {"title": "   "},
        {"title": "x" * 201},
        {"body": "x" * 20_001},
        {"kind": "rumour"},
        {"tags": ["x"] * 21},
        {"tags": ["x" * 51]},
        {"refs": [{"path": "a"}] * 11},
    ):
        error = await refusal(kernel, "create_observation", **(good | bad))
        assert error["code"] == "invalid_argument", bad
    for n in range(3):
        await _note(kernel, f"queue {n}")
    found = await call(kernel, "search_observations", query="queue", limit=2)
    assert len(found["hits"]) == 2 and found["truncated"]


async def test_an_empty_notebook_answers_with_nothing(kernel: Kernel) -> None:
    found = await call(kernel, "search_observations", query="anything")
    assert (found["hits"], found["truncated"], found["n_observations"]) == ([], False, 0)
