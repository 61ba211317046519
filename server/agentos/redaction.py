"""Removes secrets from what is recorded: events, logs, evidence.

Applied once, where records are made, so that no caller has to remember it. Well-known token
formats are replaced wherever they stand; values of fields with a telling name are replaced whole.
"""

from __future__ import annotations

import re
from typing import Any

REDACTED = "[redacted]"

_TOKEN = re.compile(
    r"aos_[A-Za-z0-9_-]{20,}"  # AgentOS bearer tokens
    r"|gh[opsur]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}"
    r"|glpat-[A-Za-z0-9_-]{16,}|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{30,}"
    r"|sk-[A-Za-z0-9_-]{16,}|xox[abeoprs]-[A-Za-z0-9-]{10,}|hf_[A-Za-z0-9]{20,}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30,}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{12,}")
_ASSIGNMENT = re.compile(
    r"(?i)\b((?:[a-z0-9]+[_-])*(?:password|passwd|secret|api[_-]?key|access[_-]?key|auth[_-]?token)"
    r"[\"']?\s*[=:]\s*[\"']?)([^\s\"',;&]{4,})"
)
_URL_PASSWORD = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*://[^\s:/@]*:)([^\s/@]+)(@)")
_SECRET_FIELD = re.compile(
    r"(?i)^(?:.*[_-])?(?:password|passwd|secret|api_?key|access_?key|private_?key|authorization"
    r"|auth_?token|access_?token|refresh_?token|bearer|token)$"
)
# Cheap substrings, one of which is in every text that a pattern above can match.
_TRIGGERS = (
    "_", "-", "AKIA", "ASIA", "AIza", "eyJ", "earer", "EARER", "asic", "ASIC", "://",
    "assw", "ASSW", "ecret", "ECRET", "pikey", "PIKEY", "piKey", "pi", "PI", "uth", "UTH", "ccess",
)  # fmt: skip


def redact_text(text: str) -> str:
    """`text` with every recognised secret replaced by `[redacted]`."""
    if len(text) < 8:
        return text
    if not any(trigger in text for trigger in _TRIGGERS):
        return text
    text = _TOKEN.sub(REDACTED, text)
    if "://" in text:
        text = _URL_PASSWORD.sub(rf"\g<1>{REDACTED}\g<3>", text)
    if "=" in text or ":" in text:
        text = _ASSIGNMENT.sub(rf"\g<1>{REDACTED}", text)
    if " " in text:
        text = _BEARER.sub(rf"\g<1> {REDACTED}", text)
    return text


def redact(value: Any) -> Any:
    """A JSON value with the secrets in its strings and telling fields replaced; input unchanged."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, dict):
        return {
            redact_text(key): REDACTED
            if isinstance(item, str) and item and _SECRET_FIELD.match(key)
            else redact(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [redact(item) for item in value]
    return value
