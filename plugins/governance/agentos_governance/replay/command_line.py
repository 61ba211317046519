"""`agentos replay`: what happened, again, without doing any of it again.

Above: plugin.py. Below: outcome and difference; the text that people read is in text.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from agentos import InvalidArgumentError, Kernel, local_settings, print_json, run_with_kernel
from agentos_governance.replay.difference import RunDifference, compare_runs
from agentos_governance.replay.outcome import Replay, recorded_steps, replay_order
from agentos_governance.replay.text import difference_text, replay_text, step_text

EXIT_DIFFERS = 4

replay = typer.Typer(help="Replay a work order from its records.")


@replay.command("replay")
def replay_command(
    ctx: typer.Context,
    work_order: Annotated[str, typer.Argument(metavar="WO", help="The work order's id.")],
    until: Annotated[
        str | None,
        typer.Option(metavar="SEQ|TIME", help="End after this event of its stream, or this time."),
    ] = None,
    step: Annotated[
        bool, typer.Option("--step", help="Show the state after every event; Enter goes on.")
    ] = False,
    diff: Annotated[
        str | None, typer.Option(metavar="OTHER", help="Compare with another work order's run.")
    ] = None,
    rerun: Annotated[
        bool,
        typer.Option("--rerun/--no-rerun", help="Execute reads again and compare what they say."),
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Fold a work order's events from nothing and serve its calls as they were recorded.

    The state must be what the tables hold (exit code 4 where it is not, or where a record
    contradicts itself). Reads are executed again, as calls of yours, and flagged where they answer
    otherwise today; writes and decisions never are.
    """
    if diff is not None:
        if step:
            raise InvalidArgumentError("--step and --diff do not go together")
        _show_difference(ctx, work_order, diff, until, as_json=as_json)
        return

    async def work(kernel: Kernel) -> Replay:
        return await replay_order(kernel, work_order, until=until, with_steps=step, rerun=rerun)

    outcome = run_with_kernel(local_settings(ctx), work)
    if as_json:
        print_json(outcome.document())
    else:
        _show_steps(outcome)
        print(replay_text(outcome))
    if not outcome.ok:
        raise typer.Exit(EXIT_DIFFERS)


def _show_difference(
    ctx: typer.Context, first: str, second: str, until: str | None, *, as_json: bool
) -> None:
    async def work(kernel: Kernel) -> RunDifference:
        one = await recorded_steps(kernel, first, until)
        other = await recorded_steps(kernel, second, None)
        return compare_runs(one, other, first, second)

    found = run_with_kernel(local_settings(ctx), work)
    if as_json:
        print_json(
            {
                "is_same": found.is_same,
                "first": first,
                "second": second,
                "same_steps": found.n_same,
                "differing": [step.document() for step in found.differing],
            }
        )
    else:
        print(difference_text(found, first, second))


def _show_steps(outcome: Replay) -> None:
    waits = sys.stdin.isatty() and sys.stdout.isatty()
    for number, step in enumerate(outcome.steps, start=1):
        print(step_text(step))
        if waits and number < len(outcome.steps):
            print("-- Enter: next, q: end -- ", end="", file=sys.stderr, flush=True)
            if sys.stdin.readline().strip().lower().startswith("q"):
                break
