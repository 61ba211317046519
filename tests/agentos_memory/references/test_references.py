"""Documents added, searched, read, brought up to date, removed (issue 4, References)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from agentos import Kernel
from agentos_memory.memory import Memory
from agentos_memory.references.section_texts import SCOPE
from tests.agentos_memory.repositories import call, refusal, write_files

pytestmark = pytest.mark.anyio

GUIDE = """# Client

A client for the service.

## Retries

A failed request is repeated three times, with a pause that doubles.

## Authentication

Send the token in the header `Authorization`.

## Timeouts

Requests end after ten seconds.
"""


@pytest.fixture
def guide(tmp_path: Path) -> Path:
    path = tmp_path / "guide.md"
    path.write_text(GUIDE)
    return path


async def _add(kernel: Kernel, path: Path, **more: Any) -> dict[str, Any]:
    return await call(kernel, "add_reference", path=str(path), **more)


async def _anchors(kernel: Kernel, query: str, **filters: Any) -> list[str]:
    found = await call(kernel, "search_references", query=query, **filters)
    return [hit["anchor"] for hit in found["hits"]]


async def test_sections_are_found_by_words_and_by_meaning(kernel: Kernel, guide: Path) -> None:
    added = await _add(kernel, guide)
    assert added["source"]["name"] == "guide.md" and added["added"] == 4
    assert (await _anchors(kernel, "authorization token", mode="keyword")) == [
        "guide.md#client/authentication"
    ]
    assert (await _anchors(kernel, "log in with credentials", mode="semantic"))[0] == (
        "guide.md#client/authentication"
    )
    found = await call(kernel, "search_references", query="repeat failed requests")
    hit = found["hits"][0]
    assert found["arms"] == ["keyword", "bodies"] and found["missing"] is None
    assert hit["anchor"] == "guide.md#client/retries" and hit["title"] == "Retries"
    assert (hit["path"], hit["start_line"], hit["end_line"]) == (str(guide), 5, 7)
    assert "three times" in hit["snippet"] and "three times" in hit["summary"]
    assert await _anchors(kernel, "xylophone", mode="keyword") == []


async def test_an_anchor_gives_the_section_back(kernel: Kernel, guide: Path) -> None:
    await _add(kernel, guide, name="client-docs")
    for anchor in await _anchors(kernel, "request client token", limit=100):
        section = await call(kernel, "get_reference", anchor=anchor)
        assert section["anchor"] == anchor and section["text"] in GUIDE
    section = await call(kernel, "get_reference", anchor="client-docs#client/retries")
    assert section["previous"] == "client-docs#client"
    assert section["next"] == "client-docs#client/authentication"
    error = await refusal(kernel, "get_reference", anchor="client-docs#nothing")
    assert error["code"] == "not_found"


async def _ids(kernel: Kernel) -> dict[str, int]:
    rows = await kernel.database.fetch("select id, anchor from memory.reference_section")
    return {row["anchor"]: row["id"] for row in rows}


async def test_adding_a_changed_file_again_keeps_what_did_not_change(
    kernel: Kernel, guide: Path
) -> None:
    await _add(kernel, guide)
    queue = kernel.service(Memory).embedding_queue
    await queue.wait(SCOPE)
    ids = await _ids(kernel)
    vectors = "select digest, created_at, position from memory.embedding order by digest"
    before = {tuple(row) for row in await kernel.database.fetch(vectors)}
    changed = GUIDE.replace("ten seconds", "a minute").replace("## Retries", "## Repeating")
    write_files(guide.parent, {guide.name: "Preface.\n\n" + changed})
    again = await _add(kernel, guide)
    assert {k: again[k] for k in ("added", "changed", "moved", "removed", "unchanged")} == {
        "added": 2, "changed": 1, "moved": 0, "removed": 1, "unchanged": 2,
    }  # fmt: skip
    now = await _ids(kernel)
    assert now["guide.md#client/timeouts"] == ids["guide.md#client/timeouts"]
    assert now["guide.md#client/authentication"] == ids["guide.md#client/authentication"]
    progress = await queue.wait(SCOPE)
    assert progress.is_complete
    after = {tuple(row) for row in await kernel.database.fetch(vectors)}
    assert before <= after and len(after - before) == 3
    section = await call(kernel, "get_reference", anchor="guide.md#client/timeouts")
    assert "a minute" in section["text"] and section["start_line"] == 15
    assert await _anchors(kernel, "a minute", mode="keyword") == ["guide.md#client/timeouts"]


async def test_sections_that_swap_their_places_keep_their_ids(
    kernel: Kernel, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text("# T\n\n## Same\n\nfirst\n\n## Same\n\nsecond\n")
    await _add(kernel, page)
    page.write_text("# New\n\n## Same\n\nfirst\n\n## Same\n\nsecond\n")
    again = await _add(kernel, page)
    assert again["added"] == 2 and again["removed"] == 2
    page.write_text("# New\n\n## Same\n\nsecond\n\n## Same\n\nfirst\n")
    again = await _add(kernel, page)
    assert again["moved"] == 2 and again["changed"] == 0


async def test_a_file_that_did_not_change_is_not_read_again(kernel: Kernel, guide: Path) -> None:
    await _add(kernel, guide, name="docs")
    again = await _add(kernel, guide, name="docs")
    assert again["unchanged"] == 4 and again["added"] == 0
    events = await kernel.database.fetch(
        "select type, data from kernel.event where type like 'reference.%' order by position"
    )
    assert [event["type"] for event in events] == ["reference.added"]
    assert events[0]["data"]["source"] == "docs" and events[0]["data"]["added"] == 4


async def test_a_removed_source_is_not_found_and_can_be_added_again(
    kernel: Kernel, guide: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.txt"
    other.write_text("Requests to the moon end after two days.")
    await _add(kernel, guide)
    await _add(kernel, other)
    assert len(await _anchors(kernel, "requests end", mode="keyword")) == 3
    (only,) = await _anchors(kernel, "requests end", source="other.txt")
    assert only.startswith("other.txt#")
    await call(kernel, "remove_reference", source="guide.md")
    assert await _anchors(kernel, "requests end", mode="keyword") == [only]
    listed = await call(kernel, "list_references")
    assert [source["name"] for source in listed["sources"]] == ["other.txt"]
    assert (await refusal(kernel, "remove_reference", source="guide.md"))["code"] == "not_found"
    assert (await refusal(kernel, "search_references", query="x", source="guide.md"))["code"] == (
        "not_found"
    )
    assert (await _add(kernel, guide))["added"] == 4


async def test_secrets_in_documents_are_not_stored(kernel: Kernel, tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2"
    page = tmp_path / "page.md"
    page.write_text(f"# Tokens\n\nUse {secret} for this.\n")
    await _add(kernel, page)
    rows = await kernel.database.fetch("select t.*::text from memory.reference_section t")
    assert secret not in str(rows) and "[redacted]" in str(rows)


async def test_only_regular_files_are_read_and_refusals_do_not_tell_them_apart(
    kernel: Kernel, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    for path in (tmp_path, tmp_path / "pipe.md", tmp_path / "nothing.md", Path("/dev/zero")):
        error = await refusal(kernel, "add_reference", path=str(path))
        assert error["code"] == "invalid_argument"
        assert error["message"] == f"{str(path)!r} is not a file that can be read"
    error = await refusal(kernel, "add_reference", path="guide.md")
    assert "absolute" in error["message"]


async def test_search_without_any_reference_finds_nothing(kernel: Kernel) -> None:
    found = await call(kernel, "search_references", query="anything")
    assert found["hits"] == [] and not found["truncated"]
