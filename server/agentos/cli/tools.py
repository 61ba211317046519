"""`agentos tools`: every tool there is, also those that the caller's profile does not list."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from agentos.cli.call import JsonOption
from agentos.command_line import local_settings, print_json
from agentos.declarations import collect_functions
from agentos.plugins import load_plugins
from agentos.profiles import ALL, LISTABLE, PROFILES, check_profile, is_listed, listed
from agentos.tools import Tool


def tools(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="WORD", help="Only tools whose name or description has them all."),
    ] = None,
    profile: Annotated[
        str, typer.Option(metavar="NAME", help=f"What a profile lists: {', '.join(PROFILES)}.")
    ] = ALL,
    as_json: JsonOption = False,
) -> None:
    """Find tools, and the profiles that list them; `agentos call NAME` calls any of them.

    Tools of other MCP servers, which a gateway offers while a server runs, are not among them.
    """
    declared = collect_functions(load_plugins(local_settings(ctx).plugins))
    shown = listed(declared.tools.values(), check_profile(profile))
    found = [each for each in shown if _has_words(each, words or [])]
    if as_json:
        print_json({"tools": [_document(each) for each in found]})
        return
    from agentos.cli.rendering import console, draw

    rows = [_row(each) for each in found]
    console().print(draw(rows) if rows else "no tool has these words")


def _has_words(tool: Tool, words: list[str]) -> bool:
    text = f"{tool.name} {tool.description}".casefold()
    return all(word.casefold() in text for word in words)


def _row(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "profiles": ", ".join(_profiles(tool)),
        "does": tool.description.splitlines()[0],
    }


def _document(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "profiles": _profiles(tool),
        "description": tool.description,
        "writes": sorted(tool.writes),
        "input_schema": tool.input_schema,
        "output_schema": tool.output_schema,
    }


def _profiles(tool: Tool) -> list[str]:
    return [name for name in LISTABLE if is_listed(tool, name)]
