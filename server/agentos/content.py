"""What a tool, a resource or a prompt answers when a model of named fields does not fit.

Above: bodies return these models, the MCP edge sends them as the protocol's content. Below:
pydantic. They are models like any other result, so that records, replays and the command line
treat them alike; bytes are base64 in their JSON, as in the protocol.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)

from agentos.errors import PluginError


def _read_bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return base64.b64decode(value, validate=True)
    raise ValueError("bytes, or their base64")


Data = Annotated[
    bytes,
    PlainValidator(_read_bytes),
    PlainSerializer(lambda data: base64.b64encode(data).decode(), when_used="json"),
    WithJsonSchema({"type": "string", "contentEncoding": "base64"}),
]
"""Bytes; base64 in JSON."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(_Part):
    """Text for the model."""

    type: Literal["text"] = "text"
    text: str


class Image(_Part):
    """A picture."""

    type: Literal["image"] = "image"
    data: Data
    mime_type: str


class Audio(_Part):
    """A sound."""

    type: Literal["audio"] = "audio"
    data: Data
    mime_type: str


class Embedded(_Part):
    """The contents of a resource, inside an answer: either `text` or `data`."""

    type: Literal["resource"] = "resource"
    uri: str
    mime_type: str | None = None
    text: str | None = None
    data: Data | None = None

    def model_post_init(self, context: Any) -> None:
        """Refuse contents that are neither text nor bytes, or both."""
        _check_one(self.text, self.data)


class Link(_Part):
    """A resource that the client may read when it wants to."""

    type: Literal["resource_link"] = "resource_link"
    uri: str
    name: str
    description: str | None = None
    mime_type: str | None = None


Block = Annotated[Text | Image | Audio | Embedded | Link, Field(discriminator="type")]
"""One part of an answer."""


class Content(_Part):
    """What a tool answers in blocks instead of named fields; such a tool has no output schema."""

    content: tuple[Block, ...]

    @classmethod
    def of(cls, *blocks: Text | Image | Audio | Embedded | Link | str) -> Content:
        """The blocks in their order; a string is a text block."""
        return cls(content=tuple(Text(text=b) if isinstance(b, str) else b for b in blocks))


class StructuredContent(Content):
    """Blocks, and the same as named fields for programs, where there are any."""

    structured: dict[str, Any] | None = None


MAX_LINKS = 100
"""How many concrete resources one declaration lists."""


class Links(_Part):
    """The resources of a family that exist, or the first of them; at most 100."""

    links: tuple[Link, ...] = Field(max_length=MAX_LINKS)


class Contents(_Part):
    """What reading a resource answers: either `text` or `data`."""

    text: str | None = None
    data: Data | None = None
    mime_type: str | None = None
    """None: the one that the resource declares."""

    def model_post_init(self, context: Any) -> None:
        """Refuse contents that are neither text nor bytes, or both."""
        _check_one(self.text, self.data)


class Message(_Part):
    """One message of a rendered prompt."""

    role: Literal["user", "assistant"] = "user"
    content: Block


class Messages(_Part):
    """A rendered prompt."""

    messages: tuple[Message, ...]

    @classmethod
    def of(cls, *messages: Message | str) -> Messages:
        """The messages in their order; a string is a text by the user."""
        return cls(
            messages=tuple(
                Message(content=Text(text=m)) if isinstance(m, str) else m for m in messages
            )
        )


MAX_COMPLETIONS = 100
"""The protocol's limit for the values of one answer."""


class Completions(_Part):
    """Values that fit what the user typed so far, best first; at most 100."""

    values: tuple[str, ...] = Field(max_length=MAX_COMPLETIONS)
    total: int | None = None
    has_more: bool = False

    @classmethod
    def of(cls, candidates: Sequence[str], typed: str) -> Completions:
        """Those of `candidates` that begin with what was typed, in their order."""
        fitting = [each for each in candidates if each.startswith(typed)]
        shown = tuple(fitting[:MAX_COMPLETIONS])
        return cls(values=shown, total=len(fitting), has_more=len(fitting) > len(shown))


def _check_one(text: str | None, data: bytes | None) -> None:
    if (text is None) == (data is None):
        raise PluginError("contents are either text or data")
