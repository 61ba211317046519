"""Work orders as resources and the personas' prompts, over real HTTP, as clients of both eras."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.types import PromptReference, ResourceTemplateReference, ResourceUpdatedNotification

from agentos import Settings
from agentos.declarations import collect_functions
from agentos.plugins import default_plugins, load_plugins
from agentos.testing import serve_http
from agentos_governance.prompts import PROMPTS, method
from tests.agentos_governance.lifecycle import Office, open_office

pytestmark = [
    pytest.mark.anyio,
    # Subscriptions of older revisions are part of what is tested.
    pytest.mark.filterwarnings("ignore:resources/:mcp.shared.exceptions.MCPDeprecationWarning"),
]
ERAS = pytest.mark.parametrize("mode", ["auto", "legacy"])
ORDERS = "agentos://work-orders/"
PERSONAS = ["architect", "developer", "gatekeeper", "qa", "reviewer"]
NOTE = {"title": "The hinge is loose", "body": "It squeaks.", "kind": "discovery"}


@pytest.fixture
async def office(settings: Settings) -> AsyncIterator[Office]:
    async with open_office(settings, plugins=("governance", "memory")) as office:
        yield office


@asynccontextmanager
async def client_of(
    office: Office, who: str, mode: Any = "auto", **arguments: Any
) -> AsyncIterator[Client]:
    headers = {"authorization": f"Bearer {office.tokens[who]}"}
    async with (
        serve_http(office.kernel) as url,
        create_mcp_http_client(headers) as http,
        Client(
            streamable_http_client(f"{url}/mcp", http_client=http), mode=mode, **arguments
        ) as client,
    ):
        yield client


async def read(client: Client, uri: str) -> str:
    (contents,) = (await client.read_resource(uri)).contents
    assert contents.mime_type == "application/json"
    return contents.text  # type: ignore[union-attr]


def without_length(text: str) -> dict[str, Any]:
    """A work order without its number of events, which grows by being read."""
    return {**json.loads(text), "history_length": 0}


@ERAS
async def test_a_work_order_and_its_parts_are_what_the_tools_answer(
    office: Office, mode: Any
) -> None:
    order = await office.create("Paint the door")
    await office.claim("w1", order)
    packet = await office.call("w1", "get_resume_packet", work_order=order)
    told = await office.call("w1", "get_work_order", work_order=order)
    async with client_of(office, "w1", mode) as client:
        details = await read(client, ORDERS + order)
        contract = json.loads(await read(client, f"{ORDERS}{order}/contract"))
        resumed = await read(client, f"{ORDERS}{order}/resume-packet")
        report = json.loads(await read(client, f"{ORDERS}{order}/report"))
        with pytest.raises(MCPError) as unknown:
            await client.read_resource(f"{ORDERS}WO-NOWHERE/contract")
    assert without_length(details) == without_length(json.dumps(told))
    assert contract["contract"] == told["contract"] and contract["objective"] == "Do Paint the door"
    assert hashlib.sha256(resumed.encode()).hexdigest() == packet["sha256"]
    assert report["work_order"] == order and "why_allowed" in report
    assert unknown.value.error.data["code"] == "not_found"


async def test_open_work_orders_are_listed_the_caller_s_own_first(office: Office) -> None:
    orders = [await office.create(f"Door {number}") for number in range(3)]
    await office.claim("w1", orders[2])
    done = await office.create("Done")
    await office.complete(done, who="w2")
    async with client_of(office, "w1") as client:
        shown = (await client.list_resources()).resources
        templates = (await client.list_resource_templates()).resource_templates
    uris = [each.uri for each in shown if each.uri.startswith(ORDERS)]
    own = ORDERS + orders[2]
    assert uris[:3] == [own, f"{own}/contract", f"{own}/resume-packet"]
    assert set(uris[3:]) == {ORDERS + orders[0], ORDERS + orders[1]}
    assert "Door 2 (active, held by w1)" in {each.description for each in shown}
    assert {each.uri_template for each in templates} == {
        "agentos://observations/{id}",
        f"{ORDERS}{{id}}",
        f"{ORDERS}{{id}}/contract",
        f"{ORDERS}{{id}}/report",
        f"{ORDERS}{{id}}/resume-packet",
    }


async def test_a_policy_against_a_tool_holds_for_whatever_answers_the_same(
    settings: Settings, tmp_path: Path
) -> None:
    policy = tmp_path / "house.policy"
    policy.write_text('private: DENY IF tool == "get_work_report"\n', "utf-8")
    async with open_office(settings, policy=policy) as office:
        order = await office.create()
        refusal = await office.refuse("w1", "get_work_report", work_order=order)
        report = ResourceTemplateReference(uri=f"{ORDERS}{{id}}/report")
        async with client_of(office, "w1") as client:
            assert order in await read(client, ORDERS + order)
            for ask in (
                client.read_resource(f"{ORDERS}{order}/report"),
                client.get_prompt("reviewer", {"work_order": order}),
                client.complete(report, {"name": "id", "value": ""}),
            ):
                with pytest.raises(MCPError) as refused:
                    await ask
                assert refused.value.error.data["rule"] == refusal["rule"]


async def test_a_prompt_only_links_what_another_tool_would_refuse(
    settings: Settings, tmp_path: Path
) -> None:
    policy = tmp_path / "house.policy"
    policy.write_text('private: DENY IF tool == "get_resume_packet"\n', "utf-8")
    async with open_office(settings, policy=policy) as office:
        order = await office.create()
        async with client_of(office, "w1") as client:
            rendered = await client.get_prompt("developer", {"work_order": order})
    contract, packet = (message.content for message in rendered.messages[2:])
    assert (contract.type, packet.type) == ("resource", "resource_link")
    assert str(packet.uri) == f"{ORDERS}{order}/resume-packet"  # type: ignore[union-attr]


async def test_a_contract_that_keeps_notes_from_a_worker_keeps_their_resources_too(
    office: Office,
) -> None:
    made = await office.call("w2", "create_observation", **NOTE)
    uri = f"agentos://observations/{made['observation']['id']}"
    narrow = await office.create(contract={"allowed_tools": ["search_code"]})
    await office.claim("w1", narrow)
    notes = ResourceTemplateReference(uri="agentos://observations/{id}")
    async with client_of(office, "w1") as client:
        with pytest.raises(MCPError) as refused:
            await client.read_resource(uri)
        listed = [each.uri for each in (await client.list_resources()).resources]
        with pytest.raises(MCPError):
            await client.complete(notes, {"name": "id", "value": "OB"})
        # Work orders are the protocol, which no contract has to allow.
        orders = ResourceTemplateReference(uri=f"{ORDERS}{{id}}")
        own = await client.complete(orders, {"name": "id", "value": narrow})
    assert own.completion.values == [narrow] and ORDERS + narrow in listed
    assert refused.value.error.data["code"] == "call_refused"
    assert uri not in listed
    # A contract names tools; who may list notes may read one.
    listing = await office.create(contract={"allowed_tools": ["list_observations"]})
    await office.claim("w2", listing)
    async with client_of(office, "w2") as client:
        assert json.loads(await read(client, uri))["title"] == NOTE["title"]
        assert uri in [each.uri for each in (await client.list_resources()).resources]
        assert (await client.complete(notes, {"name": "id", "value": "ob"})).completion.values


async def test_a_listener_hears_of_changes_of_a_work_order_and_not_of_calls(
    office: Office,
) -> None:
    order, other = await office.create(), await office.create("Other")
    uris = [ORDERS + order, f"{ORDERS}{order}/contract", f"{ORDERS}{order}/resume-packet"]
    heard: list[str] = []
    async with (
        client_of(office, "w2") as client,
        client.listen(resource_subscriptions=uris) as events,
    ):
        await office.claim("w1", other)
        await office.call("w1", "get_work_order", work_order=order)
        await office.claim("w2", order)
        async with asyncio.timeout(60):
            async for event in events:
                heard.append(event.uri)  # type: ignore[union-attr]
                if len(heard) == 2:
                    break
    assert heard == [uris[0], uris[2]]


async def test_a_listener_hears_that_a_note_was_replaced(office: Office) -> None:
    first = (await office.call("w2", "create_observation", **NOTE))["observation"]["id"]
    uri = f"agentos://observations/{first}"
    async with (
        client_of(office, "w1") as client,
        client.listen(resource_subscriptions=[uri]) as events,
    ):
        fixed = {**NOTE, "title": "The hinge is fixed", "kind": "fix", "supersedes": first}
        made = await office.call("w2", "create_observation", **fixed)
        async with asyncio.timeout(60):
            assert (await anext(aiter(events))).uri == uri  # type: ignore[union-attr]
        told = json.loads(await read(client, uri))
    assert told["superseded_by"] == made["observation"]["id"]


async def test_a_subscriber_of_an_older_revision_hears_of_changes(office: Office) -> None:
    order = await office.create()
    heard: list[str] = []

    async def hear(message: Any) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            heard.append(str(message.params.uri))

    async with client_of(office, "w1", "legacy", message_handler=hear) as client:
        await client.subscribe_resource(f"{ORDERS}{order}/resume-packet")
        # The client opens its stream beside the handshake; what happens before is not told.
        async with asyncio.timeout(60):
            while not heard:
                await office.claim("w1", order)
                await asyncio.sleep(0.1)
    assert set(heard) == {f"{ORDERS}{order}/resume-packet"}


@ERAS
async def test_ids_are_completed_by_what_was_typed_and_by_what_the_persona_works_on(
    office: Office, mode: Any
) -> None:
    ready, submitted = await office.create("Ready"), await office.create("Submitted")
    await office.claim("w1", submitted)
    await office.submit("w1", submitted)
    template = ResourceTemplateReference(uri=f"{ORDERS}{{id}}/contract")
    async with client_of(office, "planner", mode) as client:
        everything = await client.complete(template, {"name": "id", "value": "wo-"})
        one = await client.complete(template, {"name": "id", "value": ready})
        odd = await client.complete(template, {"name": "id", "value": "WO_%"})
        for persona, fitting in (("developer", ready), ("reviewer", submitted)):
            found = await client.complete(
                PromptReference(name=persona), {"name": "work_order", "value": ""}
            )
            assert found.completion.values == [fitting]
    assert set(everything.completion.values) == {ready, submitted}
    assert (one.completion.values, odd.completion.values) == ([ready], [])


@ERAS
async def test_every_persona_has_a_prompt_that_embeds_what_its_resources_say(
    office: Office, mode: Any
) -> None:
    order = await office.create("Paint the door")
    async with client_of(office, "w1", mode) as client:
        listed = {each.name: each for each in (await client.list_prompts()).prompts}
        assert sorted(listed) == PERSONAS
        for name in PERSONAS:
            (argument,) = listed[name].arguments or []
            assert (argument.name, argument.required) == ("work_order", False)
            texts, embedded = parts_of(await client.get_prompt(name, {"work_order": order}))
            assert texts[0] == method(name) and order in texts[1]
            assert len(embedded) == 2
            for uri, text in embedded.items():
                assert without_length(text) == without_length(await read(client, uri))
            alone, none = parts_of(await client.get_prompt(name, {}))
            assert "No work order is named" in alone[1] and none == {}
        with pytest.raises(MCPError, match="WO-NOWHERE"):
            await client.get_prompt("developer", {"work_order": "WO-NOWHERE"})


async def test_what_is_too_long_to_embed_is_linked(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await office.create()
    async with client_of(office, "w1") as client:
        packet = await read(client, f"{ORDERS}{order}/resume-packet")
        monkeypatch.setattr("agentos_governance.prompts.MAX_EMBEDDED_CHARS", len(packet))
        _, fitting = (await client.get_prompt("architect", {"work_order": order})).messages[2:]
        monkeypatch.setattr("agentos_governance.prompts.MAX_EMBEDDED_CHARS", len(packet) - 1)
        linked = (await client.get_prompt("architect", {"work_order": order})).messages[3]
    assert (fitting.content.type, linked.content.type) == ("resource", "resource_link")
    assert str(linked.content.uri) == f"{ORDERS}{order}/resume-packet"  # type: ignore[union-attr]


def test_the_methods_are_short_and_name_only_tools_that_exist() -> None:
    tools = set(collect_functions(load_plugins(default_plugins())).tools)
    assert sorted(each.function.name for each in PROMPTS) == PERSONAS
    for name in PERSONAS:
        text = method(name)
        assert len(text) < 2_000
        named = {word for word in text.split("`")[1::2] if "_" in word}
        assert named - tools <= {"depends_on", "packet_sha256", "in_review", "request_changes"}


def parts_of(rendered: Any) -> tuple[list[str], Mapping[str, str]]:
    contents = [message.content for message in rendered.messages]
    texts = [each.text for each in contents if each.type == "text"]
    embedded = [each.resource for each in contents if each.type == "resource"]
    return texts, {str(each.uri): each.text for each in embedded}
