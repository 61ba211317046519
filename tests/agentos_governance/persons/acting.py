"""Persons with linked identities, and calls of a bot for them, in tests.

Above: the tests of persons, cards, decisions and posts. Below: the lifecycle's office.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentos import CallRequest, Credentials, Role, ToolResult
from tests.agentos_governance.lifecycle import Office

CHANNEL = "slack"


async def add_person(office: Office, name: str, *roles: str, **fields: Any) -> str:
    """Register a person as a reviewer, or with `roles`, and link them; the id in the channel."""
    await office.call("admin", "set_person", name=name, **({"roles": list(roles)} if roles else {}),
                      **fields)  # fmt: skip
    if "bot" not in office.tokens:
        await office.join("bot", Role.BOT)
    code = (await office.call("admin", "create_link_code", person=name))["code"]
    external_id = f"T1:{name.replace(' ', '-').upper()}"
    await office.call("bot", "link_identity", channel=CHANNEL, external_id=external_id, code=code)
    return external_id


async def dispatch_for(
    office: Office,
    external_id: Any,
    tool: str,
    arguments: Mapping[str, Any],
    *,
    who: str = "bot",
    channel: str = CHANNEL,
    key: str | None = None,
) -> ToolResult:
    """What a call answers that `who` makes for the person behind an identity."""
    credentials = Credentials(
        office.tokens[who], on_behalf_of={"channel": channel, "id": external_id}
    )
    request = CallRequest(tool, arguments, credentials, "test", idempotency_key=key)
    return await office.kernel.dispatch(request)


async def call_for(
    office: Office, external_id: str, tool: str, /, **arguments: Any
) -> dict[str, Any]:
    """The same where it must succeed."""
    result = await dispatch_for(office, external_id, tool, arguments)
    assert not result.is_error, f"{tool} for {external_id}: {result.text}"
    return dict(result.structured)


async def refuse_for(
    office: Office, external_id: str, tool: str, /, **arguments: Any
) -> dict[str, Any]:
    """The error where it must not."""
    result = await dispatch_for(office, external_id, tool, arguments)
    assert result.is_error, f"{tool} for {external_id} was not refused: {result.text}"
    return dict(result.structured["error"])


async def waiting_work(office: Office, **arguments: Any) -> dict[str, Any]:
    """The line of the queue of a work order that w1 has just submitted."""
    order = await office.create(**arguments)
    await office.claim("w1", order)
    submitted = await office.submit("w1", order)
    assert submitted["state"] == "in_review", submitted
    page = await office.call("reviewer", "list_waiting", kinds=["work"], limit=200)
    return next(each for each in page["reviews"] if each["work_order"] == order)
