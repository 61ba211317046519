"""Removes secrets from what is recorded: events, logs, evidence.

Applied once, where records are made, so that no caller has to remember it. Well-known token
formats are replaced wherever they stand; values of fields with a telling name are replaced whole.
Most records hold no secret, so a cheap test that every secret passes comes first.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson
from pydantic_core import SchemaValidator, core_schema

from agentos.canonical import CanonicalObject, canonical_json

REDACTED = "[redacted]"

# What precedes a token may be an escape such as \\n, but no word: `task-list`, `chaos_test`.
# None of these backtracks over more than a few hundred characters: texts of megabytes come here.
_TOKEN = re.compile(
    r"(?<![A-Za-z]{2})aos_[A-Za-z0-9_-]{20,}"  # AgentOS bearer tokens
    r"|gh[opsur]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}"
    r"|glpat-[A-Za-z0-9_-]{16,}|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{30,}"
    r"|(?<![A-Za-z]{2})sk-[A-Za-z0-9_-]{16,}|xox[abeoprs]-[A-Za-z0-9-]{10,}|hf_[A-Za-z0-9]{20,}"
    r"|whsec_[A-Za-z0-9+/=]{24,}"  # secrets of webhooks
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30,}"
    r"|(?<![A-Za-z]{2})eyJ[A-Za-z0-9_-]{8,500}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{12,}")
_ASSIGNMENT = re.compile(
    r"(?i)(?<![a-z0-9])((?:password|passwd|secret|api[_-]?key|access[_-]?key|auth[_-]?token)"
    r"[\"']?\s*[=:]\s*[\"']?)([^\s\"',;&]{4,})"
)
_URL_PASSWORD = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]{0,30}://[^\s:/@]*:)([^\s/@]+)(@)")
_SECRET_FIELD = re.compile(
    r"(?i)^(?:.*[_-])?(?:password|passwd|secret|api_?key|access_?key|private_?key|authorization"
    r"|auth_?token|access_?token|refresh_?token|bearer|token)$"
)

# What every text that a pattern above matches also matches, and one that JSON made of such a text.
_SIGN = (
    r"aos_[A-Za-z0-9_-]{20}|gh[opsur]_[A-Za-z0-9]{20}|github_pat_[A-Za-z0-9_]{20}"
    r"|glpat-[A-Za-z0-9_-]{16}|npm_[A-Za-z0-9]{30}|pypi-[A-Za-z0-9_-]{30}|sk-[A-Za-z0-9_-]{16}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10}|hf_[A-Za-z0-9]{20}|whsec_|AKIA|ASIA|AIza[A-Za-z0-9_-]{30}"
    r"|eyJ[A-Za-z0-9_-]{8}|PRIVATE KEY|://[^\s:/@]*:[^\s/@]+@"
    r"|(?i:(?:bearer|basic)[\s\\]|password|passwd|secret|(?:api|access)[_-]?key|auth[_-]?token)"
)
_FIELD_SIGN = r'(?i:password|passwd|secret|key|authorization|bearer|token)":["\[{]'


def _finder(pattern: str) -> Callable[[str], bool]:
    """Whether a text has a match, by the regex engine in pydantic.

    It looks for all alternatives at once: 1 microsecond for 500 characters, `re` takes 20.
    """
    return SchemaValidator(
        core_schema.str_schema(pattern=pattern, regex_engine="rust-regex")
    ).isinstance_python


_text_may_hold_secret = _finder(_SIGN)
_json_may_hold_secret = _finder(f"{_SIGN}|{_FIELD_SIGN}")


def redact_text(text: str) -> str:
    """`text` with every recognised secret replaced by `[redacted]`."""
    # A lone surrogate is no text to the finder.
    readable = text if text.isascii() else text.encode("utf-8", "replace").decode()
    if not _text_may_hold_secret(readable):
        return text
    text = _TOKEN.sub(REDACTED, text)
    text = _URL_PASSWORD.sub(rf"\g<1>{REDACTED}\g<3>", text)
    text = _BEARER.sub(rf"\g<1> {REDACTED}", text)
    return _ASSIGNMENT.sub(rf"\g<1>{REDACTED}", text)


def redact(value: Any) -> Any:
    """A JSON value with the secrets in its strings and telling fields replaced; input unchanged.

    Where there is none, the answer may be `value` itself.
    """
    try:
        if not _json_may_hold_secret(orjson.dumps(value).decode()):
            return value
    except TypeError:
        pass  # not JSON, such as what a log line carries: look at every part
    return _redact_parts(value)


def redact_object(value: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """`redact` of a JSON object, and its canonical text, which is also what is searched.

    Raises InvalidArgumentError for what canonical JSON cannot say.
    """
    text = canonical_json(value)
    known = [each for each in value.values() if type(each) is CanonicalObject]
    if known and _are_searched(known):
        # No secret reaches from one value into another: each is searched by itself, and once.
        searched = orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_SUBCLASS, default=_left_out)
    else:
        searched = text
    if not _json_may_hold_secret(searched.decode()):
        return value, text
    redacted = _redact_parts(value)
    return redacted, canonical_json(redacted)


def _are_searched(objects: list[CanonicalObject]) -> bool:
    """Whether all are known to hold no secret."""
    for each in objects:
        if each.may_hold_secret is None:
            each.may_hold_secret = _json_may_hold_secret(each.text.decode())
        if each.may_hold_secret:
            return False
    return True


def _left_out(value: Any) -> orjson.Fragment:
    if type(value) is CanonicalObject:
        return orjson.Fragment(b"{}" if value.may_hold_secret is False else value.text)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _redact_parts(value: Any) -> Any:
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, dict):
        return {
            _redact_name(key): REDACTED
            if isinstance(item, str | list | dict) and item and _tells_secret(key)
            else _redact_parts(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_redact_parts(item) for item in value]
    return value


def _redact_name(key: Any) -> Any:
    return redact_text(key) if isinstance(key, str) else key


def _tells_secret(key: Any) -> bool:
    return isinstance(key, str) and _SECRET_FIELD.match(key) is not None
