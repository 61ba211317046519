"""Declarations that plugins return from hooks, besides tools, events and middlewares."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agentos.calls import Principal

if TYPE_CHECKING:
    import typer

    from agentos.kernel import Kernel


@dataclass(frozen=True, slots=True)
class Service:
    """An implementation of the protocol type `kind`; `factory` runs once, at start."""

    kind: type[Any]
    factory: Callable[[Kernel], Any]


@dataclass(frozen=True, slots=True)
class Command:
    """A command group of the command line: `agentos NAME ...`."""

    name: str
    app: typer.Typer


@dataclass(frozen=True, slots=True)
class PolicyCost:
    """A plugin's part in deciding about one call; `agentos bench policy` adds it to the total."""

    name: str
    run: Callable[[], object]


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
class Route:
    """A read-only page at `path` (Starlette syntax: `/api/work-orders/{id}`)."""

    path: str
    handler: Callable[[HttpRequest], Awaitable[HttpResponse]]
