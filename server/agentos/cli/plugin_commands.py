"""Command groups that enabled plugins add to: the command line itself, and `agentos bench`.

Above: the command tree. Below: plugins, loaded where the kernel's own commands do not suffice.
"""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from agentos.cli.output import print_note
from agentos.command_line import log_only_trouble, settings_of
from agentos.errors import ConfigurationError
from agentos.plugins import load_plugins


class PluginAwareGroup(TyperGroup):
    """A group that asks the enabled plugins for the commands it does not have."""

    of_plugins = ""
    """The `Command.group` whose commands are added here."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Every command's name; a plugin that does not load is a note, so that help still comes."""
        names = super().list_commands(ctx)
        try:
            return [*names, *sorted(self._plugin_commands(ctx))]
        except ConfigurationError as error:
            print_note(f"commands of plugins are missing: {error.message}")
            return names

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        own = super().get_command(ctx, cmd_name)
        return own if own is not None else self._plugin_commands(ctx).get(cmd_name)

    def _plugin_commands(self, ctx: Any) -> dict[str, Any]:
        key = f"agentos.plugin_commands.{self.of_plugins}"
        known: dict[str, Any] | None = ctx.meta.get(key)
        if known is None:
            known = ctx.meta[key] = self._load(ctx)
        return known

    def _load(self, ctx: Any) -> dict[str, Any]:
        settings = settings_of(ctx)
        log_only_trouble(settings)
        manager = load_plugins(settings.plugins)
        found: dict[str, Any] = {}
        for commands in manager.hook.register_commands():
            for command in commands or ():
                if command.group != self.of_plugins:
                    continue
                if command.name in found or command.name in self.commands:
                    raise ConfigurationError(
                        f"a plugin declares the command {command.name!r}, which exists already; "
                        "disable one of the plugins that do"
                    )
                found[command.name] = typer.main.get_command(command.app)
                found[command.name].name = command.name
        return found


class BenchGroup(PluginAwareGroup):
    """`agentos bench`, with the benchmarks of plugins."""

    of_plugins = "bench"
