"""`agentos bot slack`: what it says before it runs, and that it tells no secret."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agentos.cli.entry import main
from agentos_bots.slack.figures import Figures
from agentos_bots.slack.settings import SlackSettings

TOKEN = "aos_" + "t" * 30


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of whoever runs the tests."""
    for name in ("TOKEN", "TOKEN_FILE", "SLACK", "PLUGINS"):
        monkeypatch.delenv(f"AGENTOS_{name}", raising=False)
    for name in ("BOT_TOKEN", "APP_TOKEN", "SIGNING_SECRET"):
        monkeypatch.delenv(f"SLACK_{name}", raising=False)
        monkeypatch.delenv(f"SLACK_{name}_FILE", raising=False)
    monkeypatch.setenv("AGENTOS_PLUGINS", "bots")
    monkeypatch.setenv("AGENTOS_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line of a command that ends with exit code 2."""
    assert main(["bot", "slack", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    return line


def test_every_missing_secret_is_named_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "AGENTOS_TOKEN is not set" in refused(capsys)
    monkeypatch.setenv("AGENTOS_TOKEN", TOKEN)
    assert "SLACK_BOT_TOKEN is not set" in refused(capsys)
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1-secret")
    assert "SLACK_APP_TOKEN is not set" in refused(capsys)
    assert "SLACK_SIGNING_SECRET is not set" in refused(capsys, "--mode", "http")
    monkeypatch.setenv("SLACK_APP_TOKEN", "xapp-1-secret")
    assert "no channel is set" in refused(capsys)


def test_a_token_of_the_wrong_kind_is_refused_without_being_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTOS_TOKEN", TOKEN)
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xapp-1-swapped")
    line = refused(capsys)
    assert "must begin with xoxb-" in line
    assert "swapped" not in line


def test_a_secret_in_a_file_is_read_where_its_owner_alone_can(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AGENTOS_TOKEN", TOKEN)
    path = tmp_path / "bot-token"
    path.write_text("xoxb-1-secret\n")
    path.chmod(0o644)
    monkeypatch.setenv("AGENTOS_SLACK", json.dumps({"bot_token_file": str(path)}))
    assert "run chmod 600" in refused(capsys)
    path.chmod(0o600)
    assert "SLACK_APP_TOKEN is not set" in refused(capsys)


def test_a_bad_setting_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTOS_SLACK", json.dumps({"chanel": "C1"}))
    assert "setting 'slack.chanel'" in refused(capsys)
    monkeypatch.delenv("AGENTOS_SLACK")
    assert "setting 'slack.channel'" in refused(capsys, "--channel", "#reviews")


def test_without_its_extra_the_command_says_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "slack_bolt", None)
    assert 'pip install "agentos[slack]"' in refused(capsys)


def test_a_found_file_may_not_say_where_tokens_are_sent(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "agentos.toml").write_text('[slack]\napi_url = "https://evil.example/"\n')
    assert "sets 'slack'" in refused(capsys)


def test_the_manifest_is_printed_for_either_transport(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bot", "slack", "--manifest"]) == 0
    assert json.loads(capsys.readouterr().out)["settings"]["socket_mode_enabled"] is True
    address = ("--url", "https://bot.example.com")
    assert main(["bot", "slack", "--manifest", "--mode", "http", *address]) == 0
    manifest = json.loads(capsys.readouterr().out)
    assert manifest["settings"]["socket_mode_enabled"] is False
    assert "https://bot.example.com/slack/events" in json.dumps(manifest)
    assert main(["bot", "slack", "--manifest", "--yaml"]) == 0
    assert "socket_mode_enabled: true" in capsys.readouterr().out


def test_the_plugin_loads_without_what_the_bot_needs() -> None:
    program = (
        "import sys, agentos_bots.plugin as plugin\n"
        "plugin.register_commands()\n"
        "heavy = {'slack_bolt', 'slack_sdk', 'aiohttp', 'mcp', 'starlette', 'uvicorn'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "[]\n"


def test_the_page_names_every_setting_secret_and_figure() -> None:
    page = (Path(__file__).parents[2] / "docs" / "gatekeeper.md").read_text(encoding="utf-8")
    section = page.partition("\n## Run the bot\n")[2].partition("\n## ")[0]
    figures = [metric.name for metric in Figures().registry.collect()]
    names = [*SlackSettings.model_fields, "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"]
    assert [name for name in names if f"`{name}`" not in section] == []
    assert [name for name in figures if f"`{name}" not in section] == []
