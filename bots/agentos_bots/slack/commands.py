"""`/agentos`: what a person may type, and the texts of the answers.

`status`, `review`, `cost`, `queue`, `link` and `help`. Slack escapes what was typed; it is undone
here. Above: the listener of the command. Below: `digest`, `queue_lines`, `escaping`.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final

from agentos_bots.slack.block_kit import section
from agentos_bots.slack.documents import Items, WaitingPage, Wire, parse_wire
from agentos_bots.slack.escaping import code, prose
from agentos_bots.slack.limits import fit
from agentos_bots.slack.messages import Message
from agentos_bots.slack.queue_lines import counted

_ANSWER: Final = 2_900
_ROWS: Final = 15

_HELP: Final = (
    "*What `/agentos` understands*",
    "• `/agentos status` - what waits for a person now; `/agentos status WO-…` - one work order",
    "• `/agentos review RV-…` - the card of a review, only for you",
    "• `/agentos queue` - what waits for your decision",
    "• `/agentos cost` - what was spent by role; `/agentos cost WO-…` - by a work order",
    "• `/agentos link CODE` - say who you are, with a one-time code of `agentos person link-code`",
    "• `/agentos help` - this",
)


class CommandName(StrEnum):
    """The first word after `/agentos`."""

    STATUS = "status"
    REVIEW = "review"
    COST = "cost"
    QUEUE = "queue"
    LINK = "link"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class TypedCommand:
    """A command and its one argument; `problem` says what is missing or not understood."""

    name: CommandName
    argument: str | None = None
    problem: str | None = None


class CostRow(Wire):
    """A row of `get_cost_report`."""

    usd: str
    work_order: str | None = None
    phase: str | None = None
    role: str | None = None
    model: str | None = None
    action: str | None = None
    n_calls: int = 0


class CostReport(Wire):
    """The answer of `get_cost_report`, as far as it is shown."""

    rows: Items[CostRow]
    truncated: bool = False


class OrderStatus(Wire):
    """The answer of `get_work_order`, as far as it is shown."""

    id: str
    title: str
    state: str
    phase: str
    role: str
    packet_sha256: str | None = None


def parse_command(text: str) -> TypedCommand:
    """What was typed after `/agentos`; anything not understood is `help` with a problem."""
    words = html.unescape(text).split()
    name, rest = (words[0].lower(), words[1:]) if words else ("help", [])
    if name not in list(CommandName):
        return TypedCommand(CommandName.HELP, problem=f"There is no command {name[:40]!r}.")
    command = CommandName(name)
    if command in (CommandName.REVIEW, CommandName.LINK) and not rest:
        return TypedCommand(CommandName.HELP, problem=f"{name!r} needs {_MISSING[command]}.")
    if len(rest) > 1:
        return TypedCommand(CommandName.HELP, problem=f"{name!r} takes one argument at most.")
    return TypedCommand(command, rest[0][:200] if rest else None)


_MISSING: Final = {
    CommandName.REVIEW: "the id of a review, such as RV-3F9K2M7Q",
    CommandName.LINK: "a one-time code, which `agentos person link-code` prints",
}


def help_message(problem: str | None = None) -> Message:
    """The commands, after what was wrong with the one that was typed."""
    lines = [prose(problem, 300)] if problem else []
    return _answer([*lines, *_HELP])


def status_message(waiting: WaitingPage) -> Message:
    """How much waits for anybody, by kind."""
    return _answer([f"*Waiting for a person:* {counted(waiting.n_open) or 'nothing'}"])


def order_message(document: Mapping[str, Any]) -> Message:
    """One work order as `get_work_order` tells it. Raises InvalidArgumentError."""
    one = parse_wire(OrderStatus, document, "work order")
    packet = f" · packet `{prose(one.packet_sha256[:12], 20)}`" if one.packet_sha256 else ""
    facts = f"state *{prose(one.state, 40)}*, {prose(one.phase, 40)} by {prose(one.role, 40)}"
    return _answer([f"*{prose(one.title, 200)}*", f"{code(one.id, 60)} · {facts}{packet}"])


def cost_message(document: Mapping[str, Any]) -> Message:
    """What was spent, by the groups of a `get_cost_report`. Raises InvalidArgumentError."""
    report = parse_wire(CostReport, document, "cost report")
    if not report.rows:
        return _answer(["*Cost:* nothing was spent"])
    rows = sorted(report.rows, key=_dollars, reverse=True)
    total = sum((_dollars(row) for row in rows), Decimal(0))
    more = " in the rows shown" if report.truncated else ""
    lines = [f"• {_group(row)}: {prose(row.usd, 30)} USD, {row.n_calls:,} calls" for row in rows]
    kept = fit(lines[:_ROWS], _ANSWER - 200, lambda n: f"… {n} more")
    if len(lines) > _ROWS:
        kept.append(f"… {len(lines) - _ROWS:,} more groups")
    return _answer([f"*Cost:* {total.normalize():f} USD{more}", *kept])


def _group(row: CostRow) -> str:
    names = (row.work_order, row.phase, row.role, row.model, row.action)
    return " · ".join(code(name, 80) for name in names if name) or "all"


def _dollars(row: CostRow) -> Decimal:
    try:
        usd = Decimal(row.usd)
    except InvalidOperation:
        return Decimal(0)
    return usd if usd.is_finite() else Decimal(0)


def _answer(lines: list[str]) -> Message:
    text = "\n".join(lines)
    return Message(text, [section(text)])
