"""Several identity providers, and providers that hang, against real ones with real keys."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import anyio
import httpx
import pytest

from agentos import ConfigurationError, Kernel, Settings, open_kernel
from agentos.identity.oauth import issuer as issuer_module
from agentos.identity.oauth.issuer import IssuerKeys
from agentos.identity.oauth.settings import parse_oauth
from agentos.testing import serve_http
from tests.agentos.identity.authorization_server import AuthorizationServer, serve_authorization
from tests.agentos.identity.test_oauth import (
    AUDIENCE,
    PRM,
    ROLES,
    Moved,
    caller,
    patience,
    refused,
    served,
    whoami,
)
from tests.agentos.mcp import edge_plugin

pytestmark = pytest.mark.anyio
__all__ = ["patience"]


def keys_of(kernel: Kernel, issuer: AuthorizationServer) -> IssuerKeys:
    assert kernel.oauth is not None
    return kernel.oauth.issuers[issuer.issuer].keys


async def test_each_issuer_speaks_for_its_own_callers_and_for_nobody_else(
    settings: Settings,
) -> None:
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(serve_authorization())
        partner = await stack.enter_async_context(serve_authorization())
        stranger = await stack.enter_async_context(serve_authorization())
        oauth = {
            "issuer": ours.issuer,
            "audience": AUDIENCE,
            "roles": ROLES,
            "scopes": ["agentos:work"],
            "issuers": [
                {
                    "issuer": partner.issuer,
                    "roles": [{"claim": "groups", "value": "eyes", "role": "reviewer"}],
                }
            ],
        }
        kernel = await stack.enter_async_context(
            open_kernel(
                settings.model_copy(update={"oauth": oauth}),
                extra_plugins={"edge_test": edge_plugin},
            )
        )
        url = await stack.enter_async_context(serve_http(kernel))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=60))

        mine = caller(await whoami(http, ours.token(AUDIENCE)))
        theirs = caller(await whoami(http, partner.token(AUDIENCE, groups=["eyes"])))
        assert (mine["role"], theirs["role"]) == ("worker", "reviewer")
        # The same subject at two issuers is two callers.
        assert mine["name"] != theirs["name"] and theirs["name"].endswith(":ada")

        # A rule of one issuer gives nothing to tokens of another.
        lead = partner.token(AUDIENCE, realm_access={"roles": ["lead"]})
        assert (await whoami(http, lead)).status_code == 403
        # Nor does one's key sign for another, whatever the token says of itself.
        forged = partner.token(AUDIENCE, iss=ours.issuer)
        assert "no key of the issuer" in refused(await whoami(http, forged))
        assert "another issuer" in refused(await whoami(http, stranger.token(AUDIENCE)))
        assert stranger.requests == []

        metadata = (await http.get(PRM)).json()
        assert metadata["authorization_servers"] == [ours.issuer, partner.issuer]
        assert metadata["scopes_supported"] == ["agentos:work"]


def test_issuers_whose_callers_could_not_be_told_apart_stop_the_start() -> None:
    entry = {"issuer": "https://id.example.com/", "roles": ROLES}
    table = {"audience": AUDIENCE, "issuers": [entry, {**entry, "issuer": entry["issuer"][:-1]}]}
    with pytest.raises(ConfigurationError, match="same names"):
        parse_oauth(table)
    bad = {"issuer": "https://id.example.com", "roles": ROLES, "audience": AUDIENCE}
    with pytest.raises(ConfigurationError, match=r"oauth\.issuers\.0\.roles"):
        parse_oauth({**bad, "issuers": [{"issuer": "https://b.example.com", "roles": []}]})


async def test_known_keys_serve_while_an_issuer_hangs(settings: Settings) -> None:
    async with (
        serve_authorization() as issuer,
        served(settings, issuer, keys_fresh_s=10) as (kernel, http),
    ):
        clock = Moved(kernel)
        token = issuer.token(AUDIENCE)
        caller(await whoami(http, token))
        issuer.goes_on = anyio.Event()
        clock.advance(11)
        for _ in range(3):
            caller(await whoami(http, token))
        # Answered while the one request to the issuer was still without an answer.
        fetching = keys_of(kernel, issuer)._fetching
        assert fetching is not None and not fetching.done()
        assert issuer.requests.count("metadata") <= 2
        issuer.goes_on.set()
        await fetching
        assert issuer.requests.count("keys") == 2


async def test_an_issuer_that_hangs_from_the_start_costs_one_short_wait(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Long enough for the request to arrive on a busy machine.
    monkeypatch.setattr(issuer_module, "FETCH_TIMEOUT_S", 5.0)
    async with (
        serve_authorization(goes_on=anyio.Event()) as issuer,
        served(settings, issuer) as (kernel, http),
    ):
        clock = Moved(kernel)
        tokens = [issuer.token(AUDIENCE, sub=f"s{number}") for number in range(10)]
        answers = await asyncio.gather(*(whoami(http, token) for token in tokens))
        answers.append(await whoami(http, tokens[0]))
        assert {each.status_code for each in answers} == {503}
        assert issuer.requests == ["metadata"], "asked once, for all of them"
        assert issuer.goes_on is not None
        monkeypatch.setattr(issuer_module, "FETCH_TIMEOUT_S", 60.0)
        issuer.goes_on.set()
        clock.advance(11)
        answers = await asyncio.gather(*(whoami(http, token) for token in tokens))
        assert {caller(each)["role"] for each in answers} == {"worker"}
        assert issuer.requests.count("keys") == 1


async def test_an_issuer_that_did_not_answer_is_not_waited_for_as_long_as_its_keys_serve(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        serve_authorization() as issuer,
        served(settings, issuer, keys_fresh_s=10) as (kernel, http),
    ):
        clock = Moved(kernel)
        token = issuer.token(AUDIENCE)
        caller(await whoami(http, token))
        monkeypatch.setattr(issuer_module, "FETCH_TIMEOUT_S", 0.1)
        issuer.goes_on = anyio.Event()
        clock.advance(100)
        caller(await whoami(http, token))
        monkeypatch.setattr(issuer_module, "FETCH_TIMEOUT_S", 60)
        clock.advance(100)
        caller(await whoami(http, token))
        assert keys_of(kernel, issuer)._fetching is not None
