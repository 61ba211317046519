"""Files that are looked through at every query are read once, and never from before a change."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from agentos_memory import file_texts
from agentos_memory.current_files import CurrentFiles
from agentos_memory.file_texts import FileTexts

LONG_AGO_NS = time.time_ns() - 3_600 * 10**9


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of change cannot be set back, so that nothing of a test is ever settled."""
    monkeypatch.setattr(file_texts, "SETTLED_AFTER_S", -1.0)


@pytest.mark.usefixtures("settled")
def test_a_file_that_did_not_change_is_read_once(tmp_path: Path) -> None:
    _write(tmp_path / "a.py", b"one\ntwo\nthree")
    texts = FileTexts()
    first = texts.find(tmp_path, "a.py")
    assert first is not None and texts.find(tmp_path, "a.py") is first
    cuts = [first.cut(1, 1), first.cut(2, 3), first.cut(3, 9), first.cut(5, 6)]
    assert cuts == [b"one\n", b"two\nthree", b"three", b""]


@pytest.mark.usefixtures("settled")
def test_a_changed_file_is_read_again_even_with_its_old_time_and_size(tmp_path: Path) -> None:
    _write(tmp_path / "a.py", b"one")
    texts = FileTexts()
    assert texts.find(tmp_path, "a.py") is not None
    # As editors do it; a change in place would show in the time of change, once that moves on.
    _write(tmp_path / "new", b"two")
    (tmp_path / "new").replace(tmp_path / "a.py")
    changed = texts.find(tmp_path, "a.py")
    assert changed is not None and changed.content == b"two"
    (tmp_path / "a.py").unlink()
    assert texts.find(tmp_path, "a.py") is None


def test_a_file_that_changed_just_now_is_not_remembered(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"one")
    texts = FileTexts()
    assert texts.find(tmp_path, "a.py") is not texts.find(tmp_path, "a.py")


@pytest.mark.usefixtures("settled")
def test_no_more_is_remembered_than_there_is_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_texts, "MAX_BYTES", 250)
    for name in ("a", "b", "c"):
        _write(tmp_path / name, b"x" * 100)
    texts = FileTexts()
    found = {name: texts.find(tmp_path, name) for name in ("a", "b", "c")}
    assert texts.find(tmp_path, "c") is found["c"]
    assert texts.find(tmp_path, "b") is found["b"]
    assert texts.find(tmp_path, "a") is not found["a"]


@pytest.mark.usefixtures("settled")
def test_what_an_answer_shows_is_read_once_and_again_after_a_change(tmp_path: Path) -> None:
    _write(tmp_path / "a.py", b"one")
    files = CurrentFiles(FileTexts())
    digests = {"a.py": hashlib.sha256(b"one").hexdigest()}
    first = files.read(tmp_path, digests, {}, ["a.py"])["a.py"]
    again = files.read(tmp_path, digests, {}, ["a.py"])["a.py"]
    assert first.is_indexed and again.is_indexed and again.text is first.text
    _write(tmp_path / "new", b"two")
    (tmp_path / "new").replace(tmp_path / "a.py")
    changed = files.read(tmp_path, digests, {}, ["a.py"])["a.py"]
    assert changed.text is not None and changed.text.content == b"two" and not changed.is_indexed


def test_a_change_within_the_time_that_the_file_system_tells_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"one")
    status = os.stat(tmp_path / "a.py")
    files = CurrentFiles(FileTexts())
    digests = {"a.py": hashlib.sha256(b"one").hexdigest()}
    assert files.read(tmp_path, digests, {}, ["a.py"])["a.py"].is_indexed
    with (tmp_path / "a.py").open("r+b") as file:
        file.write(b"two")
    os.utime(tmp_path / "a.py", ns=(status.st_atime_ns, status.st_mtime_ns))
    changed = files.read(tmp_path, digests, {}, ["a.py"])["a.py"]
    assert changed.text is not None and changed.text.content == b"two" and not changed.is_indexed


@pytest.mark.anyio
@pytest.mark.usefixtures("settled")
async def test_a_look_for_a_pattern_leaves_committed_files_of_every_hash_committed(
    tmp_path: Path,
) -> None:
    _write(tmp_path / "a.py", b"one")
    files = CurrentFiles(FileTexts())
    digests = {"a.py": hashlib.sha256(b"one").hexdigest()}
    assert [text async for text in files.unchanged(tmp_path, digests, ["a.py"])] == [[b"one"]]
    for name in ("sha1", "sha256"):
        committed = {"a.py": hashlib.new(name, b"blob 3\0one").hexdigest()}
        assert files.read(tmp_path, digests, committed, ["a.py"])["a.py"].is_committed
