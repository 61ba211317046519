"""`agentos bot`: the bots, each a process of its own beside the server.

Above: the plugin declares the group. Below: one package a bot, imported when its command runs.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated, Literal

import typer

from agentos import ConfigurationError, local_settings

MISSING_EXTRA = 'the Slack bot needs its extra: pip install "agentos[slack]"'

bot = typer.Typer(no_args_is_help=True, help="Bots that bring reviews to where people are.")

TransportOption = Annotated[
    Literal["socket", "http"] | None,
    typer.Option("--mode", help="A socket that the bot opens, or signed HTTP requests."),
]


@bot.callback()
def _group() -> None:
    """Bots that bring reviews to where people are."""


@bot.command()
def slack(
    ctx: typer.Context,
    mode: TransportOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.")] = None,
    server: Annotated[
        str | None, typer.Option(metavar="URL", help="The server, as `agentos serve` tells it.")
    ] = None,
    channel: Annotated[
        str | None, typer.Option(metavar="C…", help="Id of the channel that reviews go to.")
    ] = None,
    manifest: Annotated[
        bool, typer.Option("--manifest", help="Only print the manifest of the Slack app.")
    ] = False,
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where Slack reaches this bot: --manifest, mode http."),
    ] = None,
    as_yaml: Annotated[
        bool, typer.Option("--yaml", help="The manifest as YAML rather than JSON.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Log one JSON object a line, on stderr.")
    ] = False,
) -> None:
    """Show reviews in Slack and take decisions there, until told to stop.

    Secrets come from the environment: AGENTOS_TOKEN of role bot, SLACK_BOT_TOKEN, and
    SLACK_APP_TOKEN (mode socket) or SLACK_SIGNING_SECRET (mode http); or from files, each named by
    the same with _FILE. SIGTERM and Ctrl-C let what has begun finish first.
    """
    _require_extra()
    from agentos_bots.slack.settings import parse_slack

    settings = local_settings(ctx)
    chosen = parse_slack(settings, mode=mode, host=host, port=port, server=server, channel=channel)
    if manifest:
        from agentos_bots.slack.manifest import app_manifest, manifest_text

        print(manifest_text(app_manifest(chosen.mode, url), "yaml" if as_yaml else "json"))
        return
    from agentos_bots.slack.process import run_bot

    run_bot(settings, chosen, as_json=as_json)


def _require_extra() -> None:
    if find_spec("slack_bolt") is None or find_spec("aiohttp") is None:
        raise ConfigurationError(MISSING_EXTRA)
