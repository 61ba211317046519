"""A signed webhook as a review channel: cards out, decisions in, each once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest

from agentos import ConfigurationError, Settings, sign_webhook, verify_webhook
from agentos.outbox.signing import new_webhook_secret
from agentos.testing import HttpDouble, serve_http
from tests.agentos_governance.lifecycle import START, FakeClock, Office, open_office

pytestmark = pytest.mark.anyio

OUT, IN = new_webhook_secret(), new_webhook_secret()


@dataclass
class Scene:
    """A server, the receiver of its cards, and who signs decisions."""

    office: Office
    receiver: HttpDouble
    url: str

    async def submit(self, **review: Any) -> tuple[str, Mapping[str, Any]]:
        """A submitted work order and its card, as the receiver got it."""
        order = await self.office.create(contract={"review": {"required": True, **review}})
        await self.office.claim("w1", order)
        await self.office.submit("w1", order)
        return order, await self.card(order, lambda card: True)

    async def card(self, order: str, fits: Any) -> Mapping[str, Any]:
        """The card of a work order that was sent and fits."""
        n = 0
        while True:
            await self.receiver.wait_for_requests(n + 1, timeout_s=60)
            request = self.receiver.requests[n]
            n += 1
            document = verify_webhook(
                OUT, request.headers, request.body, now=self.office.clock.now()
            )
            card: Mapping[str, Any] = document["card"]
            assert request.headers["webhook-id"] == f"{card['id']}.{card['version']}"
            if card["work_order"] == order and fits(card):
                return card

    async def say(
        self,
        id: str,
        *,
        secret: str = IN,
        at: datetime | None = None,
        tamper: bool = False,
        **document: Any,
    ) -> httpx2.Response:
        """Send a signed message."""
        body = json.dumps(document).encode()
        headers = sign_webhook(secret, id, at or self.office.clock.now(), body)
        if tamper:
            body = body.replace(b"reject", b"approve")
        async with httpx2.AsyncClient(timeout=60) as client:
            return await client.post(f"{self.url}/channels/webhook", content=body, headers=headers)

    async def link(self, identity: str, person: str) -> None:
        """Link an account of the service by a code."""
        await self.office.call("admin", "set_person", name=person, roles=["reviewer"])
        code = (await self.office.call("admin", "create_link_code", person=person))["code"]
        answer = await self.say(f"link-{identity}", type="link", identity=identity, code=code)
        assert answer.status_code == 200, answer.text


@asynccontextmanager
async def open_scene(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    *,
    after_s: float = 0.0,
    **changes: Any,
) -> AsyncIterator[Scene]:
    monkeypatch.setenv("AGENTOS_CHANNEL_SECRET", OUT)
    monkeypatch.setenv("AGENTOS_CHANNEL_INBOUND_SECRET", IN)
    async with HttpDouble() as receiver:
        receiver.answer("POST", "/cards")
        channel = {"url": f"{receiver.url}/cards", **changes}
        async with (
            open_office(
                settings,
                clock=FakeClock(START + timedelta(seconds=after_s)),
                plugins=("governance", "channels"),
                webhook_allowed_hosts=("127.0.0.1",),
                plugin_settings={"channels": {"webhook": channel}},
            ) as office,
            serve_http(office.kernel) as url,
        ):
            yield Scene(office, receiver, url)


async def test_a_signed_decision_completes_the_work_and_the_card_comes_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(settings, monkeypatch) as scene:
        order, card = await scene.submit()
        await scene.link("u-1", "Ada")
        said = {"type": "decision", "identity": "u-1", "review": card["id"], "verdict": "approve"}
        stale = await scene.say("m-0", **said, sha256="0" * 64)
        assert stale.status_code == 409 and stale.json()["error"]["code"] == "conflict"
        answers = [await scene.say("m-1", **said, sha256=card["sha256"]) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200] * 3
        assert answers[0].json() == answers[2].json()
        assert await scene.office.state(order) == "completed"
        ended = await scene.card(order, lambda card: card["state"] == "ended")
        assert (ended["outcome"], ended["decided_by"]) == ("approved", "Ada")
        assert ended["version"] > card["version"]
        votes = await scene.office.events(f"work_order/{order}", "work_order.reviewed")
        assert len(votes) == 1


async def test_what_is_forged_old_reflected_or_misshapen_decides_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(settings, monkeypatch) as scene:
        order, card = await scene.submit()
        await scene.link("u-1", "Ada")
        said = {
            "type": "decision",
            "identity": "u-1",
            "review": card["id"],
            "sha256": card["sha256"],
            "verdict": "reject",
            "reason": "It does not do what was asked",
        }
        now = scene.office.clock.now()
        assert (await scene.say("a", secret=OUT, **said)).status_code == 401
        assert (await scene.say("b", secret=new_webhook_secret(), **said)).status_code == 401
        assert (await scene.say("c", tamper=True, **said)).status_code == 401
        for seconds in (-301, 301):
            at = now + timedelta(seconds=seconds)
            assert (await scene.say("d", at=at, **said)).status_code == 401
        sent = scene.receiver.requests[0]
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        headers = {name: sent.headers[name] for name in names}
        async with httpx2.AsyncClient(timeout=60) as client:
            url = f"{scene.url}/channels/webhook"
            reflected = await client.post(url, content=sent.body, headers=headers)
            bare = await client.post(url, content=sent.body)
        assert (reflected.status_code, bare.status_code) == (401, 401)
        for wrong in ({"identity": "u\n1"}, {"sha256": 1}, {"type": "vote"}, {"quorum": 0}):
            assert (await scene.say("e", **{**said, **wrong})).status_code == 400
        assert (await scene.say("f", **{**said, "identity": "u-2"})).status_code == 404
        assert (await scene.say("g", **{**said, "review": "RV-NONE"})).status_code == 404
        assert await scene.office.state(order) == "in_review"
        # One id stands for one decision: it cannot be used for another one later.
        assert (await scene.say("h", **said)).status_code == 200
        changed = {**said, "verdict": "approve"}
        assert (await scene.say("h", **changed)).status_code == 409


@pytest.mark.nightly
async def test_a_receiver_that_is_away_gets_the_card_later_and_only_what_it_wants(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(settings, monkeypatch, url="http://127.0.0.1:9/x") as scene:
        order = await scene.office.create(contract={"review": {"required": True}})
        await scene.office.claim("w1", order)
        await scene.office.submit("w1", order)
        assert scene.receiver.requests == []
    async with open_scene(settings, monkeypatch, after_s=61) as scene:
        assert (await scene.card(order, lambda card: True))["state"] == "open"
    async with open_scene(settings, monkeypatch, after_s=62, kinds=["approve_plan"]) as scene:
        arguments = {"kind": "approve_plan", "title": "May I?", "text": "First this, then that"}
        await scene.office.claim("w2", await scene.office.create("B"))
        await scene.office.call("w2", "request_decision", **arguments)
        await scene.receiver.wait_for_requests(1, timeout_s=60)
        kinds = {json.loads(each.body)["card"]["kind"] for each in scene.receiver.requests}
        assert kinds == {"approve_plan"}


async def test_two_servers_send_each_version_of_a_card_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(settings, monkeypatch) as scene:
        channel = {"url": f"{scene.receiver.url}/cards"}
        async with open_office(
            settings,
            tokens=scene.office.tokens,
            clock=scene.office.clock,
            plugins=("governance", "channels"),
            webhook_allowed_hosts=("127.0.0.1",),
            plugin_settings={"channels": {"webhook": channel}},
        ):
            work = [await scene.submit() for _ in range(3)]
            for order, _ in work:
                await scene.office.call(
                    "planner", "cancel_work_order", work_order=order, reason="Not needed"
                )
            for order, _ in work:
                await scene.card(order, lambda card: card["state"] == "ended")
            await asyncio.sleep(0.3)
    ids = [request.headers["webhook-id"] for request in scene.receiver.requests]
    assert len(ids) == len(set(ids))


def test_one_secret_for_both_directions_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    from agentos_channels.settings import WebhookSettings
    from agentos_channels.webhook.channel import WebhookChannel

    monkeypatch.setenv("AGENTOS_CHANNEL_SECRET", OUT)
    monkeypatch.setenv("AGENTOS_CHANNEL_INBOUND_SECRET", OUT)
    check = WebhookChannel.check(WebhookSettings(url="https://x.example/"))
    assert not check.ok and "must differ" in check.detail
    monkeypatch.delenv("AGENTOS_CHANNEL_SECRET")
    check = WebhookChannel.check(WebhookSettings(url="https://x.example/"))
    assert not check.ok and "AGENTOS_CHANNEL_SECRET" in check.detail
    assert ConfigurationError.code == "configuration"
