"""Declarations that plugins return from hooks, besides tools, events and middlewares."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from agentos.calls import Principal

if TYPE_CHECKING:
    import typer

    from agentos.kernel import Kernel


@dataclass(frozen=True, slots=True)
class Service:
    """An implementation of the protocol type `kind`; `factory` runs once, at start.

    A factory that answers None provides nothing, for example where nothing is configured.
    """

    kind: type[Any]
    factory: Callable[[Kernel], Any]


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the command line, by its `name`, or by those of a group and its own.

    The one group that takes commands of plugins is `bench`.
    """

    name: str
    app: typer.Typer
    group: Literal["", "bench"] = ""


@dataclass(frozen=True, slots=True)
class PolicyCost:
    """A plugin's part in deciding about one call; `agentos bench policy` adds it to its totals.

    `decides` tells what is recorded with the call where the part is an organisation's policy, which
    not everybody has. `is_lookup` marks what only fetches: from the database or the file system.
    """

    name: str
    run: Callable[[], object]
    decides: Callable[[], Mapping[str, Any]] | None = None
    is_lookup: bool = False


@dataclass(frozen=True, slots=True)
class SetupCheck:
    """One finding of `agentos doctor`; `remedy` says what to do where it is not `ok`."""

    name: str
    ok: bool
    detail: str
    remedy: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    """The same for programs, which `agentos doctor --json` prints."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What a plugin's page sees of a request; the principal is already established."""

    kernel: Kernel
    principal: Principal
    path_parameters: Mapping[str, str]
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A page's answer."""

    body: bytes
    media_type: str = "application/json"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InboundRequest:
    """What somebody without a token posted to a plugin; nothing of it is believed yet."""

    kernel: Kernel
    path_parameters: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case; of a header that came twice only the last."""
    body: bytes


@dataclass(frozen=True, slots=True)
class InboundRoute:
    """A page that others post to without a token, such as a service that signs what it sends.

    The handler must verify the sender before anything else; VerificationError answers 401. The
    limits of body size, Host and Origin apply before it.
    """

    path: str
    handler: Callable[[InboundRequest], Awaitable[HttpResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """A read-only page at `path` (Starlette syntax: `/api/work-orders/{id}`)."""

    path: str
    handler: Callable[[HttpRequest], Awaitable[HttpResponse]]
