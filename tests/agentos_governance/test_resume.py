"""Resume packets: the same events give the same bytes, and nothing needed is missing."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agentos.errors import InvalidArgumentError
from agentos_governance.contracts.model import contract_digest, contract_document, parse_contract
from agentos_governance.resume import build_resume_packet

CONTRACT = parse_contract(
    {
        "allowed_roots": ["src/"],
        "allowed_tools": ["*"],
        "evidence_required": ["diff", "test_report"],
        "cost_budget_usd": "1",
    }
)
START = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def history(*events: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "seq": number,
            "type": kind,
            "actor": "ada",
            "at": START + timedelta(seconds=number),
            "data": data,
            "hash": hashlib.sha256(str(number).encode()).hexdigest(),
        }
        for number, (kind, data) in enumerate(events, start=1)
    ]


def usage(request: str, usd: str, phase: str = "change") -> tuple[str, dict[str, Any]]:
    return "usage.recorded", {
        "request_id": request,
        "phase": phase,
        "role": "worker",
        "model": "gpt-5",
        "action": "edit",
        "input_tokens": 100,
        "output_tokens": 10,
        "cached_input_tokens": 5,
        "usd": usd,
    }


CREATED: tuple[str, dict[str, Any]] = (
    "work_order.created",
    {
        "work_order": "WO-1",
        "title": "Fix é",
        "objective": "Make it right",
        "contract": contract_document(CONTRACT),
        "contract_version": contract_digest(CONTRACT),
        "phase": "change",
        "role": "worker",
        "depends_on": [],
        "parent": None,
        "priority": 3,
        "repo": "demo",
    },
)


def claimed(worker: str, epoch: int) -> tuple[str, dict[str, Any]]:
    return "work_order.claimed", {
        "work_order": "WO-1",
        "worker": worker,
        "epoch": epoch,
        "lease_ttl_s": 60,
        "workspace": "/w",
        "base_commit": "a" * 40,
        "branch": "agentos/WO-1",
    }


EVIDENCE: tuple[str, dict[str, Any]] = (
    "evidence.recorded",
    {
        "evidence": "EV-1",
        "kind": "diff",
        "claim": "changed",
        "path": "src/a.py",
        "lines": {"start": 1, "end": 2},
        "sha256": "b" * 64,
        "level": "observed",
        "worker": "w1",
    },
)
HISTORY = history(
    CREATED,
    claimed("w1", 1),
    ("call.allowed", {"call": "c1", "tool": "search_code", "arguments_sha256": "1" * 64}),
    ("call.finished", {"call": "c1", "tool": "search_code", "outcome": "ok"}),
    ("call.refused", {"call": "c2", "tool": "Bash", "error": {"rule": "forbidden_actions[0]"}}),
    ("call.refused", {"call": "c3", "tool": "Bash", "error": {"rule": "forbidden_actions[0]"}}),
    EVIDENCE,
    usage("r1", "0.10"),
    usage("r1", "0.10"),
    usage("r2", "0.0000000001", "review"),
    ("some.future_type", {"anything": 1}),
    ("observation.recorded", {"observation": "OB-1", "title": "It leaks", "kind": "discovery"}),
    ("work_order.lease_expired", {"work_order": "WO-1"}),
)


def test_the_packet_tells_the_next_worker_everything() -> None:
    packet = json.loads(build_resume_packet(HISTORY)[0])
    assert packet["state"] == "suspended"
    assert packet["work_order"]["title"] == "Fix é"
    assert packet["contract"] == contract_document(CONTRACT)
    assert packet["attempts"][0]["worker"] == "w1"
    assert packet["attempts"][0]["ended"] == "lease_expired"
    assert packet["evidence"][0]["sha256"] == "b" * 64
    assert packet["evidence_missing"] == ["test_report"]
    assert packet["cost"]["spent_usd"] == "0.1000000001"
    assert packet["cost"]["remaining_usd"] == "0.8999999999"
    assert packet["cost"]["by_phase_usd"] == {"change": "0.1", "review": "0.0000000001"}
    assert packet["cost"]["requests"] == 2
    assert packet["steps"][0]["arguments_sha256"] == "1" * 64
    assert [refusal["rule"] for refusal in packet["refusals"]] == ["forbidden_actions[0]"]
    assert packet["observations"][0]["observation"] == "OB-1"
    assert packet["events"]["unknown"] == 1
    assert packet["events"]["head"]["seq"] == len(HISTORY)


def test_the_digest_is_the_digest_of_the_text() -> None:
    text, digest = build_resume_packet(HISTORY)
    assert hashlib.sha256(text.encode("utf-8")).hexdigest() == digest


def test_another_process_in_another_locale_and_zone_gives_the_same_bytes() -> None:
    program = (
        "import sys, json; from datetime import datetime;"
        "from agentos_governance.resume import build_resume_packet;"
        "events = json.load(sys.stdin);"
        "[e.update(at=datetime.fromisoformat(e['at'])) for e in events];"
        "print(build_resume_packet(events)[1])"
    )
    events = [{**event, "at": event["at"].isoformat()} for event in HISTORY]
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(events),
        env={**os.environ, "TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == build_resume_packet(HISTORY)[1]


def test_times_may_be_text_or_datetimes() -> None:
    as_text = [{**e, "at": e["at"].strftime("%Y-%m-%dT%H:%M:%S.%fZ")} for e in HISTORY]
    assert build_resume_packet(as_text) == build_resume_packet(HISTORY)


def test_every_further_event_changes_the_digest() -> None:
    digests = [build_resume_packet(HISTORY[:end])[1] for end in range(1, len(HISTORY) + 1)]
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([], "ready"),
        ([claimed("w1", 1)], "active"),
        ([claimed("w1", 1), ("work_order.stood_down", {"reason": "tired"})], "suspended"),
        ([claimed("w1", 1), ("work_order.gates_failed", {"gates": []})], "active"),
        ([claimed("w1", 1), ("work_order.submitted", {"gates": []})], "in_review"),
        ([("work_order.completed", {})], "completed"),
        ([("work_order.rejected", {"reason": "no"})], "failed"),
        ([("work_order.failed", {"reason": "no"})], "failed"),
        ([("work_order.cancelled", {"reason": "no"})], "cancelled"),
    ],
)
def test_the_state_follows_the_events(events: list[tuple[str, Any]], state: str) -> None:
    assert json.loads(build_resume_packet(history(CREATED, *events))[0])["state"] == state


def test_a_work_order_that_waits_is_blocked_until_it_is_ready() -> None:
    waiting = (CREATED[0], {**CREATED[1], "depends_on": ["WO-0"]})
    assert json.loads(build_resume_packet(history(waiting))[0])["state"] == "blocked"
    ready = history(waiting, ("work_order.ready", {}))
    assert json.loads(build_resume_packet(ready)[0])["state"] == "ready"


def test_findings_of_gates_and_reviews_are_handed_on() -> None:
    gates = [{"name": "scope", "passed": False, "findings": ["x outside"]}]
    review = {
        "reviewer": "eve",
        "verdict": "request_changes",
        "reason": "not yet",
        "findings": ["line 3 is wrong"],
        "packet_sha256": "c" * 64,
    }
    failed = history(CREATED, claimed("w1", 1), ("work_order.gates_failed", {"gates": gates}))
    assert json.loads(build_resume_packet(failed)[0])["findings"] == ["scope: x outside"]
    reviewed = history(
        CREATED,
        claimed("w1", 1),
        ("work_order.gates_failed", {"gates": gates}),
        ("work_order.submitted", {"summary": "s", "gates": [], "packet_sha256": "c" * 64}),
        ("work_order.reviewed", review),
        ("work_order.changes_requested", {"reason": "not yet"}),
    )
    packet = json.loads(build_resume_packet(reviewed)[0])
    assert packet["findings"] == ["line 3 is wrong"]
    assert packet["reviews"][0]["reviewer"] == "eve"
    assert packet["state"] == "suspended"


def test_no_events_or_events_out_of_order_are_refused() -> None:
    with pytest.raises(InvalidArgumentError):
        build_resume_packet([])
    with pytest.raises(InvalidArgumentError, match="order"):
        build_resume_packet([HISTORY[1], HISTORY[0]])


def test_the_packet_shows_questions_that_are_open_and_versions_of_the_contract() -> None:
    def approval(kind: str, id: str, **data: Any) -> tuple[str, dict[str, Any]]:
        return f"approval.{kind}", {"review_id": id, **data}

    def asked(id: str) -> tuple[str, dict[str, Any]]:
        fields = {"worker": "w1", "tool": "deploy", "arguments_sha256": "1" * 64, "rule": "r"}
        return approval("requested", id, **fields, reason="Ask", expires_at="2026-03-02")

    narrower = {**contract_document(CONTRACT), "cost_budget_usd": "0.5"}
    amended = {"contract": narrower, "contract_version": "2" * 64, "reason": "Cheaper"}
    events = history(
        CREATED,
        ("work_order.base_chosen", {"work_order": "WO-1", "base_commit": "d" * 40}),
        claimed("w1", 1),
        *(asked(id) for id in ("RV-1", "RV-2", "RV-3", "RV-4", "RV-5")),
        approval("approved", "RV-2", expires_at="2026-03-03"),
        approval("approved", "RV-3", expires_at="2026-03-03"),
        approval("used", "RV-3"),
        approval("rejected", "RV-4"),
        approval("expired", "RV-5"),
        ("evidence.recorded", {**EVIDENCE[1], "level": "reported"}),
        ("evidence.reviewed", {"work_order": "WO-1"}),
        ("evidence.recorded", {**EVIDENCE[1], "level": "reported"}),
        ("work_order.taken_over", {"work_order": "WO-1", "worker": "w1", "reason": "It hangs"}),
        ("contract.amended", amended),
    )
    packet = json.loads(build_resume_packet(events)[0])
    shown = [(a["review_id"], a["state"], a["expires_at"]) for a in packet["approvals"]]
    assert shown == [("RV-1", "pending", "2026-03-02"), ("RV-2", "approved", "2026-03-03")]
    assert [e["level"] for e in packet["evidence"]] == ["reviewed", "reported"]
    assert [v["reason"] for v in packet["contract_versions"]] == [None, "Cheaper"]
    assert packet["contract_version"] == "2" * 64
    assert packet["cost"]["budget_usd"] == "0.5"
    assert packet["work_order"]["base_commit"] == "d" * 40
    assert packet["attempts"][0]["ended"] == "taken_over"
    assert packet["events"]["unknown"] == 0
