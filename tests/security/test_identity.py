"""Who calls is what a valid token says, and nothing else (docs/security.md)."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from agentos import CallRequest, Credentials, RequestError, Role
from agentos.testing import serve_http
from tests.agentos.mcp.edge import legacy_call, modern_call
from tests.agentos_governance.lifecycle import Office
from tests.security.catalogue import attempt

pytestmark = pytest.mark.anyio

AMENDMENT = {"cost_budget_usd": "1.00", "allowed_tools": ["*"], "allowed_roots": ["."]}


@pytest.fixture
async def http(office: Office) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serve_http(office.kernel) as url,
        httpx.AsyncClient(base_url=url, timeout=60) as client,
    ):
        yield client


async def _post(
    http: httpx.AsyncClient,
    tool: str,
    arguments: dict[str, Any],
    headers: list[tuple[str, str]],
    meta: dict[str, Any] | None = None,
) -> httpx.Response:
    body, own = modern_call(tool, arguments, meta)
    return await http.post("/mcp", json=body, headers=[*own.items(), *headers])


def _is_refused(answer: httpx.Response) -> bool:
    if answer.status_code >= 400:
        return True
    document = answer.json()
    return "error" in document or bool(document["result"].get("isError"))


@attempt("identity")
async def test_a_token_that_was_not_handed_out_is_nobody(office: Office) -> None:
    good = office.tokens["w1"]
    for forged in (
        *("", "aos_", "null", "None", "undefined", "Bearer", "*", "' or 1=1 --", "%", "w1"),
        *(good[:-1], good + "x", good.upper(), good.swapcase(), f" {good}", f"{good}\x00"),
        *(good[4:], f"aos_{good}", "\ud800", good.replace("aos_", "a\u043es_"), good + "="),
    ):
        with pytest.raises(RequestError) as raised:
            await office.kernel.dispatch(
                CallRequest("list_work_orders", {}, Credentials(bearer_token=forged), "test")
            )
        assert good not in str(raised.value)


@attempt("identity")
async def test_a_refused_token_says_nothing_of_the_right_ones(office: Office) -> None:
    said = set()
    for forged in (office.tokens["w1"][:-1], "aos_" + "x" * 43, "y"):
        with pytest.raises(RequestError) as raised:
            await office.kernel.dispatch(
                CallRequest("list_work_orders", {}, Credentials(bearer_token=forged), "test")
            )
        said.add(str(raised.value))
    assert len(said) == 1


@attempt("identity")
async def test_a_token_is_worth_nothing_the_moment_it_expires_or_is_revoked(
    office: Office,
) -> None:
    now = office.clock.now
    short = await office.kernel.tokens.create("a", Role.ADMIN, now=now(), ttl_s=1)
    gone = await office.kernel.tokens.create("b", Role.ADMIN, now=now())
    await office.kernel.tokens.revoke(gone.id, now=now())
    office.clock.advance(1)
    for secret in (short.secret, gone.secret):
        with pytest.raises(RequestError):
            await office.kernel.dispatch(
                CallRequest("list_work_orders", {}, Credentials(bearer_token=secret), "test")
            )
        with pytest.raises(RequestError):
            credentials = Credentials(bearer_token=secret, is_local=True)
            await office.kernel.dispatch(CallRequest("list_work_orders", {}, credentials, "test"))


@attempt("identity")
async def test_what_a_client_says_of_itself_gives_no_authority(office: Office) -> None:
    order = await office.create()
    for claims in (
        {"role": "admin"},
        {"principal": {"name": "admin", "role": "admin"}},
        {"agentos/role": "admin", "agentos/worker": "admin", "agentos/person": "admin"},
        {"authorization": f"Bearer {office.tokens['admin']}"},
        {"client": "admin/1", "model": "admin", "is_local": True},
        {"contract": AMENDMENT, "approved": True, "verdict": "allow"},
    ):
        for tool, arguments in (
            ("amend_contract", {"work_order": order, "contract": AMENDMENT, "reason": "More"}),
            ("cancel_work_order", {"work_order": order, "reason": "Away"}),
            ("stop_spending", {"reason": "All of it"}),
        ):
            request = CallRequest(
                tool,
                arguments,
                Credentials(bearer_token=office.tokens["w1"]),
                "test",
                claims=claims,
            )
            assert (await office.kernel.dispatch(request)).is_error, (tool, claims)
    recorded = [event["data"] for event in await office.events(type="call.refused")]
    assert not any(office.tokens["admin"] in str(data) for data in recorded)


@attempt("identity")
async def test_an_identity_among_the_arguments_is_refused(office: Office) -> None:
    order = await office.create()
    await office.claim("w1", order)
    evidence = {"work_order": order, "kind": "note", "claim": "It is so", "content": "x"}
    for name, value in (
        ("token", office.tokens["admin"]),
        ("bearer_token", office.tokens["admin"]),
        ("authorization", f"Bearer {office.tokens['admin']}"),
        ("principal", "admin"),
        ("worker", "w2"),
        ("role", "admin"),
        ("person", "somebody"),
        ("as", "admin"),
        ("_meta", {"agentos/role": "admin"}),
        ("call", {}),
    ):
        result = await office.dispatch("w1", "record_evidence", {**evidence, name: value})
        assert result.error_code == "invalid_argument", name
        assert office.tokens["admin"] not in result.text
    logged = await office.events()
    assert not any(office.tokens["admin"] in str(event["data"]) for event in logged)


@attempt("identity")
async def test_headers_that_pose_as_somebody_are_refused(
    office: Office, http: httpx.AsyncClient
) -> None:
    admin, worker = office.tokens["admin"], office.tokens["w1"]
    basic = base64.b64encode(f"admin:{admin}".encode()).decode()
    order = await office.create()
    arguments = {"work_order": order, "contract": AMENDMENT, "reason": "More"}
    for headers in (
        [("authorization", f"Bearer {worker}"), ("authorization", f"Bearer {admin}")],
        [("authorization", f"Bearer {worker}, Bearer {admin}")],
        [("authorization", f"Basic {basic}")],
        [("authorization", f"Token {admin}")],
        [("authorization", admin)],
        [("authorization", "Bearer")],
        [("authorization", "")],
        [("authorization", f"Bearer {worker}"), ("x-agentos-role", "admin")],
        [("authorization", f"Bearer {worker}"), ("x-forwarded-user", "admin")],
        [("authorization", f"Bearer {worker}"), ("x-original-authorization", f"Bearer {admin}")],
        [("cookie", f"token={admin}; authorization=Bearer {admin}")],
        [("proxy-authorization", f"Bearer {admin}")],
        [("x-api-key", admin)],
        [("x-forwarded-for", "127.0.0.1")],
        [("forwarded", "for=127.0.0.1")],
    ):
        answer = await _post(http, "amend_contract", arguments, headers)
        assert _is_refused(answer), headers
        assert admin not in answer.text
    answer = await http.post(
        f"/mcp?token={admin}&access_token={admin}",
        json=modern_call("amend_contract", arguments)[0],
        headers=modern_call("amend_contract", arguments)[1],
    )
    assert _is_refused(answer)


@attempt("identity")
async def test_a_session_or_meta_over_http_does_not_change_who_calls(
    office: Office, http: httpx.AsyncClient
) -> None:
    order = await office.create()
    await office.claim("w2", order)
    worker = [("authorization", f"Bearer {office.tokens['w1']}")]
    evidence = {"work_order": order, "kind": "note", "claim": "It is so", "content": "x"}
    for meta in (
        {"agentos/work_order": order},
        {"agentos/work_order": order, "agentos/worker": "w2", "agentos/epoch": 1},
        {"agentos/token": office.tokens["w2"]},
        {"authorization": f"Bearer {office.tokens['w2']}"},
        {"io.modelcontextprotocol/clientInfo": {"name": "w2", "version": "1"}},
    ):
        answer = await _post(http, "record_evidence", evidence, worker, meta)
        assert _is_refused(answer), meta
        body, headers = legacy_call("record_evidence", evidence, meta)
        sent = [*headers.items(), *worker, ("mcp-session-id", office.tokens["w2"])]
        assert _is_refused(await http.post("/mcp", json=body, headers=sent)), meta


@attempt("identity")
async def test_headers_that_name_another_tool_than_the_body_admit_neither(
    office: Office, http: httpx.AsyncClient
) -> None:
    order = await office.create()
    arguments = {"work_order": order, "contract": AMENDMENT, "reason": "More"}
    body, headers = modern_call("amend_contract", arguments)
    worker = {"authorization": f"Bearer {office.tokens['w1']}"}
    for lie in ({"mcp-name": "list_work_orders"}, {"mcp-method": "tools/list"}):
        assert _is_refused(await http.post("/mcp", json=body, headers={**headers, **worker, **lie}))
    smuggled = [body, body]
    assert _is_refused(await http.post("/mcp", json=smuggled, headers={**headers, **worker}))


@attempt("identity")
async def test_no_role_does_what_is_another_s(office: Office) -> None:
    await office.join("a-bot", Role.BOT)
    order = await office.create()
    through = []
    for who, tools in {
        "w1": ("amend_contract", "review_work_order", "stop_spending", "set_budget", "unlock_tool"),
        "reviewer": ("amend_contract", "cancel_work_order", "set_budget", "create_work_order"),
        "planner": ("review_work_order", "decide_review", "set_budget", "resume_spending"),
        "a-bot": ("claim_work_order", "amend_contract", "decide_review", "stop_spending"),
    }.items():
        for tool in tools:
            arguments = {"work_order": order, "contract": AMENDMENT, "reason": "Why not"}
            known = office.kernel.tools[tool].input_schema["properties"]
            result = await office.dispatch(
                who, tool, {name: value for name, value in arguments.items() if name in known}
            )
            if not result.is_error:
                through.append((who, tool))
    assert through == []


@attempt("identity")
async def test_nobody_gets_the_name_under_which_the_server_itself_acts(office: Office) -> None:
    for name in ("system", "System", " SYSTEM "):
        with pytest.raises(Exception, match="worker may not be"):
            await office.join("posing", Role.WORKER, worker=name)
    for name in ("a\nb", "a\x1b[31m", "a\u202eb", "a\u200bb", "x" * 201, "a\x00"):
        with pytest.raises(Exception, match="printable"):
            await office.join("odd", Role.WORKER, worker=name)
        with pytest.raises(Exception, match="printable"):
            await office.join("odd", Role.WORKER, person=name)


@attempt("identity")
async def test_calls_at_once_under_two_tokens_do_not_mix(office: Office) -> None:
    order = await office.create()
    await office.claim("w1", order)
    evidence = {"work_order": order, "kind": "note", "claim": "It is so", "content": "x"}
    calls = [
        office.dispatch(who, "record_evidence", evidence) for who in ("w1", "w2") for _ in range(6)
    ]
    results = await asyncio.gather(*calls)
    assert [result.is_error for result in results] == [False] * 6 + [True] * 6
