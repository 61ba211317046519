"""Lua files are indexed like those of shipped languages."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from agentos_lua import plugin

from agentos.testing import Caller, check_plugin

pytestmark = pytest.mark.anyio

STACK = """\
-- A stack of values.
local Stack = {}

local function clamp(n) return math.max(n, 0) end

-- Puts a value on top.
function Stack:push(value)
  self:grow(1)
  self.values[self.size] = value
end

function Stack:grow(by)
  self.size = clamp(self.size + by)
end

function Stack.new()
  return setmetatable({ size = 0, values = {} }, { __index = Stack })
end

local fill = function(stack, n)
  for i = 1, n do stack:push(clamp(i)) end
end

return Stack
"""


@pytest.fixture
def agentos_settings() -> Mapping[str, Any]:
    return {"plugins": ("memory",)}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one Lua file."""
    folder = tmp_path / "game"
    (folder / "lib").mkdir(parents=True)
    (folder / "lib/stack.lua").write_text(STACK)
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", "-C", str(folder), *command], check=True)
    return folder


@pytest.fixture
async def indexed(caller: Caller, repository: Path) -> dict[str, Any]:
    """What indexing it says."""
    return await caller.ok("index_repository", path=str(repository))


async def _callers(caller: Caller, symbol: str) -> set[str]:
    traced = await caller.ok("trace_symbol_dependencies", symbol=symbol, direction="callers")
    return {node["symbol"] for node in traced["nodes"] if node["depth"] == 1}


async def test_functions_methods_and_tables_are_symbols(
    indexed: dict[str, Any], caller: Caller
) -> None:
    assert indexed["files"] == 1
    found = await caller.ok("search_code", query="Stack push grow new clamp fill", mode="keyword")
    symbols = {hit["symbol"] for hit in found["hits"]}
    assert {"lib/stack.lua:Stack.push", "lib/stack.lua:clamp", "lib/stack.lua:fill"} <= symbols


async def test_a_comment_documents_what_it_stands_above(
    indexed: dict[str, Any], caller: Caller
) -> None:
    found = await caller.ok("search_code", query="puts a value on top", mode="keyword")
    functions = [hit["symbol"] for hit in found["hits"] if hit["kind"] in ("function", "method")]
    assert functions[0] == "lib/stack.lua:Stack.push"


async def test_who_calls_a_function_is_known(indexed: dict[str, Any], caller: Caller) -> None:
    assert await _callers(caller, "lib/stack.lua:clamp") == {
        "lib/stack.lua:Stack.grow",
        "lib/stack.lua:fill",
    }
    assert await _callers(caller, "lib/stack.lua:Stack.grow") == {"lib/stack.lua:Stack.push"}


def test_the_plugin_keeps_the_rules_of_plugins() -> None:
    assert check_plugin(plugin) == []
