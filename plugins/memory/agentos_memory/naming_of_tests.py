"""Which files of a repository are tests, by the conventions of their names.

Above: search, which ranks tests behind what they test.
"""

from __future__ import annotations

import re

_TEST_FOLDERS = frozenset({"test", "tests", "testing", "__tests__", "spec", "specs", "testdata"})
_TEST_FILE = re.compile(r"^(test_.*|.*_test|.*\.(test|spec)|conftest)\.\w+$")


def is_test_path(path: str) -> bool:
    """Whether the file is a test, or lies in a folder of tests."""
    *folders, name = path.split("/")
    return bool(_TEST_FILE.match(name)) or not _TEST_FOLDERS.isdisjoint(folders)
