"""The settings `[memory.embedder]`: which model embeds, and what may be sent to it.

Above: the plugin's start, the table of models (which keeps a model's settings so that its vectors
can be queried while another model takes over). Below: nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agentos import ConfigurationError

EmbedderKind: TypeAlias = Literal["minilm", "openai", "service", "none"]

Glob = Annotated[str, Field(min_length=1, max_length=1_000)]


class EmbedderSettings(BaseModel):
    """Everything that may stand in `[memory.embedder]`; times are seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: EmbedderKind | None = None
    """`minilm`: the packaged model. `openai`: an endpoint of that protocol. `service`: what a
    plugin provides as `agentos.Embedder`. `none`: search by keyword only. Not set: the model that
    the installation uses already, else `minilm`."""
    url: Annotated[str | None, Field(max_length=1_000)] = None
    """Of the endpoint, up to and including `/v1`."""
    model: Annotated[str | None, Field(min_length=1, max_length=150)] = None
    """Name of the model at the endpoint."""
    dimension: Annotated[int | None, Field(ge=1, le=16_000)] = None
    """Numbers per vector that the endpoint answers with."""
    request_dimension: bool = False
    """Ask the endpoint to shorten its vectors to `dimension`; not every model can."""
    api_key_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")] = (
        "AGENTOS_EMBEDDER_API_KEY"
    )
    """Name of the environment variable that holds the key; unset sends none."""
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 30.0
    """What one request of the background may take."""
    query_timeout_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    """What the vector of a query may take before the search goes on by keyword."""
    batch: Annotated[int, Field(ge=1, le=2_048)] = 64
    """Texts per request."""
    parallel: Annotated[int, Field(ge=1, le=32)] = 2
    """Requests at once; for `minilm`, threads."""
    requests_per_minute: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    """More are not sent; None leaves it to the endpoint, whose 429 and Retry-After are obeyed."""
    repositories: tuple[Glob, ...] | None = None
    """Names, with `*` and `?`, of the repositories whose code may be embedded. Code goes to an
    endpoint beyond loopback only for repositories that are named here."""
    observations: bool = True
    """Whether what agents noted is embedded, too; secrets were taken out when it was noted."""
    excluded_paths: tuple[Glob, ...] = ()
    """Paths, as prefixes or globs, of files that are not embedded."""

    @model_validator(mode="after")
    def _endpoint_is_whole(self) -> EmbedderSettings:
        if self.kind != "openai":
            return self
        for field in ("url", "model", "dimension"):
            if getattr(self, field) is None:
                raise ValueError(f"kind 'openai' needs {field!r}")
        parts = urlsplit(self.url or "")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("'url' must be http://HOST[:PORT]/v1 or https://HOST/v1")
        if parts.username or parts.password or parts.query:
            raise ValueError("'url' must hold no credentials; name a variable in 'api_key_env'")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise ValueError("'url' must be https beyond loopback, since code is sent there")
        if not _is_loopback(parts.hostname) and self.repositories is None:
            raise ValueError(
                "'repositories' must name the repositories whose code may be sent to "
                f'{parts.hostname}; ["*"] stands for all'
            )
        return self

    @property
    def sends_texts(self) -> bool:
        """Whether texts leave this process, so that secrets must be taken out first."""
        return self.kind in ("openai", "service")

    def api_key(self, environment: Mapping[str, str] | None = None) -> str | None:
        """The key, or None where the variable is not set."""
        return (os.environ if environment is None else environment).get(self.api_key_env) or None


def parse_embedder_settings(memory: Mapping[str, Any]) -> EmbedderSettings:
    """What `[memory]` says of the embedder; ConfigurationError names the field and the remedy."""
    unknown = sorted(set(memory) - {"embedder", "language_servers"})
    if unknown:
        raise ConfigurationError(f"setting 'memory.{unknown[0]}' does not exist; remove it")
    try:
        return EmbedderSettings.model_validate(memory.get("embedder", {}))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(["memory", "embedder", *(str(part) for part in problem["loc"])])
        said = problem["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"setting {name!r}: {said}") from None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
