"""Docstring to function: the first sentence of a docstring must find the function it described.

Every function's docstring or leading comment is blanked before anything is indexed, line numbers
kept. Method and filters are those of CodeSearchNet (Husain et al. 2019) made stricter: sentences
of 4 to 40 words, no two functions with one sentence or one text, no dunder or test functions.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from agentos_memory.knowledge.history import MAX_COMMITS
from agentos_memory.model import FileAnalysis
from bench.retrieval.queries import Function, Query, QuerySet, analyse_sources, functions_of
from bench.retrieval.sources import Sources, is_product_code, read_log, read_sources

MAX_QUERIES = 300

Place: TypeAlias = tuple[str, str, int]
"""Path, qualified name within the file and first line of a function."""

_BOILERPLATE = re.compile(
    r"(?i)(:|@|>>>|deprecated|todo|fixme|see |like |same as|internal|noqa|overrid|inherited"
    r"|https?:)"
)


def docstring_set(repository: str, source: Path, *, with_tests: bool = False) -> QuerySet:
    """At most MAX_QUERIES queries over the source tree or git directory `source`.

    Tests, where wanted, are only in the way; they are no answers.
    """
    stripped, described = without_docstrings(read_sources(source, with_tests=with_tests))
    functions = [
        function
        for analysis in analyse_sources(stripped)
        for function, _ in functions_of(analysis, stripped[analysis.path])
    ]
    unique = described_functions(repository, functions, described)
    queries = [
        Query(f"{repository}:{function.path}:{function.local_name}", text, [function])
        for text, function in unique[:MAX_QUERIES]
    ]
    commits = read_log(source, most=MAX_COMMITS)
    return QuerySet(repository, "docstring", stripped, functions, queries, commits)


def without_docstrings(sources: Sources) -> tuple[Sources, list[tuple[str, Place]]]:
    """The sources with every description blanked, and the first sentence of each."""
    described: list[tuple[str, Place]] = []
    stripped: Sources = {}
    for analysis in analyse_sources(sources):
        content = sources[analysis.path]
        found = _docstrings(analysis, content)
        stripped[analysis.path] = _blanked(content, [span for _, _, span in found])
        described += [
            (first_sentence(text), (f.path, f.local_name, f.start_line)) for f, text, _ in found
        ]
    return stripped, described


def described_functions(
    repository: str, functions: Iterable[Function], described: Iterable[tuple[str, Place]]
) -> list[tuple[str, Function]]:
    """Sentences that say what one function does and no other, in a random but stable order."""
    by_place = {(f.path, f.local_name, f.start_line): f for f in functions}
    pairs = [(text, by_place[place]) for text, place in described if place in by_place]
    pairs = [(text, function) for text, function in pairs if _is_usable(text, function)]
    sentences = Counter(squeezed(text) for text, _ in pairs)
    codes = Counter(squeezed(function.code) for function in by_place.values())
    unique = [
        (text, function)
        for text, function in pairs
        if sentences[squeezed(text)] == 1 and codes[squeezed(function.code)] == 1
    ]
    unique.sort(key=lambda pair: _stable(repository + "/".join(pair[1].key)))
    return unique


def _docstrings(
    analysis: FileAnalysis, content: bytes
) -> list[tuple[Function, str, tuple[int, int]]]:
    """Each described function with its description and the lines that hold it."""
    functions = functions_of(analysis, content)
    if analysis.language == "python":
        spans = dict(_python_docstrings(content))
        return [
            (f, s.docstring, spans[s.name_line])
            for f, s in functions
            if s.docstring and s.name_line in spans
        ]
    lines = content.decode("utf-8", "replace").split("\n")
    found = []
    for function, _ in functions:
        first = _comment_start(lines, function.start_line)
        if first < function.start_line:
            text = _comment_text(lines[first - 1 : function.start_line - 1])
            # In Go the sentence starts with the name, which would give the answer away.
            text = re.sub(rf"^{re.escape(function.name)}\s+", "", text)
            found.append((function, text, (first, function.start_line - 1)))
    return found


def _python_docstrings(content: bytes) -> Iterator[tuple[int, tuple[int, int]]]:
    """Line of each function's name, with the lines of its docstring."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = node.body[0]
        is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        # A function of nothing but a docstring would be no function without it.
        if is_docstring and len(node.body) > 1 and first.lineno > node.lineno:
            end = first.end_lineno or first.lineno
            if node.body[1].lineno > end:
                yield node.lineno, (first.lineno, end)


def _comment_start(lines: list[str], start_line: int) -> int:
    """First line of the comment that ends right above `start_line`; that line without one."""
    above = start_line - 1
    if above and lines[above - 1].strip().endswith("*/"):
        while above > 1 and not lines[above - 1].lstrip().startswith("/*"):
            above -= 1
        return above if lines[above - 1].lstrip().startswith("/**") else start_line
    while above and lines[above - 1].startswith("//"):
        above -= 1
    return above + 1


def _comment_text(lines: list[str]) -> str:
    cleaned = (re.sub(r"^\s*(/\*\*?|\*/|\*|//) ?|\*/\s*$", "", line) for line in lines)
    return "\n".join(cleaned).strip()


def _blanked(content: bytes, spans: Iterable[tuple[int, int]]) -> bytes:
    lines = content.split(b"\n")
    for first, last in spans:
        lines[first - 1 : last] = [b""] * (last - first + 1)
    return b"\n".join(lines)


def first_sentence(text: str) -> str:
    """The first sentence of a description, without markup."""
    paragraph = re.split(
        r"\n\s*\n|\n\s*(?=[:@]\w+)|\n\s*(?:Args|Parameters|Returns|Example)\b",
        text.strip(),
        maxsplit=1,
    )[0]
    paragraph = " ".join(paragraph.split())
    paragraph = re.sub(r":[\w:+.-]+:`[~!]?\.?([^`<]+?)(?:\s*<[^`]+>)?`", r"\1", paragraph)
    paragraph = re.sub(r"\{@link\s+([^}]+)\}", r"\1", paragraph)
    paragraph = re.sub(r"``?|\*\*", "", paragraph)
    sentence = re.match(r"(.+?[.!?])(?=\s+[A-Z(\"'`]|\s*$)", paragraph)
    return (sentence.group(1) if sentence else paragraph).strip().rstrip(".").strip()


def _is_usable(text: str, function: Function) -> bool:
    words = re.findall(r"[A-Za-z][A-Za-z'_-]*", text)
    return (
        4 <= len(words) <= 40
        and len(text) <= 300
        and text.isascii()
        and not _BOILERPLATE.match(text)
        and not re.search(r"https?://|>>>|nolint", text)
        and not re.match(r"__\w+__$|[Tt]est", function.name)
        and sum(1 for line in function.code.split("\n") if line.strip()) >= 3
        and is_product_code(function.path)
    )


def squeezed(text: str) -> str:
    """The words alone, in lower case: texts that differ in nothing else are the same text."""
    return re.sub(r"\W+", " ", text.lower()).strip()


def _stable(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
