"""AgentOS as an OAuth resource server, against a real authorization server with real keys.

Required by the issue "Edge" (identity in HTTP), RFC 9728, RFC 9068, RFC 6750, RFC 8725.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
import tomllib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider, TokenStorage
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from agentos import (
    ConfigurationError,
    InvalidArgumentError,
    Kernel,
    Role,
    Settings,
    UnavailableError,
    open_kernel,
)
from agentos.http.listener import bind
from agentos.http.process import EdgeServer
from agentos.identity.oauth import issuer as issuer_module
from agentos.identity.oauth.issuer import ATTEMPT_EVERY_S, IssuerKeys
from agentos.identity.oauth.settings import IssuerSettings, parse_oauth
from agentos.testing import serve_http
from tests.agentos.identity.authorization_server import (
    AuthorizationServer,
    SigningKey,
    serve_authorization,
)
from tests.agentos.mcp import edge_plugin
from tests.agentos.mcp.edge import modern_call

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[3]
AUDIENCE = "https://agentos.example.com/mcp"
ROLES = [
    {"claim": "realm_access.roles", "value": "lead", "role": "admin", "profile": "all"},
    {"claim": "scope", "value": "agentos:review", "role": "reviewer"},
    {"claim": "scope", "value": "agentos:work", "role": "worker"},
]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine answers for the issuer late; tests of how long one waits set it again."""
    monkeypatch.setattr(issuer_module, "FETCH_TIMEOUT_S", 60.0)


@pytest.fixture
async def issuer() -> AsyncIterator[AuthorizationServer]:
    async with serve_authorization() as server:
        yield server


@asynccontextmanager
async def served(
    settings: Settings, issuer: AuthorizationServer, audience: str = AUDIENCE, **oauth: Any
) -> AsyncIterator[tuple[Kernel, httpx.AsyncClient]]:
    table = {"issuer": issuer.issuer, "audience": audience, "roles": ROLES, **oauth}
    chosen = settings.model_copy(update={"oauth": table})
    async with (
        open_kernel(chosen, extra_plugins={"edge_test": edge_plugin}) as kernel,
        serve_http(kernel) as url,
        httpx.AsyncClient(base_url=url, timeout=60) as http,
    ):
        yield kernel, http


async def whoami(http: httpx.AsyncClient, token: str) -> httpx.Response:
    body, headers = modern_call("whoami", {})
    return await http.post(
        "/mcp", json=body, headers={**headers, "authorization": f"Bearer {token}"}
    )


