"""Only a regular file of the workspace is read, whatever is swapped for it meanwhile."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agentos import CallRefusedError, InvalidArgumentError, NotFoundError
from agentos_governance.workspace.file_reading import read_workspace_file

LIMIT = 1_000


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "e.txt").write_text("fine", "utf-8")
    return folder


def test_a_file_is_read_through_links_that_stay_inside(workspace: Path) -> None:
    (workspace / "link").symlink_to("src/e.txt")
    assert read_workspace_file(workspace, "link", LIMIT) == ("src/e.txt", b"fine")
    assert read_workspace_file(workspace, "src/../src/e.txt", 4) == ("src/e.txt", b"fine")


def test_what_is_no_regular_file_is_refused_at_once(workspace: Path) -> None:
    os.mkfifo(workspace / "pipe")
    (workspace / "loop").symlink_to("loop")
    (workspace / "zero").symlink_to("/dev/zero")
    (workspace / "large").write_bytes(b"x" * (LIMIT + 1))
    for path in ("pipe", "src", ".", "none", "src/e.txt/x"):
        with pytest.raises(NotFoundError):
            read_workspace_file(workspace, path, LIMIT)
    for path in ("loop", "zero", "../x"):
        with pytest.raises(CallRefusedError):
            read_workspace_file(workspace, path, LIMIT)
    with pytest.raises(InvalidArgumentError, match="larger than 1000 bytes"):
        read_workspace_file(workspace, "large", LIMIT)


@contextmanager
def _swapping(file: Path, target: str) -> Iterator[None]:
    """Meanwhile `file` is by turns itself and a link to `target`.

    Each for a random time: two threads that take turns at the interpreter can fall into step, and
    whoever looks then meets the same of both for as long as it looks.
    """
    pauses = random.Random(0)
    file.with_suffix(".link").symlink_to(target)
    content = file.read_bytes()
    stopped = threading.Event()

    def swap() -> None:
        made = file.with_suffix(".next")
        while not stopped.is_set():
            made.symlink_to(target)
            made.replace(file)
            time.sleep(pauses.uniform(0, 0.0001))
            made.write_bytes(content)
            made.replace(file)
            time.sleep(pauses.uniform(0, 0.0001))

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


@pytest.mark.parametrize("target", ["/dev/zero", "secret"])
def test_a_file_that_is_swapped_for_a_link_is_never_read_elsewhere(
    workspace: Path, tmp_path: Path, target: str
) -> None:
    (tmp_path / "secret").write_text("TOP SECRET", "utf-8")
    aim = target if target.startswith("/") else str(tmp_path / target)
    n_read = n_refused = 0
    deadline = time.monotonic() + 60
    with _swapping(workspace / "src" / "e.txt", aim):
        while min(n_read, n_refused) < 3_000:
            assert time.monotonic() < deadline, (n_read, n_refused)
            try:
                _, content = read_workspace_file(workspace, "src/e.txt", LIMIT)
            except (CallRefusedError, NotFoundError):
                n_refused += 1
            else:
                assert content == b"fine"
                n_read += 1


def test_a_file_with_another_name_perhaps_outside_is_refused(
    workspace: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("TOP SECRET", "utf-8")
    os.link(tmp_path / "secret", workspace / "src" / "mine.txt")
    with pytest.raises(InvalidArgumentError, match="hard link"):
        read_workspace_file(workspace, "src/mine.txt", LIMIT)
    (tmp_path / "secret").unlink()
    assert read_workspace_file(workspace, "src/mine.txt", LIMIT)[1] == b"TOP SECRET"
