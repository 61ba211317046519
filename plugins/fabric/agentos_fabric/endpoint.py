"""One request to an OpenAI-compatible endpoint through the official client, and what came of it.

Above: the completer. Below: the package `openai`, imported at the first use, since it takes half a
second; repetitions and their pauses are its own. Source: OpenAI's API reference, "Create chat
completion", which vLLM, TensorRT-LLM, Ollama and gateways follow.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2

from agentos import ModelUsage, PluginError
from agentos_fabric.bounded_transport import BoundedTransport
from agentos_fabric.failures import Failures
from agentos_fabric.settings import CompleterSettings, TokensParameter

if TYPE_CHECKING:
    from openai import AsyncOpenAI

MAX_COUNT = 10**9
"""More tokens than any request has; an endpoint that says so does not count."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The model's text; `usage` is None where the endpoint does not say what it counted."""

    text: str
    usage: ModelUsage | None


class UnusableAnswerError(PluginError):
    """An answer without text, which cost its tokens all the same."""

    def __init__(self, message: str, usage: ModelUsage | None) -> None:
        super().__init__(message)
        self.usage = usage


class Endpoint:
    """The connections to one endpoint; `ask` may run several times at once."""

    def __init__(self, settings: CompleterSettings, api_key: str | None) -> None:
        self._settings = settings
        self._api_key = api_key
        self._tokens_parameter: TokensParameter = settings.max_tokens_parameter or "max_tokens"
        self._failures = Failures(settings, api_key)
        self._client: AsyncOpenAI | None = None
        self._connecting = asyncio.Lock()

    async def ask(self, prompt: str, *, system: str, max_tokens: int) -> Answer:
        """The model's answer.

        Raises UnavailableError for what may work later; PluginError, UnusableAnswerError among
        them, for what will not without help. Messages hold neither key nor prompt.
        """
        client = await self._connected()
        messages = [{"role": "system", "content": system}, {"role": "user", "content": prompt}]
        try:
            async with asyncio.timeout(self._settings.max_s):
                answer = await self._create(client, messages, max_tokens)
        except Exception as error:
            raise self._failures.mapped(error) from error
        return _read(answer, self._failures.where)

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _create(self, client: AsyncOpenAI, messages: Any, max_tokens: int) -> Any:
        from openai import BadRequestError

        try:
            return await self._post(client, messages, max_tokens)
        except BadRequestError as error:
            # Newer models refuse `max_tokens` and name what they take in its place.
            if not self._may_rename(error):
                raise
            self._tokens_parameter = "max_completion_tokens"
        return await self._post(client, messages, max_tokens)

    async def _post(self, client: AsyncOpenAI, messages: Any, max_tokens: int) -> Any:
        from openai import omit

        body: dict[str, Any] = {self._tokens_parameter: max_tokens}
        if self._settings.temperature is not None:
            body["temperature"] = self._settings.temperature
        return await client.chat.completions.create(
            model=self._settings.model,
            messages=messages,
            stream=False,
            extra_headers={} if self._api_key else {"Authorization": omit},
            **body,
        )

    def _may_rename(self, error: Any) -> bool:
        return (
            self._settings.max_tokens_parameter is None
            and self._tokens_parameter == "max_tokens"
            and "max_completion_tokens" in str(error.message)
        )

    async def _connected(self) -> AsyncOpenAI:
        async with self._connecting:
            if self._client is None:
                await asyncio.to_thread(_import_client)
                self._client = _client(self._settings, self._api_key)
        return self._client


_NO_KEY = "none"


def _import_client() -> None:
    import openai  # noqa: F401 - for its effect: half a second that no call should wait for


def _client(settings: CompleterSettings, api_key: str | None) -> AsyncOpenAI:
    from openai import AsyncOpenAI

    # No proxy of the environment and no redirect: prompts go to the address in the settings.
    transport = BoundedTransport(httpx2.AsyncHTTPTransport(), settings.max_answer_bytes)
    client = AsyncOpenAI(
        base_url=settings.url,
        api_key=api_key or _NO_KEY,
        timeout=settings.timeout_s,
        max_retries=settings.max_retries,
        http_client=httpx2.AsyncClient(
            transport=transport, trust_env=False, follow_redirects=False, timeout=settings.timeout_s
        ),
    )
    # Variables that somebody set for another endpoint are not for this one.
    client.organization = client.project = client.admin_api_key = None
    return client


def _read(answer: Any, where: str) -> Answer:
    """Text and counts of an answer, of which the client checks nothing."""
    usage = _usage(getattr(answer, "usage", None))
    try:
        choice = answer.choices[0]
        text, reason = choice.message.content, choice.finish_reason
    except (AttributeError, IndexError, KeyError, TypeError):
        raise UnusableAnswerError(
            f"{where} did not answer in the form of OpenAI's chat completions; check setting "
            "fabric.completer.url, which ends in /v1",
            usage,
        ) from None
    if isinstance(text, str) and text.strip() and reason != "content_filter":
        return Answer(text, usage)
    why = {
        "length": "used up its limit of tokens before it said anything",
        "content_filter": "was stopped by the endpoint's content filter",
    }.get(str(reason), "answered without text")
    raise UnusableAnswerError(f"the model at {where} {why}", usage)


def _usage(said: Any) -> ModelUsage | None:
    details = getattr(said, "prompt_tokens_details", None)
    inputs = _count(getattr(said, "prompt_tokens", None))
    outputs = _count(getattr(said, "completion_tokens", None))
    if inputs is None or outputs is None:
        return None
    cached = _count(getattr(details, "cached_tokens", None)) or 0
    return ModelUsage(inputs, outputs, min(cached, inputs))


def _count(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= MAX_COUNT else None
