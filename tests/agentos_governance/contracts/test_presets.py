"""Contracts by persona: what they allow, how they fill a contract, and that the docs say so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agentos import InvalidArgumentError, Settings
from agentos.plugins import default_plugins, load_plugins
from agentos_governance.contracts.actions import KNOWN_TOOLS, Action
from agentos_governance.contracts.globs import compile_glob
from agentos_governance.contracts.judgement import compile_contract
from agentos_governance.contracts.model import Contract, contract_document, parse_contract
from agentos_governance.contracts.presets import fill_from_preset, get_preset, load_presets
from agentos_governance.contracts.risk import FACTORS, SENSITIVE_PATHS
from tests.agentos_governance.lifecycle import open_office

PAGE = Path(__file__).resolve().parents[3] / "docs" / "contracts.md"
PERSONAS = ("planner", "executor", "validator", "reviewer", "operator")


@pytest.mark.parametrize(
    ("preset", "action", "is_allowed"),
    [
        ("planner", Action("search_code", server="agentos"), True),
        ("planner", Action("create_work_order", server="agentos"), True),
        ("planner", Action("Edit", paths=["src/a.py"]), False),
        ("planner", Action("Bash", command="ls"), False),
        ("executor", Action("Edit", paths=["src/a.py"]), True),
        ("executor", Action("Bash", command="pytest -q"), True),
        ("executor", Action("Edit", paths=["src/migrations/1.sql"]), False),
        ("executor", Action("Edit", paths=["README.md"]), False),
        ("executor", Action("Bash", command="git push origin main"), False),
        ("executor", Action("Bash", command="curl http://x"), False),
        ("executor", Action("create_work_order", server="agentos"), False),
        ("validator", Action("Edit", paths=["tests/test_a.py"]), True),
        ("validator", Action("Edit", paths=["src/a.py"]), False),
        ("reviewer", Action("Read", paths=["src/a.py"]), True),
        ("reviewer", Action("Edit", paths=["src/a.py"]), False),
        ("reviewer", Action("Bash", command="ls"), False),
        ("operator", Action("Bash", command="git push origin main"), True),
        ("operator", Action("Bash", command="git push --force origin main"), False),
        ("operator", Action("Bash", command="rm -rf deploy"), False),
        ("operator", Action("Bash", command="python x.py"), False),
        ("operator", Action("Edit", paths=["src/a.py"]), False),
    ],
)
def test_a_persona_may_do_its_work_and_not_another_s(
    preset: str, action: Action, is_allowed: bool
) -> None:
    compiled = compile_contract(get_preset(preset).contract)
    assert compiled.judge(action, has_repository=False).is_allowed == is_allowed


def test_presets_name_only_tools_that_there_are() -> None:
    plugins = load_plugins(default_plugins())
    names = {tool.name for tools in plugins.hook.register_tools() for tool in tools}
    names |= set(KNOWN_TOOLS)
    for preset in load_presets().values():
        for glob in preset.contract.allowed_tools:
            assert any(compile_glob(glob)(name) for name in names), (preset.name, glob)


def test_a_preset_fills_only_what_a_contract_leaves_out() -> None:
    preset = get_preset("executor")
    filled = fill_from_preset(Contract(allowed_roots=["app/"], network=None), preset)
    assert (filled.allowed_roots, filled.network) == (["app/"], None)
    assert filled.allowed_tools == preset.contract.allowed_tools
    assert filled.lease_ttl_s == Contract().lease_ttl_s
    with pytest.raises(InvalidArgumentError, match="planner, executor, validator"):
        get_preset("boss")


@pytest.mark.anyio
async def test_a_work_order_is_created_from_a_preset_and_says_so(settings: Settings) -> None:
    async with open_office(settings) as office:
        listed = (await office.call("w1", "list_contract_presets"))["presets"]
        assert [preset["name"] for preset in listed] == list(PERSONAS)
        made = await office.call(
            "planner",
            "create_work_order",
            title="A",
            objective="Do A",
            contract={"cost_budget_usd": "1.00"},
            preset="validator",
        )
        expected = parse_contract({**listed[2]["contract"], "cost_budget_usd": "1.00"})
        assert made["contract"] == contract_document(expected)
        [created] = await office.events(type="work_order.created")
        assert created["data"]["preset"] == "validator"
        code = await office.code(
            "planner",
            "create_work_order",
            title="A",
            objective="Do A",
            contract={},
            preset="boss",
        )
        assert code == "invalid_argument"


def test_the_page_has_every_preset_field_factor_and_sensitive_path_as_the_code_has_them() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = [
        tuple(cell.strip().strip("`") for cell in line.strip("|").split(" | "))
        for line in page.splitlines()
        if line.startswith("| `")
    ]
    assert [row for row in rows if row[0] in PERSONAS] == [
        (preset.name, preset.summary) for preset in load_presets().values()
    ]
    names = {factor.name for factor in FACTORS}
    assert [row for row in rows if row[0] in names and len(row) == 3] == [
        (factor.name, f"{factor.weight:.2f}", factor.meaning) for factor in FACTORS
    ]
    assert {row[0] for row in rows} >= set(Contract.model_fields)
    sensitive = re.search(r"sensitive paths are (.+?)\.\n", page, re.DOTALL)
    assert sensitive is not None
    assert tuple(re.findall(r"`([^`]+)`", sensitive[1])) == SENSITIVE_PATHS
    for preset in load_presets().values():
        section = re.search(rf"^### {preset.name}\n(.+?)(?=^##|\Z)", page, re.DOTALL | re.MULTILINE)
        assert section is not None, preset.name
        documented = dict(re.findall(r"^- `(\w+)`: (.+)$", section[1], re.MULTILINE))
        values = preset.contract.model_dump(mode="json", exclude_unset=True)
        assert documented == {field: f"`{_shown(value)}`" for field, value in values.items()}


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(item)}" for key, item in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)
