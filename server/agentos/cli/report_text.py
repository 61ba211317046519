"""A work report on a terminal: one panel for each of the seven answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

from agentos.cli.answers import answers, headline
from agentos.cli.output import one_line, printable
from agentos.cli.rendering import console, draw


def print_report(report: Mapping[str, Any]) -> None:
    """Print the panels of a report."""
    out = console()
    out.print(Rule(Text(one_line(headline(report)), style="bold")))
    for number, (question, summary, facts) in enumerate(answers(report), 1):
        body: list[RenderableType] = [Text(printable(summary))]
        shown = {name: value for name, value in facts.items() if value not in (None, [], {})}
        if shown:
            body += [Text(""), draw(shown)]
        out.print(
            Panel(
                Group(*body), title=Text(f"{number}. {question}", style="bold"), title_align="left"
            )
        )
