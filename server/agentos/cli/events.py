"""`agentos events`: how far the sinks of the outbox are."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from agentos.cli.call import JsonOption
from agentos.cli.context import without_plugins
from agentos.command_line import local_settings, print_json, run_with_kernel
from agentos.kernel import Kernel
from agentos.outbox.cursors import list_cursors, rewind_cursor

app = typer.Typer(help="Look after the publishing of events.")


@app.command()
def sinks(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List the sinks, how far each is, and how many events wait for it."""

    async def work(kernel: Kernel) -> list[dict[str, Any]]:
        return await list_cursors(kernel.database)

    found = run_with_kernel(without_plugins(local_settings(ctx)), work)
    if as_json:
        print_json({"sinks": found})
        return
    from agentos.cli.rendering import console, draw

    console().print(draw(found) if found else "no sinks")


@app.command()
def rewind(
    ctx: typer.Context,
    sink: Annotated[str, typer.Argument(metavar="SINK", help="As `events sinks` shows it.")],
    after: Annotated[
        int, typer.Option(min=0, metavar="POSITION", help="Publish what comes after it; 0 is all.")
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Publish again, such as to a bus that lost its data; event ids stay the same.

    A bus that still holds an event refuses it for as long as it remembers ids.
    """

    async def work(kernel: Kernel) -> None:
        await rewind_cursor(
            kernel.database,
            kernel.events,
            sink,
            after,
            now=kernel.clock.now(),
            by=kernel.settings.worker,
        )
        kernel.bus.announce()

    run_with_kernel(without_plugins(local_settings(ctx)), work)
    if as_json:
        print_json({"sink": sink, "position": after})
    else:
        print(f"{sink} goes on after position {after}")
