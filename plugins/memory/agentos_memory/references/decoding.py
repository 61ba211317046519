"""Text of files whose encoding nobody states."""

from __future__ import annotations

import codecs
import re

_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset=[\"']?([A-Za-z0-9_-]{2,40})", re.IGNORECASE)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode_text(content: bytes, *, is_html: bool = False) -> str:
    """The text: by its byte order mark, by what an HTML page declares, as UTF-8, as Latin 1.

    Raises ValueError for a binary file.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    if b"\0" in content:
        raise ValueError("it is a binary file: it holds a NUL byte")
    declared = _CHARSET.search(content[:4_096]) if is_html else None
    for encoding in ([declared.group(1).decode("ascii")] if declared else []) + ["utf-8"]:
        try:
            return content.decode(encoding)
        except (LookupError, UnicodeDecodeError):
            continue
    return content.decode("cp1252", "replace")


def lines_of(text: str) -> list[str]:
    """The lines as editors number them: only line feeds end one."""
    return [line.removesuffix("\r") for line in text.split("\n")]
