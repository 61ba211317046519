"""Where webhooks may go: public https addresses, and hosts that the operator named.

Above: adding webhooks, sending. Below: the resolver. A name is resolved once, every address it has
is judged, and the connection goes to the address that was judged: a name that answers differently
a moment later leads nowhere else.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from agentos.errors import InvalidArgumentError, UnavailableError

MAX_URL_CHARS = 2_000

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Addresses that stand for IPv4 ones, which a gateway on the way may reach.
_TRANSLATED = tuple(
    ipaddress.ip_network(text)
    for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")
)


@dataclass(frozen=True, slots=True)
class Target:
    """A checked URL: `host` is what the certificate must name."""

    url: str
    scheme: str
    host: str
    port: int
    is_allowed_host: bool


@dataclass(frozen=True, slots=True)
class TargetPolicy:
    """`allowed_hosts` are hosts, or `host:port`, that may be plain http and not public."""

    allowed_hosts: frozenset[str]

    @classmethod
    def of(cls, allowed_hosts: Collection[str]) -> TargetPolicy:
        """The policy of a setting."""
        return cls(frozenset(host.lower() for host in allowed_hosts))

    def check_url(self, url: str) -> Target:
        """The parts of an acceptable URL; InvalidArgumentError says what is wrong with another."""
        if not 1 <= len(url) <= MAX_URL_CHARS or not url.isascii() or not url.isprintable():
            raise _bad(f"it must be 1 to {MAX_URL_CHARS} printable ASCII characters")
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError as error:
            raise _bad(str(error)) from None
        if parts.scheme not in {"http", "https"} or not host or " " in url or "\\" in url:
            raise _bad("it must be https://host/path")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise _bad("it must not hold a user, a password or a fragment")
        port = port or (443 if parts.scheme == "https" else 80)
        is_allowed = not self.allowed_hosts.isdisjoint({host, f"{host}:{port}"})
        if parts.scheme != "https" and not is_allowed:
            raise _bad("plain http goes only to hosts that webhook_allowed_hosts names")
        target = Target(url, parts.scheme, host, port, is_allowed)
        literal = _literal(host)
        if literal is not None:
            self._require_public(target, literal)
        return target

    async def resolve(self, target: Target) -> str:
        """An address of the target that may be connected to.

        InvalidArgumentError where any of its addresses is not public, UnavailableError where the
        name does not resolve.
        """
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise UnavailableError(f"{target.host} cannot be resolved: {error}") from error
        addresses = [str(entry[4][0]) for entry in found]
        for address in addresses:
            self._require_public(target, ipaddress.ip_address(address.partition("%")[0]))
        return addresses[0]

    def _require_public(self, target: Target, address: _Address) -> None:
        if not target.is_allowed_host and not is_public(address):
            raise InvalidArgumentError(
                f"webhooks go to public addresses; {target.host} is {address}",
                remedy="name the host in the setting webhook_allowed_hosts if it is meant",
            )


def is_public(address: _Address) -> bool:
    """Whether an address is one of the open internet, whatever it is written as."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if any(address in network for network in _TRANSLATED):
            return False
    return address.is_global and not address.is_multicast


def _literal(host: str) -> _Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _bad(why: str) -> InvalidArgumentError:
    return InvalidArgumentError(f"this URL cannot be a webhook: {why}")
