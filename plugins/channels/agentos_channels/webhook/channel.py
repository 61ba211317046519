"""A signed webhook as a review channel: cards go out, decisions come back, both after one standard.

Above: whoever runs channels. Below: the signatures and the addresses of the server's own webhooks.
Source: https://github.com/standard-webhooks/standard-webhooks. The id of a message is signed: a card
has the same id each time it is sent, so that a receiver keeps one of them, and a decision's id is its
key. Two secrets, so that nothing that was sent can be sent back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from agentos import (
    Card,
    ConfigurationError,
    InboundRequest,
    InvalidArgumentError,
    Kernel,
    PluginError,
    Received,
    ReceivedDecision,
    ReceivedLink,
    RefusedDecision,
    SetupCheck,
    TargetPolicy,
    ToolResult,
    UnavailableError,
    send_webhook,
    sign_webhook,
    verify_webhook,
)
from agentos_channels.settings import WebhookSettings, read_secret

NAME = "webhook"
PATH = f"/channels/{NAME}"

_Identity = Annotated[str, Field(pattern=r"^[!-~]{1,200}$")]


class _Decision(BaseModel):
    """What a person decided; the fields besides `identity` and `review` are those of `decide`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: Literal["decision"]
    identity: _Identity
    review: Annotated[str, Field(min_length=1, max_length=60)]
    sha256: str
    verdict: str
    reason: str | None = None
    categories: list[str] | None = None
    override_reason: str | None = None
    option: str | None = None
    text: str | None = None
    label: str | None = None


class _Link(BaseModel):
    """A user with the one-time code that says which person it is."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: Literal["link"]
    identity: _Identity
    code: Annotated[str, Field(min_length=8, max_length=200)]


_READER: TypeAdapter[_Decision | _Link] = TypeAdapter(
    Annotated[_Decision | _Link, Field(discriminator="type")]
)


class WebhookChannel:
    """One receiver of cards, and sender of decisions."""

    name = NAME

    def __init__(self, kernel: Kernel, settings: WebhookSettings) -> None:
        self._settings = settings
        self._secret, self._inbound_secret = _secrets(settings)
        self._clock = kernel.clock
        self._policy = TargetPolicy.of(kernel.settings.webhook_allowed_hosts)
        try:
            self._policy.check_url(settings.url)
        except InvalidArgumentError as error:
            raise ConfigurationError(
                f"setting 'plugin_settings.channels.webhook.url': {error.message}"
            ) from None

    @staticmethod
    def check(settings: WebhookSettings) -> SetupCheck:
        """For `agentos doctor`: whether its secrets are there."""
        try:
            _secrets(settings)
        except ConfigurationError as error:
            return SetupCheck("channel webhook", False, error.message, "set both secrets")
        return SetupCheck("channel webhook", True, f"cards to {settings.url}")

    async def find_place(self, card: Card) -> str | None:
        """The receiver, where it wants cards of this kind."""
        kinds = self._settings.kinds
        return self._settings.url if not kinds or card["kind"] in kinds else None

    async def find_posted(self, card: Card, place: str) -> str | None:
        """None: what was sent perhaps is sent again, under the same id."""
        return None

    async def post(self, card: Card, place: str) -> str:
        """Send the card."""
        await self._send(card)
        return str(card["id"])

    async def update(self, card: Card, message_ref: str) -> None:
        """Send the card as it is now; its `version` is higher."""
        await self._send(card)

    async def receive(self, request: InboundRequest) -> Received:
        """A decision or a link, signed no more than five minutes ago."""
        headers, body = request.headers, request.body
        document = verify_webhook(self._inbound_secret, headers, body, now=self._clock.now())
        said = _read(document)
        if isinstance(said, _Link):
            return ReceivedLink(said.identity, said.code)
        arguments = said.model_dump(exclude={"type", "identity", "review"}, exclude_none=True)
        key = f"{NAME}:{headers['webhook-id']}"[:150]
        return ReceivedDecision(key, said.identity, said.review, arguments)

    async def answer(
        self, received: ReceivedDecision | RefusedDecision | ReceivedLink, result: ToolResult
    ) -> None:
        """Nothing: the answer to the request says what came of it."""

    async def close(self) -> None:
        """Nothing is open."""

    async def _send(self, card: Card) -> None:
        id = f"{card['id']}.{card['version']}"
        body = orjson.dumps({"type": "review.card", "reply_path": PATH, "card": dict(card)})
        headers = sign_webhook(self._secret, id, self._clock.now(), body)
        url, timeout_s = self._settings.url, self._settings.timeout_s
        attempt = await send_webhook(self._policy, url, headers, body, timeout_s=timeout_s)
        if attempt.error is None:
            return
        if attempt.status is not None and 400 <= attempt.status < 500 and attempt.status != 429:
            raise PluginError(f"the receiver of cards does not take them: {attempt.error}")
        raise UnavailableError(f"the receiver of cards cannot be reached: {attempt.error}")


def _read(document: Mapping[str, Any]) -> _Decision | _Link:
    try:
        return _READER.validate_python(document)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise InvalidArgumentError(f"`{where}`: {problem['msg']}") from None


def _secrets(settings: WebhookSettings) -> tuple[str, str]:
    secret = read_secret("webhook.secret_env", settings.secret_env, settings.secret_file)
    inbound = read_secret(
        "webhook.inbound_secret_env", settings.inbound_secret_env, settings.inbound_secret_file
    )
    if secret == inbound:
        raise ConfigurationError(
            "setting 'plugin_settings.channels.webhook': the two secrets must differ, or what is "
            "sent could be sent back"
        )
    return secret, inbound
