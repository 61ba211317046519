"""`agentos person`: who may decide, and by what names channels know them.

Above: the plugin registers it. Below: the tools; nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from agentos_governance.terminal import JsonOption, answer_of, plain

person = typer.Typer(no_args_is_help=True, help="Persons who decide, and their identities.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="As tokens name the person.")]


@person.callback()
def _group() -> None:
    """Persons who decide, and the identities by which channels know them."""


@person.command()
def add(
    ctx: typer.Context,
    name: Name,
    email: Annotated[str | None, typer.Option(help='"" takes it away.')] = None,
    role: Annotated[
        list[str] | None,
        typer.Option("--role", help="reviewer, admin, planner, or a role of reviews (repeatable)."),
    ] = None,
    escalation: Annotated[
        int | None, typer.Option(help="Place on the escalation list; 0: not on it.")
    ] = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Whether they may act.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Register a person, or change one; what is left out stays. A new one is a reviewer."""
    arguments = {
        "name": name,
        "email": email,
        "roles": role or None,
        "escalation": escalation,
        "is_active": active,
    }
    document = answer_of(ctx, "set_person", arguments, as_json=as_json)
    if not as_json:
        typer.echo(_line(document))


@person.command("list")
def list_(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Every registered person by name, with their identities."""
    cursor: str | None = None
    while True:
        document = answer_of(ctx, "list_persons", {"cursor": cursor, "limit": 200}, as_json=as_json)
        for each in [] if as_json else document["persons"]:
            typer.echo(_line(each))
            for identity in each["identities"]:
                typer.echo(
                    f"  {identity['channel']} {plain(identity['external_id'])}, linked "
                    f"{identity['linked_at']} by {identity['proof']}"
                )
        cursor = document["next_cursor"]
        if cursor is None or as_json:
            return


@person.command("link-code")
def link_code(ctx: typer.Context, name: Name, as_json: JsonOption = False) -> None:
    """Print a code that the person gives to a channel's bot within 10 minutes, once."""
    document = answer_of(ctx, "create_link_code", {"person": name}, as_json=as_json)
    if not as_json:
        typer.echo(document["code"])
        typer.echo(f"for {plain(document['person'])}, until {document['expires_at']}", err=True)


@person.command()
def link(
    ctx: typer.Context,
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="Such as slack.")],
    external_id: Annotated[
        str, typer.Argument(metavar="ID", help="Such as T024BE7LD:U2147483697.")
    ],
    name: Name,
    as_json: JsonOption = False,
) -> None:
    """Say that a channel's user is a person, without a code."""
    arguments = {"channel": channel, "external_id": external_id, "person": name}
    document = answer_of(ctx, "link_identity", arguments, as_json=as_json)
    if not as_json:
        typer.echo(f"{plain(external_id)} of {channel} is {plain(document['person'])}")


@person.command()
def unlink(
    ctx: typer.Context,
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="Such as slack.")],
    external_id: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")],
    as_json: JsonOption = False,
) -> None:
    """Take a channel's user away from a person; an e-mail address does not bring it back."""
    arguments = {"channel": channel, "external_id": external_id}
    document = answer_of(ctx, "unlink_identity", arguments, as_json=as_json)
    if not as_json:
        typer.echo(f"{plain(external_id)} of {channel} was {plain(document['person'])}")


def _line(each: Mapping[str, Any]) -> str:
    parts = [plain(each["name"]), ",".join(each["roles"]) or "no role"]
    if each["email"] is not None:
        parts.append(plain(each["email"]))
    if each["escalation"] is not None:
        parts.append(f"escalation {each['escalation']}")
    if not each["is_active"]:
        parts.append("inactive")
    return "  ".join(parts)
