"""`agentos bench`: benchmarks that run on this machine and print what they measured."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from agentos.cli.call import JsonOption
from agentos.cli.plugin_commands import BenchGroup
from agentos.command_line import local_settings, print_json

app = typer.Typer(help="Measure.", cls=BenchGroup)


@app.callback()
def bench() -> None:
    """Measure."""


@app.command()
def policy(
    ctx: typer.Context,
    calls: Annotated[int, typer.Option(min=100, help="Calls in each repetition.")] = 5_000,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 1 where the total is over its limit.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """CPU microseconds that authorizing and recording a call cost, without the database.

    Reading arguments and looking up rows and paths stand beside it, in brackets. The best of several
    repetitions, so that a busy machine counts little.
    """
    from agentos.bench.policy import LIMIT_US, measure_policy

    report = measure_policy(local_settings(ctx).plugins, calls)
    if as_json:
        print_json({**asdict(report), "limit_us": LIMIT_US, "ok": report.ok})
    else:
        print("without policy, with policy")
        for step in report.steps:
            name = step.name if step.is_governing else f"({step.name})"
            print(f"{_us(step.us)}  {_us(step.us_with_policy)}  {name}")
        totals = f"{_us(report.total_us)}  {_us(report.total_with_policy_us)}"
        print(f"{totals}  authorize and record; the limit without policy is {LIMIT_US:g} us")
        print(
            f"{_us(report.whole_us)}  {_us(report.whole_with_policy_us)}  with what is in brackets"
        )
    if check and not report.ok:
        raise typer.Exit(1)


def _us(value: float | None) -> str:
    return " " * 10 + "-" if value is None else f"{value:8.2f} us"
