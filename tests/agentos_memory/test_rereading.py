"""Files that changed since they were indexed are read anew where that is possible."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from agentos_memory.rereading import Rereading
from agentos_memory.workers import Workers

pytestmark = pytest.mark.anyio


async def test_an_answer_goes_on_without_what_no_process_could_be_started_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rereading = Rereading(Workers())
    with monkeypatch.context() as broken:
        broken.setattr(sys, "executable", str(tmp_path / "none"))
        assert await rereading.symbols(tmp_path, "a.py", b"def f(): ...\n") == ()
    (symbol,) = await rereading.symbols(tmp_path, "a.py", b"def f(): ...\n")
    assert symbol.name == "f"
