"""The digest: what waits for each person, in a direct message, once a day as the server says.

Above: happenings. Below: posting. The list is what the server answers to the person; whom it knows
in no Slack user of this workspace gets none.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import structlog

from agentos_bots.slack.digest import render_digest
from agentos_bots.slack.documents import parse_waiting
from agentos_bots.slack.kernel_client import KernelClient, UnlinkedError
from agentos_bots.slack.people import CHANNEL, SlackUser
from agentos_bots.slack.posting import Part, Posting
from agentos_bots.slack.web import SlackRefusedError, SlackWeb

SUBJECT = "digest"
"""In place of a review: a digest is about many."""
SHOWN = 50
MAX_PERSONS = 200
DAY_S = 86_400.0

_log = structlog.get_logger(__name__)


class Digests:
    """What one bot sends of them; `team` is the workspace whose app it is."""

    def __init__(self, kernel: KernelClient, web: SlackWeb, posting: Posting, team: str) -> None:
        self._kernel = kernel
        self._web = web
        self._posting = posting
        self._team = team

    async def send(self, date: str, persons: Sequence[str]) -> None:
        """Send the digest of a day to everybody named, to each once."""
        for user, person in await self.users_of(persons):
            try:
                await self._send_to(user, person, date)
            except (SlackRefusedError, UnlinkedError) as error:
                # One person who cannot be reached keeps nobody else from theirs.
                _log.warning("digest_not_sent", user=user.external_id, reason=error.message)

    async def users_of(self, persons: Sequence[str]) -> list[tuple[SlackUser, str]]:
        """The Slack users of this workspace who are linked to persons."""
        found: list[tuple[SlackUser, str]] = []
        for first in range(0, len(persons), MAX_PERSONS):
            asked = {"channel": CHANNEL, "persons": list(persons[first : first + MAX_PERSONS])}
            answer = await self._kernel.call("find_identities", asked)
            for each in answer["identities"]:
                team, _, id = str(each["external_id"]).partition(":")
                if team == self._team:
                    found.append((SlackUser(team, id), str(each["person"])))
        return found

    async def _send_to(self, user: SlackUser, person: str, date: str) -> None:
        asked = {"mine": True, "limit": SHOWN}
        waiting = await self._kernel.call("list_waiting", asked, on_behalf_of=user)
        message = render_digest(parse_waiting(waiting), datetime.now(UTC))
        if message is None:
            return
        opened = await self._web.call("conversations.open", users=user.id)
        channel = str(opened["channel"]["id"])
        since_s = datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp() - DAY_S
        part = Part(SUBJECT, f"digest:{date}:{person}", channel, since_s=since_s)
        await self._posting.once(part, message)
