"""Calls tools through the pipeline, as the local principal or as whoever holds a token.

Below: `Kernel.dispatch`; nothing here reaches a tool body in another way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentos.calls import CallRequest, Credentials, Role, ToolResult
from agentos.kernel import Kernel
from agentos.surface import Surface


@dataclass(frozen=True)
class Caller:
    """Somebody who calls; without a `token` the local principal, who is a worker."""

    kernel: Kernel
    token: str | None = None

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Any] | None = None,
        /,
        *,
        work_order: str | None = None,
        key: str | None = None,
        surface: Surface = Surface.TOOL,
    ) -> ToolResult:
        """The result, whether it succeeded or not; `key` is the idempotency key."""
        credentials = Credentials(self.token, is_local=self.token is None)
        request = CallRequest(
            tool, arguments or {}, credentials, "test", work_order, key, surface=surface
        )
        return await self.kernel.dispatch(request)

    async def ok(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """The structured result; AssertionError with the refusal where there is one."""
        result = await self.call(tool, arguments)
        assert not result.is_error, f"{tool} failed: {result.text}"
        return dict(result.structured)

    async def refused(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """The `error` of a call that must not succeed: `code`, `message`, perhaps `rule`, `remedy`.

        AssertionError with the result where it succeeded.
        """
        result = await self.call(tool, arguments)
        assert result.is_error, f"{tool} was expected to be refused and answered: {result.text}"
        return dict(result.structured["error"])

    async def read(self, resource: str, /, **places: str) -> ToolResult:
        """The contents of a resource by the name of its function and the values of its places."""
        return await self.call(resource, places, surface=Surface.RESOURCE)


async def caller_as(
    kernel: Kernel, role: Role | str, *, name: str | None = None, person: str | None = None
) -> Caller:
    """A caller with a fresh token: `role`, `name` (by default the role) and who answers for it."""
    role = Role(role)
    issued = await kernel.tokens.create(
        name or role.value, role, now=kernel.clock.now(), person=person
    )
    return Caller(kernel, issued.secret)
