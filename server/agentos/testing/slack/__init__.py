"""An emulator of Slack for tests of apps: Web API, Socket Mode and signed HTTP, and its people.

Needs `aiohttp`, which the extra `slack` installs; the rest of `agentos.testing` does without.

    async with SlackEmulator(users=[SlackUser("UADA", "ada", "ada@example.com")]) as slack:
        ...

It is strict where Slack is: tokens and scopes, trigger ids, Block Kit with its limits, metadata,
rate limits that a test asks for. What it does not have: files, user groups, other workspaces,
Block Kit's charts and tables, and Slack's own limits of calls per minute.
"""

from agentos.testing.slack.acting import Submission
from agentos.testing.slack.block_kit import check_blocks, check_view, message_length
from agentos.testing.slack.calls import ApiCall
from agentos.testing.slack.delivering import Delivery
from agentos.testing.slack.emulator import SlackEmulator
from agentos.testing.slack.faults import Hold
from agentos.testing.slack.messages import Message
from agentos.testing.slack.people import BOT_USER, TEAM, SlackChannel, SlackUser
from agentos.testing.slack.response_urls import Response
from agentos.testing.slack.views import View

__all__ = [
    "BOT_USER",
    "TEAM",
    "ApiCall",
    "Delivery",
    "Hold",
    "Message",
    "Response",
    "SlackChannel",
    "SlackEmulator",
    "SlackUser",
    "Submission",
    "View",
    "check_blocks",
    "check_view",
    "message_length",
]
