"""The bot as a process: its log, its secrets, and the signals that end it.

Above: the command. Below: the bot.
"""

from __future__ import annotations

import asyncio
import os
import signal

from agentos import ConfigurationError, Settings
from agentos_bots.slack.bot import open_bot
from agentos_bots.slack.logs import configure_logs
from agentos_bots.slack.settings import Secrets, SlackSettings, load_secrets

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SECRET_VARIABLES = ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET", "AGENTOS_TOKEN")


def run_bot(settings: Settings, slack: SlackSettings, *, as_json: bool) -> None:
    """Run until SIGTERM or SIGINT; what has begun by then may finish."""
    secrets = load_secrets(settings, slack)
    if not (slack.channel or slack.channels or slack.repositories):
        raise ConfigurationError(
            "no channel is set; pass --channel with the id of one, or set `channel` in [slack]"
        )
    # Libraries look there as well, and children would inherit them.
    for name in _SECRET_VARIABLES:
        os.environ.pop(name, None)
    configure_logs(settings.log_level.lower(), as_json=as_json, secrets=secrets.all())
    asyncio.run(_until_stopped(slack, secrets))


async def _until_stopped(slack: SlackSettings, secrets: Secrets) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    opened = asyncio.Event()
    running = asyncio.create_task(_run(slack, secrets, stop, opened))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([running, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not opened.is_set() and not running.done():
        # It still waits for its server or for Slack, and has nothing to finish.
        running.cancel()
        return
    await running


async def _run(
    slack: SlackSettings, secrets: Secrets, stop: asyncio.Event, opened: asyncio.Event
) -> None:
    async with open_bot(slack, secrets) as bot:
        opened.set()
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([stopping, bot.following], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
