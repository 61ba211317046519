"""`agentos token`: hands out, lists and revokes bearer tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from agentos.calls import Role
from agentos.cli.call import JsonOption
from agentos.cli.context import without_plugins
from agentos.cli.output import print_note
from agentos.clock import format_time
from agentos.command_line import local_settings, print_json, run_with_kernel
from agentos.identity.tokens import IssuedToken, TokenInfo
from agentos.kernel import Kernel
from agentos.profiles import PROFILES

app = typer.Typer(help="Create, list and revoke bearer tokens.")


@app.command()
def create(
    ctx: typer.Context,
    worker: Annotated[str, typer.Option(metavar="NAME", help="Who will call with it.")],
    role: Annotated[Role, typer.Option(help="What the caller is for.")] = Role.WORKER,
    ttl_s: Annotated[
        int | None, typer.Option("--ttl-s", help="Seconds until it expires; by default never.")
    ] = None,
    person: Annotated[
        str | None,
        typer.Option(help="The human answerable for it; nobody reviews their own work."),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"Which tools it is shown: {', '.join(PROFILES)}; by default those of the role.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Create a token and print it, this once; only its hash is stored."""

    async def work(kernel: Kernel) -> IssuedToken:
        return await kernel.tokens.create(
            worker,
            role,
            now=kernel.clock.now(),
            ttl_s=ttl_s,
            person=person,
            profile=profile,
            by=kernel.settings.worker,
        )

    issued = run_with_kernel(without_plugins(local_settings(ctx)), work)
    expires_at = _time(issued.expires_at)
    if as_json:
        print_json(
            {
                "id": issued.id,
                "token": issued.secret,
                "worker": worker,
                "role": role.value,
                "person": person,
                "profile": profile,
                "expires_at": expires_at,
            }
        )
        return
    # The secret alone on stdout, so that TOKEN=$(agentos token create ...) works.
    print(issued.secret)
    print_note(f"{issued.id}: {worker} as {role.value}, expires {expires_at or 'never'}")


@app.command("list")
def list_tokens(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List all tokens, newest first, without their secrets."""

    async def work(kernel: Kernel) -> list[TokenInfo]:
        return await kernel.tokens.list()

    tokens = [_described(t) for t in run_with_kernel(without_plugins(local_settings(ctx)), work)]
    if as_json:
        print_json({"tokens": tokens})
        return
    from agentos.cli.rendering import console, draw

    console().print(draw(tokens) if tokens else "no tokens")


@app.command()
def revoke(
    ctx: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="Id of the token, such as TK-3F9K2M7Q.")],
    as_json: JsonOption = False,
) -> None:
    """Revoke a token at once and for ever."""

    async def work(kernel: Kernel) -> datetime:
        return await kernel.tokens.revoke(id, now=kernel.clock.now(), by=kernel.settings.worker)

    revoked_at = _time(run_with_kernel(without_plugins(local_settings(ctx)), work))
    if as_json:
        print_json({"id": id, "revoked_at": revoked_at})
    else:
        print(f"{id} is revoked since {revoked_at}")


def _described(token: TokenInfo) -> dict[str, Any]:
    return {
        "id": token.id,
        "worker": token.worker,
        "role": token.role.value,
        "person": token.person,
        "profile": token.profile,
        "created_at": _time(token.created_at),
        "expires_at": _time(token.expires_at),
        "revoked_at": _time(token.revoked_at),
    }


def _time(at: datetime | None) -> str | None:
    return None if at is None else format_time(at)
