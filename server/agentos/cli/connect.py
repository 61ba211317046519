"""`agentos connect`: this server in a client's own configuration."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from agentos.calls import Role
from agentos.cli.call import JsonOption
from agentos.cli.context import without_plugins
from agentos.cli.output import print_note, printable
from agentos.clock import format_time
from agentos.command_line import local_settings, print_json, run_with_kernel
from agentos.connect.clients import LAYOUTS, SCOPES
from agentos.connect.connecting import HeldToken, Holder, connect, disconnect, hold_token
from agentos.connect.planning import Change, plan_connection, plan_removal
from agentos.connect.request import (
    Client,
    Request,
    Scope,
    Transport,
    find_program,
    find_project,
)
from agentos.connect.store import Record, load_record
from agentos.errors import ConfigurationError
from agentos.kernel import Kernel
from agentos.settings import Settings, user_data_folder

T = TypeVar("T")

DEFAULT_TTL_S = 30 * 86_400


def connect_client(
    ctx: typer.Context,
    client: Annotated[Client, typer.Argument(help="The client to configure.")],
    scope: Annotated[
        Scope | None,
        typer.Option(
            help="user: all your projects; project: everybody's in this repository; local: yours "
            "in this repository (Claude Code). Default: local, user for codex, else project."
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="MCP endpoint of the server; by default the one of these settings."
        ),
    ] = None,
    stdio: Annotated[
        bool, typer.Option("--stdio", help="Let the client start `agentos mcp` itself.")
    ] = False,
    role: Annotated[
        Role | None, typer.Option(help="What the client's token is for; by default worker.")
    ] = None,
    worker: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The token's worker; by default CLIENT-YOU."),
    ] = None,
    person: Annotated[
        str | None,
        typer.Option(help="The human answerable for it; nobody reviews their own work."),
    ] = None,
    ttl_s: Annotated[
        int, typer.Option("--ttl-s", help="Seconds until the token expires.")
    ] = DEFAULT_TTL_S,
    hooks: Annotated[
        bool,
        typer.Option(
            "--hooks/--no-hooks", help="Govern the client's own tools, where it has hooks."
        ),
    ] = True,
    only_print: Annotated[
        bool, typer.Option("--print", help="Show what would change and write nothing.")
    ] = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="Take out what connect added; revoke the token.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Add this server to a client's own configuration, with a token of its own and the hooks.

    Shows every change as a diff. The token is kept in the data folder, readable by you alone, and
    in no file of the client. Run again to renew it; AGENTOS_TOKEN, where it is set, is used as it
    is.
    """
    if stdio and url is not None:
        raise ConfigurationError("--url and --stdio name two transports; give one of them")
    settings = local_settings(ctx)
    request = _request(ctx, settings, client, scope, url, stdio=stdio, with_hooks=hooks)
    record = load_record(request.folder)
    # Without an option the connection stays whose it is.
    name = worker or (record.worker if record else f"{client}-{settings.worker}")
    if settings.token is None:
        request = replace(request, worker=name)
    layout = LAYOUTS[client](request)
    plan = plan_removal if remove else plan_connection
    changes = plan(layout, request.folder, record)
    report = _Report(request, changes, as_json=as_json)
    if only_print:
        report.finish("would_change" if report.is_change else "unchanged", ())
    elif remove:
        _leave(settings, request, record, changes, report)
    else:
        holder = Holder(
            name,
            role or (Role(record.role) if record else Role.WORKER),
            person or (record.person if record else None),
            ttl_s,
        )
        _join(settings, request, record, changes, holder, report, layout.steps)


def _leave(
    settings: Settings,
    request: Request,
    record: Record | None,
    changes: list[Change],
    report: _Report,
) -> None:
    if record is None and not report.is_change:
        report.finish("not_connected", ())
        return

    async def leave(kernel: Kernel | None) -> bool:
        return await disconnect(kernel, request, record, changes)

    has_token = record is not None and record.token_id is not None
    revoked = _run(settings, leave, with_kernel=has_token)
    report.finish("removed", (), note="its token is revoked" if revoked else None)


