"""A bot calls as the person behind a linked identity: who may, for whom, and what is recorded.

Required by the issue "Gatekeeper": persons are compared, not Slack ids; and by its design: capabilities
intersect down, so that nobody gains through a bot what they lack themselves.
"""

from __future__ import annotations

from typing import Any

import pytest

from agentos import CallRequest, Credentials, RequestError, Role, Settings, open_kernel
from agentos.surface import Surface
from agentos.testing import AllowEverything
from tests.agentos_governance.lifecycle import open_office
from tests.agentos_governance.lifecycle_plugin import LifecyclePlugin
from tests.agentos_governance.persons.acting import (
    CHANNEL,
    add_person,
    call_for,
    dispatch_for,
    refuse_for,
    waiting_work,
)

pytestmark = pytest.mark.anyio


def verdict_on(waiting: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Arguments of `decide` that approve what a line of the queue shows."""
    return {"review": waiting["id"], "sha256": waiting["sha256"], "verdict": "approve", **fields}


async def test_a_person_decides_through_a_bot_and_the_record_names_both(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        ada = await add_person(office, "Ada")
        waiting = await waiting_work(office, contract={"review": {"by": "human"}})
        decided = await call_for(office, ada, "decide", **verdict_on(waiting))
        assert (decided["outcome"], decided["by"]) == ("approved", "Ada")
        assert await office.state(waiting["work_order"]) == "completed"
        (allowed,) = [e for e in await office.events(type="call.allowed")
                      if e["data"]["tool"] == "decide"]  # fmt: skip
        assert (allowed["actor"], allowed["data"]["via"]) == ("Ada", "bot")
        (vote,) = await office.events(type="work_order.reviewed")
        assert (vote["actor"], vote["data"]["person"], vote["data"]["is_human"]) == (
            "Ada", "Ada", True,
        )  # fmt: skip
        await office.assert_consistent()


async def test_no_other_role_may_act_for_anybody(settings: Settings) -> None:
    async with open_office(settings, role=Role.BOT) as office:
        ada = await add_person(office, "Ada")
        waiting = await waiting_work(office)
        for who in ("w1", "reviewer", "planner", "admin"):
            result = await dispatch_for(office, ada, "decide", verdict_on(waiting), who=who)
            assert result.error_code == "call_refused"
            assert result.structured["error"]["rule"] == "on_behalf_of"
            (refused,) = await office.events(f"principal/{who}", "call.refused")
            assert refused["actor"] == who and "via" not in refused["data"]
        # Nor whoever merely starts a local process in the role of a bot.
        credentials = Credentials(is_local=True, on_behalf_of={"channel": CHANNEL, "id": ada})
        local = await office.kernel.dispatch(CallRequest("list_waiting", {}, credentials, "test"))
        assert local.structured["error"]["rule"] == "on_behalf_of"
        assert await office.state(waiting["work_order"]) == "in_review"


async def test_a_bot_by_itself_decides_nothing_whatever_it_is_bound_to(settings: Settings) -> None:
    async with open_office(settings) as office:
        await add_person(office, "Ada")
        await office.join("bound bot", Role.BOT, person="Ada")
        waiting = await waiting_work(office)
        for who in ("bot", "bound bot"):
            assert await office.code(who, "decide", **verdict_on(waiting)) == "call_refused"
            assert (
                await office.code(
                    who,
                    "review_work_order",
                    work_order=waiting["work_order"],
                    packet_sha256=waiting["sha256"],
                    verdict="approve",
                    reason="as a bot",
                )
                == "call_refused"
            )
        assert await office.state(waiting["work_order"]) == "in_review"


async def test_an_unknown_identity_is_told_how_to_link(settings: Settings) -> None:
    async with open_office(settings) as office:
        await add_person(office, "Ada")
        waiting = await waiting_work(office)
        error = await refuse_for(office, "T1:STRANGER", "decide", **verdict_on(waiting))
        assert (error["code"], error["rule"]) == ("not_found", "identity.unlinked")
        assert "link-code" in error["remedy"]
        (refused,) = await office.events("principal/bot", "call.refused")
        assert refused["data"]["tool"] == "decide"
        # The same id in another channel is somebody else.
        other = await dispatch_for(office, "T1:ADA", "list_waiting", {}, channel="github")
        assert other.structured["error"]["rule"] == "identity.unlinked"


async def test_what_is_taken_away_counts_from_the_next_call_on(settings: Settings) -> None:
    async with open_office(settings) as office:
        ada, ben = await add_person(office, "Ada"), await add_person(office, "Ben")
        waiting = await waiting_work(office)
        await call_for(office, ada, "list_waiting")
        await office.call("admin", "unlink_identity", channel=CHANNEL, external_id=ada)
        await office.call("admin", "set_person", name="Ben", is_active=False)
        for former in (ada, ben):
            error = await refuse_for(office, former, "decide", **verdict_on(waiting))
            assert error["rule"] == "identity.unlinked"
        await office.call("admin", "set_person", name="Ben", is_active=True)
        await call_for(office, ben, "list_waiting")
        (token,) = [each for each in await office.kernel.tokens.list() if each.role is Role.BOT]
        await office.kernel.tokens.revoke(token.id, now=office.clock.now())
        with pytest.raises(RequestError, match="revoked"):
            await dispatch_for(office, ben, "list_waiting", {})
        await office.assert_consistent()


async def test_a_person_whose_own_role_may_not_decide_does_not_through_a_bot(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        waiting = await waiting_work(office)
        for role in ("planner", "worker", "security"):
            person = await add_person(office, f"the {role}", role)
            error = await refuse_for(office, person, "decide", **verdict_on(waiting))
            assert error["code"] == "call_refused"
        assert await office.state(waiting["work_order"]) == "in_review"


async def test_an_admin_does_through_a_bot_only_what_bots_pass_on(settings: Settings) -> None:
    async with open_office(settings) as office:
        root = await add_person(office, "Root", "admin")
        waiting = await waiting_work(office)
        for tool, arguments in (
            ("set_person", {"name": "Mallory", "roles": ["admin"]}),
            ("create_link_code", {"person": "Root"}),
            ("unlink_identity", {"channel": CHANNEL, "external_id": root}),
            ("link_identity", {"channel": CHANNEL, "external_id": "T1:M", "email": "r@x.org"}),
            ("cancel_work_order", {"work_order": waiting["work_order"], "reason": "because"}),
            ("stop_spending", {"reason": "because"}),
            ("claim_post", {"channel": CHANNEL, "review": waiting["id"], "part": "card"}),
            ("save_cursor", {"channel": CHANNEL, "position": 1}),
            ("claim_work_order", {}),
        ):
            error = await refuse_for(office, root, tool, **arguments)
            assert error["code"] == "call_refused", tool
            assert error["rule"] in ("role:bot", "role:reviewer"), tool
        assert (await refuse_for(office, root, "list_persons"))["code"] == "call_refused"
        assert (await call_for(office, root, "decide", **verdict_on(waiting)))["by"] == "Root"


async def test_a_person_named_like_a_worker_gets_none_of_its_lease(settings: Settings) -> None:
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        namesake = await add_person(office, "w1", "worker")
        order = await office.create()
        claim = await office.claim("w1", order)
        before = claim["lease"]["expires_at"]
        office.clock.advance(40)
        error = await refuse_for(
            office, namesake, "submit_work_order", work_order=order, summary="It is done"
        )
        assert error["code"] == "call_refused"
        # Nor is the worker kept alive by what a person does in a channel.
        await call_for(office, namesake, "read_note")
        assert await office.events("principal/w1", "call.allowed")
        view = await office.call("planner", "get_work_order", work_order=order)
        assert view["lease"]["expires_at"] == before


async def test_the_sponsor_of_a_worker_never_approves_its_work_through_a_bot(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        await office.join("agent", Role.WORKER, person="Ada")
        ada, ben = await add_person(office, "Ada"), await add_person(office, "Ben")
        order = await office.create()
        await office.claim("agent", order)
        packet = (await office.submit("agent", order))["packet_sha256"]
        page = await office.call("reviewer", "list_waiting")
        review = page["reviews"][0]["id"]
        vote = {"review": review, "sha256": packet, "verdict": "approve"}
        assert (await refuse_for(office, ada, "decide", **vote))["rule"] == "four_eyes"
        assert (await call_for(office, ben, "decide", **vote))["outcome"] == "approved"


async def test_two_identities_of_one_person_are_one_vote(settings: Settings) -> None:
    async with open_office(settings) as office:
        ada = await add_person(office, "Ada")
        code = (await office.call("admin", "create_link_code", person="Ada"))["code"]
        second = "T2:ADA"
        await office.call("bot", "link_identity", channel="chat", external_id=second, code=code)
        await office.join("ada herself", Role.REVIEWER, person="ADA")
        waiting = await waiting_work(office, contract={"review": {"quorum": 2}})
        first = await call_for(office, ada, "decide", **verdict_on(waiting))
        assert first["outcome"] is None
        again = await dispatch_for(office, second, "decide", verdict_on(waiting), channel="chat")
        assert again.structured["outcome"] is None
        direct = await office.call("ada herself", "decide", **verdict_on(waiting))
        assert direct["outcome"] is None
        assert await office.state(waiting["work_order"]) == "in_review"


async def test_idempotency_keys_of_two_persons_never_mix(settings: Settings) -> None:
    async with open_office(settings) as office:
        ada, ben = await add_person(office, "Ada"), await add_person(office, "Ben")
        waiting = await waiting_work(office, contract={"review": {"quorum": 2}})
        vote = verdict_on(waiting)
        first = await dispatch_for(office, ada, "decide", vote, key="click-1")
        second = await dispatch_for(office, ben, "decide", vote, key="click-1")
        assert (first.structured["by"], second.structured["by"]) == ("Ada", "Ben")
        assert second.structured["outcome"] == "approved"
        replayed = await dispatch_for(office, ada, "decide", vote, key="click-1")
        assert replayed.structured == first.structured
        (event,) = await office.events(type="call.replayed")
        assert (event["actor"], event["data"]["via"]) == ("Ada", "bot")
        # The bot's own key of the same name is another one again.
        mine = await office.dispatch("bot", "save_cursor", {"channel": CHANNEL, "position": 1},
                                     key="click-1")  # fmt: skip
        assert not mine.is_error


async def test_what_a_call_calls_in_turn_is_the_persons_as_well(settings: Settings) -> None:
    async with open_office(settings, plugins=("governance", "memory")) as office:
        ada = await add_person(office, "Ada")
        waiting = await waiting_work(office)
        asked = await call_for(
            office, ada, "ask_about_review", review=waiting["id"], text="Why no test?"
        )
        assert asked["observation"] is not None
        (nested,) = [e for e in await office.events(type="call.allowed")
                     if e["data"]["tool"] == "create_observation"]  # fmt: skip
        assert (nested["actor"], nested["data"]["via"], nested["data"]["edge"]) == (
            "Ada", "bot", "plugin",
        )  # fmt: skip


async def test_resources_and_prompts_are_read_as_the_person(settings: Settings) -> None:
    async with open_office(settings) as office:
        await add_person(office, "Ada")
        name = next(iter(office.kernel.resources.values())).function.name
        stranger = Credentials(
            office.tokens["bot"], on_behalf_of={"channel": CHANNEL, "id": "T1:NOBODY"}
        )
        request = CallRequest(name, {}, stranger, "test", surface=Surface.RESOURCE)
        result = await office.kernel.dispatch(request)
        assert result.structured["error"]["rule"] == "identity.unlinked"


async def test_whatever_is_no_identity_is_refused_and_never_the_bot_itself(
    settings: Settings,
) -> None:
    claims: list[Any] = [
        {},
        [],
        "T1:ADA",
        7,
        False,
        {"channel": "slack"},
        {"channel": "slack", "id": ""},
        {"channel": "slack", "id": "T1:ADA", "role": "admin"},
        {"channel": "slack", "id": "T1:ADA\n"},
        {"channel": "slack", "id": "x" * 201},
        {"channel": 1, "id": "T1:ADA"},
        {"channel": "sl\x00ck", "id": "T1:ADA"},
    ]
    async with open_office(settings) as office:
        await add_person(office, "Ada")
        for claimed in claims:
            credentials = Credentials(office.tokens["bot"], on_behalf_of=claimed)
            request = CallRequest("list_waiting", {}, credentials, "test")
            result = await office.kernel.dispatch(request)
            assert result.error_code == "invalid_argument", claimed


async def test_nobody_acts_for_anybody_where_no_plugin_knows_identities(
    settings: Settings,
) -> None:

    async with open_kernel(settings, extra_plugins={"authority": AllowEverything()}) as kernel:
        token = await kernel.tokens.create("bot", Role.BOT, now=kernel.clock.now())
        claimed = {"channel": CHANNEL, "id": "T1:ADA"}
        credentials = Credentials(token.secret, on_behalf_of=claimed)
        with pytest.raises(Exception, match="no tool"):
            await kernel.dispatch(CallRequest("nothing", {}, Credentials(token.secret), "test"))
        result = await kernel.dispatch(CallRequest("nothing", {}, credentials, "test"))
        assert result.structured["error"]["rule"] == "identity.unlinked"
