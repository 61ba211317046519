"""The card as a comment: what a person needs to decide well, within GitHub's limit.

Above: the channel. Below: nothing. Everything in a card was written by somebody; nothing of it may
become markup, a mention or a link. What the comment says of the outcome stands in the card, which is
read after the decision was committed.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any

from agentos_channels.settings import is_https

MAX_CHARS = 60_000
"""GitHub refuses comments of more than 65,536."""
MAX_FINDINGS_CHARS = 40_000
MAX_TEXT_CHARS = 600
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~>:-])")
_LINKS = (
    ("@", "@\u200b"),
    ("#", "#\u200b"),
    ("www.", "www\u200b."),
    ("//", "/\u200b/"),
)
_SIGNS = {"blocking": "🛑", "warning": "⚠️", "note": "i"}
_OUTCOMES = {
    "approved": "✅ Approved",
    "rejected": "❌ Rejected",
    "expired": "⌛ Expired without a decision",
    "cancelled": "🚫 Cancelled",
    "superseded": "🔁 Superseded by newer work",
}


def render(card: Mapping[str, Any], commit: str | None, why_not: str | None) -> str:
    """The comment's text, without its marker."""
    text = "\n".join(_lines(card, commit, why_not))
    return text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]}\n\n… (cut)"


def findings_text(card: Mapping[str, Any]) -> str:
    """The findings alone, as the comment lists them."""
    return "\n".join(_findings(card)).strip()


def headline(card: Mapping[str, Any]) -> str:
    """Where the review stands, in one line of plain text."""
    if card["state"] == "open":
        return f"Waits for review: {card['needs'] or 'a decision'}"
    said = _OUTCOMES.get(str(card["outcome"]), "Ended")
    if card["outcome"] == "rejected" and card["verdict"] == "request_changes":
        said = "✏️ Changes requested"
    by = f" by {card['decided_by']}" if card["decided_by"] else ""
    return f"{said}{by}"


def plain(text: object, limit: int = MAX_TEXT_CHARS) -> str:
    """Text of others in one line: no markup, no mention, no link, no hidden part."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    line = line if len(line) <= limit else f"{line[: limit - 1]}…"
    escaped = _SPECIAL.sub(r"\\\1", html.escape(line, quote=False))
    # GitHub makes links of these after the markup: only a mark of no width keeps them text.
    for sign, harmless in _LINKS:
        escaped = escaped.replace(sign, harmless)
    return escaped


def _lines(card: Mapping[str, Any], commit: str | None, why_not: str | None) -> Iterator[str]:
    yield f"### {plain(card['title'], 200)}"
    yield f"**{plain(headline(card), 300)}**"
    if card["reason"]:
        yield f"\n{plain(card['reason'])}"
    yield ""
    yield from _facts(card)
    yield from _findings(card)
    yield ""
    yield from _how_to_decide(card, commit, why_not)


def _facts(card: Mapping[str, Any]) -> Iterator[str]:
    yield "| | |\n|---|---|"
    for worker in card["workers"]:
        who = [worker["worker"], worker["role"], worker["model"]]
        yield _row("Worked", ", ".join(str(each) for each in who if each))
    yield _row("Contract", card["contract_line"])
    if card["diff"] is not None:
        diff = card["diff"]
        yield _row("Diff", f"{diff['files']} files, +{diff['insertions']} -{diff['deletions']}")
    if card["blast_radius"] is not None:
        reach = card["blast_radius"]
        said = f"{reach['symbols']} symbols in {reach['files']} files, {reach['untested']} untested"
        yield _row("Blast radius", said)
    gates = [f"{each['name']} {'ok' if each['passed'] else 'FAILED'}" for each in card["gates"]]
    yield _row("Gates", ", ".join(gates))
    if card["cost"] is not None:
        yield _row("Cost", f"{card['cost']['spent_usd']} of {card['cost']['budget_usd']} USD")
    yield _row("Waiting", f"since {card['opened_at']}")
    yield _row("Packet", card["sha256"])
    if is_https(card["link"]):
        yield _row("Review", card["id"])
    if card.get("superseded_by"):
        yield _row("Superseded by", card["superseded_by"])


def _row(name: str, value: object) -> str:
    return f"| {name} | {plain(value or 'none')} |"


def _findings(card: Mapping[str, Any]) -> Iterator[str]:
    findings = card["findings"]
    if not findings:
        yield "\nNo findings."
        return
    yield f"\n**{len(findings)} findings, {card['n_blocking']} blocking**\n"
    left = MAX_FINDINGS_CHARS
    for number, found in enumerate(findings):
        line = _finding_line(found)
        left -= len(line)
        if left < 0:
            yield f"- … and {len(findings) - number} more"
            return
        yield line


def _finding_line(found: Mapping[str, Any]) -> str:
    place = "" if found["path"] is None else f" ({found['path']}{_place(found)})"
    said = f"{found['claim'] or found['check']}{place}: {found['message']}"
    return f"- {_SIGNS[found['severity']]} {plain(said)} *{plain(found['by'], 10)}*"


def _place(found: Mapping[str, Any]) -> str:
    return "" if found["start_line"] is None else f":{found['start_line']}-{found['end_line']}"


def _how_to_decide(
    card: Mapping[str, Any], commit: str | None, why_not: str | None
) -> Iterator[str]:
    if card["state"] != "open":
        return
    if commit is None:
        yield f"This pull request does not show the submitted work: {plain(why_not or 'unknown')}."
        yield "Reviews here are not counted until it does."
        return
    yield f"Commit {commit[:12]} is exactly the submitted work. Review this pull request to decide:"
    yield "“Approve”, or “Request changes” with a reason of at least 10 characters."
    if card["n_blocking"]:
        yield "Approving in spite of a blocking finding needs a line `Override: why` in the review."
