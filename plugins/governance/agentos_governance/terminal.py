"""What commands of this plugin share: calling a tool as whoever runs them, and text for a terminal.

Above: `agentos review`, `agentos person`. Below: the kernel's command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from agentos import call_tool, exit_code_of, print_json

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def answer_of(
    ctx: typer.Context, tool: str, arguments: Mapping[str, Any], *, as_json: bool = False
) -> Mapping[str, Any]:
    """What a tool answers to whoever runs the command; its error ends the command."""
    given = {name: value for name, value in arguments.items() if value is not None}
    result = call_tool(ctx, tool, given)
    if as_json:
        print_json(result.structured)
    if result.is_error:
        error = result.structured["error"]
        remedy = f"; {error['remedy']}" if "remedy" in error else ""
        typer.echo(f"agentos: {plain(error['message'] + remedy)}", err=True)
        raise typer.Exit(exit_code_of(result))
    return result.structured


def plain(text: str) -> str:
    """One line that no terminal takes for a command."""
    return "".join(
        c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(text.split())
    )


def paragraph(text: str) -> str:
    """Several lines that no terminal takes for commands."""
    return "\n".join(plain(line) for line in text.splitlines())
