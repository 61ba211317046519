"""Digests of our own code, by which stored findings of other versions are told from today's.

Above: contents of files, generations. Below: the package's files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from agentos_memory.languages import IN_USE

_ANALYSING = (
    "analysis.py",
    "chunk_records.py",
    "chunks.py",
    "compression.py",
    "expressions.py",
    "facts.py",
    "file_contents.py",
    "identity.py",
    "mentions.py",
    "model.py",
    "outline.py",
    "parsing.py",
    "python_modules.py",
    "stemming.py",
    "stored_outlines.py",
    "vector_texts.py",
    "words.py",
    "yaml_nesting.py",
)
_RESOLVING = ("expressions.py", "model.py", "naming_of_tests.py", "relations.py")


def analyser_version() -> str:
    """Digest of the code that makes analyses and chunks, and of their stored forms.

    What another version stored is not reused: a release that extracts more reads every file once,
    and so does another set of languages that plugins register.
    """
    registered = IN_USE.version
    return f"{_own_version()}+{registered[:16]}" if registered else _own_version()


@cache
def _own_version() -> str:
    return _digest(analysing_modules())


@cache
def resolver_version() -> str:
    """Digest of the code that makes edges; a release that finds more resolves everything once."""
    return _digest(resolving_modules())


def analysing_modules() -> list[Traversable]:
    """The files of all code that analyses and chunks, and their stored forms, follow from."""
    package = files("agentos_memory")
    modules = [package.joinpath(name) for name in _ANALYSING]
    outlines = package.joinpath("resolution").joinpath("outlines.py")
    return [*modules, outlines, *_python_files(package.joinpath("languages"))]


def resolving_modules() -> list[Traversable]:
    """The files of all code that edges follow from, beside what is analysed."""
    package = files("agentos_memory")
    modules = [package.joinpath(name) for name in _RESOLVING]
    return [*modules, *_python_files(package.joinpath("resolution"))]


def _digest(modules: Iterable[Traversable]) -> str:
    digest = hashlib.sha256()
    for module in modules:
        digest.update(module.read_bytes())
    return digest.hexdigest()[:16]


def _python_files(folder: Traversable) -> list[Traversable]:
    """The modules and queries of a package and of those inside it, in a stable order."""
    found: list[Traversable] = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            found += _python_files(entry)
        elif entry.name.endswith((".py", ".scm")):
            found.append(entry)
    return found