def caller(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["result"]["structuredContent"]
    return found


def refused(answer: httpx.Response) -> str:
    """What a refused request was told; nothing of it may have run."""
    assert answer.status_code == 401, answer.text
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    return str(answer.json()["error"]["message"])


async def test_a_token_of_the_issuer_is_who_it_says_in_the_role_that_its_claims_give(
    settings: Settings, issuer: AuthorizationServer
) -> None:
    label = issuer.issuer.removeprefix("http://").replace(":", "%3A")
    async with served(settings, issuer) as (kernel, http):
        worker = caller(await whoami(http, issuer.token(AUDIENCE)))
        lead = issuer.token(["https://other", AUDIENCE], realm_access={"roles": ["x", "lead"]})
        reviewer = issuer.token(AUDIENCE, scope="openid agentos:review agentos:work")
        assert worker["role"] == "worker" and worker["name"] == f"oauth:{label}:ada"
        assert caller(await whoami(http, lead))["role"] == "admin"
        assert caller(await whoami(http, reviewer))["role"] == "reviewer"
        own = await kernel.tokens.create("ada", Role.PLANNER, now=kernel.clock.now())
        assert caller(await whoami(http, own.secret))["name"] == "ada"
    assert issuer.requests == ["metadata", "keys"], "keys are kept"


async def test_the_audit_names_the_human_s_subject_and_the_program(
    settings: Settings, issuer: AuthorizationServer
) -> None:
    token = issuer.token(AUDIENCE, client_id="codex", email="ada@example.com", email_verified=True)
    async with served(settings, issuer, person_claim="email") as (kernel, http):
        caller(await whoami(http, token))
        (allowed,) = [
            event for event in await kernel.bus.reader.read(0) if event.type == "call.allowed"
        ]
        assert kernel.oauth is not None
        principal = await kernel.oauth.authenticate(token, now=kernel.clock.now())
    assert allowed.actor == principal.name and allowed.actor.endswith(":ada")
    assert (principal.answerable, principal.client) == ("ada@example.com", "codex")
    assert allowed.data["client"] == "codex"


@pytest.mark.parametrize("said", [False, "false", None, 0])
async def test_an_address_that_nobody_verified_names_no_person(
    settings: Settings, issuer: AuthorizationServer, said: object
) -> None:
    token = issuer.token(AUDIENCE, email="ada@example.com", email_verified=said)
    async with served(settings, issuer, person_claim="email") as (_, http):
        answer = await whoami(http, token)
    assert (answer.status_code, "not verified" in answer.text) == (401, True)


BAD_CLAIMS: Mapping[str, tuple[dict[str, Any], str]] = {
    "expired": ({"exp": int(time.time()) - 60}, "expired"),
    # These are made when the tests are collected, which may be hours before this one runs.
    "not yet": ({"nbf": int(time.time()) + 864_000}, "not valid yet"),
    "issued in the future": ({"iat": int(time.time()) + 864_000}, "not valid yet"),
    "for another resource": ({"aud": "https://other.example.com/mcp"}, "another resource"),
    "for a resource below": ({"aud": f"{AUDIENCE}/x"}, "another resource"),
    "for a resource above": ({"aud": "https://agentos.example.com"}, "another resource"),
    "of another issuer": ({"iss": "https://evil.example.com"}, "another issuer"),
    "without a subject": ({"sub": ""}, "sub"),
    "with a number as subject": ({"sub": 7}, "not valid"),
    "with a line in the subject": ({"sub": "ada\nroot"}, "sub"),
    "with a long subject": ({"sub": "a" * 190}, "too long"),
    "with a text as time": ({"exp": "tomorrow"}, "not a time"),
    "with truth as time": ({"exp": True}, "not a time"),
}


async def test_a_token_with_a_bad_claim_is_refused(
    settings: Settings, issuer: AuthorizationServer
) -> None:
    async with served(settings, issuer) as (kernel, http):
        for attempt, (claims, said) in BAD_CLAIMS.items():
            token = issuer.token(AUDIENCE, **claims)
            assert said in refused(await whoami(http, token)), attempt
        assert await kernel.bus.reader.read(0) == []


async def test_a_token_without_a_needed_claim_is_refused(
    settings: Settings, issuer: AuthorizationServer
) -> None:
    async with served(settings, issuer) as (_, http):
        for name in ("iss", "aud", "exp", "sub"):
            answer = await whoami(http, issuer.token(AUDIENCE, without=(name,)))
            assert f"lacks the claim `{name}`" in refused(answer)


def forged(header: Mapping[str, Any], claims: Mapping[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


async def test_forged_signatures_and_confused_algorithms_are_refused(
    settings: Settings, issuer: AuthorizationServer
) -> None:
    good = issuer.token(AUDIENCE)
    head, body, signature = good.split(".")
    claims = jwt.decode(good, options={"verify_signature": False})
    public = issuer.keys[0].private.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    other = SigningKey.make("k1")
    admin = base64.urlsafe_b64encode(
        json.dumps({**claims, "realm_access": {"roles": ["lead"]}}).encode()
    ).decode()
    by_hmac = jwt.api_jws.PyJWS().get_algorithm_by_name("HS256")
    signing_input = forged({"alg": "HS256", "kid": "k1"}, claims).rpartition(".")[0]
    confused = by_hmac.sign(signing_input.encode(), pem)
    attempts = {
        "no signature": forged({"alg": "none", "kid": "k1"}, claims),
        "no algorithm": forged({"kid": "k1"}, claims),
        "an empty signature": f"{head}.{body}.",
        "a cut signature": good[:-20],
        "other claims": f"{head}.{admin.rstrip('=')}.{signature}",
        "a key of the same id": issuer.token(AUDIENCE, key=other),
        "a public key as secret": forged({"alg": "HS256", "kid": "k1"}, claims, confused),
        "another algorithm of the same key": issuer.token(
            AUDIENCE, key=SigningKey("k1", issuer.keys[0].private, "PS256")
        ),
        "an embedded key": issuer.token(AUDIENCE, key=other, headers={"jwk": other.public()}),
        "a key by URL": issuer.token(AUDIENCE, key=other, headers={"jku": "http://127.0.0.1:1/k"}),
        "a critical header": issuer.token(AUDIENCE, headers={"crit": ["x"], "x": 1}),
        "an id token's type": issuer.token(AUDIENCE, headers={"typ": "logout+jwt"}),
        "no JSON": "a.b.c",
        "too long": issuer.token(AUDIENCE, padding="x" * 17_000),
    }
    async with served(settings, issuer, algorithms=["RS256", "PS256"]) as (kernel, http):
        for attempt, token in attempts.items():
            answer = await whoami(http, token)
            assert answer.status_code in (401, 431), (attempt, answer.text)
        assert caller(await whoami(http, good))["role"] == "worker"
        events = await kernel.bus.reader.read(0)
    assert {event.type for event in events} == {"call.allowed", "call.finished"}, events
    assert len(events) == 2


async def test_a_token_that_is_good_and_gives_no_role_is_403_insufficient_scope(
    settings: Settings, issuer: AuthorizationServer
) -> None:
    async with served(settings, issuer, scopes=["agentos:work"]) as (_, http):
        unmapped = issuer.token(AUDIENCE, scope="openid profile")
        answer = await whoami(http, unmapped)
        assert answer.status_code == 403
        challenge = answer.headers["www-authenticate"]
        assert 'error="insufficient_scope"' in challenge and 'scope="agentos:work"' in challenge
        assert answer.json()["error"]["data"] == {"code": "insufficient_scope"}
    async with served(settings, issuer) as (_, http):
        for scope in ("", "agentos:worker", "agentos:WORK", ["agentos:work2"]):
            assert (await whoami(http, issuer.token(AUDIENCE, scope=scope))).status_code == 403


async def test_keys_are_rotated_without_a_restart_and_withdrawn_ones_end(
    settings: Settings, issuer: AuthorizationServer
) -> None:
    async with served(settings, issuer, keys_fresh_s=10) as (kernel, http):
        assert kernel.oauth is not None
        clock = Moved(kernel)
        before = issuer.token(AUDIENCE)
        caller(await whoami(http, before))
        issuer.keys.insert(0, SigningKey.make("k2", "ES256"))
        after = issuer.token(AUDIENCE)
        refused(await whoami(http, after))
        clock.advance(ATTEMPT_EVERY_S)
        caller(await whoami(http, after))
        caller(await whoami(http, before))
        issuer.keys.pop()
        # Nobody asked for so long that the known keys are not served first.
        clock.advance(21)
        refused(await whoami(http, before))
        caller(await whoami(http, after))


async def test_invented_key_ids_do_not_make_the_server_ask_the_issuer_again_and_again(
    settings: Settings, issuer: AuthorizationServer
) -> None:
    async with served(settings, issuer) as (kernel, http):
        Moved(kernel)
        await whoami(http, issuer.token(AUDIENCE))
        for number in range(10):
            refused(
                await whoami(
                    http,
                    issuer.token(
                        AUDIENCE, key=SigningKey.make("x", "ES256"), headers={"kid": f"k{number}!"}
                    ),
                )
            )
    assert issuer.requests.count("keys") == 1


async def test_an_issuer_that_is_down_fails_closed_or_is_bridged_by_known_keys_for_a_time(
    settings: Settings, issuer: AuthorizationServer
) -> None:
    issuer.is_down = True
    async with served(settings, issuer, keys_stale_s=100) as (kernel, http):
        clock = Moved(kernel)
        answer = await whoami(http, issuer.token(AUDIENCE))
        assert answer.status_code == 503 and "retry-after" in answer.headers
        own = await kernel.tokens.create("w", Role.WORKER, now=kernel.clock.now())
        caller(await whoami(http, own.secret))
        issuer.is_down = False
        clock.advance(ATTEMPT_EVERY_S)
        caller(await whoami(http, issuer.token(AUDIENCE)))
        issuer.is_down = True
        clock.advance(350)
        caller(await whoami(http, issuer.token(AUDIENCE)))
        clock.advance(60)
        assert (await whoami(http, issuer.token(AUDIENCE))).status_code == 503


async def test_metadata_of_another_issuer_are_not_believed(settings: Settings) -> None:
    async with (
        serve_authorization(stated_issuer="https://evil.example.com") as issuer,
        served(settings, issuer) as (_, http),
    ):
        assert (await whoami(http, issuer.token(AUDIENCE))).status_code == 503
    assert "keys" not in issuer.requests


@pytest.mark.parametrize(
    ("issuer", "keys_url", "is_used"),
    [
        ("https://id.example.com", "http://127.0.0.1:9/keys", False),
        ("https://id.example.com", "http://localhost:9/keys", False),
        ("https://id.example.com", "https://id.example.com/keys", True),
        ("http://127.0.0.1:9", "http://127.0.0.1:9/keys", True),
    ],
)
async def test_an_issuer_elsewhere_does_not_lead_the_server_to_this_machine(
    issuer: str, keys_url: str, is_used: bool
) -> None:
    """Plain HTTP on loopback is for an issuer that is itself there, not for what others publish."""
    oauth = parse_oauth({"issuer": issuer, "audience": AUDIENCE, "roles": ROLES})
    assert oauth is not None
    document = {"issuer": issuer, "jwks_uri": keys_url}
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        return httpx2.Response(200, json=document)

    keys = IssuerKeys(oauth.issuers[0])
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as client:
        if is_used:
            assert await keys._discover(client) == keys_url
        else:
            with pytest.raises(UnavailableError, match="jwks_uri"):
                await keys._discover(client)
    assert len(asked) == 1 and not asked[0].endswith("/keys")


async def test_openid_discovery_serves_where_there_is_no_oauth_metadata(settings: Settings) -> None:
    async with (
        serve_authorization(metadata_at="oidc") as issuer,
        served(settings, issuer) as (_, http),
    ):
        caller(await whoami(http, issuer.token(AUDIENCE)))


@pytest.mark.parametrize("algorithm", ["RS256", "PS512", "ES256", "EdDSA"])
async def test_accepted_algorithms_are_those_of_the_settings(
    settings: Settings, algorithm: str
) -> None:
    key = SigningKey.make("k", algorithm)
    async with serve_authorization(keys=[key]) as issuer:
        async with served(settings, issuer, algorithms=[algorithm]) as (_, http):
            caller(await whoami(http, issuer.token(AUDIENCE, headers={"typ": "at+jwt"})))
        others = [each for each in ("RS384", "ES384") if each != algorithm]
        async with served(settings, issuer, algorithms=others) as (_, http):
            refused(await whoami(http, issuer.token(AUDIENCE)))


async def test_short_and_private_keys_of_the_issuer_are_not_used(settings: Settings) -> None:
    short = SigningKey.make("short", bits=1024)
    async with (
        serve_authorization(keys=[short]) as issuer,
        served(settings, issuer) as (_, http),
    ):
        with pytest.warns(jwt.InsecureKeyLengthWarning):
            token = issuer.token(AUDIENCE)
        assert "no key of the issuer" in refused(await whoami(http, token))


async def test_only_access_tokens_pass_where_the_settings_say_so(
    settings: Settings, issuer: AuthorizationServer
) -> None:
    async with served(settings, issuer, require_access_token_type=True) as (_, http):
        caller(await whoami(http, issuer.token(AUDIENCE, headers={"typ": "at+jwt"})))
        for kind in ("JWT", "id_token"):
            refused(await whoami(http, issuer.token(AUDIENCE, headers={"typ": kind})))


async def test_metadata_and_challenges_lead_a_client_to_the_issuer(
    settings: Settings, issuer: AuthorizationServer
) -> None:
    settings = settings.model_copy(update={"require_token": True})
    async with served(settings, issuer, scopes=["agentos:work"]) as (_, http):
        for path in ("", "/mcp"):
            answer = await http.get(f"/.well-known/oauth-protected-resource{path}")
            assert answer.json() == {
                "resource": AUDIENCE,
                "authorization_servers": [issuer.issuer],
                "bearer_methods_supported": ["header"],
                "resource_name": "AgentOS",
                "scopes_supported": ["agentos:work"],
            }
        anonymous = await http.post("/mcp", json={})
        assert anonymous.status_code == 401
        expected = f'resource_metadata="https://agentos.example.com{PRM}/mcp"'
        assert expected in anonymous.headers["www-authenticate"]


PRM = "/.well-known/oauth-protected-resource"


async def test_without_the_setting_there_is_no_metadata_and_no_jwt_is_good(
    settings: Settings, issuer: AuthorizationServer
) -> None:
    async with (
        open_kernel(settings, extra_plugins={"edge_test": edge_plugin}) as kernel,
        serve_http(kernel) as url,
        httpx.AsyncClient(base_url=url, timeout=60) as http,
    ):
        assert (await http.get(PRM)).status_code == 404
        assert "resource_metadata" not in (await whoami(http, "a.b.c")).headers["www-authenticate"]
        refused(await whoami(http, issuer.token(AUDIENCE)))
    assert issuer.requests == []


async def test_nobody_else_can_be_called_like_a_caller_of_the_issuer(settings: Settings) -> None:
    async with open_kernel(settings) as kernel:
        for name in ("oauth:login.example.com:ada", " OAuth:x"):
            with pytest.raises(InvalidArgumentError, match="identity provider"):
                await kernel.tokens.create(name, Role.WORKER, now=kernel.clock.now())
    with pytest.raises(ValueError, match="identity provider"):
        Settings(worker="oauth:login.example.com:ada")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"issuer": "http://login.example.com"}, "oauth.issuer"),
        ({"audience": "agentos"}, "oauth.audience"),
        ({"jwks_url": "http://10.0.0.1/keys"}, "oauth.jwks_url"),
        ({"issuer": "https://me@login.example.com"}, "oauth.issuer"),
        ({"algorithms": ["HS256"]}, "oauth.algorithms"),
        ({"algorithms": ["none"]}, "oauth.algorithms"),
        ({"roles": []}, "oauth.roles"),
        ({"roles": [{"claim": "scope", "value": "x", "role": "king"}]}, "oauth.roles"),
        ({"leeway_s": 3_600}, "oauth.leeway_s"),
        ({"secret": "x"}, "oauth.secret"),
    ],
)
def test_settings_that_are_not_safe_stop_the_start(change: dict[str, Any], said: str) -> None:
    table = {"issuer": "https://login.example.com", "audience": AUDIENCE, "roles": ROLES}
    assert parse_oauth(table) is not None and parse_oauth({}) is None
    with pytest.raises(ConfigurationError, match=said):
        parse_oauth({**table, **change})


