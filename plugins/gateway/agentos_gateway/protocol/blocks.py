"""What other servers answer, as our content.

A URI of another server is wrapped, so that it can name nothing but a resource of that server:
`gateway://NAME/` and the URI, percent-encoded.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import quote

from mcp.types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    CompleteResult,
    ContentBlock,
    EmbeddedResource,
    GetPromptResult,
    ImageContent,
    ReadResourceResult,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from agentos import (
    Audio,
    Block,
    Completions,
    Contents,
    Embedded,
    Image,
    Link,
    Message,
    Messages,
    StructuredContent,
    Text,
)
from agentos_gateway.failures import ForeignError

SCHEME = "gateway"
MAX_COMPLETIONS = 100


def wrapped_uri(server: str, uri: str) -> str:
    """Under which URI clients reach a resource of a server."""
    return f"{SCHEME}://{server}/{quote(uri, safe='')}"


def content_of(server: str, result: CallToolResult) -> StructuredContent:
    """The blocks and the named fields of a result."""
    fields = result.structured_content
    return StructuredContent(
        content=tuple(_block(server, each) for each in result.content),
        structured=fields if isinstance(fields, dict) else None,
    )


def error_text(result: CallToolResult) -> str:
    """What a result with isError says."""
    texts = [each.text for each in result.content if isinstance(each, TextContent)]
    return "\n".join(texts) or "it answered with an error and did not say which"


def messages_of(server: str, result: GetPromptResult) -> Messages:
    """The messages of a rendered prompt."""
    return Messages(
        messages=tuple(
            Message(role=each.role, content=_block(server, each.content))
            for each in result.messages
        )
    )


def contents_of(server: str, result: ReadResourceResult) -> Contents:
    """The contents of a resource; ForeignError where it answered several, or none."""
    if len(result.contents) != 1:
        raise ForeignError(server, f"it answered {len(result.contents)} contents for one URI")
    (found,) = result.contents
    if isinstance(found, BlobResourceContents):
        return Contents(data=_bytes(server, found.blob), mime_type=found.mime_type)
    assert isinstance(found, TextResourceContents)
    return Contents(text=found.text, mime_type=found.mime_type)


def completions_of(result: CompleteResult) -> Completions:
    """Values for an argument, no more than clients are sent."""
    found = result.completion
    shown = tuple(found.values[:MAX_COMPLETIONS])
    has_more = bool(found.has_more) or len(shown) < len(found.values)
    return Completions(values=shown, total=found.total, has_more=has_more)


def _block(server: str, block: ContentBlock) -> Block:
    match block:
        case TextContent():
            return Text(text=block.text)
        case ImageContent():
            return Image(data=_bytes(server, block.data), mime_type=block.mime_type)
        case AudioContent():
            return Audio(data=_bytes(server, block.data), mime_type=block.mime_type)
        case ResourceLink():
            return Link(
                uri=wrapped_uri(server, str(block.uri)),
                name=block.name,
                description=block.description,
                mime_type=block.mime_type,
            )
        case EmbeddedResource():
            return _embedded(server, block.resource)


def _embedded(server: str, found: Any) -> Embedded:
    is_blob = isinstance(found, BlobResourceContents)
    return Embedded(
        uri=wrapped_uri(server, str(found.uri)),
        mime_type=found.mime_type,
        text=None if is_blob else found.text,
        data=_bytes(server, found.blob) if is_blob else None,
    )


def _bytes(server: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ForeignError(server, "it answered with bytes that are no base64") from None
