"""The memory tools as the kernel sees them: declarations, strictness, idempotency, the CLI."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from subprocess import CompletedProcess

import jsonschema  # type: ignore[import-untyped]
import pytest

from agentos import CallRequest, Credentials, Kernel, Settings
from agentos_memory.tools import TOOLS
from tests.agentos_memory.repositories import call, make_repository, refusal, write_files
from tests.commands import environment_of, run_command

pytestmark = pytest.mark.anyio

CAPABILITIES = {
    "index_repository": (set(), {"code_index"}),
    "search_code": ({"code"}, set()),
    "trace_symbol_dependencies": ({"code"}, set()),
    "explain_code_path": ({"code"}, set()),
    "find_paths": ({"code"}, set()),
    "query_graph": ({"code"}, set()),
    "create_observation": (set(), {"observations"}),
    "search_observations": ({"observations"}, set()),
    "list_observations": ({"observations"}, set()),
    "import_observations": (set(), {"observations", "observation_import"}),
    "add_reference": (set(), {"references"}),
    "search_references": ({"references"}, set()),
    "get_reference": ({"references"}, set()),
    "list_references": ({"references"}, set()),
    "remove_reference": (set(), {"references"}),
}


def test_tools_declare_what_they_read_and_write() -> None:
    declared = {tool.name: (set(tool.reads), set(tool.writes)) for tool in TOOLS}
    assert declared == CAPABILITIES


def test_every_text_and_list_argument_is_bounded() -> None:
    for tool in TOOLS:
        schemas = [tool.input_schema, *tool.input_schema.get("$defs", {}).values()]
        for schema in schemas:
            for name, given in schema.get("properties", {}).items():
                for option in given.get("anyOf", [given]):
                    where = f"{tool.name}.{name}"
                    if option.get("type") == "string" and "enum" not in option:
                        assert {"maxLength", "pattern", "format", "const"} & set(option), where
                    if option.get("type") == "array":
                        assert "maxItems" in option, where


@pytest.mark.parametrize("tool", sorted(CAPABILITIES))
async def test_unknown_arguments_are_named(kernel: Kernel, tool: str) -> None:
    error = await refusal(kernel, tool, surprise=1)
    assert error["code"] == "invalid_argument" and "surprise" in error["message"]


async def test_results_fit_their_output_schemas(kernel: Kernel, shop: Path) -> None:
    """Names of fields, aliases included; a client validates results against the schema."""
    results = {
        "index_repository": await call(kernel, "index_repository", path=str(shop)),
        "search_code": await call(kernel, "search_code", query="basket"),
        "trace_symbol_dependencies": await call(
            kernel, "trace_symbol_dependencies", symbol="parse_price"
        ),
        "explain_code_path": await call(
            kernel, "explain_code_path", from_symbol="pay", to_symbol="parse_price"
        ),
        "find_paths": await call(kernel, "find_paths", from_node="pay", to_node="parse_price"),
        "query_graph": await call(
            kernel, "query_graph", query="MATCH (f:function) RETURN f.name, f.line"
        ),
        "create_observation": await call(
            kernel, "create_observation", title="t", body="b", kind="fix", refs=[{"path": "a"}]
        ),
        "search_observations": await call(kernel, "search_observations", query="t"),
    }
    for name, result in results.items():
        jsonschema.validate(result, dict(kernel.tools[name].output_schema))
        assert set(result) == set(kernel.tools[name].output_schema["properties"])


async def test_a_repeated_observation_is_made_once(kernel: Kernel) -> None:
    request = CallRequest(
        "create_observation",
        {"title": "once", "body": "", "kind": "fix"},
        Credentials(is_local=True),
        "test",
        idempotency_key="k1",
    )
    first, second = await kernel.dispatch(request), await kernel.dispatch(request)
    assert first.structured == second.structured
    assert await kernel.database.fetch_value("select count(*) from memory.observation") == 1


async def test_indexing_leaves_the_event_loop_responsive(kernel: Kernel, tmp_path: Path) -> None:
    """Other callers are answered while files are parsed and embedded."""
    text = "".join(f"def function_{n}(a, b):\n    return a + b + {n}\n\n\n" for n in range(150))
    root = make_repository(tmp_path / "r", {f"m{n}.py": text for n in range(6)})
    run = asyncio.create_task(call(kernel, "index_repository", path=str(root)))
    # What this thread computes between two turns of the loop; not what it waits for a processor.
    longest, before = 0.0, time.thread_time()
    while not run.done():
        await asyncio.wait([run], timeout=0.01)
        now = time.thread_time()
        longest, before = max(longest, now - before), now
    assert (await run)["files"] == 6
    assert longest < 1.0


async def test_the_command_prints_the_result_as_json(settings: Settings, shop: Path) -> None:
    done = _agentos(settings, "index", str(shop), "--name", "shop", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["repo"], result["files"]) == ("shop", 4)


async def test_the_command_says_in_one_line_why_it_failed(
    settings: Settings, tmp_path: Path
) -> None:
    done = _agentos(settings, "index", str(tmp_path))
    assert done.returncode == 1 and done.stdout == ""
    assert "not the top folder of a git working tree" in done.stderr
    assert "Traceback" not in done.stderr


async def test_the_watching_command_indexes_again_after_a_change(
    settings: Settings, shop: Path
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agentos", "index", str(shop), "--watch", "--json"),
        env=_environment(settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(300):
            first = json.loads(await process.stdout.readline())
            write_files(shop, {"shop/vouchers.py": "def redeem() -> None: ...\n"})
            second = json.loads(await process.stdout.readline())
    finally:
        process.terminate()
        await process.communicate()
    assert (first["generation"], second["generation"]) == (1, 2)
    assert (second["changed"], second["files"]) == (1, 5)


def _agentos(settings: Settings, *arguments: str) -> CompletedProcess[str]:
    return run_command(*arguments, environment=_environment(settings))


def _environment(settings: Settings) -> dict[str, str]:
    """The memory plugin, and an installed plugin that admits calls."""
    site = settings.home / "site"
    write_files(
        site,
        {
            "admitting.py": "from agentos.testing import AllowEverything\n"
            "wrap_tool_call = AllowEverything().wrap_tool_call\n",
            "admitting-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: admitting\n"
            "Version: 1.0\n",
            "admitting-1.0.dist-info/entry_points.txt": "[agentos.plugins]\n"
            "admitting = admitting\n",
        },
    )
    return environment_of(
        settings,
        AGENTOS_PLUGINS="memory,admitting",
        PYTHONPATH=os.pathsep.join([str(site), *sys.path]),
    )
