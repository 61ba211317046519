"""Drives work orders through `Kernel.dispatch` in tests: principals with tokens, a clock, a plugin.

Above: the tests named `test_lifecycle_*`. Below: a real kernel on PostgreSQL and real git.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agentos import CallRequest, Credentials, Kernel, Role, Settings, ToolResult, open_kernel
from agentos.events.rebuild import check_read_models
from agentos_governance.sweeper import sweep
from tests.agentos_governance.repositories import make_repository

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
CONTRACT: Mapping[str, Any] = {
    "allowed_roots": ["src/"],
    "allowed_tools": ["*"],
    "cost_budget_usd": "1.00",
    "lease_ttl_s": 60,
}
UNLIMITED: Mapping[str, Any] = {
    layer: [] for layer in ("session", "process", "person", "organisation")
}


class FakeClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, at: datetime = START) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._at += timedelta(seconds=seconds)


@dataclass
class Office:
    """One kernel and the principals that call it, each known by a short name."""

    kernel: Kernel
    clock: FakeClock
    tokens: dict[str, str] = field(default_factory=dict)

    async def join(
        self, who: str, role: Role, *, worker: str | None = None, person: str | None = None
    ) -> None:
        """Give `who` a token; several may belong to one worker or one person."""
        token = await self.kernel.tokens.create(
            worker or who, role, now=self.clock.now(), person=person
        )
        self.tokens[who] = token.secret

    async def dispatch(
        self,
        who: str,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        under: str | None = None,
        key: str | None = None,
    ) -> ToolResult:
        """The raw result; `under` names a work order, `key` is an idempotency key."""
        return await self.kernel.dispatch(
            CallRequest(
                tool,
                arguments,
                Credentials(bearer_token=self.tokens[who]),
                "test",
                work_order=under,
                idempotency_key=key,
            )
        )

    async def call(self, who: str, tool: str, **arguments: Any) -> dict[str, Any]:
        """What a call that must succeed answers."""
        result = await self.dispatch(who, tool, arguments)
        assert not result.is_error, f"{tool} by {who}: {result.text}"
        return dict(result.structured)

    async def refuse(self, who: str, tool: str, **arguments: Any) -> dict[str, Any]:
        """The error of a call that must not succeed."""
        result = await self.dispatch(who, tool, arguments)
        assert result.is_error, f"{tool} by {who} was not refused: {result.text}"
        return dict(result.structured["error"])

    async def code(self, who: str, tool: str, **arguments: Any) -> str:
        """The error code of a call that must not succeed."""
        return str((await self.refuse(who, tool, **arguments))["code"])

    async def create(
        self,
        title: str = "A",
        *,
        repo: Path | None = None,
        contract: Mapping[str, Any] | None = None,
        **arguments: Any,
    ) -> str:
        """A new work order's id; `contract` adds to CONTRACT."""
        if repo is not None:
            arguments["repo"] = str(repo)
        made = await self.call(
            "planner",
            "create_work_order",
            title=title,
            objective=f"Do {title}",
            contract={**CONTRACT, **(contract or {})},
            **arguments,
        )
        return str(made["id"])

    async def claim(self, who: str, order: str) -> dict[str, Any]:
        """What a claim by id that must succeed answers."""
        return await self.call(who, "claim_work_order", work_order=order)

    async def submit(self, who: str, order: str) -> dict[str, Any]:
        """What a submission answers; its gates may have failed."""
        return await self.call(who, "submit_work_order", work_order=order, summary="It is done")

    async def complete(self, order: str, *, who: str = "w1", reviewer: str = "reviewer") -> None:
        """Take a ready work order to completion: claim, submit, approve."""
        await self.claim(who, order)
        submitted = await self.submit(who, order)
        assert submitted["state"] == "in_review", submitted
        state = await self.vote(reviewer, order, submitted["packet_sha256"])
        assert state == "completed"

    async def vote(
        self, who: str, order: str, packet_sha256: str, verdict: str = "approve", **arguments: Any
    ) -> str:
        """The state after a vote that must be accepted."""
        outcome = await self.call(
            who,
            "review_work_order",
            work_order=order,
            packet_sha256=packet_sha256,
            verdict=verdict,
            reason="I looked",
            **arguments,
        )
        return str(outcome["state"])

    async def state(self, order: str) -> str:
        """Where a work order stands."""
        return str((await self.call("planner", "get_work_order", work_order=order))["state"])

    async def usage(self, who: str, order: str, request_id: str, **arguments: Any) -> ToolResult:
        """Book usage; the raw result, since many tests expect a refusal."""
        figures: dict[str, Any] = {
            "phase": "change",
            "role": "executor",
            "model": "some-model",
            "action": "edit",
            "input_tokens": 10,
            "output_tokens": 5,
            "cost_usd": "0.1",
        }
        return await self.dispatch(
            who,
            "record_usage",
            {**figures, **arguments, "work_order": order, "request_id": request_id},
        )

    async def expire(self, seconds: float = 61) -> int:
        """Let leases run out and sweep; how many ended, by this sweep or the server's own."""
        n_before = len(await self.events(type="work_order.lease_expired"))
        self.clock.advance(seconds)
        await sweep(self.kernel)
        return len(await self.events(type="work_order.lease_expired")) - n_before

    async def events(self, stream: str | None = None, type: str | None = None) -> list[Any]:
        """Stored events in order, of one stream and one type where given."""
        rows = await self.kernel.database.fetch(
            "select * from kernel.event where ($1::text is null or stream = $1)"
            " and ($2::text is null or type = $2) order by position",
            stream,
            type,
        )
        return list(rows)

    async def assert_consistent(self) -> None:
        """The log verifies, every read model equals its rebuild, money adds up."""
        audit = await self.call("planner", "verify_audit")
        assert audit["ok"], audit
        report = await check_read_models(
            self.kernel.database, self.kernel.events, self.kernel.read_models
        )
        assert report.ok, report
        wrong = await self.kernel.database.fetch(
            "select b.work_order from governance.budget b"
            " left join (select work_order, sum(usd) as usd from governance.ledger group by 1) l"
            " using (work_order)"
            " left join (select work_order, sum(usd) as usd from governance.hold group by 1) h"
            " using (work_order)"
            " where b.spent_usd <> coalesce(l.usd, 0) or b.held_usd <> coalesce(h.usd, 0)"
        )
        assert not wrong, [row["work_order"] for row in wrong]


