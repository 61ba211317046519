"""Tools for whoever administers the gateway: look at servers, approve, take back.

Above: the plugin publishes them where a server is configured; `agentos gateway` calls them. Below: the
gateway. Only an admin approves, whatever the contract of a work order allows: an approval decides
what others are shown.
"""

from __future__ import annotations

from typing import Annotated, Literal

import orjson
from pydantic import BaseModel, Field

from agentos import (
    Authorizer,
    InvalidStateError,
    NotFoundError,
    Role,
    Tool,
    ToolCall,
    UnavailableError,
    Verdict,
    authorizer,
    format_time,
    tool,
)
from agentos_gateway.conditions import Condition
from agentos_gateway.definitions import Definition, Kind, offered_name, show
from agentos_gateway.failures import ForeignError
from agentos_gateway.gateway import Gateway
from agentos_gateway.inspection import Finding, State
from agentos_gateway.pins import approve, revoke

APPROVALS = "gateway_approvals"
INSPECT_TIMEOUT_S = 600.0

ServerName = Annotated[str, Field(max_length=80, description="Name of a configured server.")]
Names = Annotated[
    list[Annotated[str, Field(max_length=2_048)]] | None,
    Field(
        max_length=1_000,
        description="Tools, prompts or URIs of resources, as the server names them; default: all.",
    ),
]


class Approved(BaseModel):
    """One approval."""

    kind: Kind
    name: str
    offered_as: str
    digest: str
    approved_by: str
    approved_at: str
    not_offered: str | None = Field(description="Why clients do not see it all the same.")


class WaitingNames(BaseModel):
    """What the server listed last that is not what is approved."""

    new: list[str]
    changed: list[str]
    missing: list[str]


class Server(BaseModel):
    """A configured server, without asking it."""

    name: str
    origin: str
    transport: Literal["stdio", "http"]
    is_connected: bool = Field(description="Of any server process.")
    breaker: Literal["closed", "half_open", "open"] = Field(
        description="The worst of all server processes."
    )
    last_failure: str | None
    approved: list[Approved]
    waiting: WaitingNames | None = Field(description="None: no process has asked it yet.")


class Servers(BaseModel):
    """Every configured server."""

    servers: list[Server]


class Offer(BaseModel):
    """What a server offers now, compared with what is approved."""

    kind: Kind
    name: str
    offered_as: str
    state: State
    reason: str | None
    definition: str | None = Field(description="What it says now; what cannot be seen is escaped.")
    digest: str | None
    changes: str | None = Field(description="Lines that differ from what was approved.")


class Inspection(BaseModel):
    """One server as it is now."""

    server: str
    origin: str
    calls_itself: dict[str, str]
    offers: list[Offer]
    error: str | None = Field(description="Why the server could not be asked.")


class Decided(BaseModel):
    """What was approved or taken back, and what was left as it was."""

    server: str
    names: list[str]
    skipped: list[str]


@tool(reads=["gateway"], profiles=["admin"])
async def list_gateway_servers(call: ToolCall) -> Servers:
    """Other MCP servers behind this one, and what of them is approved. Asks none of them."""
    gateway = call.service(Gateway)
    conditions = await gateway.conditions()
    return Servers(
        servers=[
            _server(gateway, name, conditions.get(name, Condition()))
            for name in sorted(gateway.servers)
        ]
    )


@tool(
    reads=["gateway"], timeout_s=INSPECT_TIMEOUT_S, max_result_bytes=16_777_216, profiles=["admin"]
)
async def inspect_gateway_server(call: ToolCall, server: ServerName) -> Inspection:
    """What another MCP server offers now, and in which lines that differs from what is approved.

    Connects to it, or starts it.
    """
    gateway = call.service(Gateway)
    settings = gateway.settings_of(server)
    found: list[Finding] = []
    trouble: str | None = None
    try:
        found = await gateway.inspect(server)
    except (UnavailableError, ForeignError) as error:
        trouble = error.message
    return Inspection(
        server=server,
        origin=settings.origin,
        calls_itself=gateway.connections[server].describe() or {},
        offers=[_offer(server, each) for each in found],
        error=trouble,
    )


