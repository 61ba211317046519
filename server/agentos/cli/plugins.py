"""`agentos plugins`: what is installed, enabled and disabled; checking and making plugins."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import asyncpg
import typer

from agentos.cli.call import JsonOption
from agentos.cli.condition import embedded_of, opened
from agentos.cli.context import without_plugins
from agentos.cli.output import print_note
from agentos.command_line import local_settings, print_json, run_with_kernel, settings_of
from agentos.errors import AgentOSError
from agentos.events.store import EventStore
from agentos.isolation import DisabledPlugin, PluginStates
from agentos.kernel import Kernel
from agentos.plugins import describe_plugins
from agentos.settings import Settings

EXIT_UNSOUND = 4

app = typer.Typer(help="Look at plugins, check them, and make new ones.")


@app.callback()
def plugins() -> None:
    """Look at plugins, check them, and make new ones."""


@app.command("list")
def list_plugins(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List installed plugins, which of them are enabled, and which were disabled for failing.

    Nothing is imported; `agentos doctor` tells whether the enabled ones load.
    """
    settings = settings_of(ctx)
    enabled = settings.plugins
    installed = {plugin.name: plugin for plugin in describe_plugins()}
    disabled = {each.name: each for each in asyncio.run(_disabled(settings))}
    rows = [
        {
            "name": name,
            "enabled": name in enabled,
            "disabled_for": disabled[name].reason if name in disabled else None,
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

    if not disabled:
        rows = [{key: row[key] for key in row if key != "disabled_for"} for row in rows]
    console().print(draw(rows) if rows else "no plugins are installed")


@app.command()
def enable(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Such as tickets.")],
    as_json: JsonOption = False,
) -> None:
    """Call the hooks of a plugin again that was disabled because it failed too often."""

    async def work(kernel: Kernel) -> None:
        states = kernel.hooks.states
        await states.enable(name, now=kernel.clock.now(), by=kernel.settings.worker)

    run_with_kernel(without_plugins(local_settings(ctx)), work)
    if as_json:
        print_json({"name": name, "enabled": True})
    else:
        print(f"{name} is called again, by every server process")


@app.command()
def check(
    module: Annotated[
        str, typer.Argument(metavar="MODULE", help="Such as my_plugin.plugin, or a plugin's name.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Check a plugin: imports, hooks, blocking calls, documentation, migrations.

    Its code is imported and asked for its declarations; nothing is opened. Exit code 4 where
    something is wrong.
    """
    from agentos.testing.conformance import check_plugin

    findings = check_plugin(module)
    if as_json:
        print_json({"ok": not findings, "findings": [asdict(each) for each in findings]})
    else:
        for finding in findings:
            print(finding)
        print_note(f"{module}: {len(findings) or 'no'} finding{'' if len(findings) == 1 else 's'}")
    if findings:
        raise typer.Exit(EXIT_UNSOUND)


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder to make.")],
    name: Annotated[
        str | None, typer.Option(help="The plugin's name; by default from the folder's.")
    ] = None,
    description: Annotated[str | None, typer.Option(help="What it does, in a sentence.")] = None,
    author: Annotated[str, typer.Option(help="Author or team.")] = "",
    template: Annotated[
        str | None, typer.Option(help="Another template: a folder, or what copier takes.")
    ] = None,
) -> None:
    """Make a plugin project that passes its own tests, to rename and replace from."""
    from agentos.cli.new_plugin import make_project, plugin_name_of

    answers = {"plugin_name": name or plugin_name_of(folder), "author": author}
    if description is not None:
        answers["description"] = description
    make_project(folder, answers, template)
    print(folder)
    print_note(
        f"next: cd {folder} && python3 -m venv .venv && "
        ".venv/bin/pip install -e . --group dev && .venv/bin/pytest"
    )


async def _disabled(settings: Settings) -> list[DisabledPlugin]:
    """Those of the running database; none where there is none to ask: it is not started for this."""
    dsn = settings.database_url
    if dsn is None:
        embedded = embedded_of(settings)
        if not embedded.is_running:
            return []
        dsn = embedded.dsn
    try:
        async with opened(dsn) as database:
            names = [*settings.plugins, *(plugin.name for plugin in describe_plugins())]
            return await PluginStates(database, EventStore(())).list_disabled(names)
    except (AgentOSError, asyncpg.PostgresError) as error:
        print_note(f"which plugins are disabled is not known: {error}")
        return []
