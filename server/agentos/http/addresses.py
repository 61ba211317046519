"""Which names are this machine, and which name a Host or Origin header gives."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from urllib.parse import urlsplit

_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]\s/@]+)(?::\d{1,5})?")


# Clients say the same with every request.
@lru_cache(256)
def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address, without a port) only reaches this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@lru_cache(256)
def host_of(header: str) -> str | None:
    """The lower-case name or address in a Host header, without port and brackets; None if odd."""
    match = _HOST.fullmatch(header)
    return None if match is None else match[1].strip("[]").lower()


def host_of_origin(origin: str) -> str | None:
    """The lower-case host of an Origin header; None for `null` and whatever is no web origin."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.hostname if parts.scheme in ("http", "https") else None


def url_of(host: str, port: int) -> str:
    """The base URL of a listener; wildcard addresses are shown as loopback."""
    if host in ("", "0.0.0.0"):
        host = "127.0.0.1"
    elif host == "::":
        host = "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
