"""The scripted worker's fixed plan: what it looks up, writes, tests and claims.

The change is the same kind on every repository: a note on the symbol with the widest blast radius,
citing every caller by path and line, and a test that fails when a citation no longer holds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = "agentos-demo"
NOTE = f"{FOLDER}/blast_radius.md"
CITATIONS = f"{FOLDER}/citations.json"
TEST = f"{FOLDER}/test_citations.py"
STRAY = "AGENTOS_DEMO_STRAY.txt"
FORBIDDEN_COMMAND = "git -C . push --force origin HEAD"
TEST_COMMAND = f"python {TEST}"

MODEL = "claude-sonnet-4-5"

_TEST_SOURCE = '''"""Every citation of the note still stands where it says: same file, same line, same text."""

import hashlib
import json
import sys
import unittest
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).resolve().parent


class Citations(unittest.TestCase):
    def test_every_cited_line_is_unchanged(self):
        citations = json.loads((HERE / "citations.json").read_text(encoding="utf-8"))
        self.assertTrue(citations, "the note cites nothing")
        for citation in citations:
            lines = (HERE.parent / citation["path"]).read_bytes().splitlines()
            line = lines[citation["line"] - 1]
            self.assertEqual(hashlib.sha256(line).hexdigest(), citation["sha256"], citation)


def junit_report(names, result):
    """The run as JUnit XML."""
    suite = ElementTree.Element("testsuite", name="citations", tests=str(len(names)))
    bad = {case.id(): text for case, text in result.failures + result.errors}
    for name in names:
        case = ElementTree.SubElement(suite, "testcase", name=name)
        if name in bad:
            ElementTree.SubElement(case, "failure").text = bad[name]
    return ElementTree.tostring(suite)


if __name__ == "__main__":
    tests = unittest.defaultTestLoader.loadTestsFromTestCase(Citations)
    names = [test.id() for test in tests]
    result = unittest.TextTestRunner().run(tests)
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_bytes(junit_report(names, result))
    sys.exit(not result.wasSuccessful())
'''


@dataclass(frozen=True, slots=True)
class Subject:
    """What the note is about, and the places it rests on: (path, 1-based line, why)."""

    name: str
    citations: tuple[tuple[str, int, str], ...]


def subject_of(trace: dict[str, Any] | None, fallback: Sequence[str], root: Path) -> Subject:
    """The subject from a trace of callers, or the first readable file where there is no code."""
    if trace is not None:
        places = [(e["path"], e["line"], f"{e['from']} uses {e['to']}") for e in trace["edges"]]
        places += [
            (n["path"], n["start_line"], f"defines {n['symbol']}") for n in trace["nodes"][:20]
        ]
        usable = [place for place in dict.fromkeys(places) if _line(root, place[0], place[1])]
        if usable:
            return Subject(trace["symbol"], tuple(usable[:40]))
    for path in fallback:
        if _line(root, path, 1):
            return Subject(path, ((path, 1, "the first line of the file"),))
    return Subject("an empty repository", ())


def note_text(subject: Subject, *, is_whole: bool) -> str:
    """The note; the half that a worker had written when it was killed, or the whole."""
    lines = [f"# Blast radius of `{subject.name}`", "", "Who is affected when it changes:", ""]
    cited = subject.citations if is_whole else subject.citations[:1]
    lines += [f"- `{path}:{line}` {why}" for path, line, why in cited]
    if is_whole:
        lines += ["", f"{len(subject.citations)} places; `{TEST}` fails when one of them moves."]
    return "\n".join(lines) + "\n"


def citations_text(subject: Subject, root: Path) -> str:
    """The citations with the digests of the lines they name, as JSON."""
    return (
        json.dumps(
            [
                {
                    "path": path,
                    "line": line,
                    "why": why,
                    "sha256": hashlib.sha256(_line(root, path, line)).hexdigest(),
                }
                for path, line, why in subject.citations
            ],
            indent=1,
        )
        + "\n"
    )


def test_source() -> str:
    """The test that comes with the note; standard library only, so it runs anywhere."""
    return _TEST_SOURCE


def _line(root: Path, path: str, line: int) -> bytes:
    target = root / path
    if not target.is_file() or target.is_symlink() or target.stat().st_size > 5_000_000:
        return b""
    lines = target.read_bytes().splitlines()
    return lines[line - 1] if 0 < line <= len(lines) else b""
