"""The review as a check run of a commit: where it stands, and its findings beside the lines they are about.

Above: the channel, where its credentials are an app's. Below: the API. There is one run for a review
and a commit. It is made anew where an answer was lost and it cannot be found; then all of them say the
same. Source: docs.github.com/en/rest/checks/runs: 50 annotations a request, each update adds to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from agentos_channels.github.api import GithubApi, GithubRefusedError
from agentos_channels.github.comment import findings_text, headline
from agentos_channels.settings import is_https

MAX_PER_REQUEST = 50
MAX_ANNOTATIONS = 500
MAX_TITLE_CHARS = 200
MAX_MESSAGE_CHARS = 2_000
INVALID = 422

# `neutral` and `skipped` would satisfy a branch protection that requires the check.
_CONCLUSIONS = {"approved": "success", "rejected": "failure", "expired": "timed_out"}
_LEVELS = {"blocking": "failure", "warning": "warning", "note": "notice"}

_log = structlog.get_logger(__name__)


class CheckRuns:
    """The check runs of one name."""

    def __init__(self, api: GithubApi, name: str) -> None:
        self._api = api
        self._name = name

    async def show(self, card: Mapping[str, Any], commit: str) -> bool:
        """Have the commit's run of this review say what the card says; whether it did not."""
        runs = await self._api.check_runs(commit, self._name)
        ours = [run for run in runs if run.get("external_id") == card["id"]]
        if not ours:
            # GitHub shows the newest run of a name: what ended must not hide what came after it.
            if card["state"] != "open" and runs:
                return False
            ours = [await self._create(card, commit)]
        wanted = state_of(card)
        stale = [run for run in ours if not _says(run, wanted)]
        for run in stale:
            await self._api.update_check_run(run["id"], {**wanted, "output": output_of(card)})
        return await self._annotate(card, ours[-1]) or bool(stale)

    async def _create(self, card: Mapping[str, Any], commit: str) -> Mapping[str, Any]:
        link = card["link"] if is_https(card["link"]) else None
        return await self._api.create_check_run(
            {
                "name": self._name,
                "head_sha": commit,
                "external_id": card["id"],
                **({} if link is None else {"details_url": link}),
                **state_of(card),
                "output": output_of(card),
            }
        )

    async def _annotate(self, card: Mapping[str, Any], run: Mapping[str, Any]) -> bool:
        """Add the annotations that are missing; whether there were any."""
        wanted = annotations_of(card)
        n_there = int((run.get("output") or {}).get("annotations_count") or 0)
        for first in range(n_there, len(wanted), MAX_PER_REQUEST):
            some = wanted[first : first + MAX_PER_REQUEST]
            body = {"output": {**output_of(card), "annotations": some}}
            try:
                await self._api.update_check_run(run["id"], body)
            except GithubRefusedError as error:
                if error.status != INVALID:
                    raise
                # They stand in the summary and in the comment as well.
                _log.warning("annotations_refused", review=card["id"], reason=error.message)
                return False
        return n_there < len(wanted)


def state_of(card: Mapping[str, Any]) -> dict[str, Any]:
    """Where a run stands that says what the card says."""
    if card["state"] == "open":
        return {"status": "in_progress"}
    conclusion = _CONCLUSIONS.get(str(card["outcome"]), "cancelled")
    return {"status": "completed", "conclusion": conclusion}


def output_of(card: Mapping[str, Any]) -> dict[str, Any]:
    """What a run shows, besides its annotations."""
    return {"title": _line(headline(card), MAX_TITLE_CHARS), "summary": findings_text(card)}


def annotations_of(card: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    """One for each finding with a path and lines, in the order of the card."""
    placed = [
        found
        for found in card["findings"]
        if found["path"] is not None and found["start_line"] is not None
    ]
    return [_annotation(found) for found in placed[:MAX_ANNOTATIONS]]


def _annotation(found: Mapping[str, Any]) -> dict[str, Any]:
    start = max(int(found["start_line"]), 1)
    return {
        "path": found["path"],
        "start_line": start,
        "end_line": max(int(found["end_line"] or start), start),
        "annotation_level": _LEVELS[found["severity"]],
        "title": _line(f"{found['check']}: {found['claim'] or found['severity']}", MAX_TITLE_CHARS),
        "message": _line(found["message"], MAX_MESSAGE_CHARS) or found["check"],
    }


def _line(text: object, limit: int) -> str:
    """Plain text in one line, which GitHub shows as it is."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _says(run: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(run.get(name) == value for name, value in wanted.items())
