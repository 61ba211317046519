"""The channels plugin: shows reviews on GitHub and over a signed webhook, and hears decisions.

Above: the kernel loads it through the entry point `channels`. Below: this package. It also runs the
channels that other plugins return from `register_review_channels`. Without any it does nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from agentos import (
    InboundRoute,
    Kernel,
    ReviewChannel,
    Service,
    Settings,
    SetupCheck,
    hookimpl,
)
from agentos_channels.github.channel import GithubChannel
from agentos_channels.inbox import take_in
from agentos_channels.registry import Channels
from agentos_channels.settings import PLUGIN, ChannelsSettings
from agentos_channels.webhook.channel import WebhookChannel

PATH = "/channels/{channel}"


@hookimpl
def register_review_channels(kernel: Kernel) -> Sequence[ReviewChannel]:
    settings = kernel.settings.of_plugin(PLUGIN, ChannelsSettings)
    channels: list[ReviewChannel] = []
    if settings.github is not None:
        channels.append(GithubChannel(kernel, settings.github))
    if settings.webhook is not None:
        channels.append(WebhookChannel(kernel, settings.webhook))
    return channels


@hookimpl
def register_services() -> Sequence[Service]:
    return [Service(Channels, Channels)]


@hookimpl
def register_inbound_routes() -> Sequence[InboundRoute]:
    return [InboundRoute(PATH, take_in)]


@hookimpl
def check_setup(settings: Settings) -> Sequence[SetupCheck]:
    found = settings.of_plugin(PLUGIN, ChannelsSettings)
    checks = []
    if found.github is not None:
        checks.append(GithubChannel.check(found.github))
    if found.webhook is not None:
        checks.append(WebhookChannel.check(found.webhook))
    return checks or [SetupCheck("channels", True, "none are configured besides Slack")]


@hookimpl
def shutdown(kernel: Kernel) -> Callable[[], Awaitable[None]]:
    async def close() -> None:
        for running in kernel.service(Channels).running.values():
            await running.channel.close()

    return close


@hookimpl
def startup(kernel: Kernel) -> Callable[[], Awaitable[None]] | None:
    async def follow() -> None:
        for running in kernel.service(Channels).running.values():
            kernel.start_task(running.follower.run())
            kernel.start_task(running.follower.settling.run())

    return follow if kernel.publishes else None
