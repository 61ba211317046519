"""The accuracy benchmark: truth from a language server, answers from the graph, scores (issue 4)."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from agentos_memory.resolution import resolve
from bench.callers.run import Answers, analyse_tree
from bench.callers.scoring import Table, score
from bench.callers.truth import build_truth
from tests.agentos_memory.fake_language_server import write_server
from tests.agentos_memory.repositories import write_files

pytestmark = pytest.mark.anyio

SOURCES = {
    "lib.py": (
        "class Job:\n    def run(self):\n        return step()\n\n\ndef step():\n    return 1\n"
    ),
    "use.py": (
        "from lib import Job, step\n\n\n"
        "def typed():\n"
        "    Job().run()\n\n\n"
        "def untyped(job):\n"
        "    job.run()\n\n\n"
        "def outer():\n"
        "    def inner():\n"
        "        step()\n"
        "    return inner\n"
    ),
}


async def test_answers_are_scored_against_what_the_server_says(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    write_files(root, SOURCES)
    program = str(write_server(tmp_path / "server"))
    truth, rows = await build_truth(root, "python", name="tree", programs={"pyright": program})
    symbols = {symbol["id"]: symbol for symbol in truth["symbols"]}
    assert set(symbols) == {"lib.py::Job", "lib.py::Job.run", "lib.py::step"}
    assert symbols["lib.py::Job.run"]["callers"] == {"use.py::typed": [5], "use.py::untyped": [9]}
    assert symbols["lib.py::step"]["callers"] == {
        "lib.py::Job.run": [3],
        "use.py::outer.inner": [14],
    }
    table = Table(rows)
    analyses = analyse_tree(root)
    answers = Answers(analyses, resolve(analyses), table)
    given = {name: answers.of(symbol, "callers") for name, symbol in symbols.items()}
    summary = score(truth, given, table, "callers")["functions+methods"]
    # The receiver of `untyped` is anything; what is nested counts for the function around it.
    assert (summary.precision, summary.recall) == (1.0, 3 / 4)
    (run,) = (each for each in summary.scores if each.id == "lib.py::Job.run")
    assert run.missed == ("use.py::untyped",)


async def test_an_answer_that_the_server_contradicts_costs_precision(tmp_path: Path) -> None:
    rows = {"a.py": [[1, 2, "function", "f"], [4, 5, "function", "g"], [7, 8, "function", "h"]]}
    truth = {
        "symbols": [
            {
                "id": "a.py::f", "kind": "function", "stratum": "function",
                "callers": {"a.py::g": [5]}, "dispatch": {}, "unresolved": {}, "refs": [],
            }
        ]
    }  # fmt: skip
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(truth))
    with gzip.open(path.with_suffix(".defs.json.gz"), "wt") as file:
        json.dump(rows, file)
    given = {"a.py::f": ["a.py::g", "a.py::h", "a.py::f", "a.py::<module>"]}
    summary = score(truth, given, Table.load(path), "callers")["functions+methods"]
    assert (summary.macro_precision, summary.macro_recall, summary.exact_sets) == (0.5, 1.0, 0.0)


async def test_a_class_that_is_constructed_is_no_callee(tmp_path: Path) -> None:
    rows = {"a.py": [[1, 4, "function", "f"], [6, 7, "function", "g"], [9, 10, "class", "C"]]}
    truth = {
        "symbols": [
            {
                "id": "a.py::f", "kind": "function", "stratum": "function",
                "callees": ["a.py::g", "a.py::C"], "callees_unresolved": [],
            }
        ]
    }  # fmt: skip
    for given in (["a.py::g"], ["a.py::g", "a.py::C"]):
        summary = score(truth, {"a.py::f": given}, Table(rows), "callees")["functions+methods"]
        assert (summary.precision, summary.recall) == (1.0, 1.0)
    summary = score(truth, {"a.py::f": ["a.py::C"]}, Table(rows), "callees")["functions+methods"]
    assert summary.recall == 0.0
