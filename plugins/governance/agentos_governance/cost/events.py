"""Events of caps, stops, unlocks and price tables, and the read models they keep.

Above: the plugin declares them; tools append them. Below: `sql/budgets.sql`.
"""

from __future__ import annotations

from datetime import datetime

from agentos import Event, EventType, ProjectionWriter, Queries, ReadModel

_sql = Queries("agentos_governance", "sql/budgets.sql")

LIMITS_STREAM = "budget/limits"
STOP_STREAM = "budget/stop"
UNLOCKS_STREAM = "budget/unlocks"
PRICES_STREAM = "budget/prices"
READ_MODEL = ReadModel("governance", ("budget_limit", "spending_stop", "unlock", "price_table"))


async def _limit_set(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(
        _sql.put_limit,
        data["layer"],
        data["subject"],
        data["window_s"],
        data["cap_usd"],
        data["on_report"],
        event.actor,
        data["reason"],
        event.at,
    )


async def _limit_reset(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(_sql.drop_limit, data["layer"], data["subject"], data["window_s"])


async def _stopped(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(_sql.put_stop, data["is_all"], data["reason"], event.actor, event.at)


async def _resumed(writer: ProjectionWriter, event: Event) -> None:
    await writer.execute(_sql.drop_stop)


async def _unlocked(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(
        _sql.insert_unlock,
        data["unlock"],
        data["pattern"],
        data["work_order"],
        data["person"],
        datetime.fromisoformat(data["expires_at"]),
        event.actor,
        data["opener"],
        data["reason"],
        event.at,
    )


async def _locked(writer: ProjectionWriter, event: Event) -> None:
    await writer.execute(_sql.end_unlock, event.data["unlock"], event.at)


async def _adopted(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(
        _sql.put_price_table, data["version"], data["effective_from"], data["document"], event.at
    )


EVENT_TYPES = (
    EventType("budget.limit_set", "An admin set the cap of a layer or of one subject.", _limit_set),
    EventType("budget.limit_reset", "A cap is again as the settings say.", _limit_reset),
    EventType("budget.stopped", "Spending was stopped everywhere.", _stopped),
    EventType("budget.resumed", "Spending may go on.", _resumed),
    EventType("tool.unlocked", "Locked tools or paths were opened for a time.", _unlocked),
    EventType("tool.locked", "An unlock was ended early.", _locked),
    EventType("prices.adopted", "A price table was used here for the first time.", _adopted),
)
