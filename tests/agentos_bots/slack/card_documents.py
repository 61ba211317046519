"""Documents as the server answers them: a card of each kind, a page of a queue."""

from __future__ import annotations

from typing import Any

SHA = "0123456789ab" + "c" * 52
LINK = "https://agentos.example/work-orders/WO-7K2M9QXA"

REQUESTS: dict[str, dict[str, Any]] = {
    "approve_plan": {
        "kind": "approve_plan",
        "plan": "1. Add a token bucket.\n2. Call it in login().\n3. Test both.",
    },
    "choose_option": {
        "kind": "choose_option",
        "question": "Where should the counters live?",
        "options": [
            {"id": "redis", "label": "Redis", "detail": "one more service"},
            {"id": "table", "label": "A table", "detail": "slower, nothing new to run"},
        ],
    },
    "provide_context": {"kind": "provide_context", "question": "Which limit does the law ask for?"},
    "label_outcome": {
        "kind": "label_outcome",
        "question": "Was the rollback needed?",
        "labels": [{"id": "yes", "label": "Needed"}, {"id": "no", "label": "Not needed"}],
    },
    "authorize_action": {
        "kind": "authorize_action",
        "tool": "run_command",
        "arguments": {"command": "make deploy", "work_order": "WO-7K2M9QXA"},
        "arguments_sha256": "a" * 64,
        "rule": "contract:ask_before_deploy",
        "reason": "deploys are asked about",
    },
}


def work_card(**changes: Any) -> dict[str, Any]:
    """A submitted piece of work with something of everything."""
    return {
        "id": "RV-3F9K2M7Q",
        "kind": "work",
        "title": "Add a rate limiter to the login route",
        "work_order": "WO-7K2M9QXA",
        "repo": "shop",
        "state": "open",
        "outcome": None,
        "verdict": None,
        "reason": None,
        "version": 3,
        "sha256": SHA,
        "workers": [
            {
                "worker": "claude-1",
                "role": "implementer",
                "person": "ada",
                "model": "claude-opus-4-5",
            }
        ],
        "contract_line": "edit src/ and tests/; at most 5.00 USD; 2 human approvals",
        "diff": {
            "files": 37,
            "insertions": 340,
            "deletions": 28,
            "paths": ["src/login.py", "src/limits.py", "tests/test_login.py"],
            "n_paths": 37,
        },
        "blast_radius": {"symbols": 41, "files": 9, "modules": 3, "tests": 12, "untested": 4},
        "gates": [
            {"name": "tests_pass", "passed": True, "n_findings": 0},
            {"name": "evidence_complete", "passed": True, "n_findings": 0},
        ],
        "findings": [finding("tests_kept", "warning"), finding("no_secrets", "blocking")],
        "n_blocking": 1,
        "dropped_findings": 1,
        "cost": {"spent_usd": "1.20", "budget_usd": "5.00"},
        "opened_at": "2026-11-21T20:00:00.000000Z",
        "due_at": "2026-11-21T22:00:00.000000Z",
        "expires_at": "2026-11-22T20:00:00.000000Z",
        "snoozed_until": None,
        "assigned_to": None,
        "waiting_s": 7500,
        "votes": [vote("bo")],
        "quorum": 2,
        "by": "human",
        "needs": "1 more human reviewer, not ada",
        "questions": [
            {
                "id": "QU-1",
                "by": "bo",
                "text": "Why not at the proxy?",
                "asked_at": "2026-11-21T20:30:00Z",
                "answer": None,
                "answered_by": None,
                "answered_at": None,
            }
        ],
        "request": None,
        "answer": None,
        "decided_by": None,
        "decided_at": None,
        "what_changed": {
            "since": "f" * 64,
            "added": ["src/limits.py"],
            "changed": [],
            "removed": ["src/old.py"],
            "n_paths": 2,
        },
        "link": LINK,
        **changes,
    }


def request_card(kind: str, **changes: Any) -> dict[str, Any]:
    """What an agent asks for; nothing of a submission is in it."""
    nothing: dict[str, Any] = {
        "contract_line": None,
        "diff": None,
        "blast_radius": None,
        "gates": [],
        "findings": [],
        "n_blocking": 0,
        "dropped_findings": 0,
        "votes": [],
        "quorum": 1,
        "questions": [],
        "what_changed": None,
    }
    request = {"kind": kind, "title": f"The agent asks: {kind}", "request": REQUESTS[kind]}
    return work_card(**{**nothing, **request, **changes})


def ended_card(outcome: str, verdict: str | None = None, **changes: Any) -> dict[str, Any]:
    """The same work after its outcome."""
    decided = {"decided_by": "bo", "decided_at": "2026-11-21T21:00:00Z"} if verdict else {}
    ended = {"state": "ended", "outcome": outcome, "verdict": verdict, "needs": outcome}
    return work_card(**{**ended, **decided, **changes})


def finding(check: str, severity: str, **changes: Any) -> dict[str, Any]:
    """Something that the gatekeeper found."""
    return {
        "id": f"F-{check}",
        "check": check,
        "severity": severity,
        "claim": f"{check} was violated",
        "path": "src/login.py",
        "start_line": 10,
        "end_line": 12,
        "message": "line 11 holds what it must not hold",
        "by": "check",
        **changes,
    }


def vote(person: str, verdict: str = "approve", **changes: Any) -> dict[str, Any]:
    """One person's vote."""
    return {
        "person": person,
        "verdict": verdict,
        "reason": "Reads well and is tested",
        "at": "2026-11-21T20:45:00Z",
        "carried": False,
        **changes,
    }


def waiting(number: int = 1, **changes: Any) -> dict[str, Any]:
    """One line of a queue."""
    return {
        "id": f"RV-{number:08d}",
        "kind": "work",
        "title": f"Task number {number}",
        "work_order": f"WO-{number:08d}",
        "state": "open",
        "outcome": None,
        "sha256": f"{number:064x}",
        "worker": "claude-1",
        "opened_at": "2026-11-21T20:00:00Z",
        "due_at": "2026-11-21T22:00:00Z",
        "expires_at": None,
        "snoozed_until": None,
        "assigned_to": None,
        "waiting_s": 7500,
        "n_blocking": 0,
        "version": 1,
        **changes,
    }


def waiting_page(*reviews: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A page of `list_waiting`."""
    return {
        "reviews": list(reviews),
        "n_open": {"work": len(reviews)},
        "truncated": False,
        "next_cursor": None,
        **changes,
    }
