"""Tools of another server under contracts: by name, by capability, and by the paths they take."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agentos import Kernel, Role, Settings
from tests.agentos_gateway.stage import Foreign, approved, call, gateway_kernel, tool_named
from tests.agentos_governance.lifecycle import UNLIMITED
from tests.agentos_governance.repositories import make_repository

pytestmark = pytest.mark.anyio

PATH = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
READ_ONLY = {"readOnlyHint": True}


@asynccontextmanager
async def worker_of(
    settings: Settings,
    servers: dict[str, Any],
    repo: Path,
    server: str = "other",
    **contract: Any,
) -> AsyncIterator[tuple[Kernel, str, Path]]:
    """A kernel with governance, the token of a worker that holds an order, and its workspace."""
    async with gateway_kernel(settings, servers, "governance", budgets=UNLIMITED) as kernel:
        await approved(kernel, server)
        token = (await kernel.tokens.create("w1", Role.WORKER, now=kernel.clock.now())).secret
        made = await call(
            kernel,
            "create_work_order",
            {
                "title": "A",
                "objective": "Do it",
                "repo": str(repo),
                "contract": {"cost_budget_usd": "1.00", "allowed_roots": ["src/"], **contract},
            },
        )
        assert not made.is_error, made.text
        claimed = await call(
            kernel, "claim_work_order", {"work_order": made.structured["id"]}, token=token
        )
        assert not claimed.is_error, claimed.text
        yield kernel, token, Path(claimed.structured["workspace"]["path"])


async def rule_of(kernel: Kernel, token: str, tool: str, arguments: dict[str, Any]) -> str | None:
    """The rule that refused a call, or its code; None where it was done."""
    result = await call(kernel, tool, arguments, token=token)
    if not result.is_error:
        return None
    error = result.structured["error"]
    return str(error.get("rule", error["code"]))


async def test_contracts_speak_of_foreign_tools_by_name(
    settings: Settings, foreign: Foreign, tmp_path: Path
) -> None:
    foreign.says(tool_named("echo"), tool_named("fetch"), tool_named("pid"))
    repo = make_repository(tmp_path / "repo")
    contract: dict[str, Any] = {
        "allowed_tools": ["other__*"],
        "forbidden_actions": ["other__fetch"],
    }
    servers = {"other": foreign.settings()}
    async with worker_of(settings, servers, repo, **contract) as (kernel, token, _):
        assert await rule_of(kernel, token, "other__echo", {}) is None
        assert await rule_of(kernel, token, "other__fetch", {}) == "forbidden_actions[0]"
        # Whatever its contract allows, a worker does not decide what is offered.
        wide = {"server": "other"}
        assert await rule_of(kernel, token, "revoke_gateway_tools", wide) == "gateway_admin"
        stranger = (await kernel.tokens.create("w2", Role.WORKER, now=kernel.clock.now())).secret
        assert await rule_of(kernel, stranger, "other__echo", {}) == "role:worker"


async def test_roots_hold_for_the_paths_of_foreign_tools(
    settings: Settings, foreign: Foreign, tmp_path: Path
) -> None:
    foreign.says(
        tool_named("write", inputSchema=PATH),
        tool_named("read", inputSchema=PATH, annotations=READ_ONLY),
    )
    repo = make_repository(tmp_path / "repo")
    servers = {"other": foreign.settings(paths=["path"], read_only=["read"])}
    contract: dict[str, Any] = {"allowed_tools": ["*"], "forbidden_actions": ["read:README.md"]}
    outside = tmp_path / "outside.txt"
    async with worker_of(settings, servers, repo, **contract) as (kernel, token, workspace):

        async def write(path: str | Path) -> str | None:
            return await rule_of(kernel, token, "other__write", {"path": str(path)})

        assert await write(workspace / "src" / "new.py") is None
        assert (workspace / "src" / "new.py").exists()
        assert await write(workspace / "README.md") == "allowed_roots"
        assert await write(outside) == "workspace"
        assert await write(workspace / "src" / ".." / ".." / "x") == "workspace"
        assert await write(workspace / ".git" / "hooks" / "pre-commit") is not None
        (workspace / "src" / "link").symlink_to(tmp_path)
        assert await write(workspace / "src" / "link" / "outside.txt") == "workspace"
        # The server would look for it in a folder of its own.
        assert await write("src/new.py") == "invalid_argument"
        assert await write(f"file://{workspace}/src/new.py") == "invalid_argument"
        assert not outside.exists()
        read = {"path": str(workspace / "src" / "app.py")}
        assert await rule_of(kernel, token, "other__read", read) is None
        read = {"path": str(workspace / "README.md")}
        assert await rule_of(kernel, token, "other__read", read) == "forbidden_actions[0]"
        assert await rule_of(kernel, token, "other__read", {"path": "/etc/passwd"}) == "workspace"


async def test_reading_needs_the_word_of_both_sides(settings: Settings, foreign: Foreign) -> None:
    foreign.says(
        tool_named("honest", annotations=READ_ONLY),
        tool_named("claims", annotations=READ_ONLY),
        tool_named("silent"),
    )
    servers = {"other": foreign.settings(read_only=["honest", "silent"])}
    async with gateway_kernel(settings, servers) as kernel:
        await approved(kernel)
        read_only = {name for name, tool in kernel.tools.items() if tool.is_read_only}
        assert read_only >= {"other__honest"}
        assert not read_only & {"other__claims", "other__silent"}
        assert kernel.tools["other__claims"].writes == {"gateway.other.claims"}
        assert kernel.tools["other__honest"].reads == {"gateway.other.honest"}


async def test_what_a_call_costs_is_booked(
    settings: Settings, foreign: Foreign, tmp_path: Path
) -> None:
    foreign.says(tool_named("echo"))
    repo = make_repository(tmp_path / "repo")
    servers = {"other": foreign.settings(tools={"echo": {"cost_usd": "0.40"}})}
    async with worker_of(settings, servers, repo, allowed_tools=["*"]) as (kernel, token, _):
        assert await rule_of(kernel, token, "other__echo", {}) is None
        assert await rule_of(kernel, token, "other__echo", {}) is None
        result = await call(kernel, "other__echo", {}, token=token)
        assert result.error_code == "budget_exceeded"
