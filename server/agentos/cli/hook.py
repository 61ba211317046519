"""`agentos hook`: in the list of commands; the console script runs it before anything is imported.

Above: `app`. Below: `agentos_hook`, which is what clients really start.
"""

from __future__ import annotations

import typer


def hook(ctx: typer.Context) -> None:
    """Judge and record what a client does with its own tools: claude-code or codex, for its hooks.

    Reads one event from standard input. `agentos connect` puts it into the client's configuration.
    """
    from agentos_hook.command import run

    raise typer.Exit(run(list(ctx.args)))
