"""`agentos bench`: benchmarks that run on this machine and print what they measured."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from agentos.cli.call import JsonOption
from agentos.command_line import local_settings, print_json

app = typer.Typer(help="Measure.")


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

    The best of several repetitions, so that a busy machine counts little.
    """
    from agentos.bench.policy import LIMIT_US, measure_policy

    report = measure_policy(local_settings(ctx).plugins, calls)
    if as_json:
        print_json({**asdict(report), "limit_us": LIMIT_US, "ok": report.ok})
    else:
        for step in report.steps:
            print(f"{step.us:8.2f} us  {step.name}{'' if step.counts else ' (not counted)'}")
        print(f"{report.total_us:8.2f} us  to authorize and record; the limit is {LIMIT_US:g} us")
    if check and not report.ok:
        raise typer.Exit(1)
