"""An approval is for one call, once, and never one's own (docs/security.md, class `approvals`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentos import Role
from agentos.testing.databases import TestDatabases
from tests.agentos_governance.lifecycle import CONTRACT, Office
from tests.agentos_governance.repositories import make_repository
from tests.security.arenas import delegate, held_by, open_arena, organisation, verdict, worker
from tests.security.catalogue import attempt

pytestmark = pytest.mark.anyio

POLICY = "ASK write_note\nASK edit_file\nASK Bash\nASK Edit\nALLOW operation\n"


@pytest.fixture(scope="module")
async def arena(
    anyio_backend: str, databases: TestDatabases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Office]:
    async with open_arena(databases, tmp_path_factory.mktemp("approvals")) as office:
        yield office


@pytest.fixture
def policy(arena: Office) -> Iterator[Path]:
    with organisation(arena, POLICY) as path:
        yield path


async def _note(office: Office, who: str, text: str = "x", **more: Any) -> str:
    """`ok`, or the code with which writing a note is refused."""
    result = await office.dispatch(who, "write_note", {"text": text, **more})
    return result.error_code or "ok"


async def _asked(office: Office, who: str, tool: str = "write_note", **arguments: Any) -> str:
    """The id of the question that a call leads to."""
    error = await office.refuse(who, tool, **(arguments or {"text": "x"}))
    assert error["code"] == "approval_required", error
    return str(error["review_id"])


async def _decide(
    office: Office, review: str, verdict: str = "approve", who: str = "reviewer"
) -> str:
    """`ok`, or the code with which the decision is refused."""
    arguments = {"review_id": review, "verdict": verdict, "reason": "I looked"}
    return (await office.dispatch(who, "decide_review", arguments)).error_code or "ok"


def _rewrite(policy: Path, text: str) -> None:
    """Edit the organisation's policy."""
    policy.write_text(text, encoding="utf-8")


def _repoint(link: Path, target: str) -> None:
    """Let a link lead elsewhere."""
    link.unlink(missing_ok=True)
    link.symlink_to(target)


async def _one_day(office: Office, who: str) -> None:
    """Let a day pass in which the worker keeps its lease."""
    for _ in range(4):
        office.clock.advance(21_600)
        await office.call(who, "read_note")


@attempt("approvals")
async def test_one_approval_is_one_call_however_it_is_repeated(arena: Office, policy: Path) -> None:
    who = await worker(arena)
    order = await held_by(arena, who)
    assert await _decide(arena, await _asked(arena, who)) == "ok"
    codes = await asyncio.gather(*(_note(arena, who) for _ in range(12)))
    assert codes.count("ok") == 1
    assert set(codes) == {"ok", "approval_required"}
    keyed = [arena.dispatch(who, "write_note", {"text": "x"}, key=f"{order}{n}") for n in range(3)]
    assert {each.error_code for each in await asyncio.gather(*keyed)} == {"approval_required"}


@attempt("approvals")
@pytest.mark.parametrize(
    "arguments",
    [
        {"text": "re\u0301sume\u0301"},
        {"text": "r\u00e9sum\u00e9 "},
        {"text": "R\u00e9sum\u00e9"},
        {"text": "r\u00e9sum\u00e9\u200b"},
        {"text": "r\u00e9sum\u00e9\n"},
        {"text": "\uff52\u00e9sum\u00e9"},
        {"text": "r\u00e9sum\u00e9", "wait": False},
        {"text": ""},
    ],
    ids=ascii,
)
async def test_an_approval_is_not_for_arguments_that_only_look_the_same(
    arena: Office, policy: Path, arguments: dict[str, Any]
) -> None:
    who = await worker(arena)
    await held_by(arena, who)
    review = await _asked(arena, who, text="r\u00e9sum\u00e9")
    assert await _decide(arena, review) == "ok"
    result = await arena.dispatch(who, "write_note", arguments)
    assert result.error_code == "approval_required"
    assert result.structured["error"]["review_id"] != review
    assert await _note(arena, who, "r\u00e9sum\u00e9") == "ok"


