"""`agentos plugins`: who was disabled and why, and the way back (issue 5)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agentos import ConfigurationError, Settings, load_settings, open_kernel
from agentos.isolation import DisabledPlugin
from tests.agentos.cli.conftest import RunAgentos


async def _disable(settings: Settings) -> None:
    async with open_kernel(settings, publishes=False) as kernel:
        failed = DisabledPlugin("desk", "on_event", "raised ValueError", kernel.clock.now())
        await kernel.hooks.states.disable(failed, errors=20, window_s=600)
        # Another process found the same; it is said once.
        await kernel.hooks.states.disable(failed, errors=20, window_s=600)
        rows = await kernel.database.fetch("select from kernel.event where stream = 'plugin/desk'")
        assert len(rows) == 1


def test_a_disabled_plugin_is_shown_with_its_reason_until_it_is_enabled(
    agentos: RunAgentos, settings: Settings
) -> None:
    assert agentos("plugins", "enable", "desk").code == 1
    asyncio.run(_disable(settings))
    [row] = [
        row
        for row in agentos("plugins", "list", "--json").json()["plugins"]
        if row["name"] == "desk"
    ]
    assert row["disabled_for"] == "raised ValueError"
    assert "disabled" in agentos("plugins", "list").out

    assert agentos("plugins", "enable", "desk").out.startswith("desk is called again")
    assert "raised" not in agentos("plugins", "list").out
    again = agentos("plugins", "enable", "desk")
    assert (again.code, "no plugin 'desk' is disabled" in again.err) == (1, True)


def test_settings_of_plugins_are_not_taken_from_a_file_found_by_chance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "agentos.toml"
    file.write_text('[plugin_settings.tracker]\nurl = "https://elsewhere.example"\n')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=r"sets 'plugin_settings', which decides where"):
        load_settings(environment={})
    named = load_settings(config=file, environment={})
    assert named.plugin_settings["tracker"]["url"] == "https://elsewhere.example"
    said = load_settings(environment={"AGENTOS_PLUGIN_SETTINGS": '{"x": {"y": 1}}'}, config=file)
    assert said.plugin_settings == {"x": {"y": 1}}
