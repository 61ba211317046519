"""What the official client raises, as errors of ours: may it work later, and what is to be done.

Above: the endpoint. Below: the package `openai`. What the other side says is shown in one short
line, without the key and other secrets.
"""

from __future__ import annotations

import asyncio
from typing import Any

from agentos import AgentOSError, PluginError, UnavailableError, redact_text
from agentos_fabric.bounded_transport import REFUSED_ANSWER
from agentos_fabric.settings import CompleterSettings

MAX_SAID_CHARS = 200
MAX_READ_CHARS = 2_000
_MAY_WORK_LATER = frozenset({408, 409, 425, 429})
_NO_MONEY = "insufficient_quota"


class Failures:
    """Maps what one endpoint's client raises."""

    def __init__(self, settings: CompleterSettings, api_key: str | None) -> None:
        self._settings = settings
        self._api_key = api_key
        self.where = settings.url.rstrip("/")

    def mapped(self, error: Exception) -> AgentOSError:
        """The error to raise in place of `error`; one that is no failure of a request is kept."""
        import openai

        if isinstance(error, AgentOSError):
            return error
        if isinstance(error, openai.APITimeoutError):
            return self._late(self._settings.timeout_s)
        if isinstance(error, TimeoutError | asyncio.TimeoutError):
            return self._late(self._settings.max_s)
        if isinstance(error, openai.APIStatusError):
            return self._refused(error)
        if isinstance(error, openai.APIConnectionError):
            said = self._shown(str(error.__cause__ or error))
            return UnavailableError(
                f"{self.where} cannot be reached: {said}",
                remedy="check setting fabric.completer.url and that the endpoint runs",
            )
        return PluginError(
            f"{self.where} did not answer in the form of OpenAI's chat completions "
            f"({type(error).__name__}); check setting fabric.completer.url, which ends in /v1"
        )

    def _late(self, seconds: float) -> UnavailableError:
        return UnavailableError(
            f"{self.where} did not answer within {seconds:g} s",
            remedy="try again later, or raise setting fabric.completer.timeout_s",
        )

    def _refused(self, error: Any) -> AgentOSError:
        status, said = error.status_code, self._shown(error.message)
        if error.code == REFUSED_ANSWER:
            return PluginError(
                f"{self.where} sent {said}; see setting fabric.completer.max_answer_bytes"
            )
        message = f"{self.where} answered {status}: {said}"
        is_busy = status in _MAY_WORK_LATER or status >= 500
        if is_busy and error.code != _NO_MONEY:
            return UnavailableError(message, remedy=_when(error.response.headers))
        return PluginError(f"{message}; {self._remedy(status)}")

    def _remedy(self, status: int) -> str:
        key = self._settings.api_key_file or self._settings.api_key_env
        return {
            401: f"put a valid key into {key}",
            403: f"the key in {key} may not use this model",
            404: "check settings fabric.completer.url (it ends in /v1) and fabric.completer.model",
            429: "the account behind the key has no money left",
        }.get(status, "check settings fabric.completer.url, .model, .temperature")

    def _shown(self, text: str) -> str:
        said = text.replace(self._api_key, "***") if self._api_key else text
        said = redact_text(said[:MAX_READ_CHARS])
        line = "".join(c if c.isprintable() else " " for c in said)
        return " ".join(line.split())[:MAX_SAID_CHARS]


def _when(headers: Any) -> str:
    after = str(headers.get("retry-after", ""))
    if after.isascii() and after.isdigit() and len(after) < 7:
        return f"try again in {after} s, as the endpoint asks"
    return "try again later"
