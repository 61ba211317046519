"""Replaying a changed policy over recorded calls: which of them would have been decided otherwise.

Above: `agentos policy simulate`, `agentos policy shadow`. Below: recorded calls, deciding. The
policy takes the place of one layer; what the other layers said stands as it was recorded. History
is what really happened before each call; a limit counts the calls that happened and that the
changed policy admits too.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from agentos import Effect, Kernel, Tool
from agentos_governance.authority.enforcement import JUDGED_BY_THEMSELVES
from agentos_governance.authority.roles import is_protocol
from agentos_governance.policies.deciding import Asked, Layers
from agentos_governance.policies.facts import deployment_facts
from agentos_governance.policies.history import is_own_tool, matches, sql
from agentos_governance.policies.layers import CountedLimit, Layer
from agentos_governance.policies.limits import counter_key, window_s
from agentos_governance.policies.recorded_calls import OrderFacts, PastFacts, RecordedCall
from agentos_governance.projections import work_order_stream
from agentos_governance.rules import HistoryQuery

PAGE = 1_000
MAX_CHANGES = 1_000
MAX_HISTORY = 100_000
"""Of the calls of one work order that are remembered."""
_RANK = {"abstain": 0, "allow": 1, "ask": 2, "deny": 3}


@dataclass(frozen=True, slots=True)
class ChangedCall:
    """A past call that the changed policy decides otherwise."""

    call: str
    at: datetime
    worker: str
    work_order: str
    tool: str
    before: str
    before_rule: str | None
    after: str
    after_rule: str
    reason: str


@dataclass(slots=True)
class Simulation:
    """What came of a replay; `n_other` were refused by something that is no policy."""

    n_calls: int = 0
    n_other: int = 0
    n_changed: int = 0
    changes: list[ChangedCall] = field(default_factory=list)

    def add(self, change: ChangedCall) -> None:
        """Count a change, and keep the first ones."""
        self.n_changed += 1
        if len(self.changes) < MAX_CHANGES:
            self.changes.append(change)


async def simulate(
    kernel: Kernel, layer: Layer, *, work_order: str | None, since: datetime | None
) -> Simulation:
    """Decide every recorded call again with `layer` in the place of that of its name."""
    replay = _Replay(kernel, layer)
    async for event in decided_events(kernel, work_order):
        await replay.take(event, is_reported=since is None or event["at"] >= since)
    return replay.result


async def decided_events(kernel: Kernel, work_order: str | None) -> AsyncIterator[Any]:
    """Decided calls and claims, oldest first, page by page."""
    stream = work_order_stream(work_order) if work_order is not None else None
    position = 0
    while True:
        rows = await kernel.database.fetch(sql.list_decided_calls, position, stream, PAGE)
        for row in rows:
            yield row
        if len(rows) < PAGE:
            return
        position = rows[-1]["position"]


@dataclass(slots=True)
class _Happened:
    """What happened in one stream so far."""

    attempt: int = 0
    claimed_at: int = 0
    calls: list[tuple[datetime, str, list[str]]] = field(default_factory=list)
    n_refusals: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def counts(self, queries: frozenset[HistoryQuery], now: datetime) -> dict[HistoryQuery, int]:
        return {query: sum(1 for _ in self._matching(query, now)) for query in queries}

    def _matching(self, query: HistoryQuery, now: datetime) -> Any:
        first = self.claimed_at if query.since == "claim" else 0
        for at, tool, capabilities in self.calls[first:]:
            if isinstance(query.since, int) and at <= now - timedelta(seconds=query.since):
                continue
            if matches(query, tool, capabilities):
                yield at


class _Replay:
    def __init__(self, kernel: Kernel, layer: Layer) -> None:
        schema, deployment = deployment_facts(kernel.settings)
        self.result = Simulation()
        self._kernel = kernel
        self._layer = layer
        self._layers = Layers((layer,))
        self._tools: Mapping[str, Tool] = kernel.tools
        self._facts = PastFacts(schema, deployment, kernel.tools, kernel.functions)
        self._streams: dict[str, _Happened] = defaultdict(_Happened)
        self._asking: dict[str, Mapping[str, Any]] = {}
        self._orders: dict[str, OrderFacts | None] = {}
        self._used: dict[str, deque[datetime]] = defaultdict(deque)

    async def take(self, event: Mapping[str, Any], *, is_reported: bool) -> None:
        """The next event of the log."""
        happened = self._streams[event["stream"]]
        if event["type"] == "work_order.claimed":
            happened.attempt += 1
            happened.claimed_at = len(happened.calls)
            return
        call = RecordedCall(event, self._asking.get(event["data"].get("call", ""), {}))
        if call.tool in JUDGED_BY_THEMSELVES and not call.is_action:
            self._asking[event["data"]["call"]] = event["data"]
        else:
            await self._decide(call, happened, is_reported=is_reported)
        self._remember(call, happened)

    def _remember(self, call: RecordedCall, happened: _Happened) -> None:
        if call.was_admitted:
            if call.is_action and is_own_tool(call.data["action"]["tool"], self._tools):
                return
            known = (call.event["at"], call.tool, call.capabilities(self._tools))
            if len(happened.calls) < MAX_HISTORY:
                happened.calls.append(known)
        else:
            happened.n_refusals[call.event["actor"]] += 1

    async def _decide(self, call: RecordedCall, happened: _Happened, *, is_reported: bool) -> None:
        before = call.effect
        if before is None:
            self.result.n_other += is_reported
            return
        order = await self._order(call.data.get("work_order"))
        tool = self._kernel.functions.get(call.tool)
        abstains = tool is not None and not call.is_action and is_protocol(tool)
        worker = call.event["actor"]
        asked = self._facts.asked(
            call, order, happened.attempt, happened.n_refusals[worker], abstains=abstains
        )
        after, rule, reason = self._after(call, asked, happened)
        if not is_reported:
            return
        self.result.n_calls += 1
        if after != before:
            self.result.add(
                ChangedCall(
                    call=call.data["call"],
                    at=call.event["at"],
                    worker=worker,
                    work_order=call.data.get("work_order") or "",
                    tool=call.tool,
                    before=before,
                    before_rule=call.rule,
                    after=after,
                    after_rule=rule,
                    reason=reason,
                )
            )

    def _after(
        self, call: RecordedCall, asked: Sequence[Asked], happened: _Happened
    ) -> tuple[str, str, str]:
        """Effect, rule and reason under the changed policy."""
        others = [
            (layer["effect"], (layer.get("rules") or [{"rule": layer["layer"]}])[0]["rule"])
            for layer in call.decision.get("layers", ())
            if layer["layer"] != self._layer.name
        ]
        full = call.decision.get("limit")
        if full is not None and not _is_of(full, self._layer.name):
            others.append(("deny", full))
        other, other_rule = max(others, key=lambda said: _RANK[said[0]], default=("abstain", ""))
        counts = happened.counts(self._layer.history_queries, call.event["at"])
        outcome = self._layers.decide(asked, counts)
        effect, rule, reason = outcome.effect.value, outcome.rule, outcome.reason
        if _RANK[other] > _RANK[effect]:
            return other, other_rule, "another layer says so, as it did then"
        if outcome.effect is not Effect.DENY:
            for limit in outcome.limits:
                if not self._take(limit, call, happened):
                    return "deny", limit.rule, "the limit is used up"
        return effect, rule, reason

    def _take(self, limit: CountedLimit, call: RecordedCall, happened: _Happened) -> bool:
        work_order = call.data.get("work_order")
        key = counter_key(limit, work_order, happened.attempt, {})
        if key is None:
            return True
        used, window, now = self._used[key], window_s(limit), call.event["at"]
        while window and used and used[0] <= now - timedelta(seconds=window):
            used.popleft()
        if len(used) >= limit.limit.max_calls:
            return False
        used.append(now)
        return True

    async def _order(self, work_order: str | None) -> OrderFacts | None:
        if work_order is None:
            return None
        if work_order not in self._orders:
            self._orders[work_order] = await self._read_order(work_order)
        return self._orders[work_order]

    async def _read_order(self, work_order: str) -> OrderFacts | None:
        database = self._kernel.database
        row = await database.fetch_row(sql.show_orders, [work_order])
        if row is None:
            return None
        spending = await database.fetch(sql.list_spending, work_order)
        return OrderFacts(dict(row), [(each["recorded_at"], each["usd"]) for each in spending])


def _is_of(rule: str, layer: str) -> bool:
    return rule.startswith((f"{layer}:", f"{layer}/"))


@dataclass(frozen=True, slots=True)
class ShadowRefusal:
    """A past call that a policy in shadow would have refused or asked about."""

    call: str
    at: datetime
    worker: str
    work_order: str
    tool: str
    effect: str
    rules: Sequence[str]


async def list_shadow_refusals(
    kernel: Kernel, *, work_order: str | None, since: datetime | None
) -> tuple[int, list[ShadowRefusal]]:
    """How many recorded calls policies in shadow looked at, and which they would not have allowed."""
    n_seen = 0
    refusals: list[ShadowRefusal] = []
    async for event in decided_events(kernel, work_order):
        call = RecordedCall(event, {})
        shadow = call.decision.get("shadow") or ()
        if not shadow or (since is not None and event["at"] < since):
            continue
        n_seen += 1
        refused = [said for said in shadow if said["effect"] in ("deny", "ask")]
        if refused and call.was_admitted and len(refusals) < MAX_CHANGES:
            refusals.append(_shadow_refusal(call, refused))
    return n_seen, refusals


def _shadow_refusal(call: RecordedCall, refused: Sequence[Mapping[str, Any]]) -> ShadowRefusal:
    worst = max(refused, key=lambda said: _RANK[said["effect"]])
    return ShadowRefusal(
        call.data["call"],
        call.event["at"],
        call.event["actor"],
        call.data.get("work_order") or "",
        call.tool,
        worst["effect"],
        [rule for said in refused for rule in _refusing_rules(said)],
    )


def _refusing_rules(said: Mapping[str, Any]) -> list[str]:
    """A full limit, else the rules that decided."""
    if "limit" in said:
        return [said["limit"]]
    return [rule["rule"] for rule in said.get("rules", ())] or [f"{said['layer']}:default"]
