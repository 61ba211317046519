"""Judges access tokens of identity providers: signature, issuer, audience, time, then the role.

Above: `Kernel.identify`. Below: keys of issuers, PyJWT. Every check fails closed; a token that is
good and gives no role is refused as well.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt

from agentos.calls import Principal
from agentos.errors import InsufficientScopeError, RequestError
from agentos.identity.oauth.issuer import IssuerKeys, Key
from agentos.identity.oauth.settings import (
    OAUTH_PREFIX,
    IssuerSettings,
    OAuthSettings,
    RoleRule,
)

MAX_TOKEN_CHARS = 16_384
MAX_NAME_CHARS = 180
MAX_KNOWN = 4_096
MIN_RSA_BITS = 2_048

_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_ACCESS_TOKEN_TYPES = frozenset({"at+jwt", "application/at+jwt"})
_KEY_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


def is_access_token(token: str) -> bool:
    """Whether a bearer token has the form of a signed JWT; those made by this server have not."""
    return token.count(".") == 2


@dataclass(frozen=True, slots=True)
class _Known:
    principal: Principal
    expires_at: float
    keys_version: int


class AccessTokens:
    """Judges tokens by the issuer that each names; no issuer's key is good for another's token."""

    def __init__(self, settings: OAuthSettings) -> None:
        self.settings = settings
        self.issuers = {
            each.issuer: TokensOfIssuer(each, settings.audience) for each in settings.issuers
        }

    async def authenticate(self, token: str, *, now: datetime) -> Principal:
        """Who a token is for.

        RequestError where it is not good, InsufficientScopeError where it is and gives no role,
        UnavailableError where that cannot be found out now.
        """
        if len(token) > MAX_TOKEN_CHARS:
            raise RequestError(f"the access token is longer than {MAX_TOKEN_CHARS} characters")
        # Believed only as to whose keys decide; those compare it again.
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
        except (jwt.PyJWTError, ValueError) as error:
            raise RequestError("the access token is not a signed JWT") from error
        if "iss" not in claims:
            raise RequestError("the access token lacks the claim `iss`")
        named = claims["iss"]
        issuer = self.issuers.get(named) if isinstance(named, str) else None
        if issuer is None:
            raise RequestError("the access token is of another issuer")
        return await issuer.authenticate(token, now=now)

    def authenticate_again(self, known: Principal, *, now: datetime) -> Principal:
        """The principal of a token that was good in this process and has not expired.

        For work that goes on after its request; RequestError where there is none.
        """
        for issuer in self.issuers.values():
            if known.name.startswith(issuer.prefix):
                return issuer.authenticate_again(known, now=now)
        raise RequestError(f"{known.name} cannot be identified again without its token")

    async def close(self) -> None:
        """End what is under way to issuers."""
        for issuer in self.issuers.values():
            await issuer.keys.close()


class TokensOfIssuer:
    """Judges the tokens of one issuer, and remembers those that were good."""

    def __init__(self, settings: IssuerSettings, audience: str) -> None:
        self.settings = settings
        self.keys = IssuerKeys(settings)
        self.prefix = f"{OAUTH_PREFIX}{settings.label}:"
        self._audience = audience
        self._known: OrderedDict[bytes, _Known] = OrderedDict()

    async def authenticate(self, token: str, *, now: datetime) -> Principal:
        """Who a token is for; see `AccessTokens.authenticate`."""
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        header = self._header(token)
        # Also for a known token: keys that are withdrawn are noticed here.
        candidates = await self.keys.candidates(header.get("kid"))
        known = self._known.get(digest)
        if known is not None and known.keys_version == self.keys.version:
            self._check_expiry(known.expires_at, now)
            return known.principal
        claims = self._verified(token, header, candidates)
        expires_at = self._check_times(claims, now)
        principal = self._principal(claims)
        self._remember(digest, _Known(principal, expires_at, self.keys.version))
        return principal

    def authenticate_again(self, known: Principal, *, now: datetime) -> Principal:
        """The same for one that was good; see `AccessTokens.authenticate_again`."""
        for each in reversed(self._known.values()):
            same = (each.principal.name, each.principal.role, each.principal.person)
            if same == (known.name, known.role, known.person):
                self._check_expiry(each.expires_at, now)
                return each.principal
        raise RequestError(f"{known.name} cannot be identified again without its token")

    def _remember(self, digest: bytes, known: _Known) -> None:
        self._known[digest] = known
        self._known.move_to_end(digest)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)

    def _header(self, token: str) -> dict[str, Any]:
        try:
            header: dict[str, Any] = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError) as error:
            raise RequestError("the access token is not a signed JWT") from error
        if header.get("alg") not in self.settings.algorithms:
            raise RequestError("the access token is signed by an algorithm that is not accepted")
        if "crit" in header or header.get("b64") is False:
            raise RequestError("the access token has critical headers, which are not supported")
        kind, key_id = header.get("typ"), header.get("kid")
        accepted = _ACCESS_TOKEN_TYPES if self.settings.require_access_token_type else _TYPES
        is_missing = kind is None and not self.settings.require_access_token_type
        if not is_missing and not (isinstance(kind, str) and kind.lower() in accepted):
            raise RequestError("the token is of another type than an access token")
        if key_id is not None and not isinstance(key_id, str):
            raise RequestError("the access token names its key by something that is not text")
        return header

    def _verified(self, token: str, header: Mapping[str, Any], candidates: Any) -> dict[str, Any]:
        """The claims of a token that one of the keys signed, for this issuer and audience."""
        reason = "no key of the issuer signed the access token"
        for key in candidates:
            public = _usable(key, header["alg"])
            if public is None:
                continue
            try:
                # What is checked here is all but time, which is the kernel clock's.
                claims: dict[str, Any] = jwt.decode(
                    token,
                    public,
                    algorithms=[header["alg"]],
                    audience=self._audience,
                    issuer=self.settings.issuer,
                    options={
                        "require": ["iss", "aud", "exp", "sub"],
                        "verify_exp": False,
                        "verify_nbf": False,
                        "verify_iat": False,
                    },
                )
            except jwt.InvalidSignatureError:
                continue
            except (jwt.PyJWTError, ValueError, TypeError) as error:
                reason = _reason(error)
                break
            return claims
        raise RequestError(reason)

    def _check_times(self, claims: Mapping[str, Any], now: datetime) -> float:
        expires_at = _time(claims, "exp")
        self._check_expiry(expires_at, now)
        latest = now.timestamp() + self.settings.leeway_s
        for name in ("nbf", "iat"):
            if name in claims and _time(claims, name) > latest:
                raise RequestError(f"the access token is not valid yet (`{name}`)")
        return expires_at

    def _check_expiry(self, expires_at: float, now: datetime) -> None:
        if now.timestamp() >= expires_at + self.settings.leeway_s:
            raise RequestError("the access token has expired; get a new one")

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        name = f"{self.prefix}{_text(claims, 'sub')}"
        if len(name) > MAX_NAME_CHARS or not name.isprintable() or name != name.strip():
            raise RequestError("the subject of the access token is too long, or not printable")
        rule = self._rule(claims, name)
        person = None
        if self.settings.person_claim is not None:
            person = _text(claims, self.settings.person_claim)
            # Some providers write it as text.
            is_verified = str(claims.get("email_verified", True)).lower() == "true"
            if self.settings.person_claim == "email" and not is_verified:
                raise RequestError("the e-mail address in the access token is not verified")
        client = claims.get("client_id", claims.get("azp"))
        return Principal(
            name,
            rule.role,
            person=person,
            profile=rule.profile,
            client=client[:200] if isinstance(client, str) and client.isprintable() else None,
        )

    def _rule(self, claims: Mapping[str, Any], name: str) -> RoleRule:
        scopes = _values(claims, "scope") | _values(claims, "scp")
        missing = [scope for scope in self.settings.scopes if scope not in scopes]
        if missing:
            raise InsufficientScopeError(f"the access token lacks the scope {missing[0]!r}")
        for rule in self.settings.roles:
            if rule.value in _values(claims, rule.claim):
                return rule
        raise InsufficientScopeError(
            f"nothing in the access token of {name} gives it a role here; "
            "whoever runs the server maps claims to roles by [oauth] roles"
        )


def _usable(key: Key, algorithm: str) -> jwt.PyJWK | None:
    """A key for this algorithm; None for one of another kind or use, or too short."""
    if key.get("use") not in (None, "sig") or key.get("alg") not in (None, algorithm):
        return None
    operations = key.get("key_ops")
    if operations is not None and "verify" not in operations:
        return None
    if key.get("kty") != _KEY_TYPES[algorithm[:2]]:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            public = jwt.PyJWK(dict(key), algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    bits = getattr(public.key, "key_size", None)
    is_short = key["kty"] == "RSA" and (bits is None or bits < MIN_RSA_BITS)
    return None if is_short or hasattr(public.key, "private_bytes") else public


def _values(claims: Mapping[str, Any], path: str) -> set[str]:
    """What a claim says: the parts of a scope, the texts of a list, or one text."""
    value: Any = claims.get(path)
    if value is None:
        value = claims
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        return set(value.split(" ")) if path in ("scope", "scp") else {value}
    return {each for each in value if isinstance(each, str)} if isinstance(value, list) else set()


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= 200 or not value.isprintable():
        raise RequestError(f"the access token has no usable claim `{name}`")
    return value


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise RequestError(f"the claim `{name}` of the access token is not a time")
    return float(value)


def _reason(error: Exception) -> str:
    if isinstance(error, jwt.InvalidAudienceError):
        return "the access token was made for another resource"
    if isinstance(error, jwt.InvalidIssuerError):
        return "the access token is of another issuer"
    if isinstance(error, jwt.MissingRequiredClaimError):
        return f"the access token lacks the claim `{error.claim}`"
    return "the access token is not valid"
