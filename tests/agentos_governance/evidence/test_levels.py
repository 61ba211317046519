"""Who vouches for evidence: the server or a trusted hook, reviewers, or only the worker."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agentos import Role, Settings
from agentos_governance.evidence.keys import observer_folder, public_key_text
from agentos_governance.evidence.observations import sign_observation
from agentos_governance.evidence.packet_verification import verify_packet
from agentos_governance.evidence.packets import packet_folder
from tests.agentos_governance.evidence.sample_packets import read_lines
from tests.agentos_governance.lifecycle import Office, open_office, sample_repository

pytestmark = pytest.mark.anyio

HOOK = Ed25519PrivateKey.from_private_bytes(b"h" * 32)
STRANGER = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
REPORT = '<testsuite><testcase classname="m" name="works"/></testsuite>'
FAILED = '<testsuite><testcase name="breaks"><failure/></testcase></testsuite>'


def trust_hook(settings: Settings) -> None:
    folder = observer_folder(settings)
    folder.mkdir(parents=True)
    (folder / "laptop.pub").write_text(public_key_text(HOOK.public_key()) + "\n", "utf-8")


def observed(
    office: Office,
    order: str,
    content: str = REPORT,
    *,
    key: Ed25519PrivateKey = HOOK,
    kind: str = "test_report",
    after_s: float = 0,
) -> str:
    """What the hook signs."""
    at = office.clock.now() + timedelta(seconds=after_s)
    return sign_observation(key, work_order=order, kind=kind, content=content.encode(), at=at)


def record(order: str, **arguments: Any) -> dict[str, Any]:
    return {"work_order": order, "kind": "test_report", "claim": "It works", **arguments}


async def _claimed(office: Office, **contract: Any) -> str:
    order = await office.create(contract=contract)
    await office.claim("w1", order)
    return order


async def test_a_worker_does_not_raise_the_level_by_saying_who_saw_it(settings: Settings) -> None:
    trust_hook(settings)
    async with open_office(settings) as office:
        order = await _claimed(office)
        fields = record(order, content=REPORT, observed_by="laptop")
        told = (await office.call("w1", "record_evidence", **fields))["evidence"]
        assert told["level"] == "reported"
        assert told["facts"]["tests"] == 1
        assert await office.code("w1", "record_evidence", **fields, level="observed") == (
            "invalid_argument"
        )


async def test_what_a_trusted_hook_signed_is_observed_and_names_the_hook(
    settings: Settings,
) -> None:
    trust_hook(settings)
    async with open_office(settings) as office:
        order = await _claimed(office)
        fields = record(order, content=REPORT, observation=observed(office, order))
        seen = (await office.call("w1", "record_evidence", **fields))["evidence"]
        assert seen["level"] == "observed" and seen["path"] is None
        [event] = await office.events(type="evidence.recorded")
        assert event["data"]["observer"]["name"] == "laptop"
        error = await office.refuse("w1", "record_evidence", **fields)
        assert error["code"] == "conflict" and seen["id"] in error["message"]
        assert (await office.submit("w1", order))["state"] == "in_review"
        assert verify_packet(packet_folder(settings, order)).ok
        await office.assert_consistent()


async def test_observations_that_are_not_believed_are_refused(settings: Settings) -> None:
    async with open_office(settings) as office:
        order, other = await _claimed(office), await office.create("B")
        fields = record(order, content=REPORT)
        untrusted = observed(office, order)
        assert await office.code("w1", "record_evidence", **fields, observation=untrusted) == (
            "call_refused"
        )
        trust_hook(settings)
        resigned = json.loads(observed(office, order, key=STRANGER))
        resigned["signatures"][0]["keyid"] = json.loads(untrusted)["signatures"][0]["keyid"]
        for bad in (
            observed(office, order, key=STRANGER),
            json.dumps(resigned),
            observed(office, other),
            observed(office, order, FAILED),
            observed(office, order, kind="log"),
            observed(office, order, after_s=-1),
            observed(office, order, after_s=301),
        ):
            error = await office.refuse("w1", "record_evidence", **fields, observation=bad)
            assert (error["code"], error["rule"]) == ("call_refused", "observation"), bad
        for broken in ("", "{}", "[]", "no", '{"payload":1}', "[" * 9_000, "null"):
            code = await office.code("w1", "record_evidence", **fields, observation=broken)
            assert code == "invalid_argument", broken
        secret = "token aos_" + "x" * 40
        fields = record(order, content=secret, kind="log")
        signed = observed(office, order, secret, kind="log")
        assert await office.code("w1", "record_evidence", **fields, observation=signed) in (
            "call_refused",
            "invalid_argument",
        )
        (observer_folder(settings) / "broken.pub").write_text("no key", "utf-8")
        fields = record(order, content=REPORT, observation=observed(office, order))
        await office.refuse("w1", "record_evidence", **fields)
        assert await office.events(type="evidence.recorded") == []


async def test_an_approval_makes_reported_evidence_reviewed_and_nothing_else_does(
    settings: Settings, tmp_path: Path
) -> None:
    async with open_office(settings) as office:
        order = await office.create(
            repo=sample_repository(tmp_path), contract={"review": {"quorum": 2}}
        )
        await office.claim("w1", order)
        await office.join("reviewer 2", Role.REVIEWER)
        await office.call("w1", "record_evidence", **record(order, content=REPORT))
        seen = record(order, path="src/app.py", kind="file")
        await office.call("w1", "record_evidence", **seen)

        async def levels() -> list[str]:
            shown = await office.call("planner", "get_work_order", work_order=order)
            return [item["level"] for item in shown["evidence"]]

        packet = (await office.submit("w1", order))["packet_sha256"]
        await office.vote("reviewer", order, packet, "request_changes")
        assert await levels() == ["reported", "observed"]
        await office.claim("w1", order)
        packet = (await office.submit("w1", order))["packet_sha256"]
        assert await office.vote("reviewer", order, packet) == "in_review"
        assert await levels() == ["reported", "observed"]
        assert await office.vote("reviewer 2", order, packet) == "completed"
        assert await levels() == ["reviewed", "observed"]
        await office.call("planner", "get_work_report", work_order=order)
        folder = packet_folder(settings, order)
        assert verify_packet(folder).problems == []
        assert [c["level"] for c in read_lines(folder, "claims.jsonl")] == ["reviewed", "observed"]
        await office.assert_consistent()


async def test_a_report_of_no_test_is_refused_and_one_with_failures_fails_the_gate(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        order = await _claimed(office, evidence_required=["test_report"])
        error = await office.refuse(
            "w1", "record_evidence", **record(order, content="<testsuite tests='9'/>")
        )
        assert error["code"] == "invalid_argument" and "contains no test" in error["message"]
        await office.call("w1", "record_evidence", **record(order, content=REPORT))
        await office.call("w1", "record_evidence", **record(order, content=FAILED))
        gates = (await office.submit("w1", order))["gates"]
        [failed] = [gate for gate in gates if not gate["passed"]]
        assert failed["name"] == "evidence_required"
        assert "1 failures and 0 errors in 1 tests: breaks" in failed["findings"][0]
        await office.call("w1", "record_evidence", **record(order, content=REPORT))
        assert (await office.submit("w1", order))["state"] == "in_review"


async def test_failing_tests_fail_the_gate_also_where_no_report_is_required(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        order = await _claimed(office)
        await office.call("w1", "record_evidence", **record(order, content=FAILED))
        bad_exit = json.dumps({"command": "make", "exit_code": 1})
        await office.call(
            "w1", "record_evidence", **record(order, kind="command_result", content=bad_exit)
        )
        gates = (await office.submit("w1", order))["gates"]
        [failed] = [gate for gate in gates if not gate["passed"]]
        assert len(failed["findings"]) == 1 and "test_report" in failed["findings"][0]


async def test_a_contract_that_asks_for_passing_refuses_a_failing_report_at_once(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        order = await _claimed(office, evidence_required=["test_report.passing", "command_result"])
        error = await office.refuse("w1", "record_evidence", **record(order, content=FAILED))
        assert "requires test_report.passing" in error["message"]
        gates = (await office.submit("w1", order))["gates"]
        assert gates[0]["findings"] == [
            "evidence of kind 'test_report' is required and none was recorded",
            "evidence of kind 'command_result' is required and none was recorded",
        ]
        await office.call("w1", "record_evidence", **record(order, content=REPORT))
        bad_exit = json.dumps({"command": "make", "exit_code": 1})
        result = record(order, kind="command_result", content=bad_exit)
        await office.call("w1", "record_evidence", **result)
        gates = (await office.submit("w1", order))["gates"]
        assert "exit code 1" in gates[0]["findings"][0] and len(gates[0]["findings"]) == 1
        await office.call(
            "w1", "record_evidence", **{**result, "content": bad_exit.replace("1", "0")}
        )
        assert (await office.submit("w1", order))["state"] == "in_review"