@attempt("approvals")
async def test_an_approval_is_not_for_where_a_link_leads_later(
    arena: Office, policy: Path, tmp_path: Path
) -> None:
    who = await worker(arena)
    order = await arena.create(
        repo=make_repository(tmp_path / "repo"), contract={"lease_ttl_s": 3600}
    )
    tree = Path((await arena.claim(who, order))["workspace"]["path"])
    link = tree / "src" / "link"
    for name in ("harmless", "delicate"):
        (tree / "src" / name).touch()
    _repoint(link, "harmless")
    calls: list[tuple[str, dict[str, Any]]] = [
        ("edit_file", {"path": "src/link"}),
        ("check_action", {"action": {"tool": "Edit", "paths": ["src/link"]}}),
        ("check_action", {"action": {"tool": "Bash", "command": "sed -i s/a/b/ src/link"}}),
    ]
    for tool, arguments in calls:
        first = dict((await arena.dispatch(who, tool, arguments)).structured)
        review = str((first.get("error") or first)["review_id"])
        shown = await arena.call("reviewer", "get_review", review_id=review)
        assert "src/harmless" in shown["reason"], shown
        assert await _decide(arena, review) == "ok"
        _repoint(link, "delicate")
        second = dict((await arena.dispatch(who, tool, arguments)).structured)
        assert (second.get("error") or second)["review_id"] not in (None, review), tool
        _repoint(link, "harmless")
        third = await arena.dispatch(who, tool, arguments)
        assert not third.is_error
        assert third.structured.get("verdict") in (None, "allow")


@attempt("approvals")
async def test_an_approval_is_not_for_another_worker_person_or_order(
    arena: Office, policy: Path
) -> None:
    who, other = await worker(arena, person="anna"), await worker(arena, person="anna")
    order = await held_by(arena, who)
    await held_by(arena, other)
    assert await _decide(arena, await _asked(arena, who)) == "ok"
    assert await _note(arena, other) == "approval_required"
    child = (await delegate(arena, who, order))["id"]
    await arena.claim(other, child)
    under = await arena.dispatch(other, "write_note", {"text": "x"}, under=child)
    assert under.error_code == "approval_required"
    await arena.call(who, "stand_down", work_order=order, reason="For another")
    await arena.claim(other, order)
    again = await arena.dispatch(other, "write_note", {"text": "x"}, under=order)
    assert again.error_code == "approval_required"


@attempt("approvals")
async def test_an_approved_action_is_not_an_approved_call_nor_the_other_way_round(
    arena: Office, policy: Path
) -> None:
    who = await worker(arena)
    order = await held_by(arena, who)
    action = {"tool": "mcp__agentos__write_note", "capability": "read", "args": {"text": "x"}}
    judged = await arena.call(who, "check_action", work_order=order, action=action)
    assert judged["verdict"] == "ask"
    assert await _decide(arena, judged["review_id"]) == "ok"
    review = await _asked(arena, who)
    assert await _decide(arena, review) == "ok"
    assert await _note(arena, who) == "ok"
    assert await verdict(arena, who, order, **action) == "allow"
    assert await verdict(arena, who, order, **action) == "ask"
    assert await _note(arena, who) == "approval_required"


@attempt("approvals")
async def test_a_changed_policy_or_contract_wants_another_approval(
    arena: Office, policy: Path
) -> None:
    who = await worker(arena)
    order = await held_by(arena, who)
    assert await _decide(arena, await _asked(arena, who)) == "ok"
    _rewrite(policy, POLICY + "# another\n")
    assert await _note(arena, who) == "approval_required"
    _rewrite(policy, POLICY + 'DENY write_note IF worker == "x"\n')
    assert await _note(arena, who) == "approval_required"
    assert await _decide(arena, await _asked(arena, who)) == "ok"
    await arena.call(who, "stand_down", work_order=order, reason="To be amended")
    details = await arena.call("planner", "get_work_order", work_order=order)
    narrower = {**details["contract"], "allowed_roots": ["src/a/"]}
    for contract in (narrower, details["contract"]):
        by = "admin" if contract is not narrower else "planner"
        await arena.call(
            by, "amend_contract", work_order=order, contract=contract, reason="Another"
        )
    await arena.claim(who, order)
    assert await _note(arena, who) == "approval_required"


@attempt("approvals")
@pytest.mark.parametrize(
    "person",
    ["Anna Berg", "anna  berg", "ANNA BERG", "\uff21nna Berg", " Anna Berg "],
    ids=ascii,
)
async def test_nobody_approves_through_another_identity(
    arena: Office, policy: Path, person: str
) -> None:
    who = await worker(arena, person="Anna Berg")
    await held_by(arena, who)
    review = await _asked(arena, who)
    for role in (Role.REVIEWER, Role.ADMIN):
        second = f"{role}-{person!a}"
        await arena.join(second, role, person=person)
        assert await _decide(arena, review, who=second) == "call_refused"
    assert await _note(arena, who) == "approval_required"


