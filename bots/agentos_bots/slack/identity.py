"""Which person a Slack user is: linked before, by an e-mail address that Slack verified, or by code.

Above: listeners. Below: `users.info` of Slack, `link_identity` of the server. Nothing is cached: the
server looks a link up anew at every call, so that one that was taken back counts at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import structlog

from agentos import ToolError
from agentos_bots.slack.kernel_client import KernelClient, UnlinkedError
from agentos_bots.slack.people import CHANNEL, SlackUser
from agentos_bots.slack.web import SlackRefusedError, SlackWeb

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class Identities:
    """Links Slack users to persons; `team` is the workspace whose app the bot is."""

    def __init__(
        self, kernel: KernelClient, web: SlackWeb, team: str, domains: tuple[str, ...]
    ) -> None:
        self._kernel = kernel
        self._web = web
        self._team = team
        self._domains = frozenset(domain.lower() for domain in domains)

    async def act(self, user: SlackUser, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` returns, which calls the server on behalf of `user`.

        Where nobody is linked to the user yet, links by a verified address and repeats it;
        UnlinkedError where that is not possible.
        """
        try:
            return await work()
        except UnlinkedError:
            if not await self._link_by_email(user):
                raise
        return await work()

    async def link_by_code(self, user: SlackUser, code: str, key: str) -> dict[str, Any]:
        """The person that a one-time code was made for; the server's error where it is none."""
        return await self._kernel.call("link_identity", {**_identity(user), "code": code}, key=key)

    async def _link_by_email(self, user: SlackUser) -> bool:
        email = await self._verified_email(user)
        if email is None:
            return False
        try:
            linked = await self._kernel.call(
                "link_identity", {**_identity(user), "email": email}, key=_key(user, email)
            )
        except UnlinkedError:
            return False
        except ToolError as error:
            if error.code == "unavailable":
                raise
            # No person has this address, or the person may not be linked by it.
            _log.info("not_linked_by_email", user=user.external_id, code=error.code)
            return False
        _log.info("linked_by_email", user=user.external_id, person=linked["person"])
        return True

    async def _verified_email(self, user: SlackUser) -> str | None:
        if user.team != self._team:
            return None
        try:
            answer = await self._web.call("users.info", patience_s=5.0, user=user.id)
        except SlackRefusedError as error:
            _log.warning("user_not_read", user=user.external_id, reason=error.error)
            return None
        email = email_of_member(answer.get("user") or {}, self._team)
        if email is None or not self._is_admitted(email):
            return None
        return email

    def _is_admitted(self, email: str) -> bool:
        return not self._domains or email.rpartition("@")[2].lower() in self._domains


def email_of_member(user: Mapping[str, Any], team: str) -> str | None:
    """The verified address of a full member of the workspace; None for everybody else.

    A guest, a bot, somebody of another organisation and somebody who left are nobody's person by
    their address: whoever invites guests or makes apps chooses what it says.
    """
    outside = ("deleted", "is_bot", "is_app_user", "is_workflow_bot", "is_stranger")
    guest = ("is_restricted", "is_ultra_restricted", "is_invited_user")
    if any(user.get(flag) for flag in (*outside, *guest)) or user.get("team_id") != team:
        return None
    if user.get("is_email_confirmed") is not True:
        return None
    email = (user.get("profile") or {}).get("email")
    return email if isinstance(email, str) and "@" in email else None


def _identity(user: SlackUser) -> dict[str, str]:
    return {"channel": CHANNEL, "external_id": user.external_id}


def _key(user: SlackUser, email: str) -> str:
    said = f"{user.external_id} {email}"
    return f"slack-link-{hashlib.sha256(said.encode()).hexdigest()[:40]}"
