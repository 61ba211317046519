"""`[oauth]`: whose tokens are accepted, for which resource, and which role they give.

Above: the kernel, the HTTP edge. Below: pydantic. Nothing is accepted that is not named here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, quote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from agentos.calls import Role
from agentos.errors import ConfigurationError
from agentos.http.addresses import is_loopback
from agentos.profiles import AnyProfile

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]
"""Signatures with public keys only: a shared secret would have to lie at every server."""

OAUTH_PREFIX = "oauth:"
"""Begins the names of principals that an identity provider vouches for, and of nobody else."""


class RoleRule(BaseModel):
    """Gives a role to tokens whose claim has a value; the first rule that fits decides."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    claim: Annotated[str, Field(min_length=1, max_length=200)]
    """Name of a claim; dots lead into objects, such as `realm_access.roles`."""
    value: Annotated[str, Field(min_length=1, max_length=200)]
    role: Role
    profile: AnyProfile | None = None


class IssuerSettings(BaseModel):
    """One identity provider: what its tokens must be like, and what they give."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str
    roles: Annotated[tuple[RoleRule, ...], Field(min_length=1)]
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = ("RS256", "ES256")
    scopes: tuple[Annotated[str, Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]+$")], ...] = ()
    """What clients are told to ask for, and every token must have."""
    person_claim: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Names the human for four-eyes rules, such as `email`; by default the subject itself."""
    require_access_token_type: bool = False
    """Accept only tokens with the header `typ: at+jwt` (RFC 9068)."""
    jwks_url: str | None = None
    """Where the keys are; by default what the issuer's metadata says."""
    leeway_s: Annotated[int, Field(ge=0, le=120)] = 30
    """How far the clocks may differ."""
    keys_fresh_s: Annotated[int, Field(ge=10, le=86_400)] = 300
    """After this time the keys are asked for again, while the known ones go on serving."""
    keys_stale_s: Annotated[int, Field(ge=0, le=604_800)] = 86_400
    """How long known keys serve while the issuer does not answer."""

    @field_validator("issuer", "jwks_url")
    @classmethod
    def _is_secure(cls, url: str | None) -> str | None:
        if url is not None:
            require_secure(url)
        return url

    @property
    def label(self) -> str:
        """The issuer as it stands in names of principals; without a colon."""
        parts = urlsplit(self.issuer)
        return quote(f"{parts.netloc}{parts.path}".rstrip("/"), safe="/.-_~")


class OAuthSettings(BaseModel):
    """Every setting of `[oauth]`: this resource, and whose tokens are good for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    audience: str
    """The URL of this server's MCP endpoint, as clients write it; tokens must be made for it."""
    issuers: Annotated[tuple[IssuerSettings, ...], Field(min_length=1, max_length=20)]
    """In the order in which clients are told of them."""

    @field_validator("audience")
    @classmethod
    def _is_secure(cls, url: str) -> str:
        require_secure(url)
        return url

    @field_validator("issuers")
    @classmethod
    def _are_told_apart(cls, issuers: tuple[IssuerSettings, ...]) -> tuple[IssuerSettings, ...]:
        labels = [each.label for each in issuers]
        twice = next((label for label in labels if labels.count(label) > 1), None)
        if twice is not None:
            raise ValueError(f"two issuers would give the same names to callers: {twice}")
        return issuers

    @property
    def scopes(self) -> tuple[str, ...]:
        """What a token of any of the issuers needs, each once."""
        return tuple(dict.fromkeys(scope for each in self.issuers for scope in each.scopes))

    @property
    def metadata_path(self) -> str:
        """Where the metadata of this resource are (RFC 9728, section 3.1)."""
        return f"/.well-known/oauth-protected-resource{urlsplit(self.audience).path.rstrip('/')}"

    @property
    def metadata_url(self) -> str:
        """The same for clients."""
        parts = urlsplit(self.audience)
        return f"{parts.scheme}://{parts.netloc}{self.metadata_path}"


def require_secure(url: str) -> SplitResult:
    """The parts of an `https` URL, or of an `http` one on this machine; ValueError for others."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    if not host or not is_secure or parts.fragment or parts.query or "@" in parts.netloc:
        raise ValueError(
            "must be an https URL without user, query and fragment; http only on loopback"
        )
    return parts


def parse_oauth(table: Mapping[str, Any]) -> OAuthSettings | None:
    """What `[oauth]` says, None where it is empty; ConfigurationError names the bad entry.

    An issuer may stand in the table itself; further ones are `[[oauth.issuers]]`. Each is by
    itself: nothing of one holds for another.
    """
    if not table:
        return None
    own = {name: value for name, value in table.items() if name not in ("audience", "issuers")}
    further = table.get("issuers", ())
    if not isinstance(further, list | tuple):
        raise ConfigurationError("setting 'oauth.issuers': must be a list of tables")
    first = [own] if own else []
    document = {"issuers": (*first, *further)}
    if "audience" in table:
        document["audience"] = table["audience"]
    try:
        return OAuthSettings.model_validate(document)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = _place(problem["loc"], n_first=len(first))
        raise ConfigurationError(f"setting {where!r}: {problem['msg']}") from None


def _place(location: tuple[int | str, ...], *, n_first: int) -> str:
    """Where an entry stands in the file: that of the first issuer in the table itself."""
    parts = list(location)
    if parts[:1] == ["issuers"] and len(parts) > 1 and isinstance(parts[1], int):
        parts = parts[2:] if parts[1] < n_first else ["issuers", parts[1] - n_first, *parts[2:]]
    return ".".join(("oauth", *map(str, parts)))
