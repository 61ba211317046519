"""The settings `[fabric.completer]`: which model answers, where, and what it costs.

Above: the plugin's start, the completer. Below: nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agentos import ConfigurationError

Usd = Annotated[str, Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,4})?$")]
TokensParameter = Literal["max_tokens", "max_completion_tokens"]


class ModelPrices(BaseModel):
    """USD per million tokens, as decimal strings of at most four decimals; "0" is free."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: Usd
    output: Usd
    cached: Usd | None = None
    """Of input that the endpoint read from its cache; by default as `input`."""

    def document(self, model: str) -> Mapping[str, Any]:
        """The price table of this one model, as `register_price_tables` takes it."""
        cached = self.input if self.cached is None else self.cached
        return {"models": {model: {"input": self.input, "output": self.output, "cached": cached}}}


class CompleterSettings(BaseModel):
    """Everything that may stand in `[fabric.completer]`; times are seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, Field(max_length=1_000)]
    """Base URL of the endpoint, up to and including `/v1`."""
    model: Annotated[str, Field(min_length=1, max_length=200)]
    """Name of the model at the endpoint; also in the ledger."""
    api_key_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")] = (
        "AGENTOS_COMPLETER_API_KEY"
    )
    """Name of the environment variable that holds the key; unset sends none."""
    api_key_file: Path | None = None
    """File that holds the key, before the variable; its owner alone may read it."""
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 60.0
    """What one request may take."""
    max_retries: Annotated[int, Field(ge=0, le=10)] = 2
    """How often a request is repeated that failed for a reason which may pass."""
    parallel: Annotated[int, Field(ge=1, le=64)] = 4
    """Requests at once, in each server process; further ones wait."""
    max_tokens_parameter: TokensParameter | None = None
    """How the endpoint names its limit of tokens; None asks with `max_tokens`, and with
    `max_completion_tokens` from the moment the endpoint refuses the former."""
    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    """Not sent where None: some models take none."""
    max_answer_bytes: Annotated[int, Field(ge=1_024, le=64 * 1024 * 1024)] = 4 * 1024 * 1024
    """A longer response is not read to its end, and refused."""
    prices: ModelPrices | None = None
    """What the model costs, where the price table does not know it."""

    @model_validator(mode="after")
    def _address_may_be_used(self) -> CompleterSettings:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("'url' must be http://HOST[:PORT]/v1 or https://HOST/v1")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("'url' must hold no credentials; name a variable in 'api_key_env'")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise ValueError("'url' must be https beyond loopback, since code is sent there")
        return self

    def api_key(self, environment: Mapping[str, str] | None = None) -> str | None:
        """The key, or None where there is none; ConfigurationError for a file that will not do."""
        if self.api_key_file is not None:
            return _read_key(self.api_key_file)
        return (os.environ if environment is None else environment).get(self.api_key_env) or None

    @property
    def max_s(self) -> float:
        """After which a completion is given up, repetitions and their pauses included."""
        return (self.max_retries + 1) * self.timeout_s + self.max_retries * MAX_PAUSE_S


MAX_PAUSE_S = 120.0
"""What the client waits at most before it repeats a request, as the endpoint's Retry-After asks."""


def parse_completer_settings(fabric: Mapping[str, Any]) -> CompleterSettings | None:
    """What `[fabric]` says of the completer, None where nothing.

    ConfigurationError names the field and the remedy, and never shows a value.
    """
    unknown = sorted(set(fabric) - {"completer"})
    if unknown:
        raise ConfigurationError(f"setting 'fabric.{unknown[0]}' does not exist; remove it")
    if "completer" not in fabric:
        return None
    try:
        return CompleterSettings.model_validate(fabric["completer"])
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(["fabric", "completer", *(str(part) for part in problem["loc"])])
        said = problem["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"setting {name!r}: {said}") from None


def _read_key(path: Path) -> str:
    where = f"setting 'fabric.completer.api_key_file': {path}"
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigurationError(f"{where}: others may read it; run chmod 600 on it")
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigurationError(f"{where}: {reason}") from None
    if not key:
        raise ConfigurationError(f"{where}: it is empty")
    return key


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
