"""What docs/gateway.md says is so."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agentos import ConfigurationError, Settings, load_settings
from agentos_gateway.command_line import gateway
from agentos_gateway.configuration import ServerSettings, parse_gateway
from tests.agentos_gateway.stage import Foreign, gateway_kernel, tool_named

PAGE = (Path(__file__).parents[2] / "docs" / "gateway.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    agentos (?:--config agentos.toml )?gateway (.+)$", PAGE, re.MULTILINE)


def test_the_example_is_a_configuration() -> None:
    (block,) = re.findall(r"^```toml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    servers = parse_gateway(tomllib.loads(block)["gateway"])
    assert set(servers) == {"time", "tracker", "files"}
    assert servers["files"].timeout_of("search_files") == 120
    assert not servers["tracker"].may_offer("delete_ticket")


def test_every_setting_is_described_with_its_default() -> None:
    table = PAGE[PAGE.index("| setting of") :]
    described = dict(re.findall(r"`([a-z_]+)(?:\.TOOL)?`(?: ([0-9]+))?", table))
    fields = ServerSettings.model_fields
    assert set(fields) - set(described) == set()
    for name, default in described.items():
        if default:
            assert fields[name].default == float(default), name


def test_the_commands_run_in_their_order(
    database_url: str, tmp_path: Path, foreign: Foreign, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign.says(tool_named("get_current_time"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AGENTOS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AGENTOS_DATABASE_URL", database_url)
    monkeypatch.setenv("AGENTOS_PLUGINS", "gateway,governance")
    monkeypatch.setenv("AGENTOS_GATEWAY", json.dumps({"servers": {"time": foreign.settings()}}))
    assert COMMANDS == ["status time", "approve time", "list"]
    for words in COMMANDS:
        done = CliRunner().invoke(gateway, words.split())
        assert done.exit_code == 0, done.output
    assert "time__get_current_time (tool)" in done.stdout


@pytest.mark.anyio
async def test_every_figure_that_is_named_is_there(settings: Settings, foreign: Foreign) -> None:
    named = set(re.findall(r"`(agentos_gateway_[a-z_]+)`", PAGE))
    async with gateway_kernel(settings, {"other": foreign.settings()}) as kernel:
        text = (await kernel.metrics.scrape()).decode()
    assert len(named) == 6
    assert all(f"# TYPE {name.removesuffix('_total')}" in text for name in named)


def test_a_file_that_lies_about_starts_no_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "agentos.toml").write_text("[gateway.servers.a]\ncommand = 'sh'\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="which programs are started"):
        load_settings(environment={})
    named = load_settings(config=tmp_path / "agentos.toml", environment={})
    assert set(parse_gateway(named.gateway)) == {"a"}
