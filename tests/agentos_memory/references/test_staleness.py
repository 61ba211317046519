"""A source whose file changed is marked in search, get and list (issue 4), and the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from agentos import Kernel, Settings
from tests.agentos_memory.repositories import call
from tests.commands import environment_of, run_command

pytestmark = pytest.mark.anyio

GUIDE = "# Guide\n\n## Retries\n\nA request is repeated three times.\n"


async def _stale(kernel: Kernel) -> set[Any]:
    """What list, search and get say; they must agree."""
    (listed,) = (await call(kernel, "list_references"))["sources"]
    found = await call(kernel, "search_references", query="repeated", mode="keyword")
    section = await call(kernel, "get_reference", anchor=found["hits"][0]["anchor"])
    assert listed["why"] == section["why"]
    return {listed["stale"], found["hits"][0]["stale"], section["stale"]}


async def test_a_source_is_stale_from_the_change_of_its_file_until_it_is_added_again(
    kernel: Kernel, tmp_path: Path
) -> None:
    page = tmp_path / "guide.md"
    page.write_text(GUIDE)
    added = await call(kernel, "add_reference", path=str(page))
    assert await _stale(kernel) == {False}
    page.write_text(GUIDE.replace("three", "four"))
    assert await _stale(kernel) == {True}
    page.write_text(GUIDE)
    assert await _stale(kernel) == {False}, "the content counts, not the time"
    page.unlink()
    assert await _stale(kernel) == {True}
    (listed,) = (await call(kernel, "list_references"))["sources"]
    assert listed["why"] == "the file is gone"
    os.mkfifo(page)
    assert await _stale(kernel) == {None}
    page.unlink()
    page.write_text(GUIDE.replace("three", "five"))
    again = await call(kernel, "add_reference", path=str(page), name=added["source"]["name"])
    assert again["changed"] == 1 and await _stale(kernel) == {False}


def _agentos(settings: Settings, *arguments: str) -> CompletedProcess[str]:
    return run_command(*arguments, environment=environment_of(settings))


def test_the_command_line_adds_shows_lists_and_removes(settings: Settings, tmp_path: Path) -> None:
    page = tmp_path / "guide.md"
    page.write_text(GUIDE)
    added = _agentos(settings, "reference", "add", str(page), "--no-wait", "--json")
    assert added.returncode == 0, added.stderr
    assert json.loads(added.stdout)["added"] == 1
    shown = _agentos(settings, "reference", "show", "guide.md#guide/retries")
    assert shown.stdout == "## Retries\n\nA request is repeated three times.\n", shown.stderr
    listed = _agentos(settings, "reference", "list")
    assert "guide.md" in listed.stdout and listed.returncode == 0
    unknown = _agentos(settings, "reference", "show", "guide.md#nothing")
    assert unknown.returncode == 1 and "guide.md#nothing" in unknown.stderr
    assert unknown.stdout == "" and "Traceback" not in unknown.stderr
    removed = _agentos(settings, "reference", "remove", "guide.md")
    assert removed.stdout == "guide.md is no longer searched\n" and page.exists()
    again = _agentos(settings, "reference", "remove", "guide.md")
    assert again.returncode == 1 and "no reference source" in again.stderr
    assert _agentos(settings, "reference", "show", "guide.md#guide/retries").returncode == 1
