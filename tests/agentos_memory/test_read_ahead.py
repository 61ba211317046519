"""The first answers show files as quickly as later ones, and still what is in them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from agentos_memory import file_texts, work_files
from agentos_memory.current_files import CurrentFiles
from agentos_memory.file_texts import FileTexts
from agentos_memory.read_ahead import ReadAhead

pytestmark = pytest.mark.anyio

N_FILES = 60


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path.resolve()
    hour_ago = time.time() - 3_600
    for number in range(N_FILES):
        path = root / f"module_{number:02}.py"
        path.write_text(f"LINE = {number}\n" * 40)
        os.utime(path, (hour_ago, hour_ago))
    return root


def digests_of(root: Path) -> dict[str, str]:
    return {path.name: "0" * 64 for path in sorted(root.iterdir())}


class Reading:
    """Counts what is read from the disk, and reads it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.paths: list[str] = []
        read = work_files.read_file

        def counted(root: Path, path: str, *, max_bytes: int) -> bytes | int | None:
            self.paths.append(path)
            return read(root, path, max_bytes=max_bytes)

        monkeypatch.setattr(file_texts, "read_file", counted)
        # What the files were when they were read shows in their times from now on.
        monkeypatch.setattr(file_texts, "SETTLED_AFTER_S", -1.0)


async def test_files_that_were_read_ahead_are_not_read_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = Reading(monkeypatch)
    files = CurrentFiles(FileTexts())
    ahead = ReadAhead(files)
    ahead.begin(root, digests_of(root), {})
    ahead.begin(root, digests_of(root), {})
    await ahead.wait()
    assert sorted(reading.paths) == sorted(digests_of(root))
    files.read(root, digests_of(root), {}, ["module_00.py", "module_59.py"])
    assert len(reading.paths) == N_FILES


async def test_a_file_that_changed_after_it_was_read_ahead_is_shown_as_it_is(root: Path) -> None:
    files = CurrentFiles(FileTexts())
    ahead = ReadAhead(files)
    ahead.begin(root, digests_of(root), {})
    await ahead.wait()
    (root / "module_07.py").write_text("LINE = 'another'\n")
    text = files.read(root, digests_of(root), {}, ["module_07.py"])["module_07.py"].text
    assert text is not None
    assert text.content == b"LINE = 'another'\n"


async def test_no_more_is_read_ahead_than_is_kept(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = Reading(monkeypatch)
    monkeypatch.setattr(file_texts, "MAX_BYTES", 8_000)
    ahead = ReadAhead(CurrentFiles(FileTexts()))
    ahead.begin(root, digests_of(root), {})
    await ahead.wait()
    assert 0 < len(reading.paths) < N_FILES


async def test_files_that_are_gone_do_not_end_the_reading(root: Path) -> None:
    files = CurrentFiles(FileTexts())
    digests = {"gone.py": "0" * 64, **digests_of(root)}
    ahead = ReadAhead(files)
    ahead.begin(root, digests, {})
    await ahead.wait()
    assert files.read(root, digests, {}, ["gone.py"])["gone.py"].text is None
