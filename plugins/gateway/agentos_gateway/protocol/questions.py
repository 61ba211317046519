"""What other servers ask the person behind a call, as our questions, and the answers as theirs.

Above: sessions. Below: `agentos.Elicitation`. A person must see who asks and what for: the message
begins with the name of the server, and what cannot be shown plainly is not asked. A URL to open is
shown in a form without fields, so that it is a person who follows it, and no client by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
from mcp.types import (
    CreateMessageRequest,
    ElicitRequest,
    ElicitRequestURLParams,
    ElicitResult,
    InputRequest,
)

from agentos import Answer, Elicitation, InvalidArgumentError, redact
from agentos_gateway.argument_schema import ArgumentSchema
from agentos_gateway.definitions import first_invisible
from agentos_gateway.failures import ForeignError

MAX_MESSAGE_CHARS = 2_000
MAX_FORM_BYTES = 16_384
MAX_FIELDS = 20
MAX_URL_CHARS = 1_000

_FIELD_TYPES = frozenset({"string", "number", "integer", "boolean", "array"})


def question_of(server: str, request: InputRequest) -> Elicitation:
    """Our question for what a server asks; ForeignError says why it is not passed on."""
    if not isinstance(request, ElicitRequest):
        is_sampling = isinstance(request, CreateMessageRequest)
        what = "its caller's model (sampling)" if is_sampling else "its caller's folders (roots)"
        raise ForeignError(server, f"it asks for {what}, which the gateway does not pass on")
    params = request.params
    if isinstance(params, ElicitRequestURLParams):
        said = f"open {_checked_url(server, params.url)} and accept here afterwards: "
        form: Mapping[str, Any] = {"type": "object", "properties": {}}
    else:
        said, form = "", _checked_form(server, params.requested_schema)
    message = params.message[:MAX_MESSAGE_CHARS]
    _check_visible(server, message)
    return Elicitation(f"The server {server} asks: {said}{message}", form)


def result_of(question: Elicitation, answer: Answer) -> ElicitResult:
    """The answer for the server; InvalidArgumentError where it does not fill its form."""
    if answer.action != "accept":
        return ElicitResult(action=answer.action)
    content = dict(answer.content)
    problem = ArgumentSchema(question.schema).find_problem(content)
    if problem is not None:
        raise InvalidArgumentError(f"the form was filled wrongly: {problem}")
    return ElicitResult(action="accept", content=content)


def _checked_form(server: str, form: Mapping[str, Any]) -> Mapping[str, Any]:
    encoded = orjson.dumps(form)
    fields = form.get("properties")
    if form.get("type") != "object" or not isinstance(fields, dict):
        raise ForeignError(server, "it asks by a form that is no object with `properties`")
    if len(encoded) > MAX_FORM_BYTES or len(fields) > MAX_FIELDS:
        raise ForeignError(
            server, f"it asks by a form of over {MAX_FORM_BYTES} bytes or {MAX_FIELDS} fields"
        )
    _check_visible(server, form)
    for name, field in fields.items():
        if not isinstance(field, dict) or field.get("type") not in _FIELD_TYPES:
            raise ForeignError(server, f"it asks by a form whose field {name[:40]!r} is not flat")
        if redact({name: "x" * 12}) != {name: "x" * 12}:
            # The protocol forbids it: what is typed passes through clients, servers and logs.
            raise ForeignError(server, f"it asks for a secret in a form (field {name[:40]!r})")
    try:
        ArgumentSchema(form)
    except ValueError as error:
        raise ForeignError(server, f"it asks by a form that is no usable schema: {error}") from None
    return form


def _checked_url(server: str, url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc:
        raise ForeignError(server, "it asks to open what is no https URL, or one with a user in it")
    if len(url) > MAX_URL_CHARS or not url.isascii() or not url.isprintable() or " " in url:
        raise ForeignError(server, "it asks to open a URL that cannot be shown plainly")
    return url


def _check_visible(server: str, value: Any) -> None:
    hidden = first_invisible(value)
    if hidden is not None:
        raise ForeignError(server, f"it asks with the invisible character U+{ord(hidden):04X}")
