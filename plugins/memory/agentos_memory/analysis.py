"""Facts of one source file: the way from bytes to `FileAnalysis`.

Below are the languages with their extractors; above, chunks, resolution and storage.
"""

from __future__ import annotations

import hashlib
from collections.abc import Set as AbstractSet

from agentos_memory.languages import Language, find_language
from agentos_memory.languages.collector import FactCollector
from agentos_memory.model import FileAnalysis, SkippedFile, Symbol
from agentos_memory.outline import statement_lines
from agentos_memory.parsing import parse
from agentos_memory.python_modules import python_module_name

MAX_FILE_BYTES = 1024 * 1024
MAX_LINE_CHARS = 20_000


def analyse_file(
    path: str, source: bytes, *, package_dirs: AbstractSet[str] = frozenset()
) -> FileAnalysis | SkippedFile:
    """Symbols, imports, calls and bindings of one file, or why it was left out.

    `path` is relative to the repository root, with `/`. `package_dirs` comes from
    `package_directories` over the repository's paths and names Python modules; the qualified
    names depend on it. Broken code gives what the parser recovers, with `has_errors` set.
    A file that is not UTF-8 is skipped, since its names and columns could not be trusted.
    """
    language = find_language(path)
    if language is None:
        return SkippedFile(path, "unsupported", "no language claims this file suffix")
    try:
        return _unreadable(path, source, language.max_bytes) or _extract(
            path, source, language, package_dirs
        )
    except RecursionError:
        return SkippedFile(path, "too_deeply_nested", "nested deeper than the analysis can follow")


def _unreadable(path: str, source: bytes, max_bytes: int) -> SkippedFile | None:
    if len(source) > max_bytes:
        return SkippedFile(path, "too_large", f"{len(source)} bytes; the limit is {max_bytes}")
    if b"\0" in source:
        return SkippedFile(path, "binary", "holds a NUL byte")
    try:
        text = source.decode("utf-8")
    except UnicodeDecodeError as error:
        return SkippedFile(path, "encoding", f"not UTF-8 at byte {error.start}")
    longest = max(map(len, text.splitlines())) if _may_hold_long_line(source) else 0
    if longest > MAX_LINE_CHARS:
        return SkippedFile(
            path, "minified", f"a line of {longest} characters; the limit is {MAX_LINE_CHARS}"
        )
    return None


def _may_hold_long_line(source: bytes) -> bool:
    """Whether more bytes than a line may have characters follow each other without a newline."""
    start = 0
    while len(source) - start > MAX_LINE_CHARS:
        end = source.rfind(b"\n", start, start + MAX_LINE_CHARS + 1)
        if end < 0:
            return True
        start = end + 1
    return False


def _count_lines(source: bytes) -> int:
    if b"\r" in source:
        return len(source.splitlines())
    return source.count(b"\n") + (source[-1:] not in (b"", b"\n"))


def _extract(
    path: str, source: bytes, language: Language, package_dirs: AbstractSet[str]
) -> FileAnalysis:
    module = python_module_name(path, package_dirs) if language.dotted_modules else path
    root = parse(language, source)
    facts = FactCollector(path, module, language.module_separator)
    line_count = _count_lines(source)
    language.extract(root, facts)
    symbols = (_module_symbol(path, module, line_count, facts.module_docstring), *facts.symbols)
    return FileAnalysis(
        path,
        language.name,
        module,
        hashlib.sha256(source).hexdigest(),
        line_count,
        root.has_error,
        symbols,
        tuple(facts.imports),
        tuple(facts.calls),
        tuple(facts.references),
        tuple(facts.bindings),
        tuple(facts.functions),
        tuple(facts.classes),
        statement_lines(root, symbols),
        tuple(facts.fixtures),
    )


def _module_symbol(path: str, module: str, line_count: int, docstring: str) -> Symbol:
    name = module.rsplit("/", 1)[-1] if "/" in module else module.rsplit(".", 1)[-1]
    last = max(line_count, 1)
    return Symbol(module, name, "module", path, 1, last, 1, "", docstring, None)
