"""`agentos plugins`: what is installed, and what of it is enabled."""

from __future__ import annotations

import typer

from agentos.cli.call import JsonOption
from agentos.command_line import print_json, settings_of
from agentos.plugins import describe_plugins

app = typer.Typer(help="Look at the installed plugins.")


@app.callback()
def plugins() -> None:
    """Look at the installed plugins."""


@app.command("list")
def list_plugins(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List installed plugins, and which of them the configuration enables.

    Nothing is imported; `agentos doctor` tells whether the enabled ones load.
    """
    enabled = settings_of(ctx).plugins
    installed = {plugin.name: plugin for plugin in describe_plugins()}
    rows = [
        {
            "name": name,
            "enabled": name in enabled,
            "installed": name in installed,
            "module": installed[name].module if name in installed else None,
            "distribution": installed[name].distribution if name in installed else None,
            "version": installed[name].version if name in installed else None,
        }
        for name in sorted({*installed, *enabled})
    ]
    if as_json:
        print_json({"plugins": rows})
        return
    from agentos.cli.rendering import console, draw

    console().print(draw(rows) if rows else "no plugins are installed")
