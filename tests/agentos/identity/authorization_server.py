"""An authorization server on loopback: metadata, keys, registration, the code flow with PKCE.

It signs real tokens with real keys over real HTTP, and can be made to misbehave by its fields.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import anyio
import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass
class SigningKey:
    """A key pair with its id."""

    id: str
    private: PrivateKey
    algorithm: str

    @classmethod
    def make(cls, id: str, algorithm: str = "RS256", bits: int = 2048) -> SigningKey:
        if algorithm.startswith("ES"):
            return cls(id, ec.generate_private_key(ec.SECP256R1()), algorithm)
        if algorithm == "EdDSA":
            return cls(id, ed25519.Ed25519PrivateKey.generate(), algorithm)
        return cls(id, rsa.generate_private_key(65537, bits), algorithm)

    def public(self) -> dict[str, Any]:
        """The key as a JWK."""
        if isinstance(self.private, rsa.RSAPrivateKey):
            jwk = RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        elif isinstance(self.private, ec.EllipticCurvePrivateKey):
            jwk = ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        else:
            jwk = OKPAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        jwk.pop("key_ops", None)
        return {**jwk, "kid": self.id, "use": "sig", "alg": self.algorithm}


@dataclass
class AuthorizationServer:
    """What it publishes, and whom it lets in."""

    base: str
    path: str = "/realms/work"
    keys: list[SigningKey] = field(default_factory=list)
    claims: dict[str, Any] = field(default_factory=lambda: {"scope": "agentos:work"})
    """Added to every token of the code flow."""
    metadata_at: str = "rfc8414"
    stated_issuer: str | None = None
    is_down: bool = False
    goes_on: anyio.Event | None = None
    """While set: it takes requests, and answers them once this happens."""
    requests: list[str] = field(default_factory=list)
    codes: dict[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return self.base + self.path

    def token(
        self,
        audience: Any,
        *,
        key: SigningKey | None = None,
        headers: Mapping[str, Any] | None = None,
        without: tuple[str, ...] = (),
        **claims: Any,
    ) -> str:
        """A signed access token; `claims` replace the usual ones."""
        key = key or self.keys[0]
        now = int(time.time())
        payload = {
            "iss": self.issuer,
            "aud": claims.pop("aud", audience),
            "sub": "ada",
            "iat": now,
            "exp": now + 600,
            "scope": "agentos:work",
            **claims,
        }
        for name in without:
            del payload[name]
        return jwt.encode(
            payload, key.private, key.algorithm, headers={"kid": key.id, **(headers or {})}
        )

    def app(self) -> Starlette:
        suffix = self.path
        paths = {
            "rfc8414": f"/.well-known/oauth-authorization-server{suffix}",
            "oidc": f"{suffix}/.well-known/openid-configuration",
        }
        return Starlette(
            routes=[
                Route(paths[self.metadata_at], self._metadata),
                Route("/keys", self._keys),
                Route("/register", self._register, methods=["POST"]),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
            ]
        )

    async def _metadata(self, request: Request) -> Response:
        self.requests.append("metadata")
        if self.goes_on is not None:
            await self.goes_on.wait()
        if self.is_down:
            return Response(status_code=503)
        return JSONResponse(
            {
                "issuer": self.stated_issuer or self.issuer,
                "jwks_uri": f"{self.base}/keys",
                "authorization_endpoint": f"{self.base}/authorize",
                "token_endpoint": f"{self.base}/token",
                "registration_endpoint": f"{self.base}/register",
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["none"],
            }
        )

    async def _keys(self, request: Request) -> Response:
        self.requests.append("keys")
        if self.goes_on is not None:
            await self.goes_on.wait()
        if self.is_down:
            return Response(status_code=503)
        return JSONResponse({"keys": [key.public() for key in self.keys]})

    async def _register(self, request: Request) -> Response:
        asked = await request.json()
        return JSONResponse({**asked, "client_id": "client-7"}, status_code=201)

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        answer = {"code": code, "state": asked["state"]}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}")

    async def _token(self, request: Request) -> Response:
        form = await request.form()
        asked = self.codes.pop(str(form["code"]))
        digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        claims = {**self.claims, "client_id": "client-7"}
        token = self.token(asked["resource"], **claims)
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": 600})


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = anyio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@asynccontextmanager
async def serve_authorization(**fields: Any) -> AsyncIterator[AuthorizationServer]:
    """A running authorization server with one key."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = AuthorizationServer(f"http://127.0.0.1:{listener.getsockname()[1]}", **fields)
    server.keys = server.keys or [SigningKey.make("k1")]
    config = uvicorn.Config(server.app(), log_config=None, access_log=False, lifespan="off")
    running = _Server(config)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(running.serve, [listener])
        await running.ready.wait()
        try:
            yield server
        finally:
            if server.goes_on is not None:
                server.goes_on.set()
            running.should_exit = True
