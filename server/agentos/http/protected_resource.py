"""What OAuth clients are told: where this resource's metadata are, and what was wrong (RFC 9728).

Above: the application, `Authenticate`. Below: `[oauth]`. Without it there is nothing to tell, and
the challenge is a plain one.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agentos.http.responses import MCP_PATH, json_response
from agentos.identity.oauth.settings import OAuthSettings

WELL_KNOWN = "/.well-known/oauth-protected-resource"


def metadata_paths(settings: OAuthSettings | None) -> frozenset[str]:
    """The pages with the metadata; answered to everybody, since they say where to get a token."""
    if settings is None:
        return frozenset()
    return frozenset({WELL_KNOWN, f"{WELL_KNOWN}{MCP_PATH}", settings.metadata_path})


def metadata_routes(settings: OAuthSettings | None) -> list[Route]:
    """The pages of `metadata_paths`."""
    if settings is None:
        return []
    document = {
        "resource": settings.audience,
        "authorization_servers": [each.issuer for each in settings.issuers],
        "bearer_methods_supported": ["header"],
        "resource_name": "AgentOS",
    }
    if settings.scopes:
        document["scopes_supported"] = list(settings.scopes)

    async def show(request: Request) -> Response:
        return json_response(document, headers={"cache-control": "public, max-age=3600"})

    return [Route(path, show, methods=["GET"]) for path in sorted(metadata_paths(settings))]


def challenge(settings: OAuthSettings | None, error: str) -> Mapping[str, str]:
    """The header of a refusal: `error` of RFC 6750, and where a token for this resource comes from."""
    parts = ['realm="agentos"', f'error="{error}"']
    if settings is not None:
        parts.append(f'resource_metadata="{settings.metadata_url}"')
        if settings.scopes:
            parts.append(f'scope="{" ".join(settings.scopes)}"')
    return {"www-authenticate": f"Bearer {', '.join(parts)}"}
