"""No file stops an index: whatever a file holds, it gives facts or a reason for being left out."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from agentos_memory.analysis import analyse_file
from agentos_memory.chunks import chunk_file
from agentos_memory.knowledge.sources import SourceFile
from agentos_memory.languages import LANGUAGES, Language
from agentos_memory.model import FileAnalysis, SkippedFile
from agentos_memory.resolution import resolve

SOURCE = b"""# one { two } /* three */
class A extends B { // four
  int f(int x) { return g(x, [1, {2: "3"}]); }
}
def h(a, b = 1): return a.b.c(d)->e::f
func main() { let x: Vec<u8> = y?; x.z(); }
CREATE TABLE t (id int);
key: "value"
resource "a" "b" { c = 1 }
"""
DEEP = (b"(", b"[", b"{", b"a.b(", b"{\n", b"class A {\n")


def _cases() -> Iterator[bytes]:
    yield b""
    yield SOURCE
    yield SOURCE.replace(b"\n", b"\r\n")
    yield b"\xef\xbb\xbf" + SOURCE
    yield SOURCE + "größer ✓".encode()
    yield SOURCE + b"\xe9\xff"
    yield from (SOURCE[:end] for end in range(0, len(SOURCE), 7))
    numbers = random.Random(4)
    yield from (numbers.randbytes(200) for _ in range(10))
    marks = b"(){}[]<>\"'`;:,.=+-*/\\#$@\n abcclassdefif"
    yield from (bytes(numbers.choices(marks, k=1_500)) for _ in range(10))


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_broken_and_foreign_text_never_raises(language: Language) -> None:
    path = _path(language)
    for source in _cases():
        _check(path, source)


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_data_beyond_measure_is_left_out_with_a_reason(language: Language) -> None:
    path = _path(language)
    for opening in DEEP:
        _check(path, opening * (100_000 // len(opening)))
    minified = analyse_file(path, SOURCE.replace(b"\n", b" ") * 3_000)
    assert isinstance(minified, SkippedFile)
    assert minified.reason in ("minified", "too_large")


@pytest.mark.parametrize(
    "source",
    [
        b"- " * 300 + b"x\n",
        b"? " * 300 + b"x\n",
        b"'q' " + b"- " * 300,
        b"? a\n: " + b": " * 300,
        b"".join(b" " * depth + b"a:\n" for depth in range(300)),
        b"- " * 90 + b"x\r" + b" " * 180 + b"- " * 90 + b"x\r" + b" " * 360 + b"- " * 90 + b"x",
    ],
    ids=["lists", "keys", "after text", "values", "mappings", "carriage returns"],
)
def test_yaml_that_would_crash_its_grammar_is_left_out(source: bytes) -> None:
    found = analyse_file("a.yaml", source)
    assert isinstance(found, SkippedFile)
    assert found.reason == "too_deeply_nested"
    with pytest.raises(RecursionError):
        _ = SourceFile("a.yaml", source).yaml


def test_deep_and_wide_yaml_of_people_is_analysed() -> None:
    deep = b"".join(b"  " * depth + b"a:\n" for depth in range(50))
    wide = b"k: {" + b'"a": 1, - b - ' * 500 + b"}\n"
    prose = b"text: |\n" + b"".join(b" " * (n % 60 + 2) + b"a - b: c ? d\n" for n in range(500))
    for source in (deep, wide, prose):
        assert isinstance(analyse_file("a.yaml", source), FileAnalysis)


def _path(language: Language) -> str:
    suffix = language.suffixes[0]
    return f"src/x{suffix}" if suffix.startswith(".") else f"src/{suffix}"


def _check(path: str, source: bytes) -> None:
    found = analyse_file(path, source)
    if isinstance(found, SkippedFile):
        assert found.detail
        return
    assert isinstance(found, FileAnalysis)
    assert found.symbols[0].kind == "module"
    chunk_file(found, source)
    resolve([found])
