"""What users of a channel say: verified by the channel, decided by the person who is linked.

Above: the page `/channels/NAME`. Below: the channel, the tools. The same message comes to the same
decision however often it is sent: its key is the decision's idempotency key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import structlog

from agentos import (
    ConflictError,
    HttpResponse,
    InboundRequest,
    NotFoundError,
    PluginError,
    Received,
    ReceivedChange,
    ReceivedDecision,
    ReceivedLink,
    RefusedDecision,
    ReviewChannel,
    ToolResult,
    UnavailableError,
    sha256_hex,
)
from agentos_channels.bot import ChannelBot
from agentos_channels.registry import Channels, RunningChannel

ANSWERED = "answered"
UNLINKED = "identity.unlinked"
_KEY_DIGITS = 32
_STATUS = {"unavailable": 503, "not_found": 404, "invalid_argument": 400, "limit_exceeded": 429}

_log = structlog.get_logger(__name__)


async def take_in(request: InboundRequest) -> HttpResponse:
    """Answer what was posted to `/channels/NAME`."""
    running = request.kernel.service(Channels).find(request.path_parameters["channel"])
    if running is None:
        raise NotFoundError("there is no such channel")
    try:
        received = await running.channel.receive(request)
        return await _act(running, received)
    except PluginError as error:
        # What it asked elsewhere was refused: its operator mends that, and the sender sends it again.
        _log.error("channel_broken", channel=running.channel.name, exc_info=error)
        raise UnavailableError(
            f"{running.channel.name} cannot take this now; the server's log says why"
        ) from error


async def _act(running: RunningChannel, received: Received) -> HttpResponse:
    channel, bot = running.channel, running.bot
    if isinstance(received, ReceivedDecision):
        result = await bot.decide(
            received.external_id, received.review, received.arguments, received.key
        )
        await _answer_once(channel, bot, received, result)
        return _response(result)
    if isinstance(received, RefusedDecision):
        result = ToolResult.from_error(ConflictError(received.message))
        await _answer_once(channel, bot, received, result)
        return _response(result)
    if isinstance(received, ReceivedLink):
        result = await bot.try_call(
            "link_identity",
            channel=channel.name,
            external_id=received.external_id,
            code=received.code,
        )
        await _tell(channel, received, result)
        return _response(result)
    if isinstance(received, ReceivedChange):
        is_shown = await running.follower.refresh(received.review)
        return _json({"review": received.review, "shown": is_shown}, 200)
    return _json({"ignored": received.why}, 202)


async def _answer_once(
    channel: ReviewChannel,
    bot: ChannelBot,
    received: ReceivedDecision | RefusedDecision,
    result: ToolResult,
) -> None:
    """Tell the user, once for each message: others may deliver it as well, or again."""
    part = f"answer:{sha256_hex(_answered(received, result).encode())[:_KEY_DIGITS]}"
    claim = await bot.try_call(
        "claim_post", channel=channel.name, review=received.review, part=part
    )
    if claim.is_error:
        # It is told all the same, perhaps twice: silence would look like consent.
        await _tell(channel, received, result)
    elif claim.structured["claimed"] and await _tell(channel, received, result):
        token = claim.structured["claim"]
        await bot.try_call("record_post", claim=token, message_ref=ANSWERED, version=1)


def _answered(received: ReceivedDecision | RefusedDecision, result: ToolResult) -> str:
    """For what there is one answer. Strangers hear only once that they are not known."""
    is_stranger = result.is_error and result.structured["error"].get("rule") == UNLINKED
    if is_stranger and isinstance(received, ReceivedDecision):
        return f"stranger:{received.external_id}"
    return received.key


async def _tell(
    channel: ReviewChannel,
    received: ReceivedDecision | RefusedDecision | ReceivedLink,
    result: ToolResult,
) -> bool:
    try:
        await channel.answer(received, result)
    except UnavailableError as error:
        _log.warning("answer_not_told", channel=channel.name, error=error.message)
        return False
    except Exception as error:  # noqa: BLE001 - what is recorded stands, whoever hears of it
        _log.error("answer_not_told", channel=channel.name, exc_info=error)
        return False
    return True


def _response(result: ToolResult) -> HttpResponse:
    if not result.is_error:
        return _json(result.structured, 200)
    return _json(result.structured, _STATUS.get(result.error_code or "", 409))


def _json(document: Mapping[str, Any], status: int) -> HttpResponse:
    return HttpResponse(orjson.dumps(document), status=status)
