"""A long random life on two servers: whatever is called in whatever order, all stays true."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from agentos import Role, Settings, ToolResult
from agentos_governance.evidence.packet_verification import verify_packet
from tests.agentos_governance.lifecycle import Office, open_office, sample_repository
from tests.agentos_governance.lifecycle_plugin import LifecyclePlugin

pytestmark = pytest.mark.anyio

WORKERS = ("w1", "w2", "w3", "anna works")
VOTERS = ("reviewer", "anna reviews", "admin", "w1")
N_ROUNDS = 75
Call = tuple[str, str, dict[str, Any]]


class Life:
    """Chooses calls at random among those that could be made, sensible or not."""

    def __init__(self, offices: Sequence[Office], repo: Path, seed: int) -> None:
        self.offices = offices
        self.repo = repo
        self.random = random.Random(seed)
        self.orders: list[str] = []
        self.packets: dict[str, str] = {}
        self.holders: dict[str, str] = {}
        self.codes: set[str | None] = set()
        self.n_requests = 0

    def choose(self) -> Call:
        """A call: who, which tool, with what."""
        makers: list[Callable[[], Call]] = [
            *[self._create] * 2,
            *[self._claim] * 3,
            *[self._work] * 5,
            *[self._submit] * 3,
            *[self._vote] * 3,
            self._end,
        ]
        return self.random.choice(makers)() if self.orders else self._create()

    async def make(self, call: Call) -> None:
        """Make the call and remember what matters for later ones."""
        who, tool, arguments = call
        under = arguments.pop("under", None)
        office = self.random.choice(self.offices)
        result = await office.dispatch(who, tool, arguments, under=under)
        self._check(call, result)
        if result.is_error:
            return
        if tool == "create_work_order":
            self.orders.append(result.structured["id"])
        elif tool == "submit_work_order" and result.structured["packet_sha256"]:
            self.packets[arguments["work_order"]] = result.structured["packet_sha256"]
        if tool == "claim_work_order":
            self.holders[result.structured["work_order"]["id"]] = who
        if tool == "claim_work_order" and result.structured["workspace"]:
            folder = Path(result.structured["workspace"]["path"])
            where = self.random.choice(("src/new.py", "src/app.py", "outside.py"))
            (folder / where).write_text(f"{self.random.random()}\n", "utf-8")
            if where != "outside.py":
                (folder / "outside.py").unlink(missing_ok=True)

    def _check(self, call: Call, result: ToolResult) -> None:
        self.codes.add(result.error_code)
        error = result.structured.get("error", {})
        assert error.get("rule") != "fail_closed", (call, result.text)
        assert result.error_code != "unavailable", (call, result.text)

    def _order(self) -> str:
        return self.random.choice(self.orders[-6:])

    def _worker(self, order: str | None = None) -> str:
        """Anybody, but mostly who holds the order."""
        anybody = self.random.choice(WORKERS)
        return self.holders.get(order or "", anybody) if self.random.random() < 0.8 else anybody

    def _create(self) -> Call:
        count = min(len(self.orders), self.random.choice((0, 0, 0, 1, 2)))
        some = self.random.sample(self.orders, count)
        contract = {
            "allowed_roots": ["src/"],
            "allowed_tools": self.random.choice((["*"], ["*"], ["read_note"], [])),
            "cost_budget_usd": self.random.choice(("0", "0.5", "3")),
            "evidence_required": self.random.choice(([], [], ["note"])),
            "lease_ttl_s": self.random.choice((30, 120)),
            "review": {"required": self.random.random() < 0.8, "quorum": self.random.randint(1, 2)},
        }
        order = {"title": "x", "objective": "x", "contract": contract, "depends_on": some}
        if self.random.random() < 0.5:
            order["repo"] = str(self.repo)
        return "planner", "create_work_order", {**order, "priority": self.random.randint(0, 2)}

    def _claim(self) -> Call:
        named = {"work_order": self._order()} if self.random.random() < 0.6 else {}
        return self._worker(), "claim_work_order", named

    def _work(self) -> Call:
        order = self._order()
        self.n_requests += self.random.random() < 0.9
        usage: dict[str, Any] = {
            "work_order": order,
            "phase": "change",
            "role": "executor",
            "model": "m",
            "action": "edit",
            "input_tokens": self.random.randint(0, 9),
            "output_tokens": 1,
            "cost_usd": f"0.{self.random.randint(0, 3)}",
            "request_id": f"r{self.n_requests}",
        }
        note = {"work_order": order, "kind": "note", "claim": "It is so"}
        action = {"tool": "Edit", "paths": [self.random.choice(("src/a", "b", "../c"))]}
        choices: list[tuple[str, dict[str, Any]]] = [
            ("record_usage", usage),
            ("record_evidence", {**note, "path": "src/app.py"}),
            ("record_evidence", {**note, "content": "passed"}),
            ("check_action", {"action": action, "work_order": order}),
            ("renew_lease", {"work_order": order}),
            ("write_note", {"text": "x", "under": order}),
            ("ask_and_note", {"cost": "0.1", "fail": self.random.random() < 0.3, "under": order}),
            ("edit_file", {"path": "src/app.py"}),
            ("get_resume_packet", {"work_order": order}),
        ]
        return self._worker(order), *self.random.choice(choices)

    def _submit(self) -> Call:
        order = self._order()
        return self._worker(order), "submit_work_order", {"work_order": order, "summary": "Done"}

    def _vote(self) -> Call:
        order = self.random.choice(list(self.packets) or self.orders)
        vote = {
            "work_order": order,
            "packet_sha256": self.packets.get(order, "0" * 64),
            "verdict": self.random.choice(("approve", "approve", "request_changes", "reject")),
            "reason": "I looked",
            "findings": self.random.choice(([], ["it is wrong"])),
        }
        return self.random.choice(VOTERS), "review_work_order", vote

    def _end(self) -> Call:
        named = {"work_order": self._order(), "reason": "Enough"}
        if self.random.random() < 0.2:
            return "planner", "cancel_work_order", named
        return self._worker(), "stand_down", named


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.nightly)])
async def test_after_a_long_random_life_everything_still_adds_up(
    settings: Settings, tmp_path: Path, seed: int
) -> None:
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        await office.join("anna works", Role.WORKER, person="anna")
        await office.join("anna reviews", Role.REVIEWER, person="anna")
        async with open_office(
            settings, clock=office.clock, tokens=office.tokens, plugin=LifecyclePlugin()
        ) as second:
            life = Life((office, second), sample_repository(tmp_path), seed)
            for _ in range(N_ROUNDS):
                calls = [life.choose() for _ in range(life.random.randint(1, 4))]
                await asyncio.gather(*(life.make(call) for call in calls))
                if life.random.random() < 0.2:
                    seconds = life.random.choice((5, 20, 70))
                    await asyncio.gather(office.expire(seconds), second.expire(0))
        await office.assert_consistent()
        await _assert_orders_hold(office, settings, life)
        assert {None, "lease_lost"} <= life.codes


async def _assert_orders_hold(office: Office, settings: Settings, life: Life) -> None:
    for order in life.orders:
        shown = await office.call("planner", "get_work_order", work_order=order)
        depends_on = [await office.state(other) for other in shown["depends_on"]]
        if shown["state"] == "blocked":
            assert set(depends_on) != {"completed"}
        elif shown["state"] != "cancelled":
            assert set(depends_on) <= {"completed"}
        epochs = [
            event["data"]["epoch"]
            for event in await office.events(f"work_order/{order}", "work_order.claimed")
        ]
        assert epochs == list(range(1, len(epochs) + 1))
        await office.call("planner", "get_work_report", work_order=order)
        if shown["state"] in ("in_review", "completed", "failed"):
            assert verify_packet(settings.home / "evidence" / order).ok
            voters = {vote["reviewer"] for vote in shown["votes"]}
            claims = await office.events(f"work_order/{order}", "work_order.claimed")
            assert not voters & {event["data"]["worker"] for event in claims}
