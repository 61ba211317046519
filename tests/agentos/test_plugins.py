"""The loader fails closed: what is configured is what runs, or one clear line says why not."""

from __future__ import annotations

import itertools
import sys
import textwrap
from pathlib import Path

import pytest

from agentos import (
    ConfigurationError,
    EventType,
    PluginError,
    Service,
    Settings,
    Tool,
    ToolCall,
    hookimpl,
    open_kernel,
    tool,
)
from agentos.plugins import default_plugins, describe_plugins, load_plugins
from tests.agentos.notes import Note
from tests.agentos.plugin_factory import NOTED, Plugin

_numbers = itertools.count(1)


class Site:
    """A folder on sys.path where distributions are installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, distribution: str, name: str, source: str, module: str | None = None) -> str:
        """Install a distribution with one plugin; the module's name."""
        module = module or f"plugin_of_test_{next(_numbers)}"
        (self.folder / f"{module}.py").write_text(textwrap.dedent(source))
        info = self.folder / f"{distribution}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
        )
        (info / "entry_points.txt").write_text(f"[agentos.plugins]\n{name} = {module}\n")
        return module


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.syspath_prepend(str(tmp_path))
    return Site(tmp_path)


GOOD = """
from agentos import hookimpl
@hookimpl
def register_tools():
    return []
"""


def refusal(*enabled: str, **extra: object) -> str:
    """The line with which the loader refuses."""
    with pytest.raises(ConfigurationError) as refused:
        load_plugins(enabled, extra)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_plugin_that_is_not_installed_is_named_with_those_that_are(site: Site) -> None:
    site.install("thing", "thing", GOOD)
    line = refusal("missing")
    assert line.startswith("plugin 'missing' is enabled but not installed; installed: ")
    assert "thing" in line


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import module_that_nobody_has", "ModuleNotFoundError: No module named"),
        ("raise ValueError('no licence')", "ValueError: no licence"),
        ("1 +", "SyntaxError: invalid syntax"),
    ],
)
def test_a_plugin_that_does_not_import_stops_the_start(
    site: Site, source: str, reason: str
) -> None:
    site.install("thing", "thing", source)
    assert refusal("thing").startswith(f"plugin 'thing' does not import: {reason}")


def test_a_misspelt_hook_stops_the_start(site: Site) -> None:
    site.install("thing", "thing", GOOD.replace("register_tools", "register_tool"))
    line = refusal("thing")
    assert line.startswith("a plugin implements a hook nobody declares: ")
    assert "register_tool" in line


def test_a_hook_with_an_argument_that_does_not_exist_stops_the_start(site: Site) -> None:
    site.install("thing", "thing", GOOD.replace("register_tools()", "register_tools(kernel)"))
    line = refusal("thing").replace("\n", " ")
    assert line.startswith("plugin 'thing' is invalid: ")
    assert "register_tools" in line and "kernel" in line


def test_two_distributions_with_one_plugin_name_stop_the_start(site: Site) -> None:
    one = site.install("first-dist", "thing", GOOD)
    two = site.install("second-dist", "thing", GOOD)
    line = refusal("thing")
    assert line.startswith("two distributions provide a plugin named 'thing': ")
    assert f"first-dist ({one})" in line and f"second-dist ({two})" in line


def test_nobody_shadows_a_first_party_plugin(site: Site) -> None:
    site.install("impostor", "memory", GOOD)
    assert "two distributions provide a plugin named 'memory'" in refusal("memory")


def test_only_enabled_plugins_are_imported(site: Site) -> None:
    enabled = site.install("enabled-dist", "enabled", GOOD)
    disabled = site.install("disabled-dist", "disabled", "raise SystemExit('imported')")
    load_plugins(["enabled"])
    assert enabled in sys.modules
    assert disabled not in sys.modules
    assert {"enabled", "disabled"} <= {plugin.name for plugin in describe_plugins()}


def test_the_default_plugins_are_those_of_this_distribution(site: Site) -> None:
    site.install("third-party", "thing", GOOD)
    own = ("bots", "channels", "fabric", "gateway", "governance", "memory")
    assert default_plugins() == own


def test_a_plugin_given_twice_stops_the_start(site: Site) -> None:
    site.install("thing", "thing", GOOD)
    assert refusal("thing", thing=Plugin()) == "plugin 'thing' is given twice"


def test_plugins_declare_hooks_that_others_implement(site: Site) -> None:
    specs = site.install(
        "specs-dist",
        "unused",
        "from agentos import hookspec\n@hookspec\ndef find_lucky_number():\n    ''\n",
    )
    site.install(
        "declaring",
        "declaring",
        f"""
        def register_hookspecs():
            import {specs}
            return [{specs}]
        """,
    )
    answer = "from agentos import hookimpl\n@hookimpl\ndef find_lucky_number():\n    return {}\n"
    site.install("b-dist", "b", answer.format(2))
    site.install("a-dist", "a", answer.format(1))
    manager = load_plugins(["b", "declaring", "a"])
    assert manager.hook.find_lucky_number() == [1, 2]
    assert "find_lucky_number" in refusal("a")


def test_hook_declarations_that_fail_stop_the_start(site: Site) -> None:
    site.install("thing", "thing", "def register_hookspecs():\n    raise KeyError('x')\n")
    assert refusal("thing").startswith("plugin 'thing' declares no valid hooks: ")


@tool()
async def search(call: ToolCall) -> Note:
    """Search."""
    return Note(call=call.id, text="")


class AnswersSomethingElse(Plugin):
    @hookimpl
    def wrap_tool_call(self, tool: Tool) -> list[object]:  # type: ignore[override]
        return [lambda call: None]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("plugins", "line"),
    [
        (
            {"a": Plugin(tools=[search]), "b": Plugin(tools=[search])},
            r"^two plugins claim the tool name 'search'; disable one$",
        ),
        (
            {"a": Plugin(event_types=[NOTED]), "b": Plugin(event_types=[EventType("noted", "")])},
            r"^event type 'noted' is declared twice$",
        ),
        (
            {"a": Plugin(services=[Service(int, lambda kernel: 1)] * 2)},
            r"^two plugins provide the service int; disable one$",
        ),
        ({"a": Plugin(tools=[print])}, r"^register_tools of a plugin answered .*@tool$"),  # type: ignore[list-item]
        (
            {"a": AnswersSomethingElse(tools=[search])},
            r"^wrap_tool_call of a plugin answered function for search; it must be an Authorizer",
        ),
    ],
    ids=["tool", "event", "service", "no-tool", "no-wrapper"],
)
async def test_conflicting_and_wrong_declarations_stop_the_start_with_one_line(
    settings: Settings, plugins: dict[str, Plugin], line: str
) -> None:
    with pytest.raises((ConfigurationError, PluginError), match=line):
        async with open_kernel(settings, extra_plugins=plugins):
            pytest.fail("the kernel started")
