"""Our content as the protocol's: blocks of answers, contents of resources, messages of prompts.

The functions take the JSON of our models (`agentos.content`), since that is what a call answers and
what is kept for a repeated call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp.types import (
    BlobResourceContents,
    ContentBlock,
    PromptMessage,
    TextResourceContents,
)
from pydantic import TypeAdapter

_BLOCKS: TypeAdapter[ContentBlock] = TypeAdapter(ContentBlock)
_WIRE_NAMES = {"mime_type": "mimeType"}


def wire_block(block: Mapping[str, Any]) -> ContentBlock:
    """The protocol's block of one of `Content.content`."""
    if block["type"] == "resource":
        return _BLOCKS.validate_python(
            {"type": "resource", "resource": wire_contents(block["uri"], block)}
        )
    fields = {_WIRE_NAMES.get(name, name): value for name, value in block.items()}
    return _BLOCKS.validate_python({k: v for k, v in fields.items() if v is not None})


def wire_contents(
    uri: str, contents: Mapping[str, Any], mime_type: str | None = None
) -> TextResourceContents | BlobResourceContents:
    """The protocol's contents of `Contents`; `mime_type` is used where they name none."""
    kind = contents.get("mime_type") or mime_type
    if contents.get("text") is not None:
        return TextResourceContents(uri=uri, mime_type=kind, text=contents["text"])
    return BlobResourceContents(uri=uri, mime_type=kind, blob=contents["data"])


def wire_message(message: Mapping[str, Any]) -> PromptMessage:
    """The protocol's message of one of `Messages.messages`."""
    return PromptMessage(role=message["role"], content=wire_block(message["content"]))
