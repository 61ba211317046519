"""Whatever is posted to a channel: never an error of the server, and never a decision.

Required by the issue "Gatekeeper": never decide about something else than what was seen. Signed nonsense
is what a defect or a thief of the secret sends; what is not signed, anybody may send.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from agentos import Settings, sign_webhook
from tests.agentos_channels.github_double import ADA, EVE
from tests.agentos_channels.mutations import mutated
from tests.agentos_channels.scene import open_scene as open_github
from tests.agentos_channels.test_webhook import IN
from tests.agentos_channels.test_webhook import open_scene as open_webhook
from tests.agentos_governance.lifecycle import Office

pytestmark = pytest.mark.anyio

ROUNDS = [40, pytest.param(600, marks=pytest.mark.nightly)]
EVENTS = ("pull_request_review", "pull_request", "issue_comment", "ping", "push", "", "\u00e9" * 9)
TYPES = ("application/json", "application/json; charset=x", "text/plain", "")


async def _votes(office: Office) -> list[str]:
    """Events that decide, or say that somebody is somebody else."""
    kinds = ("work_order.reviewed", "review.decided", "identity.linked")
    return [event["type"] for event in await office.events() if event["type"] in kinds]


async def _hammer(send: Callable[[int], Awaitable[httpx2.Response]], rounds: int) -> Counter[int]:
    """How often each status came; all answers are JSON or empty."""
    statuses: Counter[int] = Counter()
    for number in range(rounds):
        answer = await send(number)
        statuses[answer.status_code] += 1
        assert answer.status_code < 500, (number, answer.text)
        assert "Traceback" not in answer.text
    return statuses


@pytest.mark.parametrize("rounds", ROUNDS)
async def test_nothing_that_github_or_anybody_posts_breaks_it_or_decides(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rounds: int
) -> None:
    chance = random.Random(20_260_301)
    async with open_github(settings, tmp_path, monkeypatch) as scene:
        work = await scene.submit()
        await scene.link(ADA, "Ada")
        await scene.shown(work)
        before = await _votes(scene.office)
        # Ada, who may decide, about a commit that is not the submitted work; and Eve about that.
        stale = scene.hooks.review_of(ADA, "approved", "Override: it is fine", commit="f" * 40)
        strange = scene.hooks.review_of(EVE, "approved", "Fine")
        good = scene.hooks.review_of(ADA, "approved", "Fine")

        async def send(number: int) -> httpx2.Response:
            event, kind = chance.choice(EVENTS), chance.choice(TYPES)
            if chance.random() < 0.6:
                event, kind = EVENTS[0], TYPES[0]
            signed: dict[str, Any] = {
                "x_github_event": event.encode(),
                "content_type": kind.encode(),
            }
            if chance.random() < 0.2:
                # What would decide, if only it were signed.
                forged = "".join(
                    chance.choices("0123456789abcdef\u00e9-", k=chance.choice([0, 64]))
                )
                signature = chance.choice(["", "sha256=", "sha1="]) + forged
                signed["x_hub_signature_256"] = signature.encode()
                return await scene.hooks.send(event, good, **signed)
            body = mutated(chance, chance.choice([stale, strange]))
            return await scene.hooks.send(event, body, **signed)

        statuses = await _hammer(send, rounds)
        assert len(statuses) >= 2, statuses
        assert await _votes(scene.office) == before
        assert await scene.office.state(work.order) == "in_review"
        # What is in order still counts.
        assert (await scene.hooks.send(EVENTS[0], good)).status_code == 200
        assert await scene.office.state(work.order) == "completed"
        replayed = await _hammer(lambda _: scene.hooks.send(EVENTS[0], good), 5)
        assert len(await _votes(scene.office)) == len(before) + 2, replayed


@pytest.mark.parametrize("rounds", ROUNDS)
async def test_nothing_that_is_posted_to_the_webhook_breaks_it_or_decides(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, rounds: int
) -> None:
    chance = random.Random(20_260_302)
    async with (
        open_webhook(settings, monkeypatch) as scene,
        httpx2.AsyncClient(timeout=60) as client,
    ):
        order, card = await scene.submit()
        await scene.link("u-1", "Ada")
        before = await _votes(scene.office)
        decision = {"type": "decision", "identity": "u-1", "review": card["id"]}
        good = {**decision, "sha256": card["sha256"], "verdict": "approve", "reason": "It is fine"}
        stale = {**good, "sha256": "f" * 64, "categories": ["tests"], "override_reason": "Well"}
        strange = {**good, "identity": "u-2", "option": "a", "text": "t", "label": "l"}
        link = {"type": "link", "identity": "u-2", "code": "aos_guess-guess"}

        async def post(body: bytes, headers: Mapping[str, Any]) -> httpx2.Response:
            given = {name: value.encode() for name, value in headers.items()}
            url = f"{scene.url}/channels/webhook"
            return await client.post(url, content=body, headers=given)

        async def send(number: int) -> httpx2.Response:
            now = scene.office.clock.now()
            if chance.random() < 0.2:
                # What would decide, if only it were signed, or just now.
                body = json.dumps(good).encode()
                late = timedelta(seconds=chance.choice([-301, 301, 10**6]))
                if chance.random() < 0.5:
                    return await post(body, sign_webhook(IN, f"late-{number}", now + late, body))
                headers = sign_webhook(IN, f"forged-{number}", now, body)
                name = chance.choice(list(headers))
                wrong = ["", "x", "v1,", "9" * 400, "-1", "1e9", "\u00e9", "v1," * 1_000]
                return await post(body, {**headers, name: chance.choice(wrong)})
            body = mutated(chance, chance.choice([stale, strange, link]))
            ids = [f"fuzz-{number}", "the same", "\u00e9" * 20, "i" * 300]
            return await post(body, sign_webhook(IN, chance.choice(ids), now, body))

        statuses = await _hammer(send, rounds)
        assert len(statuses) >= 2, statuses
        assert await _votes(scene.office) == before
        assert await scene.office.state(order) == "in_review"
        scene.office.clock.advance(601)
        answers = [await scene.say("at last", **good) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200] * 3
        assert await scene.office.state(order) == "completed"
        assert len(await _votes(scene.office)) == len(before) + 2
