"""A review card as text for a terminal.

Above: `agentos review`. Below: nothing; a pure function of the card's JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from agentos_governance.terminal import paragraph, plain

MAX_FINDINGS = 20
MAX_PATHS = 10


def card_text(card: Mapping[str, Any]) -> str:
    """Several lines; whatever came from agents is made harmless to terminals."""
    return "\n".join(
        [
            *_head(card),
            *_work(card),
            *_request(card["request"] or {}),
            *_votes(card),
            *_questions(card),
            f"needs: {plain(card['needs'])}",
            f"sha256: {card['sha256']}",
        ]
    )


def _head(card: Mapping[str, Any]) -> Iterator[str]:
    state = card["outcome"] or card["state"]
    order = f" of {card['work_order']}" if card["work_order"] else ""
    yield f"{card['id']} ({card['kind']}, {state}){order}: {plain(card['title'])}"
    if card.get("superseded_by"):
        yield f"superseded by {card['superseded_by']}"
    for each in card["workers"]:
        said = [part for part in (each["role"], each["person"], each["model"]) if part]
        yield f"by {plain(each['worker'])} ({plain(', '.join(said)) or 'nothing known'})"
    if card["contract_line"]:
        yield f"contract: {plain(card['contract_line'])}"
    due = f", due {card['due_at']}" if card["due_at"] else ""
    yield f"opened {card['opened_at']}{due}, expires {card['expires_at']}"


def _work(card: Mapping[str, Any]) -> Iterator[str]:
    diff, radius = card["diff"], card["blast_radius"]
    if diff is not None:
        shown = ", ".join(plain(path) for path in diff["paths"][:MAX_PATHS])
        yield (
            f"diff: {diff['files']} files, +{diff['insertions']} -{diff['deletions']}: {shown}"
            + (" …" if diff["n_paths"] > MAX_PATHS else "")
        )
    if radius is not None:
        yield (
            f"reach: {radius['symbols']} symbols in {radius['files']} files, {radius['tests']} "
            f"tests, {radius['untested']} untested"
        )
    for gate in card["gates"]:
        yield f"gate {gate['name']}: {'passed' if gate['passed'] else 'failed'}"
    for finding in card["findings"][:MAX_FINDINGS]:
        yield f"{finding['severity']} ({finding['check']}){_place(finding)}: {plain(finding['message'])}"
    if len(card["findings"]) > MAX_FINDINGS:
        yield f"and {len(card['findings']) - MAX_FINDINGS} more findings"
    if card["cost"] is not None:
        yield f"cost: {card['cost']['spent_usd']} of {card['cost']['budget_usd']} USD"
    if card["what_changed"] is not None:
        changed = card["what_changed"]
        counts = ", ".join(f"{len(changed[k])} {k}" for k in ("added", "changed", "removed"))
        yield f"since the round before: {counts}"


def _place(finding: Mapping[str, Any]) -> str:
    if not finding["path"]:
        return ""
    line = f":{finding['start_line']}" if finding["start_line"] else ""
    return f" {plain(finding['path'])}{line}"


def _request(request: Mapping[str, Any]) -> Iterator[str]:
    for field in ("plan", "question"):
        if request.get(field):
            yield paragraph(request[field])
    for option in (*request.get("options", ()), *request.get("labels", ())):
        detail = f" ({plain(option['detail'])})" if option["detail"] else ""
        yield f"  {option['id']}: {plain(option['label'])}{detail}"
    if "tool" in request:
        yield f"call of {plain(request['tool'])}: {plain(json.dumps(request['arguments']))}"
        yield f"asked by {plain(request['rule'])}: {plain(request['reason'])}"


def _votes(card: Mapping[str, Any]) -> Iterator[str]:
    for vote in card["votes"]:
        carried = ", carried over" if vote["carried"] else ""
        yield f"{plain(vote['person'])}: {vote['verdict']}{carried}: {plain(vote['reason'])}"


def _questions(card: Mapping[str, Any]) -> Iterator[str]:
    for each in card["questions"]:
        yield f"{each['id']} {plain(each['by'])} asks: {plain(each['text'])}"
        if each["answer"] is not None:
            yield f"  {plain(each['answered_by'])}: {plain(each['answer'])}"
