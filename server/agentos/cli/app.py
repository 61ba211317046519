"""The command tree: the kernel's own commands, and those of enabled plugins where one is named.

Above: `entry`. Below: one module per command. Plugins are imported only for a command that is not
the kernel's own, and to list their commands in `--help`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from agentos._version import __version__
from agentos.cli import (
    audit,
    bench,
    call,
    connect,
    database,
    demo,
    doctor,
    events,
    hook,
    keys,
    plugins,
    report,
    servers,
    tokens,
    tools,
    webhooks,
)
from agentos.cli.context import set_config, set_home
from agentos.cli.plugin_commands import PluginAwareGroup

# What follows `hook` is read by `agentos_hook`, whichever way it was started.
_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def build_command() -> Any:
    """The whole command line, as what typer runs."""
    app = typer.Typer(
        name="agentos",
        cls=PluginAwareGroup,
        help="Govern autonomous software work: work orders in; completed, evidenced, reviewed "
        "and costed work out.",
        invoke_without_command=True,
        add_completion=False,
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    app.callback()(_global_options)
    app.command("demo")(demo.demo)
    app.command("serve")(servers.serve)
    app.command("mcp")(servers.mcp)
    app.command("connect")(connect.connect_client)
    app.command("hook", context_settings=_PASSED_ON, add_help_option=False)(hook.hook)
    app.command("call")(call.call)
    app.command("tools")(tools.tools)
    app.command("report")(report.report)
    app.add_typer(tokens.app, name="token")
    app.add_typer(audit.app, name="audit")
    app.add_typer(keys.app, name="keys")
    app.add_typer(plugins.app, name="plugins")
    app.add_typer(database.app, name="db")
    app.add_typer(bench.app, name="bench")
    app.add_typer(events.app, name="events")
    app.add_typer(webhooks.app, name="webhooks")
    app.command("doctor")(doctor.doctor)
    return typer.main.get_command(app)


def _print_version(value: bool) -> None:
    if value:
        print(f"agentos {__version__}")
        raise typer.Exit


def _global_options(
    ctx: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Read settings from FILE in place of ./agentos.toml.",
            callback=set_config,
            is_eager=True,
        ),
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option(
            "--home",
            metavar="DIR",
            help="Keep data in DIR: the embedded database, worktrees, evidence, keys.",
            callback=set_home,
            is_eager=True,
        ),
    ] = None,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    if ctx.invoked_subcommand is None:
        print(ctx.get_help())
