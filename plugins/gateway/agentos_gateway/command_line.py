"""`agentos gateway`: what other servers offer, and what of it is approved.

Above: the plugin declares the group. Below: the tools of the gateway, through the pipeline.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from agentos import NotFoundError, call_tool, exit_code_of, print_json

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
ServerArgument = Annotated[str, typer.Argument(metavar="NAME", help="A configured server.")]
ToolArguments = Annotated[
    list[str] | None,
    typer.Argument(metavar="TOOL", help="As the server names them; all by default."),
]

EXIT_ERROR = 1
_NO_SERVER = (
    "no server is configured: add [gateway.servers.NAME] to the file that --config names, or set "
    "AGENTOS_GATEWAY"
)

gateway = typer.Typer(no_args_is_help=True, help="Other MCP servers behind this one.")


@gateway.callback()
def _group() -> None:
    """Other MCP servers behind this one: what they offer, and what of it is approved."""


@gateway.command("list")
def list_servers(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """The configured servers and what is approved of them; asks none of them."""
    answer = _call(ctx, "list_gateway_servers", {}, as_json)
    if as_json:
        print_json(answer)
        return
    for server in answer["servers"]:
        print(f"{server['name']}: {server['origin']}, {len(server['approved'])} approved")
        for each in server["approved"]:
            left_out = f"; NOT OFFERED: {each['not_offered']}" if each["not_offered"] else ""
            print(f"  {each['offered_as']} ({each['kind']}), by {each['approved_by']}{left_out}")


@gateway.command()
def status(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One server; each by default.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """What servers offer now, in full, and how it differs from what is approved.

    Connects to each. Exit code 1 where one could not be asked, or offers something that changed.
    """
    names = [name] if name is not None else _configured(ctx)
    found = [_call(ctx, "inspect_gateway_server", {"server": each}, as_json) for each in names]
    if as_json:
        print_json({"servers": found})
    else:
        for each in found:
            _print_inspection(each, is_full=True)
    if any(each["error"] or _changed(each) for each in found):
        raise typer.Exit(EXIT_ERROR)


@gateway.command()
def test(ctx: typer.Context, name: ServerArgument, as_json: JsonOption = False) -> None:
    """Connect to a server and count what it offers; exit code 1 where that fails."""
    found = _call(ctx, "inspect_gateway_server", {"server": name}, as_json)
    if as_json:
        print_json(found)
    else:
        _print_inspection(found, is_full=False)
    if found["error"]:
        raise typer.Exit(EXIT_ERROR)


@gateway.command()
def approve(
    ctx: typer.Context,
    name: ServerArgument,
    tools: ToolArguments = None,
    as_json: JsonOption = False,
) -> None:
    """Offer tools as they are now; prints in full what that is."""
    found = _call(ctx, "inspect_gateway_server", {"server": name}, as_json)
    if found["error"]:
        print(f"agentos: {found['error']}", file=sys.stderr)
        raise typer.Exit(EXIT_ERROR)
    wanted = [each for each in found["offers"] if not tools or each["name"] in tools]
    digests = {each["name"]: each["digest"] for each in wanted if each["digest"]}
    arguments: dict[str, Any] = {"server": name, "digests": digests}
    if tools:
        arguments["names"] = list(tools)
    decided = _call(ctx, "approve_gateway_tools", arguments, as_json)
    if as_json:
        print_json(decided)
        return
    for each in wanted:
        if each["name"] in decided["names"]:
            _print_offer(each, is_full=True)
    _print_decided("approved", decided)


@gateway.command()
def revoke(
    ctx: typer.Context,
    name: ServerArgument,
    tools: ToolArguments = None,
    as_json: JsonOption = False,
) -> None:
    """Offer tools no longer."""
    arguments: dict[str, Any] = {"server": name}
    if tools:
        arguments["names"] = list(tools)
    decided = _call(ctx, "revoke_gateway_tools", arguments, as_json)
    if as_json:
        print_json(decided)
    else:
        _print_decided("no longer offered", decided)


def _configured(ctx: typer.Context) -> list[str]:
    servers: Sequence[Mapping[str, Any]] = _call(ctx, "list_gateway_servers", {}, False)["servers"]
    return [each["name"] for each in servers]


def _call(
    ctx: typer.Context, tool: str, arguments: Mapping[str, Any], as_json: bool
) -> Mapping[str, Any]:
    try:
        result = call_tool(ctx, tool, arguments)
    except NotFoundError:
        # The gateway's tools are there where a server is configured.
        print(f"agentos: {_NO_SERVER}", file=sys.stderr)
        raise typer.Exit(EXIT_ERROR) from None
    if not result.is_error:
        return result.structured
    if as_json:
        print_json(dict(result.structured))
    print(f"agentos: {' '.join(result.text.split())}", file=sys.stderr)
    raise typer.Exit(exit_code_of(result))


def _changed(found: Mapping[str, Any]) -> bool:
    return any(each["state"] in ("changed", "missing") for each in found["offers"])


def _print_inspection(found: Mapping[str, Any], *, is_full: bool) -> None:
    itself = " ".join(f"{key} {value}" for key, value in found["calls_itself"].items())
    print(f"{found['server']}: {found['origin']} {f'({itself})' if itself else ''}".rstrip())
    if found["error"]:
        print(f"  NOT AVAILABLE: {found['error']}")
    if is_full:
        for each in found["offers"]:
            _print_offer(each, is_full=each["state"] == "new")
        return
    states = [each["state"] for each in found["offers"]]
    for state in sorted(set(states)):
        print(f"  {states.count(state)} {state}")


def _print_offer(offer: Mapping[str, Any], *, is_full: bool) -> None:
    reason = f": {offer['reason']}" if offer["reason"] else ""
    print(f"  {offer['offered_as']} ({offer['kind']}), {offer['state']}{reason}")
    text = offer["changes"] or (offer["definition"] if is_full else None)
    for line in (text or "").splitlines():
        print(f"    {line}")


def _print_decided(what: str, decided: Mapping[str, Any]) -> None:
    print(f"{decided['server']}: {len(decided['names'])} {what}: {', '.join(decided['names'])}")
    for each in decided["skipped"]:
        print(f"  left as it was: {each}")
