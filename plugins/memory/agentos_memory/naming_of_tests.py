"""Which files of a repository are tests, and which symbols a test runner runs as tests.

By the conventions of names and of what stands before a definition. Above: search, which ranks
tests behind what they test, traces and the blast radius.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_TEST_FOLDERS = frozenset({"test", "tests", "testing", "__tests__", "spec", "specs", "testdata"})
_TEST_FILE = re.compile(
    r"^(tests|test_.*|.*_(test|spec)|.*\.(test|spec)|.+Tests?(?=\.(java|kt|cs|php|scala))|conftest)"
    r"\.\w+$"
)
_FUNCTIONS = frozenset({"function", "method"})
_SCRIPTS = (".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs")
_SCRIPT_TEST = re.compile(r"\.(test|spec)\.\w+$|(^|/)__tests__/")
_GO_TEST = re.compile(r"^(Test|Fuzz|Example)([^a-z]|$)")
_GO_PARAMETER = re.compile(r"\*\w+\.[TF]\b")
# JUnit, NUnit, xUnit and MSTest stand in the signature.
_MARKED = re.compile(
    r"@(Test|ParameterizedTest|RepeatedTest|TestFactory|Property)\b"
    r"|\[\s*(Test|TestCase|TestMethod|DataTestMethod|Fact|Theory)\b"
)
_ANNOTATED = (".java", ".kt", ".cs", ".scala")
# Attributes of Rust are not in the signature: what takes nothing and gives nothing is a test.
_RUST_TEST = re.compile(r"\bfn \w+\(\s*\)(\s*->\s*([\w:]*::)?Result\b.*)?$")
_RUST_MODULE = re.compile(r":(.*\.)?tests?\.")
_LAST_NAME = re.compile(r"[^.:/]*$")


@lru_cache(16_384)
def is_test_path(path: str) -> bool:
    """Whether the file is a test, or lies in a folder of tests."""
    *folders, name = path.split("/")
    return bool(_TEST_FILE.match(name)) or not _TEST_FOLDERS.isdisjoint(folders)


def is_test_symbol(
    path: str, qualified_name: str, kind: str, signature: str, decorators: Sequence[str] = ()
) -> bool:
    """Whether a test runner runs the symbol as a test.

    Functions and methods only, never fixtures, classes or helpers beside tests. Blocks of `it` and
    `describe` have no symbols of their own: the module that holds them stands for them.
    """
    if path.endswith(_SCRIPTS):
        return kind == "module" and bool(_SCRIPT_TEST.search(path))
    if kind not in _FUNCTIONS:
        return False
    if path.endswith(".rs"):
        is_there = is_test_path(path) or bool(_RUST_MODULE.search(qualified_name))
        return is_there and bool(_RUST_TEST.search(signature))
    if not is_test_path(path):
        return False
    found = _LAST_NAME.search(qualified_name)
    name = found.group() if found else ""
    if path.endswith(".go"):
        return path.endswith("_test.go") and _is_go_test(name, kind, signature)
    if path.endswith(_ANNOTATED) and _MARKED.search(signature):
        return True
    if path.endswith(".py") and kind == "function" and not _is_in_module(path, qualified_name):
        return False
    return name.lower().startswith("test") and not any(map(is_fixture_decorator, decorators))


def is_fixture_decorator(decorator: str) -> bool:
    """Whether a decorator as written, with or without arguments, makes a pytest fixture."""
    return decorator.partition("(")[0].rpartition(".")[2].endswith("fixture")


def _is_in_module(path: str, qualified_name: str) -> bool:
    """Whether the function is defined by its module itself, not inside of another function."""
    *_, folder, file = ["", *path.split("/")]
    module = folder if file == "__init__.py" else file.removesuffix(".py")
    return qualified_name.split(".")[-2:-1] == [module]


def _is_go_test(name: str, kind: str, signature: str) -> bool:
    if not _GO_TEST.match(name):
        return False
    # Methods are those of a suite; examples take nothing.
    return kind == "method" or name.startswith("Example") or bool(_GO_PARAMETER.search(signature))