@attempt("approvals")
async def test_who_planned_the_work_does_not_approve_its_calls_as_another_identity(
    arena: Office, policy: Path
) -> None:
    who = await worker(arena)
    await arena.join("pia plans", Role.PLANNER, person="Pia")
    await arena.join("pia decides", Role.REVIEWER, person="pia")
    created = await arena.call(
        "pia plans", "create_work_order", title="T", objective="O", contract=CONTRACT
    )
    await arena.claim(who, created["id"])
    review = await _asked(arena, who)
    assert await _decide(arena, review, who="pia decides") == "call_refused"
    assert await _note(arena, who) == "approval_required"


@attempt("approvals")
async def test_nobody_approves_as_a_role_that_may_not_or_after_working_on_it(
    arena: Office, policy: Path
) -> None:
    who, before = await worker(arena), await worker(arena, person="Carl")
    order = await held_by(arena, before)
    await arena.call(before, "stand_down", work_order=order, reason="For another")
    await arena.claim(who, order)
    review = await _asked(arena, who)
    await arena.join("carl-reviewer", Role.REVIEWER, person="carl")
    await arena.join("namesake", Role.REVIEWER, worker=who)
    await arena.join("bot", Role.BOT)
    for decider in (who, before, "planner", "bot", "carl-reviewer", "namesake"):
        assert await _decide(arena, review, who=decider) == "call_refused", decider
    assert await _note(arena, who) == "approval_required"


@attempt("approvals")
async def test_nothing_is_approved_or_used_too_late(arena: Office, policy: Path) -> None:
    who = await worker(arena)
    await held_by(arena, who, {"lease_ttl_s": 86_400})
    old = await _asked(arena, who)
    await _one_day(arena, who)
    assert await _decide(arena, old) == "invalid_state"
    await arena.call(who, "read_note")
    review = await _asked(arena, who)
    assert review != old
    assert await _decide(arena, review) == "ok"
    await _one_day(arena, who)
    assert await _note(arena, who) == "approval_required"
    assert await _decide(arena, review) == "invalid_state"


@attempt("approvals")
async def test_of_an_approval_and_a_rejection_at_once_one_counts(
    arena: Office, policy: Path
) -> None:
    deciders = []
    for n in range(6):
        deciders.append(f"decider-{n}")
        await arena.join(deciders[-1], Role.REVIEWER)
    who = await worker(arena)
    await held_by(arena, who)
    review = await _asked(arena, who)
    codes = await asyncio.gather(
        *(
            _decide(arena, review, "approve" if n % 2 else "reject", decider)
            for n, decider in enumerate(deciders)
        )
    )
    assert codes.count("ok") == 1, codes
    state = (await arena.call("reviewer", "get_review", review_id=review))["state"]
    expected = "ok" if state == "approved" else "call_refused"
    assert await _note(arena, who) == expected
    for verdict_ in ("approve", "reject"):
        assert await _decide(arena, review, verdict_, "admin") == "invalid_state"


@attempt("approvals")
async def test_a_call_that_races_the_decision_runs_at_most_once(
    arena: Office, policy: Path
) -> None:
    who = await worker(arena)
    await held_by(arena, who)
    review = await _asked(arena, who)
    codes = await asyncio.gather(
        *(_note(arena, who) for _ in range(4)),
        _decide(arena, review),
        *(_note(arena, who) for _ in range(8)),
    )
    n_ran = (codes[:4] + codes[5:]).count("ok")
    assert n_ran <= 1
    last = await _note(arena, who)
    assert n_ran + (last == "ok") == 1


@attempt("approvals")
async def test_a_rejection_is_not_undone_by_asking_again(arena: Office, policy: Path) -> None:
    who = await worker(arena)
    order = await held_by(arena, who)
    review = await _asked(arena, who)
    assert await _decide(arena, review, "reject") == "ok"
    assert await _note(arena, who) == "call_refused"
    await arena.call(who, "stand_down", work_order=order, reason="To come back")
    await arena.claim(who, order)
    assert await _note(arena, who) == "call_refused"
    assert await _decide(arena, review, "approve", "admin") == "invalid_state"


@attempt("approvals")
@pytest.mark.parametrize("review", ["RV-NONE", "%", "' or true --", "RV-\u0000", "*"], ids=ascii)
async def test_no_made_up_approval_is_decided(arena: Office, policy: Path, review: str) -> None:
    assert await _decide(arena, review) in ("not_found", "invalid_argument")