def _join(
    settings: Settings,
    request: Request,
    record: Record | None,
    changes: list[Change],
    holder: Holder,
    report: _Report,
    steps: tuple[str, ...],
) -> None:
    async def join(kernel: Kernel | None) -> HeldToken:
        if kernel is None:
            assert settings.token is not None
            token = HeldToken(None, settings.token, None, is_new=False)
        else:
            token = await hold_token(kernel, request, record, holder)
        await connect(kernel, request, record, changes, token, holder)
        return token

    token = _run(settings, join, with_kernel=settings.token is None)
    status = "connected" if report.is_change or token.is_new else "already_connected"
    report.finish(status, steps, token=token, holder=holder)


def _run(
    settings: Settings, work: Callable[[Kernel | None], Awaitable[T]], *, with_kernel: bool
) -> T:
    if with_kernel:
        return run_with_kernel(without_plugins(settings), work)

    async def alone() -> T:
        return await work(None)

    return asyncio.run(alone())


def _request(
    ctx: typer.Context,
    settings: Settings,
    client: Client,
    scope: Scope | None,
    url: str | None,
    *,
    stdio: bool,
    with_hooks: bool,
) -> Request:
    scopes = SCOPES[client]
    if scope is not None and scope not in scopes:
        raise ConfigurationError(
            f"{client} has no scope {scope.value!r}; choose one of {', '.join(scopes)}"
        )
    home = settings.home.absolute()
    config = getattr(ctx.obj, "config", None)
    options = () if config is None else ("--config", str(Path(config).absolute()))
    return Request(
        client=client,
        scope=scope or scopes[0],
        transport=Transport.STDIO if stdio else Transport.HTTP,
        url=url or _own_url(settings),
        program=(*find_program(), *options),
        variables={} if home == user_data_folder() else {"AGENTOS_HOME": str(home)},
        user_home=Path.home(),
        project=find_project(Path.cwd()),
        environment=os.environ,
        home=home,
        with_hooks=with_hooks,
    )


def _own_url(settings: Settings) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"http://{host}:{settings.port}/mcp"


class _Report:
    """Prints what changed, and what is left to do."""

    def __init__(self, request: Request, changes: list[Change], *, as_json: bool) -> None:
        self._request = request
        self._changes = [change for change in changes if change.is_change]
        self._as_json = as_json

    @property
    def is_change(self) -> bool:
        return bool(self._changes)

    def finish(
        self,
        status: str,
        steps: tuple[str, ...],
        *,
        token: HeldToken | None = None,
        holder: Holder | None = None,
        note: str | None = None,
    ) -> None:
        if self._as_json:
            print_json(self._document(status, steps, token, holder))
            return
        for change in self._changes:
            print(printable(change.diff()), end="")
        print(f"{self._request.client} ({self._request.scope}): {status.replace('_', ' ')}")
        if token is not None and token.id is not None and holder is not None:
            until = "never" if token.expires_at is None else format_time(token.expires_at)
            print_note(f"{token.id}: {holder.worker} as {holder.role}, expires {until}")
        if note is not None:
            print_note(note)
        for step in steps:
            print_note(f"next: {step}")

    def _document(
        self,
        status: str,
        steps: tuple[str, ...],
        token: HeldToken | None,
        holder: Holder | None,
    ) -> dict[str, Any]:
        request = self._request
        return {
            "client": request.client.value,
            "scope": request.scope.value,
            "transport": request.transport.value,
            "url": request.url if request.transport is Transport.HTTP else None,
            "status": status,
            "files": [{"path": str(c.path), "diff": c.diff()} for c in self._changes],
            "token": None
            if token is None or holder is None
            else {
                "id": token.id,
                "file": str(request.token_file),
                "worker": holder.worker,
                "role": holder.role.value,
                "expires_at": None if token.expires_at is None else format_time(token.expires_at),
            },
            "steps": list(steps),
        }
