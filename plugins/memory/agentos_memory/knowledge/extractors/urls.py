"""Addresses and routes as code writes them, reduced to host and path with holes.

`f"{BILLING_URL}/charges/{id}"`, `"http://billing:8080/charges/" + id` and
`fmt.Sprintf("%s/charges/%s", ...)` are all the path `/charges/{}`. Above: extractors of endpoints
and of calls to them. Below: the text of calls.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agentos_memory.knowledge.extractors.call_text import held_in

_STRING = re.compile(
    r"""(?P<quote>['"`])(?P<text>(?:\\.|(?!(?P=quote))[^\\\n]){0,500})(?P=quote)"""
)
_FORMAT = re.compile(r"(?:Sprintf|[fF]ormat)\s*\(|\.format\b|%\s*[(\w]")
# A variable of the environment stands for its name.
_ENVIRONMENT = re.compile(
    r"[\w.$]{1,60}[\[(]\s*['\"]([A-Z][A-Z0-9_]{1,99})['\"]\s*(?:,[^\])]{0,100})?[\])]"
)
_DOT = re.compile(r"\s\.\s|^\s*\.\s|\s\.$")
_HOLE = re.compile(r"\$\{\s*([^{}]{0,100})\}|#\{\s*([^{}]{0,100})\}|\{\s*([^{}]{0,100})\}|%[sdvq]")
_NAME = re.compile(r"[A-Za-z_$][\w$.]{0,99}")
_URL = re.compile(
    r"^(?:(?P<scheme>https?)://(?:[^@/\s]{0,100}@)?(?P<host>[^/:?#\s]{1,200})(?::[^/?#\s]{1,100})?)?(?P<path>/[^?#\s]*)?"
)
_BASE = re.compile(r"^\{(?P<name>[^{}]*)\}(?P<path>/[^?#\s]*)?")
_NOISE = re.compile(
    r"(?:^|_)(?:url|uri|host|hostname|addr|address|endpoint|base|server|api|root|port|prefix|http)(?=_|$)"
)
_ROUTE_HOLE = re.compile(r"^(?::\w+.*|<.*>|\{.*\}|\*\w*|\[.*\]|\(.*\))$")
_HERE = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "testserver", "test"})
MAX_SEGMENTS = 20


@dataclass(frozen=True, slots=True)
class Address:
    """What a call is sent to: `host` as written, or `?hint` by a variable's name, or "-"."""

    host: str
    path: str


def address_of(expression: str, text: str, before: int) -> Address | None:
    """The address that an expression makes; a variable is looked up above `before` in the file."""
    if not _STRING.search(expression):
        if not _NAME.fullmatch(expression):
            return None
        expression = held_in(text, expression.rpartition(".")[2], before)
    template = _template(expression)
    return None if template is None else _parsed(template)


def _template(expression: str) -> str | None:
    """The text with `{name}` for what is not known."""
    expression = _ENVIRONMENT.sub(r" \1 ", expression)
    first = _STRING.search(expression)
    if first is None:
        return None
    if _FORMAT.search(expression):
        named = _NAME.search(expression.replace(".format", " "), first.end())
        hole = "{" + (named.group() if named else "") + "}"
        return _holes(first["text"]).replace("{}", hole, 1)
    made, at = "", 0
    for string in _STRING.finditer(expression):
        made += _unknown(expression[at : string.start()]) + _holes(string["text"])
        at = string.end()
    return made + _unknown(expression[at:])


def _unknown(between: str) -> str:
    """What is joined to a text, by `+` or by PHP's dot."""
    name = _NAME.search(between)
    is_joined = "+" in between or _DOT.search(between) is not None
    return f"{{{name.group()}}}" if name is not None and is_joined else ""


def _holes(text: str) -> str:
    return _HOLE.sub(lambda m: "{" + next((g for g in m.groups() if g), "").strip() + "}", text)


def _parsed(template: str) -> Address | None:
    base = _BASE.match(template)
    if base is not None:
        path = base["path"]
        return None if not path else Address(_hint(base["name"]), route_path(path))
    url = _URL.match(template)
    if url is None or not url["path"]:
        return None
    host = (url["host"] or "-").lower()
    if "{" in host:
        host = _hint((url["host"] or "").strip("{}"))
    elif host in _HERE:
        host = "-"
    return Address(host, route_path(url["path"]))


def _hint(name: str) -> str:
    """The service that a variable such as `BILLING_URL` seems to name."""
    spelled = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.rpartition(".")[2].strip("'\"()[] "))
    kept = _NOISE.sub("", spelled.lower()).strip("_")
    return f"?{kept.replace('_', '-')}" if re.fullmatch(r"[a-z0-9_-]{2,60}", kept) else "-"


def route_path(path: str) -> str:
    """A path with `{}` for each parameter and without its last slash."""
    parts = [part for part in path.split("/") if part][:MAX_SEGMENTS]
    return "/" + "/".join(
        "{}" if _ROUTE_HOLE.match(part) or "{" in part else part for part in parts
    )