@tool(
    writes=[APPROVALS],
    timeout_s=INSPECT_TIMEOUT_S,
    max_result_bytes=16_777_216,
    profiles=["admin"],
)
async def approve_gateway_tools(
    call: ToolCall,
    server: ServerName,
    names: Names = None,
    digests: Annotated[
        dict[str, str] | None,
        Field(description="By name: only what still has the digest that was looked at."),
    ] = None,
) -> Decided:
    """Offer tools of another MCP server as they are now; a later change of one stops its calls.

    Look at them with inspect_gateway_server first: a model reads their descriptions.
    """
    gateway = call.service(Gateway)
    found = await gateway.inspect(server)
    chosen = _chosen(server, found, names)
    admitted: list[Definition] = []
    skipped = []
    for each in chosen:
        if each.state in ("new", "changed") and each.live is not None:
            _check_digest(each, digests)
            admitted.append(each.live)
        elif each.state == "approved":
            skipped.append(f"{each.name}: approved already")
        elif names is None:
            skipped.append(f"{each.name}: {each.reason or each.state}")
        else:
            raise InvalidStateError(
                f"{each.kind} {each.name!r} cannot be approved: {each.reason or 'it is not there'}",
                remedy="leave it out, or have the server changed",
            )
    await approve(call, server, admitted)
    return Decided(server=server, names=[each.name for each in admitted], skipped=skipped)


@tool(writes=[APPROVALS], profiles=["admin"])
async def revoke_gateway_tools(call: ToolCall, server: ServerName, names: Names = None) -> Decided:
    """Offer tools of another MCP server no longer; also of one that is not configured any more."""
    gateway = call.service(Gateway)
    await gateway.reload()
    pins = gateway.pins_of(server)
    if names is None:
        keys = sorted(pins)
    else:
        keys = sorted(key for key in pins if key[1] in names)
        unknown = set(names) - {key[1] for key in keys}
        if unknown:
            raise NotFoundError(f"nothing approved of {server} is named {min(unknown)!r}")
    definitions = [pins[key].definition for key in keys]
    await revoke(call, server, [(each.kind, each.name) for each in definitions])
    return Decided(server=server, names=[each.name for each in definitions], skipped=[])


ADMIN_TOOLS: tuple[Tool, ...] = (
    list_gateway_servers,
    inspect_gateway_server,
    approve_gateway_tools,
    revoke_gateway_tools,
)


@authorizer
async def _only_admins(call: ToolCall) -> Verdict | None:
    if call.principal.role is Role.ADMIN:
        return None
    return Verdict.deny(
        "gateway_admin",
        f"the role {call.principal.role} may not administer the gateway",
        remedy="ask an admin",
    )


def guard(tool: Tool) -> Authorizer | None:
    """The voter that keeps everybody but admins from the gateway's own tools; it allows nothing."""
    return _only_admins if tool in ADMIN_TOOLS else None


def _server(gateway: Gateway, name: str, condition: Condition) -> Server:
    left_out = gateway.left_out(name)
    waiting = condition.waiting
    return Server(
        name=name,
        origin=gateway.servers[name].origin,
        transport=gateway.servers[name].transport,
        is_connected=condition.is_connected,
        breaker=condition.breaker,
        last_failure=condition.last_failure,
        waiting=None if waiting is None else WaitingNames(**waiting.document()),
        approved=[
            Approved(
                kind=pin.definition.kind,
                name=pin.definition.name,
                offered_as=offered_name(name, pin.definition),
                digest=pin.definition.digest,
                approved_by=pin.approved_by,
                approved_at=format_time(pin.approved_at),
                not_offered=left_out.get(key),
            )
            for key, pin in sorted(gateway.pins_of(name).items())
        ],
    )


def _offer(server: str, found: Finding) -> Offer:
    known = found.live or (found.pin.definition if found.pin is not None else None)
    assert known is not None
    return Offer(
        kind=found.kind,
        name=_shown(found.name),
        offered_as=_shown(offered_name(server, known)),
        state=found.state,
        reason=found.reason or None,
        definition=None if found.live is None else show(found.live),
        digest=None if found.live is None else found.live.digest,
        changes=found.changes or None,
    )


def _shown(name: str) -> str:
    return orjson.dumps(name.encode("utf-8", "replace").decode()).decode()[1:-1]


def _chosen(server: str, found: list[Finding], names: list[str] | None) -> list[Finding]:
    if names is None:
        return found
    unknown = set(names) - {each.name for each in found}
    if unknown:
        raise NotFoundError(
            f"the server {server} has nothing named {min(unknown)!r}",
            remedy=f"`agentos gateway status {server}` shows what it has",
        )
    return [each for each in found if each.name in names]


def _check_digest(found: Finding, digests: dict[str, str] | None) -> None:
    if digests is None or found.live is None:
        return
    if digests.get(found.name) != found.live.digest:
        raise InvalidStateError(
            f"{found.kind} {found.name!r} is not what was looked at",
            remedy="look at it again, then approve what it says now",
        )
