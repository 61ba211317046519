"""`agentos doctor`: does this machine have what AgentOS needs, and what to do where not.

It also says what the list of tools costs a model, in each profile.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from agentos.cli.call import JsonOption
from agentos.cli.checks import CHECKS, checks_of_database, checks_of_plugins
from agentos.cli.output import printable
from agentos.command_line import local_settings, log_only_trouble, print_json
from agentos.declarations import collect_functions
from agentos.errors import AgentOSError
from agentos.mcp.listing_cost import ListingCost, listing_costs
from agentos.plugins import load_plugins
from agentos.registry import SetupCheck as Check
from agentos.settings import Settings


def doctor(
    ctx: typer.Context,
    as_json: JsonOption = False,
    port: Annotated[int | None, typer.Option(help="The port you mean to serve on.")] = None,
) -> None:
    """Check Python, git, PostgreSQL, plugins, the data folder, disk space and the port.

    Of plugins also what stands in the database: those that were disabled for failing, and other
    MCP servers with what is approved of them, what waits, and how their connections are.
    Each failed check names its remedy; exit code 1 where one failed. Then it tells how many tools
    each profile lists, and about how many tokens that costs a model: 3.5 bytes of the whole
    answer of tools/list to the token.
    """
    settings = local_settings(ctx, port=port)
    log_only_trouble(settings)
    checks = asyncio.run(_run(settings))
    is_well = all(check.ok for check in checks)
    costs = _listing_costs(settings)
    if as_json:
        print_json(
            {
                "ok": is_well,
                "checks": [asdict(check) for check in checks],
                "tools_list": [asdict(cost) for cost in costs],
            }
        )
    else:
        for check in checks:
            print(_line(check))
        for cost in costs:
            print(f"     tools/list {cost.profile}: {cost.tools} tools, about {cost.tokens} tokens")
    if not is_well:
        raise typer.Exit(1)


async def _run(settings: Settings) -> list[Check]:
    checks = [await check(settings) for check in CHECKS]
    checks += await checks_of_database(settings)
    return [*checks, *await asyncio.to_thread(checks_of_plugins, settings)]


def _listing_costs(settings: Settings) -> list[ListingCost]:
    try:
        declared = collect_functions(load_plugins(settings.plugins))
    except AgentOSError:
        return []  # the check of the plugins tells
    return listing_costs(declared.tools.values())


def _line(check: Check) -> str:
    line = f"{'ok  ' if check.ok else 'FAIL'} {check.name}: {check.detail}"
    if not check.ok and check.remedy is not None:
        line += f"; {check.remedy}"
    return printable(" ".join(line.splitlines()))
