"""`agentos webhooks`: who is told about which events, and how the telling goes."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from agentos.cli.call import JsonOption
from agentos.cli.context import without_plugins
from agentos.cli.output import print_note
from agentos.clock import format_time
from agentos.command_line import local_settings, print_json, run_with_kernel
from agentos.errors import InvalidArgumentError, UnavailableError
from agentos.kernel import Kernel
from agentos.outbox.sending import Attempt
from agentos.outbox.webhooks import AddedWebhook, Webhook

app = typer.Typer(help="Send signed events to HTTP endpoints.")

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="Such as WH-3F9K2M7Q.")]


@app.command()
def add(
    ctx: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="An https address.")],
    events: Annotated[
        list[str],
        typer.Option("--events", metavar="GLOB", help="Event types, such as work_order.*"),
    ],
    concurrency: Annotated[
        int, typer.Option(help="Requests at once; with 1, the default, events come in order.")
    ] = 1,
    as_json: JsonOption = False,
) -> None:
    """Register an endpoint and print the secret that its requests are signed with, this once."""

    async def work(kernel: Kernel) -> AddedWebhook:
        return await kernel.webhooks.add(
            url,
            events,
            now=kernel.clock.now(),
            by=kernel.settings.worker,
            concurrency=concurrency,
        )

    added = run_with_kernel(without_plugins(local_settings(ctx)), work)
    if as_json:
        print_json({**_described(added.webhook, {}), "secret": added.secret})
        return
    # The secret alone on stdout, so that SECRET=$(agentos webhooks add ...) works.
    print(added.secret)
    print_note(f"{added.webhook.id}: {', '.join(added.webhook.event_types)} to {url}")


@app.command("list")
def list_webhooks(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List the endpoints, and how many events each has got, waits for, and will not get."""

    async def work(kernel: Kernel) -> list[tuple[Webhook, dict[str, int]]]:
        return await kernel.webhooks.list_all()

    found = run_with_kernel(without_plugins(local_settings(ctx)), work)
    _print_rows("webhooks", [_described(webhook, counts) for webhook, counts in found], as_json)


@app.command()
def remove(ctx: typer.Context, id: IdArgument, as_json: JsonOption = False) -> None:
    """Send nothing more to an endpoint; what it has not got is dropped."""

    async def work(kernel: Kernel) -> None:
        await kernel.webhooks.remove(id, now=kernel.clock.now(), by=kernel.settings.worker)

    run_with_kernel(without_plugins(local_settings(ctx)), work)
    if as_json:
        print_json({"id": id, "removed": True})
    else:
        print(f"{id} is removed")


@app.command()
def test(ctx: typer.Context, id: IdArgument, as_json: JsonOption = False) -> None:
    """Send one signed event of type webhook.test now; exit code 1 where it was not taken."""

    async def work(kernel: Kernel) -> Attempt:
        return await kernel.webhooks.test(id, now=kernel.clock.now())

    attempt = run_with_kernel(without_plugins(local_settings(ctx)), work)
    if as_json:
        print_json({"id": id, "status": attempt.status, "error": attempt.error})
        raise typer.Exit(0 if attempt.error is None else 1)
    if attempt.error is not None:
        raise UnavailableError(f"{id}: {attempt.error}")
    print(f"{id}: the receiver answered {attempt.status}")


@app.command()
def deliveries(
    ctx: typer.Context,
    webhook: Annotated[str | None, typer.Option(metavar="ID", help="Of this endpoint.")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="Only those that were given up.")] = False,
    pending: Annotated[bool, typer.Option("--pending", help="Only those that wait.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many, newest first.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List deliveries, newest first, with the last error of each."""
    if dead and pending:
        raise InvalidArgumentError("pass --dead or --pending, not both")
    state = "dead" if dead else "pending" if pending else None

    async def work(kernel: Kernel) -> list[dict[str, Any]]:
        return await kernel.webhooks.deliveries(webhook=webhook, state=state, limit=limit)

    found = run_with_kernel(without_plugins(local_settings(ctx)), work)
    _print_rows("deliveries", found, as_json)


@app.command()
def retry(
    ctx: typer.Context,
    delivery: Annotated[
        int | None, typer.Argument(metavar="[DELIVERY]", help="Number of one dead delivery.")
    ] = None,
    webhook: Annotated[
        str | None, typer.Option(metavar="ID", help="Every dead delivery of this endpoint.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every dead delivery.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Try dead deliveries again, from the first attempt; a running server sends them."""
    if [delivery is not None, webhook is not None, every].count(True) != 1:
        raise InvalidArgumentError("name one delivery, or pass --webhook ID, or --all")

    async def work(kernel: Kernel) -> list[int]:
        return await kernel.webhooks.retry(
            delivery=delivery, webhook=webhook, now=kernel.clock.now()
        )

    ids = run_with_kernel(without_plugins(local_settings(ctx)), work)
    if as_json:
        print_json({"retried": ids})
    else:
        print(f"{len(ids)} deliveries are tried again")


def _described(webhook: Webhook, counts: dict[str, int]) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "event_types": list(webhook.event_types),
        "concurrency": webhook.concurrency,
        "created_by": webhook.created_by,
        "created_at": format_time(webhook.created_at),
        "delivered": counts.get("delivered", 0),
        "pending": counts.get("pending", 0),
        "dead": counts.get("dead", 0),
    }


def _print_rows(name: str, rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json({name: rows})
        return
    from agentos.cli.rendering import console, draw

    console().print(draw(rows) if rows else f"no {name}")
