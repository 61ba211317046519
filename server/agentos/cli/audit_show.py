"""`agentos audit show`: one event, as reports name it."""

from __future__ import annotations

from typing import Annotated

import typer

from agentos.cli.call import JsonOption
from agentos.cli.context import without_plugins
from agentos.command_line import local_settings, print_json, run_with_kernel
from agentos.events.chain import hash_event
from agentos.events.document import event_document
from agentos.events.lookup import get_event
from agentos.events.model import Event
from agentos.kernel import Kernel


def show(
    ctx: typer.Context,
    event: Annotated[
        str, typer.Argument(metavar="STREAM#SEQ", help="Such as work_order/WO-3F9K2M7Q#12.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Show one event of the log with all its fields, and whether its hash fits them.

    The reports of work orders name the events behind each answer this way.
    """

    async def work(kernel: Kernel) -> Event:
        return await get_event(kernel.database, event)

    found = run_with_kernel(without_plugins(local_settings(ctx)), work)
    document = {**event_document(found), "hash_fits": _hash_fits(found)}
    if as_json:
        print_json(document)
        return
    from agentos.cli.rendering import console, draw

    console().print(draw(document))


def _hash_fits(event: Event) -> bool:
    fields = (event.position, event.stream, event.seq, event.type, event.actor, event.at)
    return hash_event(*fields, event.data, event.prev_hash) == event.hash
