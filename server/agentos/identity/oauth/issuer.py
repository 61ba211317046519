"""The issuer's public keys, found by its metadata, kept, and asked for again as they change.

Above: access tokens. Below: httpx2. A key that is not known is asked for at most once in a while,
so that tokens with invented key ids cannot make this server call the issuer at will, and an issuer
that hangs costs few requests a short wait, and those with known keys none.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx2
import orjson
import structlog

from agentos.errors import UnavailableError
from agentos.identity.oauth.settings import IssuerSettings, require_secure

FETCH_TIMEOUT_S = 3.0
"""Of metadata and keys together; no request waits longer for an issuer."""
MAX_DOCUMENT_BYTES = 262_144
MAX_KEYS = 100
ATTEMPT_EVERY_S = 10.0
"""How long the issuer is left alone after it was asked for an unknown key, or did not answer."""

Key = Mapping[str, Any]

_log = structlog.get_logger(__name__)


class IssuerUnreachableError(UnavailableError):
    """No key of the issuer is known, and it does not answer."""


class IssuerKeys:
    """The keys of one issuer in this process.

    One request to the issuer at a time, whoever waits for it. Known keys serve while they are asked
    for anew, so that only three kinds of request ever wait: the first one, one with a key that is
    not known, and one after a time in which nobody asked for so long that a withdrawn key might
    still be taken for a good one.
    """

    def __init__(
        self, settings: IssuerSettings, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._keys: Sequence[Key] = ()
        self._fetched_at: float | None = None
        self._attempted_at: float | None = None
        self._has_failed = False
        self._fetching: asyncio.Task[None] | None = None
        self.version = 0
        """Grows by one with every new set of keys."""

    async def candidates(self, key_id: str | None) -> Sequence[Key]:
        """The keys that may have signed a token; none where the issuer has no such key.

        IssuerUnreachableError where no usable key is known and the issuer does not answer.
        """
        fresh_s = self._settings.keys_fresh_s
        is_usable = self._age() <= fresh_s + self._settings.keys_stale_s
        if self._age() > fresh_s:
            # An issuer that did not answer is not waited for again, as long as its keys serve.
            is_patient = is_usable and (self._age() <= 2 * fresh_s or self._has_failed)
            await self._refresh(waits=not is_patient)
        found = self._named(key_id)
        if not found:
            await self._refresh(waits=True)
            found = self._named(key_id)
        if self._age() > fresh_s + self._settings.keys_stale_s:
            raise IssuerUnreachableError(
                "the identity provider does not answer, so tokens of it cannot be checked",
                remedy="repeat the request; tokens made by `agentos token create` work meanwhile",
            )
        return found

    async def close(self) -> None:
        """End a request that is under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait([self._fetching])

    def _age(self) -> float:
        return float("inf") if self._fetched_at is None else self._monotonic() - self._fetched_at

    def _named(self, key_id: str | None) -> Sequence[Key]:
        return [key for key in self._keys if key_id is None or key.get("kid") == key_id]

    async def _refresh(self, *, waits: bool) -> None:
        """Ask for the keys, unless somebody just did or does; perhaps without waiting for them."""
        if self._fetching is None:
            now, before = self._monotonic(), self._attempted_at
            if before is not None and now - before < ATTEMPT_EVERY_S:
                return
            self._fetching = asyncio.create_task(self._fetch_and_keep())
        if waits:
            # Shielded: others wait for it too, when one of them is cancelled.
            await asyncio.shield(self._fetching)

    async def _fetch_and_keep(self) -> None:
        try:
            keys = await self._fetch()
        except (UnavailableError, httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            self._has_failed = True
            _log.warning(
                "issuer_keys_not_fetched",
                issuer=self._settings.issuer,
                reason=f"{type(error).__name__}: {error}",
            )
        else:
            self._has_failed = False
            self.version += keys != self._keys
            self._keys, self._fetched_at = keys, self._monotonic()
        finally:
            self._attempted_at = self._monotonic()
            self._fetching = None

    async def _fetch(self) -> Sequence[Key]:
        # A client of its own: no proxy of the environment, no cookies, no redirects.
        async with (
            asyncio.timeout(FETCH_TIMEOUT_S),
            httpx2.AsyncClient(
                trust_env=False, follow_redirects=False, timeout=FETCH_TIMEOUT_S
            ) as client,
        ):
            url = self._settings.jwks_url or await self._discover(client)
            document = await _get(client, url)
        keys = document.get("keys") if document is not None else None
        if not isinstance(keys, list):
            raise UnavailableError(f"{url} has no `keys`")
        return [key for key in keys[:MAX_KEYS] if isinstance(key, dict)]

    async def _discover(self, client: httpx2.AsyncClient) -> str:
        """The `jwks_uri` of the issuer's metadata: RFC 8414, then OpenID Connect Discovery."""
        for url in metadata_urls(self._settings.issuer):
            document = await _get(client, url)
            if document is None:
                continue
            if document.get("issuer") != self._settings.issuer:
                raise UnavailableError(f"{url} is the metadata of another issuer")
            try:
                keys_url = str(document["jwks_uri"])
                is_plain = require_secure(keys_url).scheme == "http"
                if is_plain and urlsplit(self._settings.issuer).scheme != "http":
                    raise ValueError("it leads from the issuer to this machine")
            except (KeyError, ValueError) as error:
                raise UnavailableError(f"{url} has no usable `jwks_uri`: {error}") from None
            return keys_url
        raise UnavailableError(f"{self._settings.issuer} publishes no metadata")


def metadata_urls(issuer: str) -> Sequence[str]:
    """Where an issuer may publish its metadata, in the order in which they are tried."""
    parts = urlsplit(issuer)
    base, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    urls = (
        f"{base}/.well-known/oauth-authorization-server{path}",
        f"{base}/.well-known/openid-configuration{path}",
        f"{base}{path}/.well-known/openid-configuration",
    )
    return tuple(dict.fromkeys(urls))


async def _get(client: httpx2.AsyncClient, url: str) -> Mapping[str, Any] | None:
    """The JSON object at `url`; None where the server says that there is none."""
    body = b""
    async with client.stream("GET", url, headers={"accept": "application/json"}) as response:
        if 400 <= response.status_code < 500:
            return None
        if response.status_code != 200:
            raise UnavailableError(f"{url} answered {response.status_code}")
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_DOCUMENT_BYTES:
                raise UnavailableError(f"{url} is larger than {MAX_DOCUMENT_BYTES} bytes")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise UnavailableError(f"{url} is not a JSON object")
    return document
