"""`agentos budget`: caps, the emergency stop, unlocks and estimates from a shell.

Above: the plugin declares the group. Below: the tools of the same names, through the pipeline.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from agentos import Kernel, call_tool, exit_code_of, local_settings, print_json, run_with_kernel
from agentos_governance.contracts.model import usd_text
from agentos_governance.cost.price_versions import RepricedEntry, reprice

EXIT_DIFFERS = 4

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; recorded with the event.")]
LayerArgument = Annotated[
    str, typer.Argument(metavar="LAYER", help="session, process, person or organisation.")
]
WindowOption = Annotated[
    int | None, typer.Option("--per-s", help="Within any so many seconds; by default ever.")
]
SubjectOption = Annotated[
    str, typer.Option("--subject", help="One person, process or session; by default each.")
]

budget = typer.Typer(no_args_is_help=True, help="Budgets, locks and the emergency stop.")


@budget.callback()
def _group() -> None:
    """Budgets in layers, locked tools, and the emergency stop."""


@budget.command()
def show(
    ctx: typer.Context,
    layer: Annotated[str | None, typer.Option("--layer", help="Only this layer.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Which caps are in force, what is spent and held, what is stopped or unlocked."""
    arguments = {} if layer is None else {"layer": layer}
    _finish(ctx, "get_budget_status", arguments, _status_text, as_json=as_json)


