"""The timeline, and moving observations between databases as JSON Lines (issue 4)."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import agentos_memory.plugin
from agentos import Kernel, Settings, open_kernel
from agentos.events.rebuild import check_read_models
from agentos.testing import AllowEverything
from agentos_memory.observation_commands import _export, _import
from tests.agentos_memory.repositories import call, refusal

pytestmark = pytest.mark.anyio


async def _note(kernel: Kernel, title: str, **more: Any) -> str:
    made = await call(
        kernel, "create_observation", **({"title": title, "body": "b", "kind": "fix"} | more)
    )
    return str(made["observation"]["id"])


async def _titles(kernel: Kernel, **filters: Any) -> list[str]:
    listed = await call(kernel, "list_observations", **filters)
    return [each["title"] for each in listed["observations"]]


async def test_pages_of_the_timeline_hold_everything_once(kernel: Kernel) -> None:
    for n in range(7):
        await _note(kernel, f"Finding number {n}")
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await call(kernel, "list_observations", limit=3, **cursor)
        seen += [each["title"] for each in page["observations"]]
        assert page["truncated"] is (page["next_cursor"] is not None)
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == [f"Finding number {n}" for n in reversed(range(7))]
    assert await _titles(kernel, order="oldest", limit=2) == [
        "Finding number 0", "Finding number 1",
    ]  # fmt: skip
    error = await refusal(kernel, "list_observations", cursor="x; drop table")
    assert error["code"] == "invalid_argument"


async def test_the_timeline_is_filtered_and_hides_what_was_superseded(kernel: Kernel) -> None:
    first = await _note(kernel, "Timeout", kind="decision", outcome="refuted", tags=["a"])
    await _note(kernel, "Retry", supersedes=first)
    assert await _titles(kernel) == ["Retry"]
    assert await _titles(kernel, include_superseded=True) == ["Retry", "Timeout"]
    assert await _titles(kernel, kind="decision", include_superseded=True) == ["Timeout"]
    assert await _titles(kernel, tags=["a"], include_superseded=True) == ["Timeout"]
    assert await _titles(kernel, since="2999-01-01T00:00:00Z") == []
    assert await _titles(kernel, until="2001-01-01T00:00:00Z") == []
    (old,) = (await call(kernel, "list_observations", kind="decision", include_superseded=True))[
        "observations"
    ]
    assert old["outcome"] == "refuted" and old["superseded_by"]


async def test_an_export_imports_into_another_database_once_and_with_its_ids(
    kernel: Kernel, settings: Settings, tmp_path: Path, other_settings: Settings
) -> None:
    first = await _note(kernel, "Timeout is 10 s", tags=["queue"], refs=[{"path": "a.py"}])
    second = await _note(kernel, "Timeout is 30 s", supersedes=first, outcome="worked")
    file = tmp_path / "notes.jsonl"
    assert await _export(file, {}, kernel) == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["id"] for line in lines] == [first, second]
    assert await _export(file, {}, kernel) == 2, "an existing file is never overwritten"

    plugins = {"memory": agentos_memory.plugin, "allow": AllowEverything()}
    async with open_kernel(other_settings, extra_plugins=plugins) as other:
        assert await _import(file, other) == 0
        assert await _import(file, other) == 0
        assert await _titles(other, include_superseded=True) == [
            "Timeout is 30 s", "Timeout is 10 s",
        ]  # fmt: skip
        assert await _titles(other) == ["Timeout is 30 s"]
        (current,) = (await call(other, "list_observations"))["observations"]
        assert (current["id"], current["outcome"]) == (second, "worked")
        assert current["origin"]["id"] == second
        assert current["origin"]["created_at"] == lines[1]["created_at"]
        again = tmp_path / "again.jsonl"
        assert await _export(again, {}, other) == 0
        report = await check_read_models(other.database, other.events, other.read_models)
        assert report.ok
    # Back where it came from it is known.
    assert await _import(again, kernel) == 0
    assert len(await _titles(kernel, include_superseded=True)) == 2


async def test_an_id_that_something_else_has_is_mapped_and_links_follow(
    kernel: Kernel, tmp_path: Path
) -> None:
    mine = await _note(kernel, "Mine")
    base = {"created_at": "2026-01-02T03:04:05Z", "actor": "ann", "kind": "fix", "body": ""}
    theirs = [
        base | {"id": mine, "title": "Theirs"},
        base | {"id": "OB-NEXT", "title": "Next", "supersedes": mine},
    ]
    for _ in range(2):
        result = await call(kernel, "import_observations", observations=theirs)
    assert result["known"] == [mine, "OB-NEXT"] and result["imported"] == []
    listed = await call(kernel, "list_observations", include_superseded=True, order="oldest")
    titles = {each["title"]: each for each in listed["observations"]}
    assert list(titles) == ["Mine", "Theirs", "Next"]
    assert titles["Mine"]["superseded_by"] is None
    assert titles["Theirs"]["superseded_by"] == "OB-NEXT"
    assert titles["Next"]["supersedes"] == titles["Theirs"]["id"] != mine


async def test_lines_with_secrets_or_nonsense_are_refused_as_a_whole(
    kernel: Kernel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = {
        "id": "OB-A", "created_at": "2026-01-02T03:04:05Z", "actor": "ann", "kind": "fix",
        "title": "A", "body": "",
    }  # fmt: skip
    run = partial(_import, tmp_path / "notes.jsonl")
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2"
    bad = [good | {"id": "OB-B", "body": secret}, good | {"id": "x"}, good | {"kind": "rumour"}]
    for line in bad:
        (tmp_path / "notes.jsonl").write_text(json.dumps(good) + "\n" + json.dumps(line) + "\n")
        assert await run(kernel) == 1
        said = capsys.readouterr()
        assert secret not in said.err + said.out
    (tmp_path / "notes.jsonl").write_text(json.dumps(good) + "\n{broken\n")
    assert await run(kernel) == 2
    assert "line 2" in capsys.readouterr().err
    assert await _titles(kernel) == []
