"""Imports point one way (STYLE section 1): what a package may import, deferred imports included.

`lint-imports` checks the direction between packages. It cannot tell the public function
`agentos.middleware` from the module of that name, so the plugin API is checked here, by names.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import agentos

ROOT = Path(__file__).parents[1]
PLUGINS = sorted(path for path in (ROOT / "plugins").glob("*/agentos_*") if path.is_dir())
# Which of our packages a plugin imports besides the public API and itself.
ALSO_ALLOWED = {"agentos_fabric": {"agentos_kernels"}}
EDGES = {"mcp", "starlette", "uvicorn"}
# The gateway is an edge of its own, towards other servers; this folder alone speaks to them.
CLIENT_EDGE = ROOT / "plugins" / "gateway" / "agentos_gateway" / "protocol"


def _imports(source: str) -> Iterator[tuple[int, str, str | None]]:
    """Line, module and, for `from module import name`, the name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, None
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node.lineno, "." * node.level + (node.module or ""), alias.name


def _is_allowed(package: str, module: str, name: str | None) -> bool:
    top = module.partition(".")[0]
    if top == "agentos":
        return module == "agentos" and name in agentos.__all__
    if top.startswith("agentos_"):
        return top == package or top in ALSO_ALLOWED.get(package, ())
    return not module.startswith(".") and top not in EDGES


def _forbidden(package: str, source: str, *, may_speak: bool = False) -> list[str]:
    return [
        f"line {line}: {module}" + (f" ({name})" if name else "")
        for line, module, name in _imports(source)
        if not _is_allowed(package, module, name)
        and not (may_speak and module.partition(".")[0] == "mcp")
    ]


def _forbidden_below(folder: Path) -> dict[str, list[str]]:
    files = sorted(folder.rglob("*.py"))
    assert files, f"{folder} holds no Python"
    found = {
        path: _forbidden(
            folder.name, path.read_text(encoding="utf-8"), may_speak=CLIENT_EDGE in path.parents
        )
        for path in files
    }
    return {str(path.relative_to(ROOT)): lines for path, lines in found.items() if lines}


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
def test_a_plugin_imports_only_the_public_api_itself_and_libraries(folder: Path) -> None:
    assert _forbidden_below(folder) == {}


def test_the_kernels_import_nothing_of_ours() -> None:
    files = sorted((ROOT / "kernels" / "agentos_kernels").rglob("*.py"))
    ours = [
        f"{path.name}, line {line}: {module}"
        for path in files
        for line, module, _ in _imports(path.read_text(encoding="utf-8"))
        if module.partition(".")[0].startswith("agentos")
        and module.partition(".")[0] != "agentos_kernels"
    ]
    assert files and not ours


@pytest.mark.parametrize(
    "statement",
    [
        "import agentos",
        "import agentos.kernel",
        "from agentos.errors import ToolError",
        "from agentos import database",
        "from agentos.testing import AllowEverything",
        "from agentos_governance import contracts",
        "import agentos_kernels",
        "from mcp import types",
        "import starlette.routing",
        "from . import ranking",
        "def late():\n    from agentos.kernel import Kernel",
    ],
)
def test_what_a_plugin_must_not_import_is_found(statement: str) -> None:
    assert _forbidden("agentos_memory", statement)


def test_the_public_names_are_found_to_be_allowed_even_where_a_module_has_the_name() -> None:
    source = (
        "from agentos import Kernel, middleware\nfrom agentos_memory import model\nimport numpy"
    )
    assert not _forbidden("agentos_memory", source)
