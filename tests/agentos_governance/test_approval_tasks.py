"""Issue 5: a call that needs an approval waits as a task, and nothing gets past the decision."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp.types import ElicitResult

from agentos import CallRequest, Credentials, Kernel, NotFoundError, Principal, Role, Settings
from agentos.tasks.model import Task
from agentos.testing import connect_client
from agentos_governance.approvals.deciding import end_overdue_approvals
from tests.agentos_governance.lifecycle import Office, open_office
from tests.agentos_governance.test_lifecycle_approvals import LIFETIME_S, NOTE, AskingPlugin

pytestmark = pytest.mark.anyio

REPOSITORY = Path(__file__).parents[2]
W1 = Principal("w1", Role.WORKER)
HELD = {"lease_ttl_s": 86_400}
N_ASKED = "select count(*) from kernel.event where type = 'approval.requested'"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"task_lease_s": 1.0})


async def wait_for_approval(office: Office, who: str = "w1", **arguments: Any) -> Task:
    """The task in which a note waits to be approved."""
    credentials = Credentials(bearer_token=office.tokens[who])
    request = CallRequest("write_note", {**NOTE, **arguments}, credentials, "test")
    task = await office.kernel.tasks.call(request, frozenset())
    assert isinstance(task, Task), task
    return task


async def _review_of(office: Office, who: str = "w1") -> str:
    """The one review that waits."""
    [review] = (await office.call(who, "list_reviews", state="pending"))["approvals"]
    return str(review["review_id"])


async def _decide(office: Office, review_id: str, verdict: str, who: str = "reviewer") -> Any:
    return await office.call(
        who, "decide_review", review_id=review_id, verdict=verdict, reason="I looked"
    )


async def _ended(kernel: Kernel, id: str, who: Principal = W1) -> Task:
    async with asyncio.timeout(60):
        while (task := await kernel.tasks.get(who, id)).status == "working":
            await kernel.database.fetch_value("select pg_sleep(0.02)")
    return task


def _code(task: Task) -> str | None:
    assert task.result is not None, task
    return task.result.error_code


async def test_a_call_waits_as_a_task_and_runs_by_itself_once_it_is_approved(
    settings: Settings,
) -> None:
    plugin = AskingPlugin()
    async with open_office(settings, plugin=plugin) as office:
        await office.claim("w1", await office.create(contract=HELD))
        task = await wait_for_approval(office)
        review_id = await _review_of(office)
        assert task.status == "working"
        assert review_id in (task.message or "")
        waiting = await office.call("w1", "get_review", review_id=review_id)
        assert (waiting["votes"], waiting["next_step"][:4]) == ([], "wait")
        await _decide(office, review_id, "approve")
        ended = await _ended(office.kernel, task.id)
        assert _code(ended) is None
        assert plugin.probe.bodies == ["write_note"]
        used = await office.call("w1", "get_review", review_id=review_id)
        assert ended.result is not None
        assert used["used_by_call"] == ended.result.call_id
        assert [(each["by"], each["verdict"]) for each in used["votes"]] == [
            ("reviewer", "approve")
        ]
        assert await office.kernel.database.fetch_value(N_ASKED) == 1
        await office.assert_consistent()


async def test_a_rejected_call_ends_with_who_rejected_it_and_why(settings: Settings) -> None:
    plugin = AskingPlugin()
    async with open_office(settings, plugin=plugin) as office:
        await office.claim("w1", await office.create(contract=HELD))
        task = await wait_for_approval(office)
        await _decide(office, await _review_of(office), "reject")
        ended = await _ended(office.kernel, task.id)
        assert _code(ended) == "call_refused"
        assert ended.result is not None
        assert "rejected by reviewer: I looked" in ended.result.text
        assert plugin.probe.bodies == []


async def test_a_call_that_nobody_decides_about_ends_and_does_not_ask_again(
    settings: Settings,
) -> None:
    plugin = AskingPlugin()
    async with open_office(settings, plugin=plugin) as office:
        await office.claim("w1", await office.create(contract=HELD))
        task = await wait_for_approval(office)
        office.clock.advance(LIFETIME_S + 1)
        await end_overdue_approvals(office.kernel)
        assert len(await office.events(type="approval.expired")) == 1
        ended = await _ended(office.kernel, task.id)
        assert _code(ended) == "approval_required"
        assert await office.kernel.database.fetch_value(N_ASKED) == 1
        assert plugin.probe.bodies == []


async def test_of_two_tasks_that_wait_for_one_approval_one_runs(settings: Settings) -> None:
    plugin = AskingPlugin()
    async with open_office(settings, plugin=plugin) as office:
        await office.claim("w1", await office.create(contract=HELD))
        tasks = [await wait_for_approval(office) for _ in range(3)]
        await _decide(office, await _review_of(office), "approve")
        codes = [_code(await _ended(office.kernel, each.id)) for each in tasks]
        assert sorted(codes, key=str) == [None, "approval_required", "approval_required"]
        assert plugin.probe.bodies == ["write_note"]
        await office.assert_consistent()


async def test_an_approval_of_other_arguments_or_another_worker_lets_no_task_go_on(
    settings: Settings,
) -> None:
    plugin = AskingPlugin()
    async with open_office(settings, plugin=plugin) as office:
        for who in ("w1", "w2"):
            await office.claim(who, await office.create(contract=HELD))
        mine = await wait_for_approval(office)
        review_id = await _review_of(office)
        others = [await wait_for_approval(office, text="y"), await wait_for_approval(office, "w2")]
        await _decide(office, review_id, "approve")
        assert _code(await _ended(office.kernel, mine.id)) is None
        assert plugin.probe.bodies == ["write_note"]
        w2 = Principal("w2", Role.WORKER)
        assert (await office.kernel.tasks.get(W1, others[0].id)).status == "working"
        assert (await office.kernel.tasks.get(w2, others[1].id)).status == "working"
        with pytest.raises(NotFoundError):
            await office.kernel.tasks.get(w2, mine.id)
        with pytest.raises(NotFoundError):
            await office.kernel.tasks.cancel(Principal("reviewer", Role.REVIEWER), others[0].id)


async def test_a_task_whose_callers_token_is_revoked_does_not_run_though_it_is_approved(
    settings: Settings,
) -> None:
    plugin = AskingPlugin()
    async with open_office(settings, plugin=plugin) as office:
        await office.claim("w1", await office.create(contract=HELD))
        task = await wait_for_approval(office)
        who = await office.kernel.identify(Credentials(bearer_token=office.tokens["w1"]))
        assert who.token_id is not None
        review_id = await _review_of(office)
        await office.kernel.tokens.revoke(who.token_id, now=office.clock.now())
        await _decide(office, review_id, "approve")
        ended = await _ended(office.kernel, task.id)
        assert ended.failure is not None
        assert ended.failure.code == "unauthenticated"
        assert plugin.probe.bodies == []


async def test_a_task_whose_lease_on_the_work_is_gone_does_not_run_though_it_is_approved(
    settings: Settings,
) -> None:
    plugin = AskingPlugin()
    async with open_office(settings, plugin=plugin) as office:
        order = await office.create(contract=HELD)
        await office.claim("w1", order)
        task = await wait_for_approval(office)
        review_id = await _review_of(office)
        await office.call("w1", "stand_down", work_order=order, reason="somebody else may")
        await office.dispatch(
            "reviewer",
            "decide_review",
            {"review_id": review_id, "verdict": "approve", "reason": "I looked"},
        )
        ended = await _ended(office.kernel, task.id)
        assert _code(ended) is not None
        assert plugin.probe.bodies == []


async def test_a_cancelled_task_does_not_run_though_it_is_approved(settings: Settings) -> None:
    plugin = AskingPlugin()
    async with open_office(settings, plugin=plugin) as office:
        await office.claim("w1", await office.create(contract=HELD))
        task = await wait_for_approval(office)
        review_id = await _review_of(office)
        await office.kernel.tasks.cancel(W1, task.id)
        await _decide(office, review_id, "approve")
        assert (await _ended(office.kernel, task.id)).status == "cancelled"
        assert plugin.probe.bodies == []


@pytest.mark.parametrize("decided", ["before it is back", "after it is back"])
async def test_a_task_waits_on_over_the_death_of_its_process_and_runs_once(
    settings: Settings, decided: str
) -> None:
    plugin = AskingPlugin()
    async with open_office(settings, plugin=plugin) as office:
        await office.claim("w1", await office.create(contract=HELD))
        tokens = json.dumps(office.tokens)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.agentos_governance.waiting_process",
            settings.model_dump_json(), tokens, cwd=REPOSITORY, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        id = (await process.stdout.readline()).decode().strip()
        review_id = await _review_of(office)
        process.kill()
        await process.wait()
        if decided == "after it is back":
            taken = "select count(*) from kernel.event where type = 'task.taken_up'"
            async with asyncio.timeout(60):
                while not await office.kernel.database.fetch_value(taken):
                    await office.kernel.database.fetch_value("select pg_sleep(0.05)")
        await _decide(office, review_id, "approve")
        assert _code(await _ended(office.kernel, id)) is None
        assert plugin.probe.bodies == ["write_note"]
        assert await office.kernel.database.fetch_value(N_ASKED) == 1


async def test_an_approval_that_is_revoked_before_it_is_used_admits_nothing(
    settings: Settings,
) -> None:
    plugin = AskingPlugin()
    async with open_office(settings, plugin=plugin) as office:
        await office.claim("w1", await office.create(contract=HELD))
        review_id = (await office.refuse("w1", "write_note", **NOTE))["review_id"]
        assert (
            await office.code(
                "reviewer", "decide_review", review_id=review_id, verdict="revoke", reason="no such"
            )
            == "invalid_state"
        )
        await _decide(office, review_id, "approve")
        revoked = await _decide(office, review_id, "revoke")
        assert revoked["state"] == "cancelled"
        again = await office.refuse("w1", "write_note", **NOTE)
        assert (again["code"], again["review_id"] != review_id) == ("approval_required", True)
        assert plugin.probe.bodies == []
        await _decide(office, again["review_id"], "approve")
        racing = await asyncio.gather(
            office.dispatch("w1", "write_note", NOTE),
            office.dispatch(
                "reviewer",
                "decide_review",
                {"review_id": again["review_id"], "verdict": "revoke", "reason": "I looked"},
            ),
        )
        ran, revocation = (each.error_code for each in racing)
        assert (ran is None) != (revocation is None)
        assert len(plugin.probe.bodies) == (1 if ran is None else 0)
        await office.assert_consistent()


class Person:
    """Sits at the client and answers forms."""

    def __init__(self, action: Any = "accept", **content: Any) -> None:
        self.answer = ElicitResult(action=action, content=content or None)
        self.asked: list[str] = []

    async def __call__(self, context: Any, params: Any) -> ElicitResult:
        self.asked.append(params.message)
        return self.answer


@pytest.mark.parametrize(
    "person",
    [Person(as_shown=True), Person(as_shown=False), Person("decline"), Person("cancel")],
    ids=["confirms", "does not confirm", "declines", "closes"],
)
async def test_whoever_sits_at_the_client_sees_the_call_and_approves_nothing(
    settings: Settings, person: Person
) -> None:
    plugin = AskingPlugin()
    async with open_office(settings, plugin=plugin) as office:
        await office.claim("w1", await office.create(contract=HELD))
        token = office.tokens["w1"]
        async with connect_client(
            office.kernel, token=token, elicitation_callback=person
        ) as client:
            result = await client.call_tool("write_note", NOTE)
        assert result.structured_content is not None
        assert result.structured_content["error"]["code"] == "approval_required"
        [asked] = person.asked
        assert '{"text":"x"}' in asked
        assert "You cannot approve it here" in asked
        review = await office.call("w1", "get_review", review_id=await _review_of(office))
        assert (review["state"], plugin.probe.bodies) == ("pending", [])


async def test_a_confirmed_call_runs_when_somebody_else_approves_it_meanwhile(
    settings: Settings,
) -> None:
    plugin = AskingPlugin()
    async with open_office(settings, plugin=plugin) as office:
        await office.claim("w1", await office.create(contract=HELD))

        async def confirm(context: Any, params: Any) -> ElicitResult:
            await _decide(office, await _review_of(office), "approve")
            return ElicitResult(action="accept", content={"as_shown": True})

        async with connect_client(
            office.kernel, token=office.tokens["w1"], elicitation_callback=confirm
        ) as client:
            result = await client.call_tool("write_note", NOTE)
        assert not result.is_error
        assert plugin.probe.bodies == ["write_note"]


async def test_many_arguments_are_shown_by_their_digest(settings: Settings) -> None:
    person = Person("decline")
    async with open_office(settings, plugin=AskingPlugin()) as office:
        await office.claim("w1", await office.create(contract=HELD))
        async with connect_client(
            office.kernel, token=office.tokens["w1"], elicitation_callback=person
        ) as client:
            await client.call_tool("write_note", {"text": "x" * 5_000})
        review = await office.call("w1", "get_review", review_id=await _review_of(office))
        assert review["arguments_sha256"] in person.asked[0]
        assert "x" * 100 not in person.asked[0]


async def test_a_client_without_forms_and_tasks_gets_the_review_to_ask_for(
    settings: Settings,
) -> None:
    async with open_office(settings, plugin=AskingPlugin()) as office:
        await office.claim("w1", await office.create(contract=HELD))
        async with connect_client(office.kernel, token=office.tokens["w1"]) as client:
            result = await client.call_tool("write_note", NOTE)
            assert result.structured_content is not None
            review_id = result.structured_content["error"]["review_id"]
            await _decide(office, review_id, "approve")
            review = await client.call_tool("get_review", {"review_id": review_id})
            assert review.structured_content is not None
            assert "repeat the call of write_note" in review.structured_content["next_step"]
            assert not (await client.call_tool("write_note", NOTE)).is_error
