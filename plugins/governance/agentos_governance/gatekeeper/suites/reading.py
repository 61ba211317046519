"""The tests of a file of any language that the gatekeeper reads.

Above: tests_kept, tests_ran, no_hard_coded_results. Below: one reader for each language.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from agentos_governance.gatekeeper.cases import TestFile
from agentos_governance.gatekeeper.files.naming import is_python, is_test_path
from agentos_governance.gatekeeper.foreign.cases import (
    FOREIGN,
    names_of_foreign,
    read_foreign_file,
)
from agentos_governance.gatekeeper.python.cases import read_python_file
from agentos_governance.gatekeeper.python.collection import CollectionRules

_NONE: Mapping[str, int] = {}


def holds_tests(path: str, content: bytes | None) -> bool:
    """Whether a file may hold tests in a language that is read here."""
    if content is None:
        return False
    if path.endswith(".rs"):
        return b"#[" in content and b"test" in content
    return is_test_path(path) and (is_python(path) or path.endswith(FOREIGN))


def read_file(
    path: str,
    content: bytes,
    rules: CollectionRules,
    shared: Mapping[str, int] = _NONE,
    unchanged: frozenset[str] = frozenset(),
) -> TestFile:
    """Cases, fixtures and skips; not readable where it is too deep or no source of its language."""
    try:
        if is_python(path):
            return read_python_file(path, content, rules, shared, unchanged)
        return _read_foreign(path, content, tuple(sorted(shared.items())))
    except RecursionError:
        return TestFile(path, is_readable=False)


@lru_cache(maxsize=256)
def _read_foreign(path: str, content: bytes, shared: tuple[tuple[str, int], ...]) -> TestFile:
    imports, defined = names_of_foreign(path, content)
    cases = tuple(read_foreign_file(path, content, dict(shared)))
    return TestFile(path, cases, imports=imports, defined=defined)