def test_the_example_of_the_operators_page_is_good() -> None:
    page = (ROOT / "docs" / "operators.md").read_text("utf-8")
    (example,) = [part for part in page.split("```toml\n") if part.startswith("[oauth]")]
    parsed = parse_oauth(tomllib.loads(example.split("```")[0])["oauth"])
    assert parsed is not None and len(parsed.issuers) == 2
    assert [rule.role for rule in parsed.issuers[0].roles] == ["admin", "worker"]
    fields = {*type(parsed).model_fields, *IssuerSettings.model_fields}
    assert [name for name in sorted(fields) if f"`{name}`" not in page] == []


class Kept(TokenStorage):
    """Keeps what the client gets, in memory."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


async def test_the_official_client_gets_in_by_the_code_flow_with_pkce(
    settings: Settings, issuer: AuthorizationServer
) -> None:
    listener = bind("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
    oauth = {"issuer": issuer.issuer, "audience": url, "roles": ROLES, "scopes": ["agentos:work"]}
    chosen = settings.model_copy(update={"oauth": oauth, "require_token": True})
    redirected: list[str] = []

    async def follow(authorization_url: str) -> None:
        async with httpx.AsyncClient(timeout=60) as browser:
            redirected.append((await browser.get(authorization_url)).headers["location"])

    async def callback() -> AuthorizationCodeResult:
        answer = parse_qs(urlsplit(redirected[0]).query)
        return AuthorizationCodeResult(code=answer["code"][0], state=answer["state"][0])

    metadata = OAuthClientMetadata.model_validate(
        {"redirect_uris": ["http://127.0.0.1:1/callback"], "token_endpoint_auth_method": "none"}
    )
    kept = Kept()
    async with (
        open_kernel(chosen, extra_plugins={"edge_test": edge_plugin}) as kernel,
        running(kernel, listener),
        create_mcp_http_client(
            auth=OAuthClientProvider(url, metadata, kept, follow, callback)
        ) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        result = await client.call_tool("whoami", {})
        names = [each.name for each in (await client.list_tools()).tools]
    assert result.structured_content is not None
    assert result.structured_content["name"].endswith(":ada")
    assert "whoami" in names and kept.tokens is not None


@asynccontextmanager
async def running(kernel: Kernel, listener: Any) -> AsyncIterator[None]:
    started = asyncio.Event()
    server = EdgeServer(kernel, on_ready=started.set)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    async with asyncio.timeout(60):
        await started.wait()
    try:
        yield
    finally:
        server.stop()
        await serving


class Moved:
    """Holds the clock by which a kernel's issuer keys age, and moves it."""

    def __init__(self, kernel: Kernel) -> None:
        assert kernel.oauth is not None
        self.now_s = time.monotonic()
        for issuer in kernel.oauth.issuers.values():
            issuer.keys._monotonic = lambda: self.now_s

    def advance(self, seconds: float) -> None:
        self.now_s += seconds