@budget.command("set")
def set_cap(
    ctx: typer.Context,
    layer: LayerArgument,
    cap_usd: Annotated[str, typer.Argument(metavar="USD", help="Such as 2.50; `none`: no limit.")],
    reason: ReasonOption,
    per_s: WindowOption = None,
    subject: SubjectOption = "",
    refuse_reports: Annotated[
        bool, typer.Option("--refuse-reports", help="Refuse record_usage beyond the cap too.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Set a cap for every call from now on."""
    arguments = {
        "layer": layer,
        "subject": subject,
        "reason": reason,
        "per_s": per_s,
        "cap_usd": None if cap_usd == "none" else cap_usd,
        "on_report": "refuse" if refuse_reports else "count",
    }
    _finish(ctx, "set_budget", arguments, _limit_text, as_json=as_json)


@budget.command()
def reset(
    ctx: typer.Context,
    layer: LayerArgument,
    reason: ReasonOption,
    per_s: WindowOption = None,
    subject: SubjectOption = "",
    as_json: JsonOption = False,
) -> None:
    """Take a cap back that was set; the settings apply again."""
    arguments = {
        "layer": layer,
        "subject": subject,
        "reason": reason,
        "per_s": per_s,
        "reset": True,
    }
    _finish(ctx, "set_budget", arguments, lambda _: f"{layer}: as the settings say", as_json)


@budget.command()
def stop(
    ctx: typer.Context,
    reason: ReasonOption,
    all_calls: Annotated[
        bool, typer.Option("--all", help="Refuse every call that writes, not only paid ones.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Refuse everything that costs money, at once and in every process."""
    arguments = {"reason": reason, "all_calls": all_calls}
    _finish(ctx, "stop_spending", arguments, lambda _: "spending is stopped", as_json)


@budget.command()
def resume(ctx: typer.Context, reason: ReasonOption, as_json: JsonOption = False) -> None:
    """End the emergency stop."""
    _finish(ctx, "resume_spending", {"reason": reason}, lambda _: "spending goes on", as_json)


@budget.command()
def unlock(
    ctx: typer.Context,
    pattern: Annotated[str, typer.Argument(metavar="PATTERN", help="Glob of tools or paths.")],
    seconds: Annotated[int, typer.Option("--seconds", help="For how long.")],
    reason: ReasonOption,
    work_order: Annotated[
        str | None, typer.Option(metavar="WO", help="For this work order.")
    ] = None,
    person: Annotated[str | None, typer.Option(help="For this person.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Open locked tools or paths for a time, for somebody else."""
    arguments = {
        "pattern": pattern,
        "seconds": seconds,
        "reason": reason,
        "work_order": work_order,
        "person": person,
    }
    _finish(ctx, "unlock_tool", arguments, _unlock_text, as_json=as_json)


@budget.command()
def lock(
    ctx: typer.Context,
    unlock_id: Annotated[str, typer.Argument(metavar="UL", help="Id of the unlock.")],
    reason: ReasonOption,
    as_json: JsonOption = False,
) -> None:
    """End an unlock before its time."""
    arguments = {"unlock": unlock_id, "reason": reason}
    _finish(ctx, "lock_tool", arguments, _unlock_text, as_json=as_json)


@budget.command()
def estimate(
    ctx: typer.Context,
    action: Annotated[
        str, typer.Argument(metavar="ACTION", help="A tool, or an action as booked.")
    ],
    model: Annotated[str | None, typer.Option(help="Which model does it.")] = None,
    input_tokens: Annotated[int | None, typer.Option(help="Of one call.")] = None,
    output_tokens: Annotated[int | None, typer.Option(help="Of one call.")] = None,
    calls: Annotated[int, typer.Option(help="How many calls.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """What an action would probably cost, as a range, before it is done."""
    arguments = {
        "action": action,
        "model": model,
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "n_calls": calls,
    }
    _finish(ctx, "estimate_cost", arguments, _estimate_text, as_json=as_json)


@budget.command()
def recompute(
    ctx: typer.Context,
    work_order: Annotated[str | None, typer.Option(metavar="WO", help="Only this one's.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Price every ledger entry again by the price table stored with it.

    Exit code 4 where an entry is not what its table says.
    """

    async def work(kernel: Kernel) -> tuple[int, list[RepricedEntry]]:
        entries = [entry async for entry in reprice(kernel.database, work_order)]
        return len(entries), [entry for entry in entries if not entry.ok]

    n_entries, wrong = run_with_kernel(local_settings(ctx), work)
    if as_json:
        print_json({"ok": not wrong, "entries": n_entries, "wrong": [_entry(e) for e in wrong]})
    else:
        print(f"{n_entries} priced entries, {len(wrong)} differ from their price table")
        for entry in wrong:
            print(f"{entry.work_order} {entry.request_id}: {_entry(entry)}", file=sys.stderr)
    if wrong:
        raise typer.Exit(EXIT_DIFFERS)


def _finish(
    ctx: typer.Context,
    tool: str,
    arguments: Mapping[str, Any],
    text: Callable[[Mapping[str, Any]], str],
    as_json: bool,
) -> None:
    given = {name: value for name, value in arguments.items() if value is not None}

    result = call_tool(ctx, tool, given)
    if as_json:
        print_json(dict(result.structured))
    elif not result.is_error:
        print(text(result.structured))
    if result.is_error:
        print(f"agentos: {' '.join(result.text.split())}", file=sys.stderr)
        raise typer.Exit(exit_code_of(result))


def _status_text(status: Mapping[str, Any]) -> str:
    lines = [_limit_text(limit) for limit in status["limits"]]
    for row in status["allowances"]:
        who = " ".join(filter(None, (row["layer"], row["subject"])))
        lines.append(f"{who}{_per(row)}: {row['spent_usd']} spent, {row['held_usd']} held")
    if status["stop"] is not None:
        what = "every writing call" if status["stop"]["all_calls"] else "spending"
        lines.append(
            f"STOPPED: {what}, by {status['stop']['stopped_by']}: {status['stop']['reason']}"
        )
    lines += [_unlock_text(each) for each in status["unlocks"]]
    return "\n".join(lines)


def _limit_text(limit: Mapping[str, Any]) -> str:
    whose = f" {limit['subject']}" if limit["subject"] else ""
    cap = "no limit" if limit["cap_usd"] is None else f"at most {limit['cap_usd']} USD"
    return f"{limit['layer']}{whose}: {cap}{_per(limit)} ({limit['source']})"


def _per(row: Mapping[str, Any]) -> str:
    return f" in {row['per_s']} s" if row["per_s"] else ""


def _unlock_text(unlock: Mapping[str, Any]) -> str:
    whom = unlock["work_order"] or unlock["person"]
    return f"{unlock['id']}: {unlock['pattern']} for {whom} until {unlock['expires_at']}"


def _estimate_text(found: Mapping[str, Any]) -> str:
    return (
        f"{found['low_usd']} to {found['high_usd']} USD, likely {found['likely_usd']}: "
        f"{found['basis']}"
    )


def _entry(entry: RepricedEntry) -> dict[str, Any]:
    computed = None if entry.computed_usd is None else usd_text(entry.computed_usd)
    return {
        "work_order": entry.work_order,
        "request_id": entry.request_id,
        "price_version": entry.price_version,
        "booked_usd": usd_text(entry.booked_usd),
        "computed_usd": computed,
    }
