"""`agentos bench index`: what it prints, and what it leaves behind (issue 4, Memory)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.agentos_memory.repositories import LIBRARY, make_repository, write_files

_TIMEOUT_S = 240


@pytest.fixture
def temporary() -> Iterator[Path]:
    """The folder for temporary files of the command."""
    # Run by root, PostgreSQL steps down to an account that may not enter the folder of pytest.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def _running(path: Path, temporary: Path) -> Iterator[subprocess.Popen[str]]:
    arguments = [sys.executable, "-m", "agentos", "bench", "index", str(path), "--json"]
    environment = os.environ | {"TMPDIR": str(temporary), "AGENTOS_HOME": str(temporary / "unused")}
    with subprocess.Popen(
        arguments, env=environment, cwd=path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()


def _servers_below(folder: Path) -> list[str]:
    """The processes whose command line names the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.startswith(os.fsencode(folder)) for word in words):
            found.append(entry.name)
    return found


def test_the_figures_are_one_document_and_every_step_is_told_on_stderr(
    tmp_path: Path, temporary: Path
) -> None:
    shop = make_repository(tmp_path / "shop", LIBRARY)
    with _running(shop, temporary) as process:
        printed, told = process.communicate(timeout=_TIMEOUT_S)
    assert process.returncode == 0, told
    figures = json.loads(printed)
    assert figures["files"] == 4
    assert figures["symbols"] > 5 and figures["edges"] > 5
    assert figures["cold"]["cpu_s"] > 0 and figures["cold"]["peak_bytes"] > 1_000_000
    assert 0 < figures["one_file_searchable_s"] < 60
    for step in ("copying", "from nothing", "unchanged", "one file", "searching"):
        assert step in told
    assert list(temporary.iterdir()) == []


def test_a_repository_without_python_is_measured_too(tmp_path: Path, temporary: Path) -> None:
    files = {"go.mod": "module shop\n\ngo 1.21\n", "shop.go": "package shop\n\nfunc Pay() {}\n"}
    repository = tmp_path / "go-shop"
    write_files(repository, files)
    with _running(repository, temporary) as process:
        printed, told = process.communicate(timeout=_TIMEOUT_S)
    assert process.returncode == 0, told
    assert json.loads(printed)["one_file"]["wall_s"] > 0


def test_a_folder_without_sources_is_refused_in_one_line(tmp_path: Path, temporary: Path) -> None:
    folder = tmp_path / "notes"
    write_files(folder, {"notes.xyz": "text\n"})
    with _running(folder, temporary) as process:
        printed, told = process.communicate(timeout=_TIMEOUT_S)
    assert process.returncode == 1
    assert "holds no source code" in told and "Traceback" not in told
    assert json.loads(printed)["error"]["code"] == "invalid_argument"
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "step"),
    [
        (signal.SIGTERM, "starting a database"),
        (signal.SIGINT, "indexing from nothing"),
        pytest.param(signal.SIGINT, "starting a database", marks=pytest.mark.nightly),
        pytest.param(signal.SIGTERM, "indexing from nothing", marks=pytest.mark.nightly),
    ],
)
def test_a_run_that_is_told_to_stop_leaves_no_server_and_no_files(
    tmp_path: Path, temporary: Path, number: signal.Signals, step: str
) -> None:
    shop = make_repository(tmp_path / "shop", LIBRARY)
    with _running(shop, temporary) as process:
        assert process.stderr is not None
        seen = []
        for line in process.stderr:
            seen.append(line)
            if step in line:
                break
        process.send_signal(number)
        _, told = process.communicate(timeout=_TIMEOUT_S)
    assert process.returncode == 128 + number, "".join(seen) + told
    assert "Traceback" not in told
    assert _servers_below(temporary) == []
    assert list(temporary.iterdir()) == []
