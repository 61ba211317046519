"""The lines of a card, one fact each: who worked, the contract, the diff, gates, cost, votes.

Each is within its own limit, so that their sum is within Slack's whatever the document says.
Above: `card`. Below: `escaping`, `times`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final
from urllib.parse import quote, urlsplit

from agentos_bots.slack.cards.outcomes import voted
from agentos_bots.slack.documents import Card, Cost, Finding, Vote, WhatChanged, Worker
from agentos_bots.slack.escaping import code, code_path, escape, prose
from agentos_bots.slack.limits import fit
from agentos_bots.slack.times import moment, since

MAX_WORKERS: Final = 2
MAX_PATHS: Final = 8
MAX_CHANGED: Final = 5
MAX_GATES: Final = 6
MAX_VOTES: Final = 5
_MAX_URL: Final = 300
_URL_TEXT: Final = "%/:=&?~#+!$,;'@()[]*-._"


def count(n: int, thing: str, things: str | None = None) -> str:
    """`1 file`, `5,000 files`."""
    return f"{n:,} {thing if n == 1 else things or thing + 's'}"


def linked(card: Card, words: str) -> str:
    """`words` as a link to the whole packet, or the command that shows it where there is none."""
    url = safe_url(card.link)
    return f"<{url}|{words}>" if url else f"{words}: `agentos review show {card.id}`"


def newer(review: str, url: str | None) -> str:
    """The review that took the place of another, as a link to its card where that is posted."""
    where = safe_url(url)
    return f"<{where}|{code(review, 66)}>" if where else code(review, 66)


def safe_url(link: str | None) -> str | None:
    """The link escaped for a message; None unless it is a short http(s) address."""
    if not link or len(link) > _MAX_URL:
        return None
    try:
        parts = urlsplit(link)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc:
        return None
    url = escape(quote(link, safe=_URL_TEXT))
    return url if len(url) <= _MAX_URL else None


def who_worked(card: Card) -> str:
    """Worker, role, what its client says it is, and the person who answers for it."""
    shown = [_worker(worker) for worker in card.workers[:MAX_WORKERS]]
    if len(card.workers) > MAX_WORKERS:
        shown.append(f"{len(card.workers) - MAX_WORKERS:,} more")
    did = "Worked" if card.kind == "work" else "Asked by"
    return f"*{did}:* {'; '.join(shown) or 'not known'}"


def contract(card: Card) -> str | None:
    """What the work was allowed to do, in one line."""
    return f"*Contract:* {prose(card.contract_line, 300)}" if card.contract_line else None


def diff(card: Card) -> str | None:
    """How much changed, and the first paths."""
    if card.diff is None:
        return None
    one = card.diff
    size = f"{count(one.files, 'file')}, +{one.insertions:,} -{one.deletions:,}"
    n_all = max(one.n_paths, one.files, len(one.paths))
    return f"*Diff:* {size}" + _paths(card, one.paths, n_all, MAX_PATHS)


def blast_radius(card: Card) -> str | None:
    """What the change could affect, and how much of it no test touched."""
    reach = card.blast_radius
    if reach is None:
        return None
    tests = f"{count(reach.tests, 'test')} touch it" if reach.tests != 1 else "1 test touches it"
    untested = f"*{reach.untested:,} untested*" if reach.untested else "none untested"
    return (
        f"*Reach:* {count(reach.symbols, 'symbol')} in {count(reach.files, 'file')}, "
        f"{count(reach.modules, 'module')}; {tests}, {untested}"
    )


def gates(card: Card) -> str | None:
    """How many gates passed, and the names of those that did not."""
    if not card.gates:
        return None
    failed = [gate for gate in card.gates if not gate.passed]
    names = ", ".join(code(gate.name, 60) for gate in (failed or card.gates)[:MAX_GATES])
    n_more = len(failed or card.gates) - MAX_GATES
    more = f" … {n_more:,} more" if n_more > 0 else ""
    if not failed:
        return f"*Gates:* all {len(card.gates):,} passed: {names}{more}"
    return f"*Gates:* *{len(failed):,} of {len(card.gates):,} FAILED*: {names}{more}"


def findings(card: Card, n_shown: int, limit: int) -> str:
    """How many findings by severity, and the first `n_shown`, the blocking ones first."""
    if not card.findings:
        return f"*Findings:* none{_dropped(card)}"
    ordered = by_severity(card.findings)
    shown = [f"• {finding_line(one)}" for one in ordered[:n_shown]]
    return "\n".join(
        [
            f"*Findings:* {tally(card.findings)}{_dropped(card)}; all in the thread",
            *fit(shown, limit, lambda n: f"… {n:,} of these in the thread"),
        ]
    )


def tally(found: Sequence[Finding]) -> str:
    """`2 blocking, 1 warning`."""
    parts = []
    for severity in ("blocking", "warning", "note"):
        n = sum(1 for one in found if one.severity == severity)
        if n:
            parts.append(f"*{n:,} blocking*" if severity == "blocking" else count(n, severity))
    return ", ".join(parts)


def by_severity(found: Sequence[Finding]) -> list[Finding]:
    """Blocking findings first; within a severity in the document's order."""
    rank = {"blocking": 0, "warning": 1, "note": 2}
    return sorted(found, key=lambda one: rank[one.severity])


