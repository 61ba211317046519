"""Acting for a person over real HTTP and with real clients: the same on every way into the kernel.

Required by the trap of fast paths: one place of identity below both ways (`agentos.mcp.direct_call` and
the SDK), in both eras of the protocol, for tools, listings, resources and prompts.
"""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from mcp import MCPError

from agentos import Settings
from agentos.testing import Era, connect_client, serve_http
from tests.agentos.mcp.edge import legacy_call, modern_call
from tests.agentos_governance.lifecycle import Office, open_office
from tests.agentos_governance.persons.acting import CHANNEL, add_person, waiting_work

pytestmark = pytest.mark.anyio

KEY = "agentos/on_behalf_of"


def meta_for(external_id: str | None) -> Any:
    """The `_meta` of a request for the person behind an identity."""
    identity = None if external_id is None else {"channel": CHANNEL, "id": external_id}
    return {KEY: identity}


async def post(
    http: httpx.AsyncClient, office: Office, who: str, request: tuple[Any, dict[str, str]]
) -> dict[str, Any]:
    """The result of a call over HTTP as `who`; the last event where it is answered by a stream."""
    body, headers = request
    headers["authorization"] = f"Bearer {office.tokens[who]}"
    response = await http.post("/mcp", json=body, headers=headers)
    if response.headers["content-type"].startswith("text/event-stream"):
        lines = [line for line in response.text.splitlines() if line.startswith("data: {")]
        answer = httpx.Response(200, text=lines[-1].removeprefix("data: ")).json()
    else:
        answer = response.json()
    result: dict[str, Any] = answer["result"]
    return result


@pytest.mark.parametrize("direct_calls", [True, False])
async def test_a_call_over_http_is_the_persons_in_both_eras_and_on_both_ways(
    settings: Settings, direct_calls: bool
) -> None:
    async with (
        open_office(settings, direct_calls=direct_calls) as office,
        serve_http(office.kernel) as url,
        httpx.AsyncClient(base_url=url, timeout=60) as http,
    ):
        ada, ben = await add_person(office, "Ada"), await add_person(office, "Ben")
        waiting = await waiting_work(office, contract={"review": {"quorum": 2, "by": "human"}})
        vote = {"review": waiting["id"], "sha256": waiting["sha256"], "verdict": "approve"}
        for call, person in ((modern_call, ada), (legacy_call, ben)):
            unlinked = await post(http, office, "bot", call("decide", vote, meta_for("T1:X")))
            assert unlinked["structuredContent"]["error"]["rule"] == "identity.unlinked"
            nobody = await post(http, office, "bot", call("decide", vote, meta_for(None)))
            assert nobody["structuredContent"]["error"]["code"] == "invalid_argument"
            itself = await post(http, office, "bot", call("decide", vote))
            assert itself["structuredContent"]["error"]["rule"] == "role:bot"
            forged = await post(http, office, "w1", call("decide", vote, meta_for(person)))
            assert forged["structuredContent"]["error"]["rule"] == "on_behalf_of"
            decided = await post(http, office, "bot", call("decide", vote, meta_for(person)))
            assert not decided["isError"], decided
        assert decided["structuredContent"]["outcome"] == "approved"
        votes = await office.events(type="work_order.reviewed")
        assert [each["data"]["person"] for each in votes] == ["Ada", "Ben"]
        # With progress asked for, the SDK answers, whatever the setting.
        streamed = await post(
            http,
            office,
            "bot",
            modern_call("list_waiting", {}, {**meta_for(ada), "progressToken": 1}),
        )
        assert not streamed["isError"]
        recorded = await office.events("principal/Ada", "call.allowed")
        assert {each["data"]["via"] for each in recorded} == {"bot"}


@pytest.mark.parametrize("era", ["2026-07-28", "2025-11-25"])
async def test_listings_resources_and_prompts_know_the_person_too(
    settings: Settings, era: Era
) -> None:
    async with open_office(settings) as office:
        ada = await add_person(office, "Ada")
        order = await office.create()
        uri = f"agentos://work-orders/{order}"
        async with connect_client(office.kernel, era=era, token=office.tokens["bot"]) as client:
            called = await client.call_tool("list_waiting", {}, meta=meta_for(ada))
            assert not called.is_error
            shown = await client.list_tools(meta=meta_for(ada))
            assert "decide" in {each.name for each in shown.tools}
            await client.read_resource(uri, meta=meta_for(ada))
            for refused in (
                client.read_resource(uri, meta=meta_for("T1:X")),
                client.get_prompt("reviewer", meta=meta_for("T1:X")),
                client.list_tools(meta=meta_for("T1:X"), cache_mode="bypass"),
            ):
                with pytest.raises(MCPError, match="nobody is linked"):
                    await refused
        async with connect_client(office.kernel, era=era, token=office.tokens["w1"]) as worker:
            with pytest.raises(MCPError, match="may not act for others"):
                await worker.read_resource(uri, meta=meta_for(ada))
        reads = [e for e in await office.events(type="call.allowed") if e["actor"] == "Ada"]
        assert {each["data"]["via"] for each in reads} == {"bot"}