def stop_sweepers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels do not sweep by themselves: what is due stays so until a test sweeps."""

    async def rest(kernel: Kernel) -> None:
        """Nothing."""

    monkeypatch.setattr("agentos_governance.plugin.sweep_for_ever", rest)


@asynccontextmanager
async def open_office(
    settings: Settings,
    *,
    clock: FakeClock | None = None,
    plugin: object | None = None,
    tokens: Mapping[str, str] | None = None,
    **changes: Any,
) -> AsyncIterator[Office]:
    """An office with a planner, an admin, a reviewer and the workers w1, w2 and w3."""
    clock = clock or FakeClock()
    # The caps of layers are below what these tests spend in a moment; tests/…/cost sets its own.
    fixed = {"plugins": ("governance",), "budgets": UNLIMITED}
    chosen = settings.model_copy(update={**fixed, **changes})
    extra = None if plugin is None else {"lifecycle_test": plugin}
    async with open_kernel(chosen, clock=clock, extra_plugins=extra) as kernel:
        office = Office(kernel, clock, dict(tokens or {}))
        if tokens is None:
            await office.join("planner", Role.PLANNER)
            await office.join("admin", Role.ADMIN)
            await office.join("reviewer", Role.REVIEWER)
            for worker in ("w1", "w2", "w3"):
                await office.join(worker, Role.WORKER)
        yield office


def sample_repository(tmp_path: Path) -> Path:
    """A real git repository with `src/app.py` and a README."""
    return make_repository(tmp_path / "repo")
