"""Policies and contracts bind resources, prompts and completions as they bind tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from agentos import (
    CallRequest,
    Completions,
    Contents,
    Credentials,
    Messages,
    Prompt,
    Resource,
    Settings,
    Surface,
    ToolCall,
    ToolResult,
    hookimpl,
    prompt,
    resource,
)
from agentos_governance.policies.in_force import PoliciesInForce
from agentos_governance.policies.layers import Layer
from agentos_governance.policies.simulation import simulate
from agentos_governance.policies.texts import PolicyText
from tests.agentos_governance.lifecycle import Office, open_office
from tests.agentos_governance.lifecycle_plugin import LifecyclePlugin
from tests.agentos_governance.policies.offices import held, write_policy
from tests.agentos_governance.repositories import make_repository

pytestmark = pytest.mark.anyio

SEALED = 'ALLOW any\nsealed: DENY any IF "ledger" IN tool.capabilities'
_SEALED = PolicyText("new", SEALED)
CALLS: Sequence[tuple[Surface, str, Mapping[str, object]]] = (
    (Surface.RESOURCE, "page", {"number": "1"}),
    (Surface.PROMPT, "audit_page", {"number": "1"}),
    (Surface.COMPLETION, "complete_page_number", {"typed": "", "chosen": {}}),
)


async def _numbers(call: ToolCall, typed: str, chosen: Mapping[str, str]) -> Completions:
    return Completions.of(["1", "2"], typed)


@resource("ledger://pages/{number}", reads=["ledger"], completions={"number": _numbers})
async def page(call: ToolCall, number: str) -> Contents:
    """One page."""
    return Contents(text=number)


@prompt(reads=["ledger"])
async def audit_page(call: ToolCall, number: str) -> Messages:
    """Audit a page."""
    return Messages.of(number)


@resource("ledger://files/{path}", paths=["path"])
async def file(call: ToolCall, path: str) -> Contents:
    """One file."""
    return Contents(text=path)


class LedgerPlugin(LifecyclePlugin):
    """Publishes something on every other surface."""

    @hookimpl
    def register_resources(self) -> Sequence[Resource]:
        return [page, file]

    @hookimpl
    def register_prompts(self) -> Sequence[Prompt]:
        return [audit_page]


async def _ask(
    office: Office, surface: Surface, name: str, arguments: Mapping[str, object]
) -> ToolResult:
    credentials = Credentials(bearer_token=office.tokens["w1"])
    return await office.kernel.dispatch(
        CallRequest(name, arguments, credentials, "test", surface=surface)
    )


@pytest.mark.parametrize(("surface", "name", "arguments"), CALLS)
async def test_a_policy_sees_the_capabilities_that_any_surface_declares(
    settings: Settings, surface: Surface, name: str, arguments: Mapping[str, object]
) -> None:
    async with open_office(settings, plugin=LedgerPlugin()) as office:
        assert not (await _ask(office, surface, name, arguments)).is_error
        compiler = office.kernel.service(PoliciesInForce).compiler
        sealed = Layer("organisation", "organisation", compiler.compile_all([_SEALED]))
        simulated = await simulate(office.kernel, sealed, work_order=None, since=None)
        assert [(c.tool, c.after_rule) for c in simulated.changes] == [
            (name, "organisation:sealed (line 2)")
        ]
    write_policy(settings, SEALED)
    async with open_office(settings, plugin=LedgerPlugin()) as office:
        refused = await _ask(office, surface, name, arguments)
        assert refused.structured["error"]["rule"] == "organisation:sealed (line 2)"


@pytest.mark.parametrize(("surface", "name", "arguments"), CALLS)
async def test_a_worker_reads_under_its_contract_only_what_the_contract_names(
    settings: Settings, surface: Surface, name: str, arguments: Mapping[str, object]
) -> None:
    async with open_office(settings, plugin=LedgerPlugin()) as office:
        await held(office, contract={"allowed_tools": ["read_note"]})
        refused = await _ask(office, surface, name, arguments)
        assert refused.error_code == "call_refused"
        assert refused.structured["error"]["rule"] == "allowed_tools"


async def test_a_place_that_is_a_path_is_judged_like_a_path_of_a_tool(
    settings: Settings, tmp_path: Path
) -> None:
    repo = make_repository(tmp_path / "repo")
    async with open_office(settings, plugin=LedgerPlugin()) as office:
        await held(office, repo=repo)
        for path, code in (("src/app.py", None), ("src/../../x", "call_refused")):
            answer = await _ask(office, Surface.RESOURCE, "file", {"path": path})
            assert answer.error_code == code, path
