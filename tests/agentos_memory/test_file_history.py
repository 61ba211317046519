"""Files that changed often, and those whose changes were spoken of in the words of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from agentos import Kernel
from agentos_memory.analysis import analyse_file
from agentos_memory.chunk_records import decode_chunks, encode_chunks
from agentos_memory.chunks import chunk_file
from agentos_memory.file_history import FileHistory
from agentos_memory.generations import Repository
from agentos_memory.knowledge.history import MAX_FILES_OF_COMMIT, Commit
from agentos_memory.model import FileAnalysis
from agentos_memory.ranked import CodeQuery, rank
from agentos_memory.recognition import recognise
from agentos_memory.shards import FileEntry, Shard
from bench.retrieval.issue_set import issue_set
from tests.agentos_memory.repositories import call, git, write_files

pytestmark = pytest.mark.anyio

REPORT = "wrong discount when the voucher is empty"


def commit(subject: str, *paths: str) -> Commit:
    return Commit("0" * 40, "A", 0, subject, paths)


def shard_over(sources: Mapping[str, str], commits: Sequence[Commit]) -> Shard:
    """A shard of Python files that these commits changed, without vectors."""
    stored = []
    for path, source in sorted(sources.items()):
        analysis = analyse_file(path, source.encode(), package_dirs=frozenset())
        assert isinstance(analysis, FileAnalysis)
        stored.append(decode_chunks(path, encode_chunks(chunk_file(analysis, source.encode()))))
    return Shard(
        Repository(1, "a", Path("/a"), None, 1),
        [FileEntry(part.path, "python", "0" * 64) for part in stored],
        stored,
        history=FileHistory.of_commits([part.path for part in stored], commits),
    )


def found_files(sources: Mapping[str, str], commits: Sequence[Commit], text: str) -> list[str]:
    """The files of the hits by words, best first."""
    shard = shard_over(sources, commits)
    _, found = rank(shard, CodeQuery(text, "keyword"), recognise(text), None)
    return list(dict.fromkeys(shard.path(each.position) for each in found))


# Equal in all but their names, of which no query says one.
TWINS = {
    path: "def first(voucher):\n    return voucher\n" for path in ("a.py", "b.py", "c.py", "d.py")
}


def test_the_file_whose_changes_were_spoken_of_in_the_words_of_a_report_comes_first() -> None:
    commits = [
        commit("Add the list", "a.py", "b.py", "d.py"),
        commit("Fix discount of vouchers", "c.py"),
    ]
    assert found_files(TWINS, [], REPORT)[0] == "a.py"
    assert found_files(TWINS, commits, REPORT)[0] == "c.py"


def test_a_fault_is_looked_for_in_files_that_change_often_and_what_is_described_hardly() -> None:
    commits = [commit("Tidy up", "c.py"), commit("Tidy more", "c.py"), commit("Begin", *TWINS)]
    assert found_files(TWINS, commits, REPORT)[0] == "c.py"
    shard = shard_over(TWINS, commits)

    def lead(query: str) -> float:
        scores = shard.score(query, None, "keyword").scores
        return float(scores[2] - scores[0])

    assert lead("returns the given voucher") < 0.1
    assert lead(REPORT) > 0.5


def test_a_manifest_that_changes_with_every_release_is_not_at_fault_for_that() -> None:
    sources = {
        "a.py": "VOUCHER = 1\n",
        "b.py": "VOUCHER = 1\n",
        "c.py": "def first(voucher):\n    return voucher\n",
    }
    often = [commit(f"Release {n}", "b.py") for n in range(9)]
    assert found_files(sources, often, REPORT) == ["c.py", "a.py", "b.py"]


def test_commits_of_very_many_files_and_of_files_that_are_gone_say_nothing() -> None:
    paths = [f"{n}.py" for n in range(MAX_FILES_OF_COMMIT + 1)]
    history = FileHistory.of_commits(
        paths, [commit("Reformat discounts", *paths), commit("Remove discounts", "gone.py")]
    )
    assert not history.often.any()
    assert not history.scores("discounts").any()


def test_changes_count_the_less_the_more_there_were() -> None:
    commits = [commit("Change", *(f"{n}.py" for n in range(4) if n >= i)) for i in (1, 2, 2, 3)]
    often = FileHistory.of_commits([f"{n}.py" for n in range(4)], commits).often
    assert often.mean() == pytest.approx(0, abs=1e-6)
    steps = np.diff(often)
    assert steps[0] > steps[2] > 0


async def test_search_knows_what_git_says_of_a_repository(kernel: Kernel, tmp_path: Path) -> None:
    root = tmp_path / "shop"
    root.mkdir()
    git(root, "init", "-q")
    for path, source in TWINS.items():
        write_files(root, {path: source})
        git(root, "add", ".")
        subject = "Fix discount of vouchers" if path == "c.py" else "Add it"
        git(root, "commit", "-q", "-m", subject)
    await call(kernel, "index_repository", path=str(root))
    found = await call(kernel, "search_code", query=REPORT, mode="keyword")
    assert found["hits"][0]["path"] == "c.py"
    # A generation of changed files that are not committed, and one of a commit.
    write_files(root, {"a.py": TWINS["a.py"] + "\n\ndef added():\n    return 1\n"})
    await call(kernel, "index_repository", path=str(root))
    found = await call(kernel, "search_code", query=REPORT, mode="keyword")
    assert found["hits"][0]["path"] == "c.py"
    for n in range(4):
        write_files(root, {"d.py": TWINS["d.py"] + f"\n\nN = {n}\n"})
        git(root, "commit", "-q", "-m", "Fix discount of empty vouchers", "d.py")
    await call(kernel, "index_repository", path=str(root))
    found = await call(kernel, "search_code", query=REPORT, mode="keyword")
    assert found["hits"][0]["path"] == "d.py"


def test_a_measured_report_knows_no_commit_of_its_own_words_or_later(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    text = "def parse_price(text):\n    return int(text)\n"
    for source, subject in [
        (text, "Add prices"),
        (text + "\n\nA = 1\n", "Fix prices without any cents crash (#12)"),
        (text + "\n\nA = 2\n", "Say more"),
        (text.replace("int(text)", "int(text or 0)"), "fix: prices without any cents crash"),
        (text, "Go back"),
    ]:
        write_files(tmp_path, {"shop/prices.py": source})
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-q", "-m", subject)
    queries = issue_set("shop", tmp_path)
    (query,) = queries.queries
    assert query.text == "prices without any cents crash"
    assert [each.subject for each in queries.commits[query.n_later_commits :]] == ["Add prices"]
