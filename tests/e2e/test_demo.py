"""`agentos demo` holds on real repositories, whatever they contain, and says what is wrong."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agentos.canonical import canonical_json
from agentos.cli import main
from agentos.demo.plan import subject_of
from agentos.demo.stage import _clone
from tests.loggers import logging_restored

ANSWERS = ("who", "why_allowed", "grounding", "correctness", "cost", "reviewed_by", "recovery")


ODD_NAMES = {b"caf\xe9.txt": b"one\n", b"-rf": b"two\n", "ä ö/ü.md".encode(): b"# three\n"}


def _git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@localhost"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout


def _repository(folder: Path, files: dict[bytes, bytes]) -> Path:
    folder.mkdir()
    _git(folder, "init", "--quiet", "--initial-branch", "trunk")
    for name, content in files.items():
        path = os.path.join(os.fsencode(folder), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--message", "start")
    return folder


def _demo(*arguments: str) -> tuple[int, dict[str, Any], str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AGENTOS_")}
    outcome = subprocess.run(
        [sys.executable, "-m", "agentos", "demo", "--json", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=300,
    )
    document = json.loads(outcome.stdout) if outcome.stdout.strip() else {}
    return outcome.returncode, document, outcome.stderr


def test_every_step_holds_on_a_python_repository_with_odd_names_and_the_source_is_only_read(
    tmp_path: Path,
) -> None:
    source = _repository(
        tmp_path / "shop",
        {
            b"shop/prices.py": b"def parse_price(text):\n    return float(text)\n",
            b"shop/basket.py": b"from shop.prices import parse_price\n\n\n"
            b"class Basket:\n    def add(self, text):\n        return parse_price(text)\n",
            b"shop/__init__.py": b"",
            b"README.md": b"# Shop\n",
            **ODD_NAMES,
        },
    )
    before = _git(source, "for-each-ref") + _git(source, "status", "--porcelain")
    code, document, errors = _demo("--repo", str(source))
    assert code == 0, (document.get("error"), errors[-3000:])
    assert document["ok"] and document["repository"] == "shop"
    assert before == _git(source, "for-each-ref") + _git(source, "status", "--porcelain")
    assert len(document["steps"]) >= 20
    assert all(document["report"][name]["summary"] for name in ANSWERS)
    assert document["report"]["state"] == "completed"
    assert document["blast_radius"]["symbol"].startswith("shop.")
    _check_resume_packet(document["resume"])
    assert sum(float(row["usd"]) for row in document["cost"]["rows"]) == pytest.approx(
        float(document["cost"]["total_usd"])
    )


def _check_resume_packet(resume: dict[str, Any]) -> None:
    assert resume["sha256"] == resume["regenerated_sha256"]
    assert hashlib.sha256(canonical_json(resume["packet"])).hexdigest() == resume["sha256"]
    assert [attempt["epoch"] for attempt in resume["packet"]["attempts"]] == [1, 2]
    assert resume["packet"]["attempts"][0]["ended"] == "lease_expired"


@pytest.mark.parametrize("kind", ["missing", "not git", "empty"])
def test_a_repository_that_cannot_be_used_is_one_line_and_exit_code_2(
    tmp_path: Path,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in [name for name in os.environ if name.startswith("AGENTOS_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "repo"
    if kind != "missing":
        folder.mkdir()
    if kind == "empty":
        _git(folder, "init", "--quiet")
    with logging_restored():
        code = main(["demo", "--json", "--repo", str(folder)])
    written = capsys.readouterr()
    lines = [line for line in written.err.splitlines() if line.startswith("agentos: ")]
    assert code == 2 and len(lines) == 1 and "--repo" in lines[0], written
    assert "Traceback" not in written.err


def test_a_note_without_code_rests_on_the_first_line_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    (tmp_path / "notes.md").write_text("# Notes\n")
    subject = subject_of(None, ["empty.txt", "notes.md"], tmp_path)
    assert subject.name == "notes.md"
    assert [(path, line) for path, line, _ in subject.citations] == [("notes.md", 1)]


def test_a_bare_repository_is_cloned_with_its_files_and_a_branch(tmp_path: Path) -> None:
    source = _repository(tmp_path / "plain", {b"a.py": b"def f():\n    return 1\n"})
    bare = tmp_path / "bare.git"
    _git(tmp_path, "clone", "--quiet", "--bare", str(source), str(bare))
    clone = _clone(bare, tmp_path / "clone")
    assert (clone / "a.py").is_file()
    assert _git(clone, "symbolic-ref", "--short", "HEAD").strip()


@pytest.mark.nightly
def test_every_step_holds_on_a_bare_repository_without_code(tmp_path: Path) -> None:
    """What differs from the whole run above, a clone and a note without code, has tests by day."""
    source = _repository(tmp_path / "notes", ODD_NAMES)
    _git(tmp_path, "clone", "--quiet", "--bare", str(source), str(tmp_path / "bare.git"))
    code, document, errors = _demo("--repo", str(tmp_path / "bare.git"))
    assert code == 0, (document.get("error"), errors[-3000:])
    assert document["ok"] and document["index"]["symbols"] == 0


@pytest.mark.nightly
@pytest.mark.parametrize("package", ["starlette", "rich", "mcp", "pydantic"])
def test_every_step_holds_on_packages_that_others_wrote(tmp_path: Path, package: str) -> None:
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent
    files = {
        os.fsencode(f"{package}/{path.relative_to(folder)}"): path.read_bytes()
        for path in folder.rglob("*.py")
    }
    code, document, errors = _demo("--repo", str(_repository(tmp_path / package, files)))
    assert code == 0, (document.get("error"), errors[-3000:])
    assert document["seconds"] < 300 and document["index"]["files"] == len(files)
