"""What another server says of a tool, a prompt or a resource, as people approve it.

Above: pins, inspection, publication. Below: canonical JSON. The digest covers everything that a
model or a client is shown. What cannot be shown plainly, such as invisible text, is unusable:
nobody can approve what they do not see.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote

import orjson

from agentos import AgentOSError, canonical_json, sha256_hex
from agentos_gateway.argument_schema import ArgumentSchema

Kind = Literal["tool", "prompt", "resource", "template"]

MAX_NAME_CHARS = 64
"""What model vendors take as the name of a tool, with the name of the server in it."""
MAX_DEFINITION_BYTES = 65_536
SEPARATOR = "__"

_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]+")
PLACE = re.compile(r"\{[^{}]*\}")
"""A place of a URI template that any text may stand in."""
_STEP = re.compile(r"[/\\?#]|%2f|%5c", re.IGNORECASE)
_ARGUMENT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

# Control characters but line breaks and tabs; zero-width ones but the joiners of emoji; what turns
# the direction of text; tags, in which a whole second text can hide; private use; lone surrogates.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\ue000-\uf8ff"
    "\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
)


@dataclass(frozen=True, slots=True)
class Definition:
    """One thing of another server: its name there (of a resource: its URI) and what it says."""

    kind: Kind
    name: str
    document: Mapping[str, Any]
    text: str
    """The canonical JSON of which `digest` is, or empty where there is none."""
    digest: str

    @property
    def key(self) -> tuple[str, str]:
        """By which an approval finds it."""
        return (self.kind, self.name)


def define(kind: Kind, name: str, said: Mapping[str, Any]) -> Definition:
    """The definition of what a server said; one that has no canonical JSON gets no digest."""
    document = {"kind": kind, "name": name, "definition": dict(said)}
    try:
        encoded = canonical_json(document)
    except AgentOSError:
        return Definition(kind, name, said, "", "")
    return Definition(kind, name, said, encoded.decode(), sha256_hex(encoded))


def restore(text: str) -> Definition:
    """The definition of which `text` was kept."""
    document = orjson.loads(text)
    digest = sha256_hex(text.encode())
    return Definition(document["kind"], document["name"], document["definition"], text, digest)


def offered_name(server: str, definition: Definition) -> str:
    """Under which name clients reach it."""
    if definition.kind in ("tool", "prompt"):
        return f"{server}{SEPARATOR}{definition.name}"
    digest = sha256_hex(definition.name.encode())[:12]
    return f"{server}{SEPARATOR}{definition.kind}_{digest}"


def find_problem(server: str, definition: Definition) -> str | None:
    """Why it cannot be offered; None where it can."""
    return next(_problems(server, definition), None)


def _problems(server: str, definition: Definition) -> Iterator[str]:
    if not definition.digest:
        yield "what it says cannot be written as canonical JSON"
        return
    name = offered_name(server, definition)
    if definition.kind in ("tool", "prompt") and not _TOOL_NAME.fullmatch(definition.name):
        yield "its name has other characters than letters, digits, - and _, which clients refuse"
    if len(name) > MAX_NAME_CHARS:
        yield (
            f"its name would be {len(name)} characters long, and clients accept "
            f"{MAX_NAME_CHARS}; give the server a shorter name"
        )
    if len(definition.text.encode()) > MAX_DEFINITION_BYTES:
        yield f"what it says of itself is longer than {MAX_DEFINITION_BYTES} bytes"
        return
    hidden = first_invisible(orjson.loads(definition.text))
    if hidden is not None:
        yield f"it contains the invisible character U+{ord(hidden):04X}, which can hide text"
    if definition.kind == "tool":
        yield from _schema_problems(definition.document)
    if definition.kind == "prompt":
        for argument in definition.document.get("arguments", []):
            if not _ARGUMENT_NAME.fullmatch(argument["name"]):
                yield f"its argument {argument['name'][:40]!r} has a name that is no identifier"


def _schema_problems(document: Mapping[str, Any]) -> Iterator[str]:
    for field in ("inputSchema", "outputSchema"):
        schema = document.get(field)
        if schema is None:
            continue
        try:
            ArgumentSchema(schema)
        except ValueError as error:
            yield f"its {field} is no usable JSON schema: {error}"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def first_invisible(value: Any) -> str | None:
    """The first character in a JSON value that people do not see, and models do; None without any."""
    hidden = _INVISIBLE.search("".join(_texts(value)))
    return None if hidden is None else hidden[0]


def show(definition: Definition) -> str:
    """What it says, for people: indented, with what cannot be seen as escapes."""
    text = json.dumps(dict(definition.document), indent=2, ensure_ascii=False, sort_keys=True)
    return _INVISIBLE.sub(lambda found: f"\\u{{{ord(found[0]):04x}}}", text)


def template_admits(template: str, uri: str) -> bool:
    """Whether a URI has the literal parts of a URI template, in their order.

    Not one with a step upwards, which would lead out of what the literal parts name.
    """
    if any(unquote(part) in {".", ".."} for part in _STEP.split(uri)):
        return False
    head, *between = PLACE.split(template)
    if not between:
        return uri == template
    *middle, tail = between
    at = len(head)
    for literal in middle:
        found = uri.find(literal, at)
        if found < 0:
            return False
        at = found + len(literal)
    return uri.startswith(head) and uri.endswith(tail) and at + len(tail) <= len(uri)


def difference(approved: Definition, live: Definition) -> str:
    """The lines in which the two differ, as a unified diff."""
    lines = difflib.unified_diff(
        show(approved).splitlines(), show(live).splitlines(), "approved", "now", lineterm="", n=2
    )
    return "\n".join(lines)
