"""Drives review rounds in tests: an office of persons, real submissions, rounds as they are stored.

Above: the tests of this folder. Below: the office of the lifecycle tests.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from agentos import Role, Settings
from agentos_governance.contracts.model import parse_contract
from agentos_governance.orders import lock_order
from agentos_governance.review.rounds import Submitted, open_round
from agentos_governance.review.settings import ReviewSettings
from tests.agentos_governance.lifecycle import Office, open_office


@asynccontextmanager
async def review_office(
    settings: Settings, review: Mapping[str, Any] | None = None, **changes: Any
) -> AsyncIterator[Office]:
    """The office with anna, ben and carl, who review; `review` is the table of the settings."""
    # Other programs, of which these tests need nothing.
    skipped = {"skip": ["no_new_lint", "no_new_type_errors", "no_new_security_findings"]}
    chosen = {"review": dict(review or {}), "gatekeeper": skipped, **changes}
    async with open_office(settings, **chosen) as office:
        for person in ("anna", "ben", "carl"):
            await office.join(person, Role.REVIEWER, worker=f"{person}'s laptop", person=person)
        yield office


async def submitted(
    office: Office, review: Mapping[str, Any] | None = None, *, who: str = "w1", **order: Any
) -> tuple[str, dict[str, Any]]:
    """A work order in review, and its open round."""
    made = await office.create(contract={"review": dict(review or {})}, **order)
    await office.claim(who, made)
    answer = await office.submit(who, made)
    assert answer["state"] == "in_review", answer
    return made, await last_round(office, made)


async def resubmitted(office: Office, order: str, *, who: str = "w2") -> dict[str, Any]:
    """The round after a worker claimed the work again and submitted it."""
    await office.claim(who, order)
    answer = await office.submit(who, order)
    assert answer["state"] == "in_review", answer
    return await last_round(office, order)


async def last_round(office: Office, order: str) -> dict[str, Any]:
    """The newest round of a work order with its clock."""
    row = await office.kernel.database.fetch_row(
        "select r.*, c.version, c.due_at, c.expires_at, c.remind_at, c.escalate_at, c.assigned_to,"
        " c.n_reminders, c.n_escalations, c.snoozed_until, c.ended_at as stopped_at"
        " from governance.review_round r join governance.review_clock c on c.review = r.id"
        " where r.work_order = $1 order by r.number desc limit 1",
        order,
    )
    assert row is not None
    return dict(row)


async def types_of(office: Office, order: str, prefix: str = "review.") -> list[str]:
    """The types of a work order's events that begin so, in order."""
    events = await office.events(f"work_order/{order}")
    return [event["type"] for event in events if event["type"].startswith(prefix)]


def write(office: Office, order: str, path: str, text: str) -> None:
    """Change a file of the work order's worktree."""
    file = Path(office.kernel.settings.home) / "worktrees" / order / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


async def open_another_round(office: Office, order: str, *, n_blocking: int = 0) -> dict[str, Any]:
    """Open a round for what is in review, as a submission with blocking findings would."""
    transaction = await office.kernel.open_transaction()
    row = await lock_order(transaction, order)
    about = Submitted(
        work_order=order,
        packet_sha256=row["packet_sha256"],
        contract=parse_contract(row["contract"]),
        contract_version=row["contract_version"],
        items={"paths": [], "evidence": []},
        n_blocking=n_blocking,
    )
    settings = office.kernel.service(ReviewSettings)
    await open_round(transaction, about, settings, actor="w1", now=office.clock.now())
    await transaction.commit()
    return await last_round(office, order)
