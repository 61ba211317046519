"""`agentos observations export|import` as a user runs them: a round trip between two databases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import agentos_memory.plugin
from agentos import Kernel, Settings, open_kernel
from agentos.testing import AllowEverything
from tests.agentos_memory.repositories import call
from tests.commands import environment_of, run_command

pytestmark = pytest.mark.anyio


def _agentos(settings: Settings, *arguments: str, given: str = "") -> tuple[int, str, str]:
    done = run_command(
        "observations", *arguments, environment=environment_of(settings), given=given
    )
    return done.returncode, done.stdout, done.stderr


async def _note(kernel: Kernel, title: str, **more: Any) -> str:
    given: dict[str, Any] = {"body": "Found out.", "kind": "fix", "force": True} | more
    made = await call(kernel, "create_observation", title=title, **given)
    return str(made["observation"]["id"])


async def _chain(kernel: Kernel) -> list[tuple[str, str | None, str | None]]:
    listed = await call(
        kernel, "list_observations", include_superseded=True, order="oldest", limit=100
    )
    return [
        (each["title"], each["supersedes"], each["superseded_by"])
        for each in listed["observations"]
    ]


async def test_a_round_trip_keeps_chains_across_pages_and_says_what_was_known(
    kernel: Kernel, settings: Settings, other_settings: Settings, tmp_path: Path
) -> None:
    before: str | None = None
    for n in range(23):
        before = await _note(kernel, f"Timeout is {n} s", tags=["queue"], supersedes=before)
    await _note(kernel, "Retries double", refs=[{"path": "a.py", "start_line": 1}])
    file = tmp_path / "notes.jsonl"
    code, out, err = _agentos(settings, "export", str(file))
    assert (code, out, err) == (0, "", "24 observations\n")
    code, printed, _ = _agentos(settings, "export")
    assert code == 0 and printed == file.read_text()
    assert [json.loads(line)["format"] for line in printed.splitlines()] == [1] * 24

    plugins = {"memory": agentos_memory.plugin, "allow": AllowEverything()}
    async with open_kernel(other_settings, extra_plugins=plugins) as other:
        # What somebody noted there in the same words is the same observation.
        mine = await _note(other, "Retries double")
        code, out, err = _agentos(other_settings, "import", str(file))
        assert (code, out) == (0, "")
        assert err == "23 imported (0 under a new id), 1 known already\n"
        code, _, err = _agentos(other_settings, "import", "-", given=file.read_text())
        assert err == "0 imported (0 under a new id), 24 known already\n" and code == 0
        theirs = await _chain(kernel)
        ours = await _chain(other)
        assert sorted(ours[1:]) == sorted(theirs[:-1]) and ours[0] == ("Retries double", None, None)
        current = await call(other, "list_observations")
        assert [each["title"] for each in current["observations"]] == [
            "Timeout is 22 s", "Retries double",
        ]  # fmt: skip
        assert current["observations"][1]["id"] == mine


async def test_a_line_with_a_secret_is_refused_and_never_printed(
    kernel: Kernel, settings: Settings, tmp_path: Path
) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2"
    line = {
        "id": "OB-A", "created_at": "2026-01-02T03:04:05Z", "actor": "ann", "kind": "fix",
        "title": "A", "body": f"It is {secret}.",
    }  # fmt: skip
    file = tmp_path / "notes.jsonl"
    file.write_text(json.dumps(line) + "\n")
    code, out, err = _agentos(settings, "import", str(file))
    assert code == 1 and "OB-A" in err and secret not in out + err
    assert await _chain(kernel) == []
    code, _, err = _agentos(settings, "import", str(tmp_path / "missing.jsonl"))
    assert code == 2 and "Traceback" not in err