def finding_line(one: Finding) -> str:
    """A finding in one line: severity, check, what is held against the work, and where."""
    by = ", a model's" if one.by == "model" else ""
    where = f" at {place(one)}" if one.path else ""
    held = prose(one.claim or one.message, 240)
    return f"*{one.severity}*{by} {code(one.check, 60)}: {held}{where}"


def place(one: Finding) -> str:
    """`path:10-12` as inline code."""
    lines = ""
    if one.start_line is not None:
        end = one.end_line
        lines = f":{one.start_line}" + (f"-{end}" if end and end != one.start_line else "")
    return code_path(one.path or "", 160, lines)


def changes(card: Card, changed: WhatChanged) -> str:
    """How the diff differs from that of the round before."""
    groups = ((changed.added, "added"), (changed.changed, "changed"), (changed.removed, "removed"))
    counts = ", ".join(f"{len(paths)} {word}" for paths, word in groups if paths)
    paths = [path for group, _ in groups for path in group]
    n_all = max(changed.n_paths, len(paths))
    since = f"*Since packet* {code(changed.since[:12], 20)}: "
    return since + (counts or "the same paths") + _paths(card, paths, n_all, MAX_CHANGED)


def cost(card: Card) -> str | None:
    """What was spent of what was allowed."""
    if card.cost is None:
        return None
    share = _share(card.cost)
    spent, budget = prose(card.cost.spent_usd, 30), prose(card.cost.budget_usd, 30)
    return f"*Cost:* {spent} of {budget} USD" + (f" ({share})" if share else "")


def votes(card: Card) -> str:
    """Who has said what so far, and who must still decide."""
    shown = [_vote(vote) for vote in card.votes[-MAX_VOTES:]]
    n_more = len(card.votes) - len(shown)
    if n_more > 0:
        shown.insert(0, f"… {n_more:,} earlier {'vote' if n_more == 1 else 'votes'}")
    lines = [f"*Votes:* {'none yet' if not shown else ''}".rstrip()]
    lines += [f"• {line}" for line in shown]
    if card.is_open and card.needs:
        lines.append(f"*Still needed:* {prose(card.needs, 300)}")
    return "\n".join(lines)


def questions(card: Card) -> str | None:
    """How many questions to the worker wait for an answer, and how many have one."""
    if not card.questions:
        return None
    n_open = sum(1 for one in card.questions if one.answer is None)
    counts = ((n_open, "not answered yet"), (len(card.questions) - n_open, "answered"))
    said = ", ".join(f"{n:,} {word}" for n, word in counts if n)
    return f"*Questions:* {said}; in the thread"


def timing(card: Card) -> str:
    """Since when it waits, until when, and with whom."""
    parts = [f"Waiting since {since(card.opened_at)}"]
    if card.due_at is not None:
        parts.append(f"due {moment(card.due_at)}")
    if card.expires_at is not None:
        parts.append(f"expires and is refused {moment(card.expires_at)}")
    if card.snoozed_until is not None:
        parts.append(f"snoozed until {moment(card.snoozed_until)}")
    if card.assigned_to:
        parts.append(f"with {prose(card.assigned_to, 80)}")
    return " · ".join(parts)


def identity(card: Card) -> str:
    """The digest that a decision names, the ids, and the link to everything."""
    what = "packet" if card.kind == "work" else "request"
    order = f" · {code(card.work_order, 60)}" if card.work_order else ""
    repo = f" in {code(card.repo, 80)}" if card.repo else ""
    shown = f"{what} `{card.sha256[:12]}` · {code(card.id, 66)}{order}{repo}"
    url = safe_url(card.link)
    return f"{shown} · <{url}|Open all of it>" if url else shown


def _worker(worker: Worker) -> str:
    role = f" as {prose(worker.role, 40)}" if worker.role else ""
    model = f", says it is {prose(worker.model, 60)}" if worker.model else ""
    person = f", sponsor {prose(worker.person, 80)}" if worker.person else ", no sponsor"
    return f"{code(worker.worker, 80)}{role}{model}{person}"


def _paths(card: Card, paths: Sequence[str], n_all: int, n_shown: int) -> str:
    n_more = n_all - min(len(paths), n_shown)
    shown = ", ".join(code_path(path, 100) for path in paths[:n_shown])
    more = f"… {linked(card, count(n_more, 'more file'))}" if n_more > 0 else ""
    return "".join(f"\n{line}" for line in (shown, more) if line)


def _dropped(card: Card) -> str:
    n = card.dropped_findings
    return f" ({count(n, 'more')} of a model cited nothing that exists)" if n else ""


def _share(one: Cost) -> str:
    try:
        spent, budget = Decimal(one.spent_usd), Decimal(one.budget_usd)
        return f"{spent / budget:.0%}" if budget > 0 and spent.is_finite() else ""
    except (ArithmeticError, ValueError):
        return ""


def _vote(vote: Vote) -> str:
    carried = " (carried over from the packet before)" if vote.carried else ""
    reason = f": {prose(vote.reason, 200)}" if vote.reason else ""
    return f"{prose(vote.person, 60)} {voted(vote.verdict)}{carried}{reason}"
