"""What the bot says to one person: not known, not recorded, refused, linked.

All of it is for `chat.postEphemeral` or a modal's notice. Above: listeners. Below: `escaping`.
"""

from __future__ import annotations

from typing import Final

from agentos import AgentOSError, ToolError
from agentos_bots.slack.block_kit import section
from agentos_bots.slack.escaping import prose
from agentos_bots.slack.messages import Message

NOT_RECORDED: Final = "Not recorded. Something went wrong on our side; please try again."
UNLINKED: Final = (
    "Not recorded: AgentOS does not know which person you are. Ask an administrator to enter you "
    "with your e-mail address, or get a one-time code with `agentos person link-code` and send it "
    "here: `/agentos link CODE`."
)


def not_recorded(error: AgentOSError | None = None) -> Message:
    """A failure that is not the person's; what `error` says, in its own words."""
    why = f" ({prose(error.message, 300)})" if error is not None else ""
    return _notice(NOT_RECORDED + why)


def unlinked() -> Message:
    """The Slack user is nobody to the server, and how to change that."""
    return _notice(UNLINKED)


def refused(error: ToolError) -> Message:
    """What the server refused, and its remedy, in its own words."""
    more = f" {prose(error.remedy, 600)}" if error.remedy else ""
    return _notice(f"Not recorded: {prose(error.message, 1_200)}{more}")


def linked(person: str, roles: list[str]) -> Message:
    """The Slack user is that person from now on."""
    as_roles = f" ({', '.join(prose(role, 60) for role in roles[:10])})" if roles else ""
    return _notice(f"You are {prose(person, 120)}{as_roles} from now on.")


def _notice(text: str) -> Message:
    return Message(text, [section(text)])
