"""`agentos workflow`: looking at instances, and checking definitions before they are used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from agentos import InvalidArgumentError, call_tool, exit_code_of, print_json
from agentos_governance.workflows.actions import ACTIONS
from agentos_governance.workflows.checks import find_problems
from agentos_governance.workflows.definition import Definition
from agentos_governance.workflows.picture import mermaid as draw
from agentos_governance.workflows.picture import outline
from agentos_governance.workflows.registry import load_definition

EXIT_NOT_SOUND = 1
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]

workflow = typer.Typer(no_args_is_help=True, help="Workflows: instances and definitions.")


@workflow.callback()
def _group() -> None:
    """Workflows: trees of work orders that a state machine makes one after another."""


@workflow.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A definition, .toml or .json.")],
    as_json: JsonOption = False,
    as_mermaid: Annotated[
        bool, typer.Option("--mermaid", help="Print the picture as Mermaid.")
    ] = False,
) -> None:
    """Check a definition: reachable, ending, compensated, bounded. Needs no server.

    Exit code 1 where something is wrong. Actions of plugins are not known here.
    """
    definition: Definition | None = None
    try:
        definition = load_definition(file)
        problems = find_problems(definition, {action.name: action for action in ACTIONS})
    except InvalidArgumentError as error:
        problems = [error.message]
    if as_json:
        print_json(_checked(definition, problems))
    elif definition is not None and not problems:
        typer.echo(f"{definition.name} {definition.version}: sound")
        typer.echo(draw(definition) if as_mermaid else outline(definition))
    for problem in problems if not as_json else []:
        typer.echo(f"{file}: {problem}", err=True)
    if problems:
        raise typer.Exit(EXIT_NOT_SOUND)


@workflow.command()
def show(
    ctx: typer.Context,
    work_order: Annotated[str, typer.Argument(metavar="WO", help="The workflow or a part of it.")],
    as_json: JsonOption = False,
    as_mermaid: Annotated[
        bool, typer.Option("--mermaid", help="Print the picture as Mermaid.")
    ] = False,
) -> None:
    """Where a workflow stands, drawn, with its history."""
    document = _call(ctx, "get_workflow", {"work_order": work_order}, as_json=as_json)
    if as_json:
        return
    if as_mermaid:
        typer.echo(document["mermaid"])
        return
    typer.echo(_line(document))
    if document["reason"]:
        typer.echo(f"reason: {_plain(document['reason'])}")
    typer.echo(document["text"])
    for event in document["history"]:
        typer.echo(f"{event['at']} {event['type']} {_plain(_moved(event['data']))}")


@workflow.command("list")
def list_(
    ctx: typer.Context,
    status: Annotated[
        str | None, typer.Option(help="Only those of a status, such as compensation_failed.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Workflows, newest first."""
    arguments = {} if status is None else {"status": status}
    document = _call(ctx, "list_workflows", arguments, as_json=as_json)
    for each in [] if as_json else document["workflows"]:
        typer.echo(_line(each))


def _checked(definition: Definition | None, problems: list[str]) -> dict[str, Any]:
    return {
        "ok": not problems,
        "problems": problems,
        "name": definition.name if definition else None,
        "version": definition.version if definition else None,
        "mermaid": draw(definition) if definition and not problems else None,
    }


def _call(
    ctx: typer.Context, tool: str, arguments: Mapping[str, Any], *, as_json: bool
) -> Mapping[str, Any]:
    """What a tool answers to whoever runs the command; its error ends the command."""
    result = call_tool(ctx, tool, arguments)
    if as_json:
        print_json(result.structured)
    if result.is_error:
        error = result.structured["error"]
        typer.echo(f"agentos: {error['message']}", err=True)
        raise typer.Exit(exit_code_of(result))
    return result.structured


def _line(each: Mapping[str, Any]) -> str:
    needs = f" (needs {each['needs']})" if each["needs"] else ""
    return (
        f"{each['id']} {each['definition']} {each['status']} in {each['state']}{needs}: "
        + _plain(each["title"])
    )


def _moved(data: Mapping[str, Any]) -> str:
    parts = [f"{name}={value}" for name, value in data.items() if value not in (None, "")]
    return " ".join(parts)[:300]


def _plain(text: str) -> str:
    """One line that no terminal takes for a command."""
    return "".join(
        c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(text.split())
    )
