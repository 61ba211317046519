"""Which files of a repository are tests, support of tests, or documents, by their names.

Above: every check that treats tests and products differently. Below: nothing.
"""

from __future__ import annotations

import re

_TEST_FOLDERS = frozenset(
    {"test", "tests", "testing", "__tests__", "spec", "specs", "testdata", "e2e", "fixtures"}
)
_TEST_FILE = re.compile(
    r"^(tests|test_.*|.*_(test|tests|spec)|.*\.(test|spec|cy)|.+(Tests?|IT)(?=\.(java|kt|cs|php|scala))"
    r"|conftest)\.\w+$"
)
_GOLDEN = re.compile(
    r"(?i)(^|/)(__snapshots__|snapshots?|goldens?|expected|approvals?|approved|baselines?|cassettes|reference)/"
    r"|\.(snap|ambr|golden|approved\.\w+|expected(\.\w+)?|baseline)$|(^|/)(expected|golden)[\w.-]*\.\w+$"
)
_DOCUMENT = re.compile(
    r"\.(md|rst|txt|adoc|html?|css|svg)$|(^|/)(docs?|LICENSE|NOTICE|CHANGELOG|CODEOWNERS)(/|$)",
    re.IGNORECASE,
)
_SCRIPTS = (".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts")
_CODE = [
    ".py",
    ".pyi",
    ".js",
    ".jsx",
    ".mjs",
    ".cjs",
    ".ts",
    ".tsx",
    ".mts",
    ".cts",
    ".go",
    ".rs",
    ".java",
    ".kt",
    ".cs",
    ".php",
    ".rb",
    ".scala",
    ".c",
    ".h",
    ".cc",
    ".cpp",
    ".hpp",
    ".sh",
    ".bash",
    ".swift",
    ".sql",
]


def is_test_path(path: str) -> bool:
    """Whether the file is a test, or lies in a folder of tests."""
    *folders, name = path.split("/")
    return bool(_TEST_FILE.match(name)) or not _TEST_FOLDERS.isdisjoint(folders)


def is_test_file(path: str) -> bool:
    """Whether the name itself is that of a file of tests."""
    return bool(_TEST_FILE.match(path.rpartition("/")[2]))


def is_python(path: str) -> bool:
    """Whether it is Python source."""
    return path.endswith((".py", ".pyi"))


def is_script(path: str) -> bool:
    """Whether it is JavaScript or TypeScript."""
    return path.endswith(_SCRIPTS) and not path.endswith(".d.ts")


def is_code(path: str) -> bool:
    """Whether it is source of a program."""
    return path.endswith(tuple(_CODE)) and not path.endswith(".d.ts")


def is_product(path: str) -> bool:
    """Whether it is source of what is made, and not of its tests."""
    return is_code(path) and not is_test_path(path)


def is_document(path: str) -> bool:
    """Whether it is read by people only."""
    return bool(_DOCUMENT.search(path))


def is_golden(path: str) -> bool:
    """Whether a file holds what tests expect."""
    return (
        bool(_GOLDEN.search(path))
        and not is_code(path)
        and (
            is_test_path(path)
            or "__snapshots__" in path
            or path.endswith((".snap", ".ambr", ".golden"))
        )
    )
