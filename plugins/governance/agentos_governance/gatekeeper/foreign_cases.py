"""The tests of JavaScript, TypeScript, Go, Rust and Java files as cases.

Above: reading_cases. Below: one module for each family, tree-sitter.
"""

from __future__ import annotations

from collections.abc import Iterator

from agentos_governance.gatekeeper.cases import Case
from agentos_governance.gatekeeper.go_cases import read_go
from agentos_governance.gatekeeper.java_cases import read_java
from agentos_governance.gatekeeper.rust_cases import read_rust
from agentos_governance.gatekeeper.script_cases import read_script

SCRIPTS = (".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts")
FOREIGN = (*SCRIPTS, ".go", ".rs", ".java")


def read_foreign_file(path: str, content: bytes) -> Iterator[Case]:
    """The cases of one file; none for a language that is not read here."""
    if path.endswith(SCRIPTS):
        yield from read_script(path, content)
    elif path.endswith("_test.go"):
        yield from read_go(path, content)
    elif path.endswith(".rs"):
        yield from read_rust(path, content)
    elif path.endswith(".java"):
        yield from read_java(path, content)
