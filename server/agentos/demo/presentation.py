"""Shows the demo to a person: steps as they happen, then the seven answers, blast radius, costs."""

from __future__ import annotations

from typing import Any

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from agentos.demo.steps import Step
from agentos.demo.story import Outcome

QUESTIONS = {
    "who": "Who did it?",
    "why_allowed": "Why was it allowed?",
    "grounding": "What was it based on?",
    "correctness": "How do we know it is right?",
    "cost": "What did it cost?",
    "reviewed_by": "Who reviewed it?",
    "recovery": "What happened on the way?",
}
_COLOURS = {"agentos": "cyan", "pia": "magenta", "ada": "yellow", "bea": "green", "rob": "blue"}


def show_step(console: Console, step: Step) -> None:
    """One line for a step that held, and what came of it below."""
    line = Text("  \u2713 ", style="green")
    line.append(f"{step.who:<8}", style=_COLOURS.get(step.who, "white"))
    line.append(step.what)
    line.append(f"  {step.seconds:.1f} s", style="dim")
    console.print(line)
    if step.detail:
        console.print(Text(f"             {step.detail}", style="dim"))


def show_outcome(console: Console, outcome: Outcome, seconds: float) -> None:
    """The final picture."""
    console.print()
    console.print(_answers(outcome.report))
    if outcome.blast_radius is not None:
        console.print(_blast_radius(outcome.blast_radius))
    console.print(_costs(outcome.cost))
    console.print(
        Text(f"  Every step held. {seconds:.1f} s, {outcome.audit['events']} events.", "bold green")
    )


def _answers(report: dict[str, Any]) -> Panel:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, question in QUESTIONS.items():
        table.add_row(question, _answer(name, report[name]))
    return Panel(table, title=f"{report['work_order']}: {report['title']}", border_style="green")


def _answer(name: str, answer: dict[str, Any]) -> Group:
    lines = [Text(answer["summary"])]
    if name == "why_allowed":
        lines += [
            Text(f"refused: {r['what']} ({r['rule']})", style="red")
            for r in answer["facts"]["refusals"][:4]
        ]
    if name == "correctness":
        lines += [
            Text(f"{e['kind']}: {e['claim']} [{e['level']}, {e['sha256'][:12]}]", style="dim")
            for e in answer["facts"]["evidence"][:6]
        ]
    return Group(*lines)


def _blast_radius(trace: dict[str, Any]) -> Panel:
    tree = Tree(Text(trace["symbol"], style="bold"))
    by_depth: dict[int, list[dict[str, Any]]] = {}
    for node in trace["nodes"]:
        by_depth.setdefault(node["depth"], []).append(node)
    for depth, nodes in sorted(by_depth.items()):
        if depth == 0:
            continue
        branch = tree.add(Text(f"{len(nodes)} callers at distance {depth}", style="yellow"))
        for node in nodes[:6]:
            branch.add(Text(f"{node['symbol']}  {node['path']}:{node['start_line']}"))
        if len(nodes) > 6:
            branch.add(Text(f"... and {len(nodes) - 6} more", style="dim"))
    summary = trace["summary"]
    title = (
        f"Blast radius: {summary['n_symbols']} symbols in {summary['n_files']} files, "
        f"{summary['n_modules']} modules"
    )
    return Panel(tree, title=title, border_style="yellow")


def _costs(cost: dict[str, Any]) -> Panel:
    table = Table(box=None, header_style="bold")
    for column in ("phase", "role", "model"):
        table.add_column(column)
    for column in ("input", "output", "requests", "USD"):
        table.add_column(column, justify="right")
    for row in cost["rows"]:
        table.add_row(
            row["phase"],
            row["role"],
            row["model"],
            f"{row['input_tokens']:,}",
            f"{row['output_tokens']:,}",
            str(row["n_calls"]),
            row["usd"],
        )
    table.add_section()
    table.add_row("all", "", "", "", "", "", cost["total_usd"], style="bold")
    return Panel(table, title="Cost", border_style="cyan")
